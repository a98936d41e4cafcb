"""Types of a verdict: estimates, comparisons, findings, requirements, and the report that contains them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from evalgate.domain.admission import Admission
from evalgate.domain.approval import Attempts, PolicyChange, SignOff
from evalgate.domain.inputs import LevelPolicy, Policy, Threshold
from evalgate.domain.measured_similarity import MeasuredSimilarity
from evalgate.domain.replayed_rows import ReplayedRows
from evalgate.domain.report_kind import ReportKind
from evalgate.domain.report_refs import ConstantOutput, DatasetRef, InputField, PromptChange, VersionRef
from evalgate.domain.revert import Revert
from evalgate.domain.run_parts import CasePart, Shard
from evalgate.domain.trials import Arm, BaselineSample, ChangeLevel, Result, Usage

if TYPE_CHECKING:
    from pandas import DataFrame

RULE = 2
"""The version number of the decision rule. A stored verdict of another rule is not reused."""


class Verdict(StrEnum):
    """The result of a comparison, a finding, a gate or a report."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its interval (each bound has one-sided confidence 1 - alpha) and the number of cases `n`."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One criterion on both arms, paired by case.

    `difference` is candidate minus baseline (None without a baseline). `p_value` is that of "not worse". `deviation` is
    s_d, the standard deviation of the differences. `detectable` is the smallest drop that this dataset detects
    reliably: 3 s_d / sqrt(n), None if nothing varies. `units` counts the units (a case, a cluster, or cases with equal
    requests) and `pairs` the cases in them. `undecided` are cases with a usable output that has no score. `left_out`
    are cases for which one arm has no usable output. `regressed` and `improved` are cases whose score fell or rose by
    0.25 or more, largest change first. `broken` and `fixed` are cases that flipped in all samples. `suspects` are cases
    that may be broken but have too few samples to tell.
    """

    criterion: str
    kind: Literal["check", "judge"]
    baseline: Estimate | None
    candidate: Estimate | None
    difference: Estimate | None
    p_value: float | None
    detectable: float | None
    deviation: float | None = None
    regressed: tuple[str, ...] = ()
    improved: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    units: int = 0
    pairs: int = 0
    left_out: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockingCheck:
    """The result of one blocking check over the evaluated cases.

    `failed` and `cases` count the candidate's first samples; `baseline_failed` and `baseline_draws` count all samples
    of the baseline. `p_more` is the mid-p value of "the candidate fails more often" (1.0 without evidence for it).
    `for_good` are cases that passed in all baseline samples and failed in seven of seven candidate samples. `open` are
    cases that may be like these but cannot be decided. `wavered` are cases that failed at first and passed in a later
    sample. `both` are cases that the baseline fails as well.
    """

    criterion: str
    decision: Verdict
    cases: int
    failed: int
    baseline_draws: int
    baseline_failed: int
    p_more: float
    for_good: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    wavered: tuple[str, ...] = ()
    both: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The outcome of one threshold, as a sentence. `blocks` says whether it blocks the merge under the policy."""

    criterion: str | None
    kind: Literal[
        "check",
        "min",
        "max_drop",
        "broken",
        "tag",
        "level",
        "version",
        "immutability",
        "completeness",
        "no_baseline",
        "constant_output",
        "attempts",
        "recorded",
        "revert",
        "remark",
    ]
    decision: Verdict
    sentence: str
    blocks: bool
    cases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A step that is required after a pass: a canary for some hours, or a sign-off by a person."""

    kind: Literal["canary", "sign_off"]
    state: Literal["pending", "met"]
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Numbers of pairs of case and criterion: `expected` pairs, `decided` pairs with a score on every arm.

    `failures` and `unscored` count the missing scores.
    """

    expected: int
    decided: int
    failures: int
    unscored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Numbers of model calls: `made` (paid), `cached` (free), and `saved` (not needed: shared or stopped early).

    `stopped` is the part of `saved` that was skipped by an early stop. `confirming` is the part of the other calls that
    drew confirmation samples of flipped cases.
    """

    made: int = 0
    cached: int = 0
    saved: int = 0
    stopped: int = 0
    confirming: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """The description of a check or judge in a report, sufficient to decide the report again.

    `p95_seconds` is the limit of a latency check on the 95th percentile of an arm's seconds. A `strict` check must pass
    in every sample of every case. `excluded` are the cases to which the criterion does not apply, by id.
    """

    name: str
    kind: Literal["check", "judge"]
    blocking: bool
    digest: str
    p95_seconds: float | None = None
    strict: bool = False
    excluded: tuple[str, ...] = field(default=(), metadata={"optional": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The group-sequential look at which the verdict was reached: look `number` of `of`, `cases` of `planned` cases.

    `level` is the nominal one-sided level of that look. All bounds in the report have confidence 1 - level.
    """

    number: int
    of: int
    cases: int
    planned: int
    level: float

    @property
    def early(self) -> bool:
        """Return whether the comparison stopped before its last case. Its estimates are then biased away from 0."""
        return self.cases < self.planned


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """Cases that flipped on a compared criterion.

    `broken` cases passed in every baseline sample and failed in every candidate sample; `fixed` cases are the reverse.
    `open` cases changed from pass to fail but have too few samples to tell. `allowed` is the number of net broken cases
    (broken minus fixed) of one criterion that is not yet a FAIL.
    """

    broken: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    allowed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TagFall:
    """A significant drop of one criterion over the cases of one tag; `difference` is the mean difference.

    Significance is by Benjamini-Hochberg over all tags and criteria at a false discovery rate of 10 %. It `blocks` if
    the tag is a blocking tag and Holm's method rejects it at alpha.
    """

    tag: str
    criterion: str
    difference: float
    n: int
    p_value: float
    blocks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedVerdict:
    """A verdict that blocked, `at` a time (ISO 8601); `page` is the address of its run, empty if it is not known."""

    decision: Verdict
    at: str
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The complete input of `decide` for one gate. A stored report contains all of it.

    `order` has all planned cases in run order; if empty, the order of the results applies. `clusters` maps cases to
    their cluster: cases of one document or conversation count as one unit. `sequential` means that the run was allowed
    to stop at a look. `confirmations` are additional samples of flipped cases: they decide which cases are broken, and
    no mean includes them. `redraws` says whether the targets can draw such samples. `stored_baseline` is None if the
    baseline was sampled in the same run. A `shard` or a `part` has only the results of its own cases, and no verdict.
    `notes` are remarks on the versions for the reader. `requests` maps each case that shares its request with another
    to the first such case: they count as one unit. An arm in `deterministic` gives equal answers to equal requests, so
    that one sample counts as all. `evaluated` is the digest of the version that was run, if it differs from the
    candidate only in white space. `verdict_key` is the digest of everything that the verdict depends on except chance;
    None if no verdict is stored. `answering` is the digest of who answered for both versions, in which form and how
    often; None if no call was made, or in older reports. `revert` is set for a change that goes back to the version
    before. `moved` has a sentence for each label or dataset that had another content at the end of the run than was
    measured. `shown_key` is the `verdict_key` of the text that a reader sees, if hidden text makes the own one another.
    `recorded` is the verdict of an earlier run on the same content that these results do not replace. `replay` is set
    if the cases are rows of production, and the baseline is what production answered. `inputs` has the fields that the
    prompt uses of the cases that changed or do not hold, by case; a case of unknown input is not in it. `prompt_change`
    is None without a baseline, if the prompts are equal, or in older reports. `similarity` is reported only.
    """

    name: str
    level: ChangeLevel | None
    candidate: VersionRef | None
    baseline: VersionRef | None
    dataset: DatasetRef
    criteria: tuple[Criterion, ...]
    results: tuple[Result, ...]
    order: tuple[str, ...] = ()
    clusters: Mapping[str, str] = field(default_factory=dict)
    sequential: bool = False
    confirmations: tuple[Result, ...] = ()
    redraws: bool = False
    stored_baseline: BaselineSample | None = None
    shard: Shard | None = None
    notes: tuple[str, ...] = ()
    calls: Calls = field(default_factory=Calls)
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    requests: Mapping[str, str] = field(default_factory=dict)
    deterministic: tuple[Arm, ...] = ()
    evaluated: str | None = None
    verdict_key: str | None = None
    answering: str | None = None
    revert: Revert | None = None
    moved: tuple[str, ...] = ()
    shown_key: str | None = None
    recorded: RecordedVerdict | None = None
    replay: ReplayedRows | None = None
    inputs: Mapping[str, tuple[InputField, ...]] = field(default_factory=dict)
    part: CasePart | None = None
    prompt_change: PromptChange | None = None
    similarity: MeasuredSimilarity | None = None

    @property
    def kind(self) -> ReportKind:
        """The kind of report, derived from the attributes that are set."""
        if self.shard is not None:
            return ReportKind.SHARD
        if self.part is not None:
            return ReportKind.PART
        if self.replay is not None:
            return ReportKind.REPLAY
        if self.level is not None:
            return ReportKind.GATE
        return ReportKind.SCORES if self.stored_baseline is None else ReportKind.DRIFT


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """The evidence of one gate, the policy that was applied, and the verdict.

    `units` is the number of units in the whole dataset: cases, or groups of cases that are not independent.
    """

    evidence: Evidence
    thresholds: Mapping[str, Threshold]
    policy: Policy
    level_policy: LevelPolicy
    decision: Verdict
    exit_code: Admission
    counts: Counts
    look: Look
    flips: Flips
    tags: tuple[TagFall, ...]
    comparisons: tuple[Comparison, ...]
    findings: tuple[Finding, ...]
    requirements: tuple[Requirement, ...]
    units: int = 0
    blocking: tuple[BlockingCheck, ...] = ()
    constant_output: ConstantOutput | None = None

    @property
    def only_warns(self) -> bool:
        """Return whether the gate did not pass but the policy still lets the change merge."""
        return self.decision is not Verdict.PASS and self.exit_code.lets_merge


@dataclass(frozen=True, slots=True, kw_only=True)
class Redrawn:
    """What a run asked for again after a verdict, and that verdict, which stays; `cases` is empty for all cases."""

    what: Literal["failed", "broken", "all"]
    decision: Verdict
    cases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The complete artifact of a run. `created_at` is ISO 8601 in UTC. A report without gates is a pass.

    `warnings` are problems outside of the evaluation, such as a cache that cannot be written. `policy_changes` did not
    affect this verdict and need a sign-off; `sign_off` is the one that was given. `rule` is the version number of the
    decision rule. `attempts` is None without a pull request, or if the verdict does not depend on chance. `texts` is
    the setting of the configuration that says for which cases texts may leave the machine. With `redrawn` the gates and
    `decision` show answers that were drawn again, and `exit_code` is that of the verdict that stays.
    """

    run_id: str
    created_at: str
    tool_version: str
    decision: Verdict
    exit_code: Admission
    gates: tuple[GateReport, ...]
    warnings: tuple[str, ...] = ()
    policy_changes: tuple[PolicyChange, ...] = ()
    sign_off: SignOff | None = None
    rule: int = RULE
    attempts: Attempts | None = None
    texts: Literal["all", "failing", "none"] = "all"
    redrawn: Redrawn | None = None

    @property
    def standing(self) -> Verdict:
        """The decision that `exit_code` follows from: `decision`, or the one that stays after another draw."""
        return self.decision if self.redrawn is None else self.redrawn.decision

    @property
    def cost_usd(self) -> float | None:
        """The total cost of all gates in US dollars; None if the cost of a gate is unknown."""
        costs = [gate.evidence.cost_usd for gate in self.gates]
        known = [cost for cost in costs if cost is not None]
        return math.fsum(known) if len(known) == len(costs) else None

    def to_frame(self) -> DataFrame:
        """Return all scores as a pandas DataFrame: gate, case, arm, criterion, value, repeat, tag, cluster, reason."""
        from evalgate.domain import frames

        return frames.make_score_frame(self)
