"""What is concluded: estimates, comparisons, findings, requirements, and the report that holds it all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from evalgate.domain.admission import Admission
from evalgate.domain.approval import Attempts, PolicyChange, SignOff
from evalgate.domain.inputs import LevelPolicy, Policy, Threshold
from evalgate.domain.report_kind import ReportKind
from evalgate.domain.trials import Arm, BaselineSample, ChangeLevel, Result, Shard, Usage

if TYPE_CHECKING:
    from pandas import DataFrame

RULE = 2
"""The number of the decision rule. Verdicts of another rule are decided anew."""

REUSED = "decided before"
"""How the note begins that says of a verdict that it was reached in an earlier run."""
BECAUSE = "changed because: "
"""How the note begins that gives the reason of a change."""


class Verdict(StrEnum):
    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its interval (each bound holds with one-sided confidence 1 - alpha) and the cases behind it."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One criterion on both arms, paired by case.

    `difference` is candidate minus baseline (None without a baseline), `p_value` that of "not worse", `detectable`
    the smallest drop this dataset reliably shows (3 s_d / sqrt(n); None where nothing varies), `deviation` is s_d.
    `units` are what counts as one (a case, a cluster, cases with equal requests), `pairs` the cases behind them.
    `undecided` are cases with a usable output that has no score; `left_out` are cases for which one arm has no usable
    output. `regressed` and `improved` are cases whose score fell or rose by 0.25 or more, the largest move first.
    `broken` and `fixed` are cases that every draw settles, `suspects` those that may be broken and were not asked
    again often enough to tell.
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
    """What was found of one blocking check over the cases seen.

    `decision`: PASS holds, FAIL, or INCONCLUSIVE. `failed` and `cases` count the candidate's first draws,
    `baseline_failed` and `baseline_draws` all draws of the baseline. `p_more` is the mid-p of "the candidate fails
    more often" (1.0 where nothing speaks of it). `for_good` are cases that the baseline held in all its samples and the
    candidate failed in seven draws of seven; `open` may be such cases and cannot be settled; `wavered` failed at first
    and held in a later draw; `both` are cases that the baseline fails as well.
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
class ConstantOutput:
    """One text that the candidate gives for `cases` different requests, where the baseline's answers differ."""

    text: str
    cases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One threshold's outcome as a sentence. `blocks` says whether, under the policy, it keeps the change out."""

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
        "remark",
    ]
    decision: Verdict
    sentence: str
    blocks: bool
    cases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What is still to be done after a pass: a canary of so many hours, a human sign-off."""

    kind: Literal["canary", "sign_off"]
    state: Literal["pending", "met"]
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRef:
    """A prompt version as the report names it."""

    name: str
    version: str | None
    digest: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRef:
    """A golden dataset as the report names it; `lost` are cases the baseline's dataset had and this one lacks.

    Of those that a changed dataset kept, `kept` counts all, and `edited` those with other content under the same id.
    """

    path: str
    digest: str
    cases: int
    lost: tuple[str, ...] = ()
    kept: int = 0
    edited: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Pairs of case and criterion: `expected` of them, `decided` with a score on every arm; and what went missing."""

    expected: int
    decided: int
    failures: int
    unscored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Model calls: `made` (paid), `cached` (answered without paying), `saved` (not needed: shared or stopped early).

    `stopped` is the part of `saved` that was planned and not needed any more; `confirming` the part of the others that
    drew fresh samples of cases that had turned.
    """

    made: int = 0
    cached: int = 0
    saved: int = 0
    stopped: int = 0
    confirming: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """What a report keeps of a check or judge, so that a verdict can be reached again from the report alone.

    `p95_seconds` is the limit on the 95th percentile of an arm's seconds, where a latency check sets one. A `strict`
    check must hold in every draw of every case.
    """

    name: str
    kind: Literal["check", "judge"]
    blocking: bool
    digest: str
    p95_seconds: float | None = None
    strict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How far the cases were seen when the answer was clear: look `number` of `of`, `cases` of `planned`.

    `level` is the nominal one-sided level of that look; all bounds of the report hold with confidence 1 - level.
    """

    number: int
    of: int
    cases: int
    planned: int
    level: float

    @property
    def early(self) -> bool:
        """Whether the comparison stopped before its last case; its estimates are then biased away from 0."""
        return self.cases < self.planned


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """Cases that turned on some compared criterion: passed by every baseline sample, failed by every draw, or reverse.

    `open` turned from pass to fail and were not asked again often enough to tell. `allowed` is how many net broken
    cases (broken minus fixed) of one criterion are no FAIL yet.
    """

    broken: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    allowed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TagFall:
    """One criterion's mean difference over the cases of one tag, flagged as proven to fall.

    Flagged by Benjamini and Hochberg over all tags and criteria at a false discovery rate of 10 %; `blocks` when the
    tag may block and is rejected by Holm at alpha.
    """

    tag: str
    criterion: str
    difference: float
    n: int
    p_value: float
    blocks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a verdict rests on; `decide` needs nothing else, and a stored report gives it back.

    `order` holds all planned cases in the order they are run; empty: that of the results. `clusters` names the cluster
    of each case that has one: cases of one document or conversation count as one. `sequential`: the run was allowed to
    stop at a look. `confirmations` are fresh samples of cases that turned: they settle what is broken and take no part
    in any mean; `redraws` says whether who answers can draw any. `stored_baseline` is None when the baseline was
    sampled in the same run. A `shard` has results of its own part of the cases, and no verdict. `notes` say what the
    reader should know of the versions. `requests` gives for each case that shares its request with another the first
    such case: they count as one. An arm of `deterministic` answers an equal request equally, so one draw counts as all.
    `evaluated` is the digest of the version that was answered, where only white space tells it from the candidate.
    `verdict_key` is the digest of all that the verdict depends on but for chance; None where none is kept.
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

    @property
    def kind(self) -> ReportKind:
        """What was compared, told by the parts that only one kind has."""
        if self.shard is not None:
            return ReportKind.SHARD
        if self.level is not None:
            return ReportKind.GATE
        return ReportKind.SCORES if self.stored_baseline is None else ReportKind.DRIFT


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """One gate's evidence, the policy it was judged by, and the verdict.

    `units` counts what counts as one in the whole dataset: cases, or groups of cases that are not independent.
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
        """Whether it did not pass, and its policy lets the change merge all the same."""
        return self.decision is not Verdict.PASS and self.exit_code.lets_merge


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The one complete artifact of a run. `created_at` is ISO 8601 in UTC. No gates: nothing to gate, a pass.

    `warnings` are what went wrong beside the evaluation: a cache that cannot be written. `policy_changes` took no part
    in this verdict, and need a sign-off; `sign_off` is the one that was given. `rule` is the number of the decision
    rule that reached the verdict. `attempts` is None where there is no pull request, or no chance in the verdict.
    `texts` says of which cases the texts may leave the machine, as the configuration asks.
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

    @property
    def cost_usd(self) -> float | None:
        """The dollars of all gates together; None where one of them is unknown."""
        costs = [gate.evidence.cost_usd for gate in self.gates]
        known = [cost for cost in costs if cost is not None]
        return math.fsum(known) if len(known) == len(costs) else None

    def to_frame(self) -> DataFrame:
        """Every score as a pandas DataFrame: gate, case, arm, criterion, value, repeat, tag, cluster, reason."""
        from evalgate.domain import frames

        return frames.make_score_frame(self)
