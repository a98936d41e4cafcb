"""Types of a run: plan, trials, requests, outcomes, scores, results."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, TypeAlias

from evalgate.domain.case_changes import CaseChanges
from evalgate.domain.finish_reasons import announces_calls
from evalgate.domain.inputs import Case, Gate, GoldenDataset, Judge, Level
from evalgate.domain.messages import Message
from evalgate.domain.output_calls import ToolCall, format_calls, parse_calls
from evalgate.domain.prompt_version import PromptVersion
from evalgate.domain.property_order import keep_order
from evalgate.domain.replayed_rows import ReplayedRows
from evalgate.domain.report_kind import ReportKind
from evalgate.domain.revert import Revert
from evalgate.domain.run_parts import CasePart, Shard
from evalgate.domain.similarity import Similarity
from evalgate.domain.text import Json, digest, normalize

MOST_TOKENS = 2**53
"""A token count of this size or more is ignored: JSON numbers are exact only below it."""

_MARK = (1 << 30) - 1  # a run keeps one mark for each result, and small integers take less memory


class Arm(StrEnum):
    """One side of a comparison."""

    CANDIDATE = "candidate"
    BASELINE = "baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One model call. `key` is the digest of everything that can change the answer, and of nothing else.

    `inputs` are the case's fields for a python target and its id for a recorded one. `scale` is the judge's range
    if token probabilities are needed. `stream` names an independent series of samples: the baseline never reuses the
    answers that let the same version pass as the candidate. If it `embeds`, the answer is the embedding of its message.
    The key does not include `target`, `about` (a description for messages) and `max_age` (the seconds after which a
    cached answer is requested again).
    """

    target: str
    identity: str
    model: str | None
    messages: tuple[Message, ...]
    parameters: Mapping[str, Json] = field(default_factory=dict)
    response_format: Mapping[str, Json] | None = None
    tools: tuple[Json, ...] = ()
    inputs: Mapping[str, Json] | None = None
    scale: tuple[int, int] | None = None
    repeat: int = 0
    stream: str = ""
    embeds: bool = False
    about: str = ""
    max_age: float | None = None

    @property
    def key(self) -> str:
        # written only where they are set, so that the keys of earlier versions stay the same
        stream: dict[str, Json] = {"stream": self.stream} if self.stream else {}
        embeds: dict[str, Json] = {"embeds": True} if self.embeds else {}
        return digest(
            {
                **stream,
                **embeds,
                "identity": self.identity,
                "model": self.model,
                "messages": [
                    [message.role, message.content] if message.details is None else message.identity
                    for message in self.messages
                ],
                "parameters": keep_order(dict(self.parameters)),
                "response_format": keep_order(self.response_format),
                "tools": keep_order(list(self.tools)),
                "inputs": self.inputs,
                "scale": self.scale,
                "repeat": self.repeat,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one or more calls."""

    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


def read_usage(read: object, written: object, total: object = None) -> Usage | None:
    """Return the token counts that an endpoint reports; None if one is not an integer, negative or too large.

    What a `total` has beyond the two counts is written as well: some gateways report reasoning only there.
    """
    for count in (read, written):
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count < MOST_TOKENS:
            return None
    assert isinstance(read, int) and isinstance(written, int)
    if isinstance(total, int) and not isinstance(total, bool) and read + written < total < MOST_TOKENS:
        written = total - read
    return Usage(input_tokens=read, output_tokens=written)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreToken:
    """An integer token of a reply, with the log-probabilities of the integers at its position."""

    token: int
    logprobs: Mapping[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The text of one model call.

    `usage`, `seconds` and `cost_usd` (the price of this answer, cached or not) are None if they were not measured.
    `tool_calls` are the calls of the answer; if it has no text, `text` shows them as JSON (`format_calls`). `mark` is
    set if the output comes from a report without its texts: equal texts have equal marks. `reasoning` is the model's
    reasoning where it is apart from the text; nothing is scored by it.
    """

    text: str
    finish_reason: str = "stop"
    served_by: str | None = None
    usage: Usage | None = None
    seconds: float | None = None
    cached: bool = False
    cost_usd: float | None = None
    score_tokens: tuple[ScoreToken, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    mark: int | None = None
    reasoning: str = ""

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """All tool calls. In an output of an earlier version, calls without a text are only its text."""
        if self.tool_calls or not announces_calls(self.finish_reason):
            return self.tool_calls
        return parse_calls(self.text)

    @property
    def calls_beside_text(self) -> tuple[ToolCall, ...]:
        """The tool calls that the text does not show."""
        return () if not self.tool_calls or self.text == format_calls(self.tool_calls) else self.tool_calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The reason why there is no output.

    "unusable": the model answered, but an application cannot use the answer (refusal, filtered, empty). It counts as 0.
    "infrastructure": the call itself failed permanently, and the case stays undecided; `refused` says that the endpoint
    understood the request and refused it. `usage` and `cost_usd` are those of an unusable answer, because refusals are
    charged like other answers.
    """

    kind: Literal["unusable", "infrastructure"]
    message: str
    seconds: float | None = None
    cached: bool = False
    usage: Usage | None = None
    cost_usd: float | None = None
    refused: bool = False


Outcome: TypeAlias = Output | Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One repeat of a case on an arm. `ask` builds the request from case and repeat, and is deterministic.

    Requests are built on demand and not stored, because each contains a whole rendered prompt.
    """

    case: Case
    arm: Arm
    repeat: int
    ask: Callable[[Case, int], Request]

    @property
    def request(self) -> Request:
        return self.ask(self.case, self.repeat)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelFinding:
    """A fault in the declared versions: its kind, and a sentence with the lines to edit."""

    kind: Literal["level", "version", "immutability"]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLevel:
    """The change level: the declared one (or None), the minimum that the diff allows, and the effective one."""

    declared: Level | None
    minimum: Level
    effective: Level
    reasons: tuple[str, ...] = ()
    findings: tuple[LevelFinding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One number in [0, 1] with a reason. A check gives 0 or 1."""

    value: float
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscored:
    """The absence of a score, with a reason. It counts neither as a pass nor as 0."""

    reason: str


Scored: TypeAlias = Score | Unscored


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One trial with its outcome, the judges' replies, and a score for each criterion.

    `outcome` is None if the scores come from another tool.
    """

    case: str
    arm: Arm
    repeat: int
    tags: tuple[str, ...]
    outcome: Outcome | None
    scores: Mapping[str, Scored]
    replies: Mapping[str, tuple[Outcome, ...]] = field(default_factory=dict)

    def without(self, criteria: Collection[str]) -> Result:
        """Return the result without the scores of these criteria."""
        return replace(self, scores={name: score for name, score in self.scores.items() if name not in criteria})

    def with_score(self, criterion: str, score: Scored) -> Result:
        """Return the result with this score for a criterion."""
        return replace(self, scores={**self.scores, criterion: score})

    @property
    def values(self) -> Mapping[str, float | None]:
        """The value of each score; None if it is unscored."""
        return {name: score.value if isinstance(score, Score) else None for name, score in self.scores.items()}

    @property
    def failure(self) -> Literal["unusable", "infrastructure"] | None:
        """The kind of failure; None if there is an output, or if only scores are known."""
        return self.outcome.kind if isinstance(self.outcome, Failure) else None

    @property
    def served_by(self) -> str | None:
        return self.outcome.served_by if isinstance(self.outcome, Output) else None

    @property
    def text_mark(self) -> int | None:
        """A checksum of the normalised text and of the calls beside it; None without a text.

        Equal texts have equal marks, also if they differ in white space or invisible characters alone. Different texts
        rarely have.
        """
        if not isinstance(self.outcome, Output):
            return None
        if self.outcome.mark is not None:
            return self.outcome.mark
        mark = zlib.crc32(normalize(self.outcome.text).encode("utf-8", "surrogatepass"))
        calls = self.outcome.calls_beside_text
        if calls:
            mark = zlib.crc32(format_calls(calls).encode("utf-8", "surrogatepass"), mark)
        return mark & _MARK

    @property
    def seconds(self) -> float | None:
        """The duration of the call; None without an output."""
        return self.outcome.seconds if isinstance(self.outcome, Output) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineSample:
    """The source of the baseline's samples: stored samples with their digest, or samples of this run.

    `sampled_at` is ISO 8601 in UTC, of the oldest sample.
    """

    digest: str
    sampled_at: str
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBaseline:
    """Samples of one version, drawn after its merge and stored for the runs that compare with it.

    `parts` are the digests of everything that makes samples comparable, by name ("prompt", "dataset", ...), and `key`
    is the digest of all parts. `sampled_at` is the time of the oldest sample, ISO 8601 in UTC. `served_by` are the
    models that the endpoint named. `results` belong to the baseline arm and have a score for every criterion of the
    gate. `self_check` has one sentence per criterion: the result of the decision rule on these samples against
    themselves.
    """

    gate: str
    prompt: str
    version: str | None
    dataset: str
    parts: Mapping[str, str]
    sampled_at: str
    tool_version: str
    served_by: tuple[str, ...]
    results: tuple[Result, ...]
    self_check: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return digest(dict(self.parts))

    @property
    def samples(self) -> int:
        """The number of samples of each case."""
        return max((result.repeat for result in self.results), default=-1) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePlan:
    """The work for one gate. `judges` are the judges that the level requires; `notes` go to the report.

    `cases` describes the changes to the cases of the dataset. `sequential` means that the run may stop at a look
    (`decide.looks`). `stored` are baseline results that need no call, and `stored_baseline` is their source. `order`
    has the ids of all cases in run order. With a `shard` or a `part`, `trials` has only those of its cases. `kind` is
    the kind of the report. With DRIFT, all baseline samples are from before this run, no new ones can be drawn, and
    there is no change level. `requests` maps each case that shares its request with another to the id of the first such
    case; `alike` does so for the cases whose requests differ in white space and invisible characters alone. `revert` is
    set for a change that goes back to the version before. `replay` says which rows of production the cases are.
    `similarity` is what is measured after the verdict, and reported only. A judge is asked again about an output after
    `max_age` seconds: a newer model behind its name may score otherwise, and both versions need scores of one time.
    """

    gate: Gate
    candidate: PromptVersion
    baseline: PromptVersion | None
    dataset: GoldenDataset
    level: ChangeLevel
    judges: tuple[Judge, ...]
    trials: tuple[Trial, ...]
    order: tuple[str, ...]
    notes: tuple[str, ...] = ()
    cases: CaseChanges = field(default_factory=CaseChanges)
    sequential: bool = False
    stored: tuple[Result, ...] = ()
    stored_baseline: BaselineSample | None = None
    shard: Shard | None = None
    part: CasePart | None = None
    kind: ReportKind = ReportKind.GATE
    requests: Mapping[str, str] = field(default_factory=dict)
    alike: Mapping[str, str] = field(default_factory=dict)
    revert: Revert | None = None
    replay: ReplayedRows | None = None
    similarity: Similarity | None = None
    max_age: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """One score of another tool. `value` is in [0, 1]; `line` is its line in the file (1-based).

    With `unscored`, the reason why there is no score, `value` is NaN.
    """

    case: str
    arm: Arm
    criterion: str
    value: float
    repeat: int = 0
    tag: str | None = None
    cluster: str | None = None
    line: int = 0
    unscored: str | None = None
