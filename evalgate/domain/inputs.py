"""Types for the files in the repository: prompts, cases, criteria, thresholds, policy, configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import IntEnum
from functools import cached_property
from typing import Literal

from evalgate.domain.conditions import Condition
from evalgate.domain.images import NO_IMAGES, Image
from evalgate.domain.langfuse_reference import LangfuseSettings
from evalgate.domain.prompt_version import NO_SETTINGS, PromptSettings
from evalgate.domain.rollout import NO_ROLLOUT, RolloutSettings
from evalgate.domain.similarity import Similarity
from evalgate.domain.target import Target
from evalgate.domain.text import Json, digest, digest_of_all

ANSWERED = "answered"
"""The name of the implicit blocking check that there is an answer: not empty, not a refusal, not cut."""

TOOL_CHECKS = frozenset({"tool_call", "no_tool_call"})
"""The types of checks that examine the tool calls of an output."""


class Level(IntEnum):
    """A change level of semantic versioning. Levels are ordered: `max` returns the stricter of two."""

    PATCH = 1
    MINOR = 2
    MAJOR = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One entry of a golden dataset. `fields` contains the fields of the row (variables, `expected`, any other).

    `images` are the image files of its requests, by their paths in the dataset's folder.
    """

    id: str
    fields: Mapping[str, Json]
    tags: tuple[str, ...] = ()
    cluster: str | None = None
    line: int = 0
    images: Mapping[str, Image] = field(default_factory=lambda: NO_IMAGES)


@dataclass(frozen=True, kw_only=True)  # no slots: cached_property needs a __dict__
class GoldenDataset:
    """The curated set of cases, in file order and with unique ids. The digests do not depend on the order.

    `digest` includes the images of the requests. `text_digest` does not, so no prompt can change it.
    """

    path: str
    cases: tuple[Case, ...]

    @cached_property
    def digest(self) -> str:
        images = {case.id: _digest_images(case) for case in self.cases if case.images}
        return digest([self.text_digest, images]) if images else self.text_digest

    @cached_property
    def text_digest(self) -> str:
        ordered = sorted(self.cases, key=lambda case: case.id)
        return digest_of_all([case.id, dict(case.fields), list(case.tags)] for case in ordered)


def _digest_images(case: Case) -> dict[str, Json]:
    return {path: image.digest for path, image in case.images.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rubric:
    """The prompt version of a judge, with its integer scale and its input fields (`name?` is optional)."""

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
    """A deterministic criterion. `score.checks` defines its types and their options.

    A blocking check is compared with the baseline. A `strict` check must pass in every sample of every case. `when` and
    `unless` choose the cases to which it applies. `from_case` has the options whose values are fields of the case, with
    the names of the fields.
    `documents` are the JSON Schemas, by URI, that a `json_schema` check may refer to. They are loaded beforehand,
    because scoring reads no files. `parts` are the checks inside `any_of` and `all_of`.
    """

    name: str
    type: str
    options: Mapping[str, Json] = field(default_factory=dict)
    negated: bool = False
    blocking: bool = True
    strict: bool = False
    documents: Mapping[str, Json] = field(default_factory=dict)
    when: Condition | None = None
    unless: Condition | None = None
    from_case: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[Check, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of a case that give values to the check, without those of its parts."""
        own = self.options.get("from")
        return tuple(dict.fromkeys([*([own] if isinstance(own, str) else []), *self.from_case.values()]))

    @property
    def nested(self) -> tuple[Check, ...]:
        """The check itself and all checks inside it."""
        return (self, *(inner for part in self.parts for inner in part.nested))


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """A criterion that is decided by another request: a rubric, the target that answers, and how the score is read.

    `mode` "printed" reads the integer of the reply. "expected" averages the scale, weighted by the probabilities of the
    score token; it needs an endpoint that returns log-probabilities. `reading` says whether text around the JSON object
    of a reply is accepted, `strip_reasoning` whether a block of reasoning before it is removed. `when` and `unless`
    choose the cases to which it applies.
    """

    name: str
    rubric: Rubric
    target: str
    model: str | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    mode: Literal["printed", "expected"] = "printed"
    reading: Literal["strict", "lenient"] = "strict"
    strip_reasoning: bool = True
    when: Condition | None = None
    unless: Condition | None = None


def applies(criterion: Check | Judge, case: Case) -> bool:
    """Return whether a check or judge applies to a case. One that does not takes no part in the case."""
    when, unless = criterion.when, criterion.unless
    if when is not None and not when.holds(case.id, case.tags, case.fields):
        return False
    return unless is None or not unless.holds(case.id, case.tags, case.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """The limits of a criterion: an absolute minimum and/or a maximum drop against the baseline, both in [0, 1]."""

    minimum: float | None = None
    max_drop: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelPolicy:
    """The requirements of one change level.

    `inconclusive` says what an INCONCLUSIVE verdict does: "merge" (with a warning), "drop" (block if the observed drop
    exceeds the allowed one and its p-value is at most 2 alpha) or "block".
    """

    judges: bool
    inconclusive: Literal["merge", "drop", "block"]
    canary_hours: int = 0
    sign_off: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules that turn comparisons into a verdict. The defaults are those of the decision rule.

    `minor_share` is the share of changed words, and `minor_words` their number, above which an edit counts as MINOR.
    `immutability` says where a version number must have one content only: in every commit ("history"), or only on the
    baseline's branch ("published"). With fewer than `min_cases` units, compared criteria decide only on broken cases.
    `max_left_out` is the share of cases with usable outputs that may lack a score; None means one case below 100 cases,
    else 2 %. `removed_cases` says whether a change may remove cases from its own dataset. `stop_early` lets a run below
    MAJOR stop at a look with a clear result. A broken case with one of the `critical_tags` is enough to fail, and so is
    a significant drop over the cases of one of the `blocking_tags`. Stored baseline samples are refused when they are
    older than `baseline_max_age_days`. `attempts` says how several attempts in one pull request are treated: "note"
    reports them, "strict" also blocks or requires a sign-off after several attempts.
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
        """Return the policy as plain data, with its levels by name."""
        levels = {level.name: asdict(demands) for level, demands in self.levels.items()}
        return {**asdict(replace(self, levels={})), "levels": levels}


DEFAULT_LEVELS: Mapping[Level, LevelPolicy] = {
    Level.PATCH: LevelPolicy(judges=False, inconclusive="merge"),
    Level.MINOR: LevelPolicy(judges=True, inconclusive="drop", canary_hours=48),
    Level.MAJOR: LevelPolicy(judges=True, inconclusive="block", canary_hours=48, sign_off=True),
}
# used if the level is unknown: all judges run, and an inconclusive result blocks
STRICT_LEVEL = LevelPolicy(judges=True, inconclusive="block")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of the engine: `concurrency` calls at once, `timeout` seconds each, `attempts` tries each.

    A try that is rejected with status 429 counts as a quarter of a try. The rates apply to all calls of a run together;
    None means no limit.
    """

    concurrency: int = 8
    timeout: float = 120.0
    attempts: int = 5
    max_cost_usd: float | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """Settings of batch calls. A batch is sent when no request has come for `collect_seconds`.

    The pause between two polls of its state is at most `poll_seconds`.
    """

    poll_seconds: float = 60.0
    collect_seconds: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """The column of a dataset that has a field, by its name in the file. `json`: its cells are JSON, not text."""

    name: str
    json: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One prompt with its dataset, targets, criteria and thresholds, as configured (rubrics and schemas loaded).

    `baseline` is a prompt file that replaces the one at the merge base. `wavering_samples` is the number of candidate
    samples for the cases on which the stored baseline varies most. `cut_answers` says whether an answer that was cut at
    its token limit counts as an answer. `tool_calls` "ignore" says that calls beside a text do not matter. `columns`
    names the columns of fields that have another name in the dataset, or that are JSON in a cell. `files` are all other
    files of the gate besides prompt and dataset: schemas, rubrics, recorded outputs. `settings` and `baseline_settings`
    say how the prompt files are read. `pattern` is the pattern that the prompt matches, if the configuration names no
    file. `similarity` is measured and reported, and is no criterion.
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
    tool_calls: Literal["check", "ignore"] = "check"
    columns: Mapping[str, Column] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    settings: PromptSettings = NO_SETTINGS
    baseline_settings: PromptSettings = NO_SETTINGS
    pattern: str | None = None
    similarity: Similarity | None = None

    @property
    def named_prompt(self) -> str:
        """The prompt as the configuration names it: its path, with the constant of a Python file."""
        return self.prompt if self.settings.constant is None else f"{self.prompt}:{self.settings.constant}"

    @property
    def criteria(self) -> tuple[Check | Judge, ...]:
        """All checks and judges, in order."""
        return (*self.checks, *self.judges)

    @property
    def covers_calls(self) -> bool:
        """Whether tool calls beside a text leave the checks of the text decided.

        A check of tool calls decides about the calls, or the gate ignores them. A check that is only reported does not
        decide.
        """
        if self.tool_calls == "ignore":
            return True
        return any(c.type in TOOL_CHECKS and (c.blocking or c.name in self.thresholds) for c in self.checks)

    def judges_at(self, demands: LevelPolicy) -> tuple[Judge, ...]:
        """Return the judges that run at a change level.

        These are all judges if the level requires judges, or if no check can decide without them; else none.
        """
        return self.judges if self._asks_models_at(demands) else ()

    def similarity_at(self, demands: LevelPolicy) -> Similarity | None:
        """Return the similarity that is measured at a change level: where the judges of a gate would run."""
        return self.similarity if self._asks_models_at(demands) else None

    def _asks_models_at(self, demands: LevelPolicy) -> bool:
        return demands.judges or not any(c.blocking or c.name in self.thresholds for c in self.checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseSettings:
    """Where released versions are kept: a URL of a registry, and the variables with its secrets.

    `token_env` is for a git remote. `public_key_env` and `secret_key_env` are for Langfuse; None: those that its own
    clients read. `rollout` says how versions are rolled out, and where the rows of their answers are.
    """

    registry: str
    token_env: str | None = None
    public_key_env: str | None = None
    secret_key_env: str | None = None
    rollout: RolloutSettings = NO_ROLLOUT

    @property
    def is_langfuse(self) -> bool:
        return self.registry.startswith("langfuse:")

    @property
    def secret_variables(self) -> tuple[str, ...]:
        """The variables that the registry needs: the public and the secret key of Langfuse, or the token of git."""
        if self.is_langfuse:
            return self.public_key_env or "LANGFUSE_PUBLIC_KEY", self.secret_key_env or "LANGFUSE_SECRET_KEY"
        return () if self.token_env is None else (self.token_env,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The content of evalgate.yml. Paths are relative to the root of the tree, with forward slashes.

    `approvers` are logins and teams (`org/team`) that may sign off a change, with or without write access. `texts` says
    for which cases reports may contain texts, `ungated` what a prompt file means that no gate covers. `trust_code` lets
    functions of the base's tree run for pull requests. No verdict depends on these four. `environment` has the
    variables that the file's `${NAME}` were replaced by, so that the configuration of another commit is read in the
    same way; None: they were left as they are. `release` is None without a registry.
    `langfuse` is the server of what is named `langfuse:NAME`, if the file names one.
    """

    path: str
    gates: tuple[Gate, ...]
    targets: Mapping[str, Target]
    policy: Policy
    limits: Limits
    batching: Batching = Batching()
    approvers: tuple[str, ...] = ()
    trust_code: bool = False
    texts: Literal["all", "failing", "none"] = "all"
    ungated: Literal["warn", "fail", "ignore"] = "warn"
    environment: Mapping[str, str] | None = field(default=None, repr=False, compare=False)
    release: ReleaseSettings | None = None
    langfuse: LangfuseSettings | None = None

    @property
    def has_patterns(self) -> bool:
        """Whether the gates depend on which files are in the tree, and not on the configuration alone."""
        return any(gate.pattern is not None for gate in self.gates)
