"""What the user keeps in the repository: prompts, cases, criteria, thresholds, policy, configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import IntEnum
from functools import cached_property
from typing import Literal

from evalgate.domain.text import Json, as_text, digest, digest_of_all, find_hidden_text, normalize

ANSWERED = "answered"
"""The name of the implicit blocking check that there is an answer: not empty, no refusal, not cut."""

VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*\}\}")


class Level(IntEnum):
    """A change level of semantic versioning; ordered, so that the stricter of two is `max`."""

    PATCH = 1
    MINOR = 2
    MAJOR = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One chat message; in a prompt version the content is a template with `{{variable}}` places."""

    role: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptVersion:
    """Immutable content, model and parameters, with a digest and (when declared) a semantic version.

    `parameters` are the API's own names (`temperature`, `max_tokens`); `response_format` is the API's object.
    `source` says where it was read: "working tree", a file, or "commit:path". `lines` gives the line of top-level
    keys in the file (1-based), so that findings can name the two lines to edit.
    """

    name: str
    path: str
    source: str
    messages: tuple[Message, ...]
    model: str | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    response_format: Mapping[str, Json] | None = None
    tools: tuple[Json, ...] = ()
    version: str | None = None
    change: str | None = None
    lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def content(self) -> Json:
        """Everything that reaches the model, as plain data; names, descriptions and version numbers do not."""
        return {"messages": [[message.role, message.content] for message in self.messages], **self._plain}

    @property
    def _plain(self) -> dict[str, Json]:
        return {
            "model": self.model,
            "parameters": dict(self.parameters),
            "response_format": self.response_format,
            "tools": list(self.tools),
        }

    @property
    def digest(self) -> str:
        return digest(self.content)

    @property
    def normalized_digest(self) -> str:
        """The digest of the content but for white space, invisible and control characters: see `normalize`."""
        return digest({**self._plain, "messages": [[m.role, normalize(m.content)] for m in self.messages]})

    @property
    def hidden_text(self) -> tuple[str, ...]:
        """What each message says in characters that are shown as nothing: see `find_hidden_text`."""
        return tuple(find_hidden_text(message.content) for message in self.messages)

    @property
    def variables(self) -> frozenset[str]:
        """The names of the `{{variable}}` places in all messages."""
        return frozenset(name for message in self.messages for name in VARIABLE.findall(message.content))

    def render(self, variables: Mapping[str, Json]) -> tuple[Message, ...]:
        """The messages with each variable replaced once (values are never templates themselves).

        Raises KeyError with the variable's name when the case does not give it.
        """
        return tuple(
            Message(role=m.role, content=VARIABLE.sub(lambda hit: as_text(variables[hit.group(1)]), m.content))
            for m in self.messages
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionAtCommit:
    """A version number with the digest of the content it stood for, at one commit of the history."""

    commit: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One entry of a golden dataset; `fields` holds every field of the row (variables, `expected`, any other)."""

    id: str
    fields: Mapping[str, Json]
    tags: tuple[str, ...] = ()
    cluster: str | None = None
    line: int = 0


@dataclass(frozen=True, kw_only=True)  # no slots: the digest is kept
class GoldenDataset:
    """The curated set of cases, in file order, ids unique. The digest does not depend on that order."""

    path: str
    cases: tuple[Case, ...]

    @cached_property
    def digest(self) -> str:
        ordered = sorted(self.cases, key=lambda case: case.id)
        return digest_of_all([case.id, dict(case.fields), list(case.tags)] for case in ordered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rubric:
    """A judge's own prompt version with its integer scale and the fields it is shown (`name?` is optional)."""

    name: str
    version: str
    path: str
    instruction: str
    inputs: tuple[str, ...]
    minimum: int
    maximum: int

    @property
    def digest(self) -> str:
        return digest([self.instruction, list(self.inputs), self.minimum, self.maximum])


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A deterministic criterion: its type and options are known and typed by `score.checks`.

    A blocking check is compared with the baseline; a `strict` one must hold in every draw of every case. `documents`
    are the JSON Schemas a `json_schema` check may refer to, by URI, loaded beforehand: scoring reads no file.
    """

    name: str
    type: str
    options: Mapping[str, Json] = field(default_factory=dict)
    negated: bool = False
    blocking: bool = True
    strict: bool = False
    documents: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """A criterion decided by another request: a rubric, who answers it, and how the score is read.

    `mode` "printed" reads the integer of the reply; "expected" weighs the scale by the probabilities of the score's
    token, and needs an endpoint that returns log-probabilities.
    """

    name: str
    rubric: Rubric
    target: str
    model: str | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    mode: Literal["printed", "expected"] = "printed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What a criterion must keep: an absolute floor and/or an allowed drop against the baseline, both in [0, 1]."""

    minimum: float | None = None
    max_drop: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars per million tokens."""

    input: float
    output: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Who answers: an OpenAI-compatible endpoint, recorded outputs, a Python function, or the embedded model.

    `location` is the base URL (openai), the JSONL file (recorded), the dotted path (python) or the model's name
    (local). `api_key_env` names the environment variable with the key. `recordings` is a cache export that is
    replayed instead of calling. `identity` takes part in every request's digest; it holds no secret.
    """

    name: str
    kind: Literal["openai", "recorded", "python", "local"]
    location: str
    identity: str
    model: str | None = None
    api_key_env: str | None = None
    recordings: str | None = None
    prices: Prices | None = None
    options: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelPolicy:
    """What one change level demands.

    `inconclusive`: "merge" (with a warning), "drop" (block when the observed drop exceeds the allowed one and its
    p-value is at most 2 alpha) or "block".
    """

    judges: bool
    inconclusive: Literal["merge", "drop", "block"]
    canary_hours: int = 0
    sign_off: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How comparisons become a verdict; the defaults are those of the decision rule.

    `minor_share` is the share of changed words, `minor_words` their number, above which an edit counts as MINOR.
    `immutability` says which
    history a version number is bound by: every commit ("history"), or only what the baseline's branch has.
    `min_cases` is the number of units below which compared criteria decide nothing but broken cases. `max_left_out`
    is the share of cases whose usable outputs may lack a score; None: one case below 100 cases, else 2 %.
    `removed_cases` says whether a change may take cases out of the dataset that judges it. `stop_early` lets a run
    below MAJOR stop at a look at which the answer is clear. A broken case with a tag of `critical_tags` fails by
    itself, and so does a proven fall over the cases of a tag of `blocking_tags`. Stored baseline samples are
    refused after `baseline_max_age_days`. `attempts` says what several different attempts in one pull request do:
    "note" reports them, "strict" asks for more.
    """

    levels: Mapping[Level, LevelPolicy]
    alpha: float = 0.05
    max_drop: float = 0.05
    min_cases: int = 8
    max_left_out: float | None = None
    minor_share: float = 0.05
    minor_words: int = 60
    immutability: Literal["history", "published"] = "history"
    removed_cases: Literal["block", "allow"] = "block"
    stop_early: bool = True
    critical_tags: tuple[str, ...] = ("critical",)
    blocking_tags: tuple[str, ...] = ()
    baseline_max_age_days: float = 7.0
    attempts: Literal["note", "strict"] = "note"

    def as_json(self) -> Json:
        """The policy as plain data, its levels by their names."""
        levels = {level.name: asdict(demands) for level, demands in self.levels.items()}
        return {**asdict(replace(self, levels={})), "levels": levels}


DEFAULT_LEVELS: Mapping[Level, LevelPolicy] = {
    Level.PATCH: LevelPolicy(judges=False, inconclusive="merge"),
    Level.MINOR: LevelPolicy(judges=True, inconclusive="drop", canary_hours=48),
    Level.MAJOR: LevelPolicy(judges=True, inconclusive="block", canary_hours=48, sign_off=True),
}
# where no level is known: everything is asked, and what is not shown does not merge
STRICT_LEVEL = LevelPolicy(judges=True, inconclusive="block")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How the engine may call: at most `concurrency` at once, each for `timeout` seconds, tried `attempts` times.

    A try that is turned away (429) counts a quarter.
    The rates are of all calls of a run together; None: as fast as it goes.
    """

    concurrency: int = 8
    timeout: float = 120.0
    attempts: int = 5
    max_cost_usd: float | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """How batches are made: polled every `poll_seconds` at most, sent when no request came for `collect_seconds`."""

    poll_seconds: float = 60.0
    collect_seconds: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One prompt with its dataset, targets, criteria and thresholds, as configured (rubrics and schemas loaded).

    `baseline` is a prompt file that replaces the one at the merge base. `wavering_samples` are the candidate's
    samples of cases on which the stored baseline varies most. `cut_answers` says whether an answer that ends for want
    of tokens is one. `files` are all files the gate was read from besides prompt and dataset: schemas, rubrics,
    recorded outputs.
    """

    name: str
    prompt: str
    dataset: str
    candidate_target: str
    baseline_target: str
    baseline: str | None = None
    checks: tuple[Check, ...] = ()
    judges: tuple[Judge, ...] = ()
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    baseline_samples: int = 3
    candidate_samples: int = 1
    wavering_samples: int = 3
    cut_answers: Literal["fail", "allow"] = "fail"
    files: tuple[str, ...] = ()

    def judges_at(self, demands: LevelPolicy) -> tuple[Judge, ...]:
        """The judges that a change level asks: those it demands, or all where no check decides without them."""
        decides = any(check.blocking or check.name in self.thresholds for check in self.checks)
        return self.judges if demands.judges or not decides else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole of evalgate.yml; paths are relative to `root`'s tree, with forward slashes.

    `approvers` are logins and teams (`org/team`) who may sign a change off, whether they may write or not. `texts` says
    of which cases reports may hold texts. No verdict depends on these two.
    """

    path: str
    gates: tuple[Gate, ...]
    targets: Mapping[str, Target]
    policy: Policy
    limits: Limits
    batching: Batching = Batching()
    approvers: tuple[str, ...] = ()
    texts: Literal["all", "failing", "none"] = "all"
