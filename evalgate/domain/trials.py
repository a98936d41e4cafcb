"""What is asked, what comes back, and what it is worth: plan, requests, outcomes, scores, results."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, TypeAlias

from evalgate.domain.case_changes import CaseChanges
from evalgate.domain.inputs import Case, Gate, GoldenDataset, Judge, Level, Message, PromptVersion
from evalgate.domain.text import Json, digest

MOST_TOKENS = 2**53
"""A count of tokens that is not below this is taken as none: JSON numbers are exact up to here."""

_MARK = (1 << 30) - 1  # a run keeps one for each result, and a small number is a small object


class Arm(StrEnum):
    CANDIDATE = "candidate"
    BASELINE = "baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One model call. `key` is the digest of everything that can change the answer, and of nothing else.

    `inputs` are the case's fields for a python target and its id for a recorded one. `scale` is the judge's range
    when token probabilities are wanted. `stream` names an independent series of samples: what a version answered as
    the baseline is never what it answered as the candidate that passed. `target`, `about` (who asks, for messages) and
    `max_age` (seconds after which a kept answer is asked for again) take no part in the key.
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
    about: str = ""
    max_age: float | None = None

    @property
    def key(self) -> str:
        stream: dict[str, Json] = {"stream": self.stream} if self.stream else {}
        return digest(
            {
                **stream,
                "identity": self.identity,
                "model": self.model,
                "messages": [[message.role, message.content] for message in self.messages],
                "parameters": dict(self.parameters),
                "response_format": self.response_format,
                "tools": list(self.tools),
                "inputs": self.inputs,
                "scale": self.scale,
                "repeat": self.repeat,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call, or of many."""

    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


def read_usage(read: object, written: object) -> Usage | None:
    """Tokens as somebody else counts them; None where that is no count: no whole number, negative, or too large."""
    for count in (read, written):
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count < MOST_TOKENS:
            return None
    assert isinstance(read, int) and isinstance(written, int)
    return Usage(input_tokens=read, output_tokens=written)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreToken:
    """An integer token of a reply with the log-probabilities of the integers that could have stood there."""

    token: int
    logprobs: Mapping[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call of a tool: its name, and its arguments as the text that came, which is JSON as a rule."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The text of one model call.

    `usage`, `seconds` and `cost_usd` (the price of this answer, cached or not) are None where nobody measured them.
    `tool_calls` are calls that the answer makes beside its text; calls without a text are the text.
    With a `mark` it is of a report from which texts were taken: equal texts of it have equal marks.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why there is no output.

    "unusable": the model answered, but with nothing an application could use (refusal, filtered, empty): it counts
    against the version, as 0. "infrastructure": the call itself failed for good: the case stays undecided. `usage` and
    `cost_usd` are those of an unusable answer: a refusal is paid like any other.
    """

    kind: Literal["unusable", "infrastructure"]
    message: str
    seconds: float | None = None
    cached: bool = False
    usage: Usage | None = None
    cost_usd: float | None = None


Outcome: TypeAlias = Output | Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Case x arm x repeat. `ask` makes its request of case and repeat, the same each time.

    A plan has many trials, and a request holds a whole rendered prompt: it is made when it is needed, and not kept.
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
    """What the diff says of the declared versions: which kind of fault, in a sentence with the lines to edit."""

    kind: Literal["level", "version", "immutability"]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLevel:
    """Declared by the two versions (None: not declared), the minimum the diff allows, and the one that is applied."""

    declared: Level | None
    minimum: Level
    effective: Level
    reasons: tuple[str, ...] = ()
    findings: tuple[LevelFinding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One number in [0, 1] with its reason (a check gives 0 or 1)."""

    value: float
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscored:
    """The named absence of a score: never a pass, never a 0."""

    reason: str


Scored: TypeAlias = Score | Unscored


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One trial with its outcome, the judges' replies as they came, and a score for each criterion.

    `outcome` is None where only scores are known: they came from another tool.
    """

    case: str
    arm: Arm
    repeat: int
    tags: tuple[str, ...]
    outcome: Outcome | None
    scores: Mapping[str, Scored]
    replies: Mapping[str, tuple[Outcome, ...]] = field(default_factory=dict)

    def without(self, criteria: Collection[str]) -> Result:
        """The same result with no score of these criteria."""
        return replace(self, scores={name: score for name, score in self.scores.items() if name not in criteria})

    def with_score(self, criterion: str, score: Scored) -> Result:
        """The same result with this score of a criterion."""
        return replace(self, scores={**self.scores, criterion: score})

    @property
    def values(self) -> Mapping[str, float | None]:
        """The scores as numbers alone; None: unscored."""
        return {name: score.value if isinstance(score, Score) else None for name, score in self.scores.items()}

    @property
    def failure(self) -> Literal["unusable", "infrastructure"] | None:
        """The kind of failure; None where there is an output, or only scores are known."""
        return self.outcome.kind if isinstance(self.outcome, Failure) else None

    @property
    def served_by(self) -> str | None:
        return self.outcome.served_by if isinstance(self.outcome, Output) else None

    @property
    def text_mark(self) -> int | None:
        """A number that equal texts have in common; None where there is no text. Others seldom share one."""
        if not isinstance(self.outcome, Output):
            return None
        if self.outcome.mark is not None:
            return self.outcome.mark
        return zlib.crc32(self.outcome.text.encode("utf-8", "surrogatepass")) & _MARK

    @property
    def seconds(self) -> float | None:
        """What the output took."""
        return self.outcome.seconds if isinstance(self.outcome, Output) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineSample:
    """Where the baseline's samples come from: stored ones with their digest, or sampled in this very run.

    `sampled_at` is ISO 8601 in UTC, of the oldest sample.
    """

    digest: str
    sampled_at: str
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBaseline:
    """Samples of one version, drawn after its merge and kept for the runs that are compared with it.

    `parts` are the digests of all that makes samples comparable, by what they are of ("prompt", "dataset", ...);
    `key` is the digest of them all. `sampled_at` is ISO 8601 in UTC, of the oldest sample; `served_by` are the models
    that the endpoint named. `results` are of the baseline's arm, scored by every criterion of the gate; `self_check`
    says, criterion by criterion, how the rule does on these samples against themselves.
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
        """How many samples there are of each case."""
        return max((result.repeat for result in self.results), default=-1) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A part of a run: the cases of unit `number` (from 1), `number + of`, ... of the order they are run in."""

    number: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePlan:
    """All that is to be done for one gate; `judges` are those the level asks for, `notes` go to the report.

    `cases` says what became of the cases that the dataset had before the change.
    `sequential`: the run may stop at a look (`decide.looks`). `stored` are results of the baseline that need not be
    asked for, `stored_baseline` says where they come from. `order` are the ids of all cases in the order they are run;
    with a `shard`, `trials` are those of its part alone. `past`: the baseline answered before this run, so that no
    fresh sample of it can be drawn, and there is no change that could have a level.
    `requests` gives for each case that shares its request with another the id of the first such case.
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
    past: bool = False
    requests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """One score that another tool gave: `value` in [0, 1]; `line` is where it stands in its file (1-based)."""

    case: str
    arm: Arm
    criterion: str
    value: float
    repeat: int = 0
    tag: str | None = None
    cluster: str | None = None
    line: int = 0
