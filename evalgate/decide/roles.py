"""The roles of a gate's criteria: compared with the baseline, blocking, with a floor, or only reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evalgate.decide.statistics import CASE_PASSES
from evalgate.domain import ANSWERED, Check, Criterion, Evidence, Policy, ReportKind, Threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Names of criteria by role, in configuration order.

    `compared` have an allowed drop (`allowed`). `blocking` are checks that must not fail more often than with the
    baseline, and `strict` those of them that must hold in every draw. `floors` are checks with a minimum rate, and
    `floored` those of them that nothing but the floor decides: on these a broken critical case counts. `judges` are all
    judges; they score only outputs that pass every blocking check. `excluded` has the cases to which a criterion does
    not apply; they need no score. `watched` are compared checks that fail for each newly broken case, with the number
    of draws that must agree.
    """

    compared: tuple[str, ...]
    allowed: Mapping[str, float]
    blocking: tuple[str, ...]
    strict: frozenset[str]
    floors: Mapping[str, float]
    floored: tuple[str, ...]
    judges: frozenset[str]
    excluded: Mapping[str, frozenset[str]] = field(default_factory=dict)
    watched: Mapping[str, int] = field(default_factory=dict)

    @property
    def declared(self) -> tuple[str, ...]:
        """The blocking checks that the configuration names, without the implicit `answered`."""
        return tuple(name for name in self.blocking if name != ANSWERED)

    def applies(self, criterion: str, case: str) -> bool:
        """Return whether a criterion applies to a case."""
        return case not in self.excluded.get(criterion, ())

    def required(self, criterion: str) -> tuple[str, ...]:
        """Return the blocking checks that an output must pass before its score on a criterion counts.

        For a judge these are all of them. For a check that does not block it is `answered`. For a blocking check there
        are none. A check that does not apply to a case requires nothing of it.
        """
        if criterion in self.judges:
            return self.blocking
        return () if criterion in self.blocking else tuple(name for name in self.blocking if name == ANSWERED)

    def list_required(self, criterion: str, case: str) -> tuple[str, ...]:
        """Return the checks of `required` that apply to a case."""
        return tuple(name for name in self.required(criterion) if self.applies(name, case))

    def is_unscored(self, criterion: str, values: Mapping[str, float | None], case: str) -> bool:
        """Return whether an output of a case lacks a score that it should have.

        An output that fails a required check needs none, nor does a case to which the criterion does not apply.
        """
        if values.get(criterion) is not None or not self.applies(criterion, case):
            return False
        return all((values.get(name) or 0.0) >= CASE_PASSES for name in self.list_required(criterion, case))


def assign_roles(
    criteria: Sequence[Criterion], thresholds: Mapping[str, Threshold], policy: Policy, *, with_baseline: bool
) -> Roles:
    """Return the roles of all criteria.

    Without a baseline nothing is compared, and a check with an allowed drop can block.
    """
    allowed = {}
    floors = {}
    for criterion in criteria:
        threshold = thresholds.get(criterion.name, Threshold())
        drop = threshold.max_drop
        if drop is None and criterion.kind == "judge":
            drop = policy.max_drop
        if drop is not None and with_baseline:
            allowed[criterion.name] = drop
        if criterion.kind == "check" and threshold.minimum is not None:
            floors[criterion.name] = threshold.minimum
    blocking = tuple(
        criterion.name
        for criterion in criteria
        if is_blocking(criterion, thresholds.get(criterion.name), with_baseline=with_baseline)
    )
    return Roles(
        compared=tuple(allowed),
        allowed=allowed,
        blocking=blocking,
        strict=frozenset(criterion.name for criterion in criteria if criterion.strict and criterion.name in blocking),
        floors=floors,
        floored=tuple(name for name in floors if with_baseline and name not in allowed),
        judges=frozenset(criterion.name for criterion in criteria if criterion.kind == "judge"),
        excluded={criterion.name: frozenset(criterion.excluded) for criterion in criteria if criterion.excluded},
    )


def list_watched(evidence: Evidence, roles: Roles) -> tuple[str, ...]:
    """Return the checks that block a change, where drift compares them: each case that newly fails one is a finding.

    Drift compares such a check by its drop, because it may have failed before. With too few stored samples no single
    case can be decided.
    """
    if evidence.kind is not ReportKind.DRIFT or not evidence.redraws:
        return ()
    compared = [c for c in evidence.criteria if c.name in roles.compared]
    return tuple(c.name for c in compared if c.kind == "check" and c.blocking)


def is_blocking(criterion: Criterion | Check, threshold: Threshold | None, *, with_baseline: bool) -> bool:
    """Return whether a criterion is a blocking check; a threshold of its own replaces the blocking."""
    if isinstance(criterion, Criterion) and criterion.kind != "check":
        return False
    own = threshold or Threshold()
    return criterion.blocking and own.minimum is None and (own.max_drop is None or not with_baseline)
