"""Blocking checks: cases that fail in every draw, checks that fail more often than the baseline's, undecided checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalgate.decide import exact_test, statistics
from evalgate.decide.draws import Draws
from evalgate.decide.exact_test import MoreFailures
from evalgate.decide.roles import Roles
from evalgate.decide.single_cases import Suspect, select_kind
from evalgate.domain import ANSWERED, Arm, BlockingCheck, Evidence, Finding, Score, Unscored, Verdict
from evalgate.domain.lists import name_some
from evalgate.domain.numbers import show_count, show_probability

if TYPE_CHECKING:
    from evalgate.decide.draws import Flags

MAX_UNANSWERED = 0.10
"""The largest share of unanswered baseline draws; with more of them, `answered` is undecided."""
SHARE_OF_LEVEL = 4
"""The divisor of a look's level for all checks together, where the gate compares criteria as well."""
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockingRuling:
    """The decision on one blocking check at a look; `why` names the reason where it fails or is undecided."""

    check: BlockingCheck
    why: str = ""


def failing_more(draws: Draws, roles: Roles, cases: int, compared_cases: int) -> Mapping[str, MoreFailures]:
    """Test each blocking check for more failures than the baseline, over the first `cases` cases.

    Only the candidate's first draws count. Equal requests count once, as their first case. Beyond the first
    `compared_cases`, the baseline may have been asked only about cases that the candidate fails. Such counts would be
    one-sided, so these cases are left out.
    """
    import numpy as np

    found = {}
    for check in roles.blocking:
        first = draws.scores(check, Arm.CANDIDATE)[0]
        scores, drawn = draws.scores(check, Arm.BASELINE), draws.drawn[Arm.BASELINE]
        whole = (
            ~np.isnan(first)
            & draws.applies(check)
            & drawn.any(axis=0)
            & ~(drawn & np.isnan(scores)).any(axis=0)
            & draws.alone
        )
        whole[cases:] = False
        for part in (slice(0, compared_cases), slice(compared_cases, cases)):
            holds = first[part] >= statistics.CASE_PASSES
            if 2 * (holds & ~drawn[:, part].any(axis=0)).sum() > holds.sum():
                whole[part] = False
        failed = (first[whole] < statistics.CASE_PASSES).astype(int).tolist()
        others = (drawn & (scores < statistics.CASE_PASSES)).sum(axis=0)[whole].tolist()
        counts = drawn.sum(axis=0)[whole].tolist()
        found[check] = exact_test.more_failures(zip(failed, others, counts, strict=True))
    return found


def proven_more(tests: Mapping[str, MoreFailures], roles: Roles, level: float) -> frozenset[str]:
    """Return the checks that are proven to fail more often at this look's level.

    Holm's correction covers the checks that can reach the level with their counts.
    """
    own = level / SHARE_OF_LEVEL if roles.compared else level
    able = [check for check, test in tests.items() if test.least <= own]
    rejected = statistics.holm([tests[check].p_value for check in able], own)
    return frozenset(check for check, is_rejected in zip(able, rejected, strict=True) if is_rejected)


def rule_on_check(
    check: str,
    draws: Draws,
    roles: Roles,
    suspects: Sequence[Suspect],
    test: MoreFailures,
    *,
    cases: int,
    is_proven: bool,
) -> BlockingRuling:
    """Decide one check over the first `cases` cases; `suspects` are the suspects among them.

    `is_proven`: the check is proven to fail more often than with the baseline.
    """
    applies = draws.applies(check)
    drawn = {arm: (draws.drawn[arm] & applies)[:, :cases] for arm in Arm}
    scores = {arm: draws.scores(check, arm)[:, :cases] for arm in Arm}
    fails = {arm: drawn[arm] & (scores[arm] < statistics.CASE_PASSES) for arm in Arm}
    for_good = [s.case for s in select_kind(suspects, check, "for_good", "settled")]
    unsettled = [s.case for s in select_kind(suspects, check, "for_good", "open", "lost")]
    first = fails[Arm.CANDIDATE][0]
    before = fails[Arm.BASELINE].any(axis=0)
    known = {*for_good, *unsettled}
    wavered = [case for case in _select_cases(draws, first & ~before) if case not in known]
    why = _explain_failure(check, roles, fails[Arm.CANDIDATE], for_good, is_proven)
    decision = Verdict.FAIL if why else Verdict.PASS
    if not why:
        why = _explain_undecided(check, draws, drawn, scores, unsettled)
        decision = Verdict.INCONCLUSIVE if why else Verdict.PASS
    return BlockingRuling(
        check=BlockingCheck(
            criterion=check,
            decision=decision,
            cases=int(drawn[Arm.CANDIDATE][0].sum()),
            failed=int(first.sum()),
            baseline_draws=int(drawn[Arm.BASELINE].sum()),
            baseline_failed=int(fails[Arm.BASELINE].sum()),
            p_more=test.p_value,
            for_good=tuple(for_good),
            open=tuple(unsettled),
            wavered=tuple(wavered),
            both=tuple(_select_cases(draws, first & before)),
        ),
        why=why,
    )


def _explain_failure(check: str, roles: Roles, fails: Flags, for_good: Sequence[str], is_proven: bool) -> str:
    if check in roles.strict and fails.any():
        return "strict"
    if for_good:
        return "for_good"
    return "more" if is_proven else ""


def _explain_undecided(
    check: str,
    draws: Draws,
    drawn: Mapping[Arm, Flags],
    scores: Mapping[Arm, statistics.Numbers],
    unsettled: Sequence[str],
) -> str:
    import numpy as np

    if unsettled:
        return "unsettled"
    failed_calls = {arm: draws.failed[arm][:, : drawn[arm].shape[1]] for arm in Arm}
    expected = {arm: drawn[arm] & ~failed_calls[arm] if check == ANSWERED else drawn[arm] for arm in Arm}
    if not any((scores[arm] >= statistics.CASE_PASSES).any() for arm in Arm):
        return "nowhere"
    if any((expected[arm] & np.isnan(scores[arm])).any() for arm in Arm):
        return "unscored"
    if (drawn[Arm.BASELINE].any(axis=0) & ~drawn[Arm.CANDIDATE].any(axis=0)).any():
        return "absent"
    if check == ANSWERED:
        baseline = drawn[Arm.BASELINE] & draws.alone[: drawn[Arm.BASELINE].shape[1]]
        unanswered = baseline & ~(scores[Arm.BASELINE] >= statistics.CASE_PASSES)
        if unanswered.sum() > MAX_UNANSWERED * baseline.sum():
            return "unanswered"
    return ""


def make_finding(ruling: BlockingRuling, evidence: Evidence) -> Finding:
    """Return a ruling as a finding. An undecided check blocks at every level."""
    found = ruling.check
    return Finding(
        criterion=found.criterion,
        kind="check" if found.decision is not Verdict.INCONCLUSIVE else "completeness",
        decision=found.decision,
        sentence=_write_sentence(ruling, evidence),
        blocks=found.decision is not Verdict.PASS,
        cases=_list_cases_behind(ruling, evidence),
    )


def _list_cases_behind(ruling: BlockingRuling, evidence: Evidence) -> tuple[str, ...]:
    """Return the cases that a reader should see first; empty where the check holds."""
    found = ruling.check
    match ruling.why:
        case "":
            return ()
        case "strict":
            return _list_failing(found, evidence)
        case "more":
            return tuple(dict.fromkeys((*found.for_good, *found.open, *found.wavered)))
        case _:
            return found.for_good or found.open


def _write_sentence(ruling: BlockingRuling, evidence: Evidence) -> str:
    found, name = ruling.check, ruling.check.criterion
    described: Mapping[str, Callable[[BlockingCheck, Evidence], str]] = {
        "strict": _explain_strict,
        "for_good": _explain_for_good,
        "more": lambda check, _: (
            f"proven to fail more often than the baseline: {_describe_failures(check)} "
            f"({show_probability(check.p_more)})"
        ),
        "unsettled": _explain_unsettled,
        "nowhere": lambda check, _: (
            f"holds in no draw of either version, so there is nothing to compare: {_describe_failures(check)}"
        ),
        "unscored": _explain_unscored,
        "absent": _explain_absent,
        "unanswered": lambda check, evidence: (
            f"{check.baseline_failed or 'some'} of {show_count(check.baseline_draws, 'draw')} of the baseline have no "
            f"answer, and at most {MAX_UNANSWERED:.0%} may{_say_copies(evidence)}: sample the baseline again"
        ),
    }
    return f"{name}: {described[ruling.why](found, evidence)}." if ruling.why else _describe_holding(found, evidence)


def _explain_strict(found: BlockingCheck, evidence: Evidence) -> str:
    failing = _list_failing(found, evidence)
    return (
        f"strict, so it must hold in every draw, and it fails in a draw of {name_some(failing, _NAMED)}"
        f"{_quote_reason(evidence, found.criterion, failing)}"
    )


def _list_failing(found: BlockingCheck, evidence: Evidence) -> tuple[str, ...]:
    """Return the cases on which some draw of the candidate in this run, repeats included, fails a check."""
    failing = dict.fromkeys(
        result.case
        for result in evidence.results
        if result.arm is Arm.CANDIDATE and _is_failed(result.values.get(found.criterion))
    )
    return tuple(failing)


def _is_failed(value: float | None) -> bool:
    return value is not None and value < statistics.CASE_PASSES


def _explain_for_good(found: BlockingCheck, evidence: Evidence) -> str:
    held = "every draw of the baseline passes" if found.baseline_draws else "there is no baseline"
    return (
        f"{name_some(found.for_good, _NAMED)} {_fails(found.for_good)} in {statistics.DRAWS_AMONG_MANY} of "
        f"{statistics.DRAWS_AMONG_MANY} draws, and {held}{_quote_reason(evidence, found.criterion, found.for_good)}"
    )


def _explain_unsettled(found: BlockingCheck, evidence: Evidence) -> str:
    cannot = "" if evidence.redraws else ", and recorded outputs cannot be drawn again"
    return (
        f"{name_some(found.open, _NAMED)} {_fails(found.open)} with the candidate and passed with the baseline"
        f"{cannot}: {statistics.DRAWS_AMONG_MANY} draws are needed to decide"
        f"{_quote_reason(evidence, found.criterion, found.open)}"
    )


def _explain_unscored(found: BlockingCheck, evidence: Evidence) -> str:
    excluded = _find_excluded(found.criterion, evidence)
    without = [result for result in evidence.results if result.values.get(found.criterion) is None]
    lacking = [result for result in without if result.case not in excluded]
    score = lacking[0].scores.get(found.criterion) if lacking else None
    why = score.reason.rstrip(".") if isinstance(score, Unscored) else "no score was recorded"
    draws = f"{show_count(len(lacking), 'draw has', 'draws have')} no score"
    where = f"; {lacking[0].case}, {lacking[0].arm}: {why}" if lacking else ""
    return f"{draws}, so it is not known whether the check holds there{where}"


def _say_copies(evidence: Evidence) -> str:
    """Return that equal requests count once for a share, after a comma; empty where there are none."""
    is_copied = any(first != case for case, first in evidence.requests.items())
    return ", where equal requests count once" if is_copied else ""


def _explain_absent(found: BlockingCheck, evidence: Evidence) -> str:
    have = {result.case for result in evidence.results if result.arm is Arm.CANDIDATE}
    lacking = dict.fromkeys(result.case for result in evidence.results if result.case not in have)
    where = name_some(list(lacking), _NAMED)
    return f"the candidate has no result of {where}, so it is not known whether the check holds there"


def _find_excluded(check: str, evidence: Evidence) -> frozenset[str]:
    return frozenset(case for c in evidence.criteria if c.name == check for case in c.excluded)


def _describe_holding(found: BlockingCheck, evidence: Evidence) -> str:
    name = found.criterion
    if not found.failed and not found.baseline_failed:
        part = " to which it applies" if _find_excluded(name, evidence) else ""
        return f"{name}: holds on {'the only case' if found.cases == 1 else f'all {found.cases:,} cases'}{part}."
    text = f"{name}: holds, compared with the baseline: {_describe_failures(found)}."
    if found.wavered:
        text += f" Failed once and held when asked again: {name_some(found.wavered, _NAMED)}."
    if found.both:
        text += f" Failed by both versions: {name_some(found.both, _NAMED)}."
    return text


def _describe_failures(found: BlockingCheck) -> str:
    before = (
        f"; the baseline: {found.baseline_failed} of {show_count(found.baseline_draws, 'draw')}"
        if found.baseline_draws
        else ""
    )
    return f"{found.failed} of {show_count(found.cases, 'case')} failed{' at first' if found.failed else ''}{before}"


def _fails(cases: Sequence[str]) -> str:
    return "fails" if len(cases) == 1 else "fail"


def _quote_reason(evidence: Evidence, check: str, cases: Sequence[str]) -> str:
    """Return the reason why the first of these cases fails, after a semicolon; empty where no reason is known."""
    for result in evidence.results if cases else ():
        if result.case != cases[0] or result.arm is not Arm.CANDIDATE:
            continue
        score = result.scores.get(check)
        if isinstance(score, Score) and _is_failed(score.value) and score.reason:
            return f"; {cases[0]}: {score.reason.rstrip('.')}"
    return ""


def _select_cases(draws: Draws, flags: Flags) -> list[str]:
    return [draws.order[int(place)] for place in flags.nonzero()[0]]
