"""Fail closed: whatever was expected and not decided keeps the verdict from being a pass, at every level."""

from __future__ import annotations

from collections.abc import Sequence

from evalgate.decide import looks, tags
from evalgate.domain import Comparison, Evidence, Finding, Policy, Result, Unscored, Verdict


def findings(
    evidence: Evidence, comparisons: Sequence[Comparison], standing: looks.Standing, policy: Policy
) -> list[Finding]:
    """A blocking finding for all that is missing: cases, scores, critical cases, tags that could not be tested."""
    if not evidence.criteria or not evidence.results:
        what = "no criterion applies at this level" if evidence.results else "no case was evaluated"
        return [incomplete(None, f"Nothing was measured: {what}. Configure a check, or let the level run judges.", ())]
    return [
        *_without_results(evidence, standing),
        *_critical(evidence, standing, policy),
        *_undecided(evidence, comparisons, standing, policy),
        *_untested_tags(evidence, standing, policy),
        *_lost_cases(evidence, policy),
    ]


def incomplete(criterion: str | None, sentence: str, cases: Sequence[str]) -> Finding:
    """An inconclusive finding that blocks whatever the level says."""
    return Finding(
        criterion=criterion,
        kind="completeness",
        decision=Verdict.INCONCLUSIVE,
        sentence=sentence,
        blocks=True,
        cases=tuple(cases),
    )


def some(names: Sequence[str]) -> str:
    """The first few of many names."""
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def _without_results(evidence: Evidence, standing: looks.Standing) -> list[Finding]:
    have = {result.case for result in evidence.results}
    # checks that decide by themselves are owed an output for every case, however early the comparison stopped;
    # and so is everything where the results end before the answer is clear
    unclear = standing.look.early and not standing.final
    owed = standing.order if (standing.owes_all or unclear) and not standing.fails else standing.seen
    missing = [case for case in owed if case not in have]
    unknown = max(0, evidence.dataset.cases - len(standing.order))
    if not missing and not unknown:
        return []
    count = len(missing) + unknown
    stopped = "the run had stopped early, and these thresholds ask for more; " if evidence.sequential else ""
    sentence = f"{count} of {evidence.dataset.cases} cases have no result at all: {stopped}run the gate again."
    return [incomplete(None, sentence, missing)]


def _critical(evidence: Evidence, standing: looks.Standing, policy: Policy) -> list[Finding]:
    """Critical cases beyond the look that lack a score: they are asked early because each one counts by itself."""
    seen, critical = set(standing.seen), set(policy.critical_tags)
    gating = {*(ruling.limit.criterion for ruling in standing.rulings), *standing.undecided_checks}
    lost = dict.fromkeys(
        result.case
        for result in evidence.results
        if result.case not in seen
        and critical & set(result.tags)
        and any(result.values.get(name) is None for name in gating)
    )
    if not lost:
        return []
    return [incomplete(None, f"{len(lost)} critical cases could not be decided: {some(tuple(lost))}.", tuple(lost))]


def _undecided(
    evidence: Evidence, comparisons: Sequence[Comparison], standing: looks.Standing, policy: Policy
) -> list[Finding]:
    seen = standing.seen
    have = {result.case for result in evidence.results}
    found = []
    for comparison in comparisons:
        alone = standing.undecided_checks.get(comparison.criterion, {})
        left_out = tuple(dict.fromkeys([*comparison.undecided, *(case for case in alone if case in have)]))
        if len(left_out) > policy.max_left_out * len(seen) or (left_out and len(left_out) >= len(seen)):
            why = _why_undecided(evidence.results, comparison.criterion, left_out[0])
            sentence = (
                f"{comparison.criterion}: {len(left_out)} of {max(len(seen), len(left_out))} cases could not be "
                f"decided ({some(left_out)}); the first: {why}"
            )
            found.append(incomplete(comparison.criterion, sentence, left_out))
    return found


def _untested_tags(evidence: Evidence, standing: looks.Standing, policy: Policy) -> list[Finding]:
    """A tag that may block is not silently left out because it has too few cases."""
    if not any(ruling.limit.kind == "max_drop" for ruling in standing.rulings):
        return []
    found = []
    for tag in policy.blocking_tags:
        tagged = {result.case for result in evidence.results if tag in result.tags}
        units = len({evidence.clusters.get(case, f"case {case}") for case in tagged})
        if 0 < units < tags.MIN_CASES:
            sentence = f"The tag {tag} may block, but {units} cases are too few to tell: {tags.MIN_CASES} are needed."
            found.append(incomplete(None, sentence, ()))
    return found


def _lost_cases(evidence: Evidence, policy: Policy) -> list[Finding]:
    """A dataset that shrank asks less than the baseline had to answer."""
    lost = evidence.dataset.lost
    if not lost or policy.removed_cases == "allow":
        return []
    sentence = (
        f"{len(lost)} cases of the baseline's dataset are gone ({some(lost)}): put them back, "
        "or set policy.removed_cases: allow."
    )
    return [incomplete(None, sentence, lost)]


def _why_undecided(results: Sequence[Result], criterion: str, case: str) -> str:
    for result in results:
        if result.case == case and result.values.get(criterion) is None:
            score = result.scores.get(criterion)
            return f"{result.arm}, {score.reason if isinstance(score, Unscored) else 'no score was recorded'}"
    return "one arm is missing"
