"""Findings for missing results: anything that was expected and not decided prevents a PASS, at every level."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from evalgate.decide import looks, schedule, tags
from evalgate.decide.compare import Paired
from evalgate.decide.roles import Roles
from evalgate.domain import ANSWERED, Arm, Evidence, Finding, Policy, Result, Unscored, Verdict
from evalgate.domain.case_ids import describe_lost
from evalgate.domain.lists import name_some
from evalgate.domain.numbers import show_count


def make_findings(evidence: Evidence, standing: looks.GateState, policy: Policy) -> list[Finding]:
    """Return a blocking finding for each thing missing: cases, scores, critical cases, tags that were not tested."""
    if evidence.level is not None and evidence.level.findings and not evidence.results:
        return [make_incomplete_finding(None, "No case was run: the declared version has to be corrected first.", ())]
    if not evidence.criteria or not evidence.results:
        what = "no criterion applies at this level" if evidence.results else "no case was evaluated"
        return [
            make_incomplete_finding(
                None, f"Nothing was measured: {what}. Configure a check, or let the level run judges.", ()
            )
        ]
    return [
        *_find_without_results(evidence, standing),
        *_find_critical(evidence, standing, policy),
        *_find_undecided(evidence, standing, policy),
        *_find_untested_tags(evidence, standing, policy),
        *_find_lost_cases(evidence, policy),
    ]


def make_incomplete_finding(criterion: str | None, sentence: str, cases: Sequence[str]) -> Finding:
    """Return an inconclusive finding that blocks at every level."""
    return Finding(
        criterion=criterion,
        kind="completeness",
        decision=Verdict.INCONCLUSIVE,
        sentence=sentence,
        blocks=True,
        cases=tuple(cases),
    )


def make_moved_findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield an inconclusive finding for each name outside of the repository that has another content than was measured.

    The numbers are those of the content that the report names, and no verdict on what the name has now.
    """
    for sentence in evidence.moved:
        yield make_incomplete_finding(None, f"{sentence}: run the gate again.", ())


def name_cases(cases: Sequence[str]) -> str:
    """Return the names of the first five cases as text."""
    return name_some(cases, 5, rest=", ...")


def _find_without_results(evidence: Evidence, standing: looks.GateState) -> list[Finding]:
    have = {result.case for result in evidence.results}
    # Checks that decide over every case need an output for each, even after the comparison stopped early.
    # Where the results end before the verdict is clear, every case is needed as well.
    unclear = standing.look.early and not standing.final
    owed = standing.order if (standing.owes_all or unclear) and not standing.fails else standing.seen
    missing = [case for case in owed if case not in have]
    unknown = max(0, evidence.dataset.cases - len(standing.order))
    if not missing and not unknown:
        return []
    count = len(missing) + unknown
    # a run that stopped early has the first cases of the order; a shard that is missing leaves gaps in it
    is_stopped = evidence.sequential and have == set(standing.order[: len(have)])
    stopped = "the run stopped early, and these thresholds need more cases; " if is_stopped else ""
    sentence = (
        f"{count} of {show_count(evidence.dataset.cases, 'case')} {'has' if count == 1 else 'have'} no "
        f"result at all: {stopped}run the gate again."
    )
    return [make_incomplete_finding(None, sentence, missing)]


def missing_repeats(known: Collection[tuple[str, str, int]]) -> Iterator[tuple[str, str, int]]:
    """Yield, for each case and arm, the first repeat that is missing between others: a sample without a score."""
    repeats: dict[tuple[str, str], set[int]] = {}
    for case, arm, repeat in known:
        repeats.setdefault((case, arm), set()).add(repeat)
    for (case, arm), own in repeats.items():
        missing = next((repeat for repeat in range(min(own), max(own)) if repeat not in own), None)
        if missing is not None:
            yield case, arm, missing


def _find_critical(evidence: Evidence, standing: looks.GateState, policy: Policy) -> list[Finding]:
    """Return a finding for the critical cases that lack a score, including those that the look has not reached.

    A case without any result of a version lacks its scores there. A tag in one row of a case is one of the case.
    """
    critical = {case for case, own in standing.draws.tags.items() if set(policy.critical_tags) & set(own)}
    if not critical:
        return []
    roles = standing.roles
    gating = {*(ruling.limit.criterion for ruling in standing.rulings), *roles.blocking, *roles.floored} - {ANSWERED}
    lost = dict.fromkeys(
        result.case
        for result in evidence.results
        if result.case in critical
        and (
            result.failure == "infrastructure"
            or any(roles.is_unscored(name, result.values, result.case) for name in gating)
        )
    )
    needed = [Arm.CANDIDATE, *([Arm.BASELINE] if standing.roles.compared else [])]
    have = {(result.case, result.arm) for result in evidence.results}
    lost |= dict.fromkeys(
        case for case in standing.order for arm in needed if case in critical and (case, arm) not in have
    )
    if not lost:
        return []
    return [
        make_incomplete_finding(
            None,
            f"{show_count(len(lost), 'critical case')} could not be decided: {name_cases(tuple(lost))}.",
            tuple(lost),
        )
    ]


def _find_undecided(evidence: Evidence, standing: looks.GateState, policy: Policy) -> list[Finding]:
    """Return a finding for each criterion with too few scores, regardless of their values.

    A limit has too few if fewer than half of the cases seen have a pair, if there are fewer than `policy.min_cases`
    units, or if more cases lack a score than the policy allows. A check with a floor has too few if any case lacks a
    score, unless the policy allows some. A limit that passed at an earlier look needs its pairs at the last one too.
    """
    found: list[Finding] = []
    failed = {ruling.limit.criterion for ruling in standing.rulings if ruling.decision is Verdict.FAIL}
    seen = standing.look.cases
    for ruling in standing.rulings:
        name = ruling.limit.criterion
        if name in failed or any(finding.criterion == name for finding in found):
            continue
        paired = (standing.alone if ruling.limit.kind == "min" else standing.pairs)[name].upto(seen)
        if schedule.has_too_many_lost(paired.lost, standing.draws.count_different(name), policy):
            lost = tuple(paired.undecided) or tuple(standing.order[place] for place in paired.unscored)
            why = _explain_undecided(evidence.results, name, lost[0])
            sentence = (
                f"{name}: {paired.lost} of {show_count(seen, 'case')} could not be decided "
                f"({name_cases(lost)}); the first: {why}"
            )
            found.append(make_incomplete_finding(name, sentence, lost))
        elif needed := _describe_needed(standing, paired, len(ruling.limit.list_tested(paired)), name, policy):
            left_out = (*paired.undecided, *paired.left_out)
            why = _explain_left_out(evidence.results, standing.roles, name, left_out[0]) if left_out else ""
            sentence = (
                f"{name}: only {len(paired.cases)} of {show_count(seen, 'case')} "
                f"{'has' if len(paired.cases) == 1 else 'have'} a usable output of both versions, and {needed}{why}."
            )
            found.append(make_incomplete_finding(name, sentence, left_out))
    have = {result.case for result in evidence.results}
    failed |= {finding.criterion or "" for finding in standing.checked if finding.decision is Verdict.FAIL}
    for name in standing.roles.floors:
        lost = tuple(case for case in standing.alone[name].undecided if case in have)
        if name not in failed and len(lost) > (policy.max_left_out or 0.0) * len(standing.order):
            why = _explain_undecided(evidence.results, name, lost[0])
            sentence = (
                f"{name}: {show_count(len(lost), 'case has', 'cases have')} no score ({name_cases(lost)}); "
                f"the first: {why}"
            )
            found.append(make_incomplete_finding(name, sentence, lost))
    return found


def _describe_needed(standing: looks.GateState, paired: Paired, units: int, name: str, policy: Policy) -> str:
    """Return how many pairs a limit needs that has too few, in `units` units; empty where it has enough.

    On a dataset with fewer units than `policy.min_cases` no limit has enough, and another finding says so.
    """
    there = standing.draws.count_units(name)
    if there < policy.min_cases:
        return ""
    if units < policy.min_cases:
        which = f"all {there}" if there == policy.min_cases else f"at least {policy.min_cases} of {there}"
        return f"{which} units are needed"
    is_enough = looks.has_enough_pairs(standing.draws, paired, standing.look.cases)
    return "" if is_enough else "at least half of the cases are needed"


def _find_untested_tags(evidence: Evidence, standing: looks.GateState, policy: Policy) -> list[Finding]:
    """Return a finding for each tag that may block and was not tested, since too few of its cases have a pair.

    Some criterion has to apply to 8 units of the tag, and each that does has to be tested. Before the last look only a
    FAIL ends the comparison, so the cases to come are not missing.
    """
    limits = dict.fromkeys(r.limit.criterion for r in standing.rulings if r.limit.kind == "max_drop")
    found = []
    for tag in policy.blocking_tags if limits and not standing.look.early else ():
        tagged = {result.case for result in evidence.results if tag in result.tags}
        units = {name: standing.draws.count_units(name, tagged) for name in limits}
        if tagged and max(units.values()) < tags.MIN_CASES:
            sentence = (
                f"The tag {tag} may block, but {show_count(max(units.values()), 'case is', 'cases are')} too few to "
                f"test: {tags.MIN_CASES} are needed."
            )
            found.append(make_incomplete_finding(None, sentence, ()))
        for name in limits:
            paired = standing.pairs[name]
            scored = standing.draws.count_units(name, tagged & set(paired.cases))
            if scored < tags.MIN_CASES <= units[name]:
                lost = tuple(case for case in (*paired.undecided, *paired.left_out) if case in tagged)
                sentence = (
                    f"{name}: the tag {tag} may block, and only {scored} of its {show_count(units[name], 'case')} "
                    f"{'has' if scored == 1 else 'have'} a score of both versions ({name_cases(lost)} without): "
                    f"{tags.MIN_CASES} are needed to test it."
                )
                found.append(make_incomplete_finding(name, sentence, lost))
    return found


def _find_lost_cases(evidence: Evidence, policy: Policy) -> list[Finding]:
    """Return findings for cases that were removed from the baseline's dataset, or that a criterion or a tag lost."""
    lost = evidence.dataset.lost
    if policy.removed_cases == "allow":
        return []
    narrowed = [
        make_incomplete_finding(
            name,
            f"{name} applied to {show_count(len(cases), 'case')} of the baseline's dataset to which it no longer "
            f"applies ({name_cases(cases)}): undo that, or set policy.removed_cases: allow.",
            cases,
        )
        for name, cases in evidence.dataset.narrowed.items()
    ]
    narrowed += [
        make_incomplete_finding(
            None,
            f"The tag {tag} was removed from {show_count(len(cases), 'case')} of the baseline's "
            f"dataset ({name_cases(cases)}): put it back, or set policy.removed_cases: allow.",
            cases,
        )
        for tag, cases in evidence.dataset.untagged.items()
    ]
    if not lost:
        return narrowed
    removed = show_count(len(lost), "case of the baseline's dataset was", "cases of the baseline's dataset were")
    sentence = (
        f"{removed} removed ({name_cases(lost)}): put {'it' if len(lost) == 1 else 'them'} back, "
        f"or set policy.removed_cases: allow.{describe_lost(lost)}"
    )
    return [make_incomplete_finding(None, sentence, lost), *narrowed]


def _explain_undecided(results: Sequence[Result], criterion: str, case: str) -> str:
    have = [result for result in results if result.case == case]
    for result in have:
        if result.values.get(criterion) is None:
            score = result.scores.get(criterion)
            return f"{result.arm}, {score.reason if isinstance(score, Unscored) else 'no score was recorded'}"
    return "one arm is missing"


def _explain_left_out(results: Sequence[Result], roles: Roles, criterion: str, case: str) -> str:
    """Return the check that makes an output of a case unusable, after a semicolon; empty where none is found."""
    for result in results:
        required = roles.list_required(criterion, case)
        failing = [name for name in required if (result.values.get(name) or 0.0) < 0.5]
        if result.case == case and failing:
            return f"; of {case} an output of the {result.arm} fails {failing[0]}"
    return ""
