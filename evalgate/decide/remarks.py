"""Remarks beside the thresholds: constant outputs, judges with one score for all, large drops without a threshold."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from evalgate.decide.compare import Paired
from evalgate.decide.looks import GateState
from evalgate.domain import Arm, Comparison, ConstantOutput, Evidence, Finding, Output, Policy, Result, Verdict
from evalgate.domain.case_ids import describe_lost
from evalgate.domain.numbers import show, show_count

LARGE_FALL = 0.25
"""The drop of a mean above which a remark is made, for criteria without a threshold."""
_MIN_CASES = 8
_DIFFERENT = 0.9
_SHARE = 0.05
_LEAST = 3
_MIN_ALONE = 20
_SHARE_ALONE = 0.9
_MOST = 0.5


def find_constant_output(evidence: Evidence, seen: Sequence[str]) -> ConstantOutput | None:
    """Return the text that the candidate gives for many different requests; None where there is none.

    At least 8 cases must have different requests, and 90 % of the baseline's texts must differ: a classifier, for
    example, repeats its texts on both arms. A text is constant when max(3, 5 %) of the cases have it, and its share is
    5 points larger than that of the baseline's most frequent text. The first draw of each case counts. White space does
    not make texts different.

    Without a baseline, a text is constant when at least 20 cases and 90 % of all have it, and its share is 5 points
    larger than that of the most frequent right answer.
    """
    texts = _collect_first_texts(evidence.results, frozenset(seen))
    arms = 1 if evidence.baseline is None else 2
    rows = {evidence.requests.get(case, case): both for case in seen if len(both := texts.get(case, {})) == arms}
    if not rows:
        return None
    mark, count = Counter(both[Arm.CANDIDATE] for both in rows.values()).most_common(1)[0]
    expected = _count_expected(evidence, rows)
    if expected is None or count < max(_LEAST, _SHARE * len(rows)) or count < expected + _SHARE * len(rows):
        return None
    if evidence.baseline is None and count < max(_MIN_ALONE, _SHARE_ALONE * len(rows)):
        return None
    for result in evidence.results:
        if result.arm is Arm.CANDIDATE and result.text_mark == mark and isinstance(result.outcome, Output):
            return ConstantOutput(text=result.outcome.text, cases=count)
    return None


def _count_expected(evidence: Evidence, rows: Mapping[str, Mapping[Arm, int]]) -> float | None:
    """Return in how many cases one text is nothing unusual: as the baseline answers, or as the dataset expects.

    None if nothing can be said: too few cases, or a baseline that repeats its texts.
    """
    if evidence.baseline is None:
        different = sum(evidence.requests.get(case, case) == case for case in evidence.order) or len(rows)
        return evidence.dataset.same_answer * len(rows) / different
    before = Counter(both[Arm.BASELINE] for both in rows.values())
    if len(rows) < _MIN_CASES or len(before) < _DIFFERENT * len(rows):
        return None
    return before.most_common(1)[0][1]


def make_constant_finding(found: ConstantOutput) -> Finding:
    """Return the finding on a constant output, which prevents a PASS at every level."""
    text = " ".join(found.text.split())
    short = text if len(text) <= 60 else f"{text[:59]}…"
    return Finding(
        criterion=None,
        kind="constant_output",
        decision=Verdict.INCONCLUSIVE,
        sentence=f'Constant output: the candidate answers "{short}" in {show_count(found.cases, "case")} with '
        "different requests.",
        blocks=True,
    )


def find_remarks(
    evidence: Evidence, comparisons: Sequence[Comparison], standing: GateState, policy: Policy
) -> Iterator[Finding]:
    """Yield the findings that decide nothing and are shown as notes below the verdict."""
    yield from _find_case_remarks(evidence, policy)
    same = _find_same_outputs(evidence, standing.order[: standing.cases])
    if same:
        yield _make_remark(
            None,
            f"All outputs are identical: both versions give the same text in {show_count(same, 'case')}, though "
            "the prompt differs.",
        )
    gating = {ruling.limit.criterion for ruling in standing.rulings} | set(standing.roles.blocking)
    gating |= set(standing.roles.floors)
    for comparison in comparisons:
        name, difference = comparison.criterion, comparison.difference
        if name not in gating and difference is not None and difference.value < -LARGE_FALL:
            fall = show(-difference.value, LARGE_FALL)
            yield _make_remark(name, f"{name} fell by {fall}, but has no threshold, so it does not decide.")
    for name in standing.roles.judges:
        value = _find_one_score(standing.pairs.get(name))
        if value is not None:
            yield _make_remark(
                name, f"{name} gives {show(value)} to every output of both versions, so it shows no difference."
            )


def _find_case_remarks(evidence: Evidence, policy: Policy) -> Iterator[Finding]:
    """Yield remarks on edited datasets: most cases have other content under the same id, or some were removed."""
    dataset = evidence.dataset
    if dataset.edited > _MOST * dataset.kept:
        sentence = (
            f"The cases were edited: of {show_count(dataset.kept, 'case')} that {dataset.path} had before, "
            f"{show_count(dataset.edited, 'has', 'have')} other content under the same id."
        )
        yield _make_remark(None, sentence)
    for name, cases in dataset.narrowed.items() if policy.removed_cases == "allow" else ():
        yield _make_remark(
            name,
            f"{name} no longer applies to {show_count(len(cases), 'case')} of the baseline's dataset, which the "
            "policy allows.",
        )
    for tag, cases in dataset.untagged.items() if policy.removed_cases == "allow" else ():
        what = f"{show_count(len(cases), 'case')} of the baseline's dataset"
        yield _make_remark(None, f"The tag {tag} was removed from {what}, which the policy allows from now on.")
    if dataset.lost and policy.removed_cases == "allow":
        count = len(dataset.lost)
        removed = show_count(count, "case of the baseline's dataset was", "cases of the baseline's dataset were")
        sentence = f"{removed} removed, which the policy allows."
        yield _make_remark(None, sentence + describe_lost(dataset.lost))


def _find_same_outputs(evidence: Evidence, seen: Sequence[str]) -> int:
    """Return the number of cases if two different versions give the same text in all of them, else 0."""
    if evidence.baseline is None or evidence.candidate is None or evidence.candidate.digest == evidence.baseline.digest:
        return 0
    texts = _collect_first_texts(evidence.results, frozenset(seen))
    same = all(len(both) == 2 and both[Arm.CANDIDATE] == both[Arm.BASELINE] for both in texts.values())
    return len(texts) if same else 0


def _find_one_score(paired: Paired | None) -> float | None:
    """Return the one score that a judge gives to every output of both arms; None for several scores or too few."""
    if paired is None or paired.differences is None or len(paired.cases) < _MIN_CASES:
        return None
    first = float(paired.candidate[0])
    same = (abs(paired.candidate - first) < 1e-9).all() and (abs(paired.differences) < 1e-9).all()
    return first if same and (paired.noise is None or math.isclose(paired.noise, 0.0, abs_tol=1e-12)) else None


def _make_remark(criterion: str | None, sentence: str) -> Finding:
    return Finding(criterion=criterion, kind="remark", decision=Verdict.PASS, sentence=sentence, blocks=False)


def _collect_first_texts(results: Sequence[Result], seen: frozenset[str]) -> Mapping[str, Mapping[Arm, int]]:
    """Return a mark (an id of equal texts) of each case's first draw, by arm; draws without a text are left out."""
    first: dict[tuple[str, Arm], tuple[int, int | None]] = {}
    for result in results:
        key = (result.case, result.arm)
        if result.case in seen and (key not in first or result.repeat < first[key][0]):
            first[key] = (result.repeat, result.text_mark)
    found: dict[str, dict[Arm, int]] = {}
    for (case, arm), (_, mark) in first.items():
        if mark is not None:
            found.setdefault(case, {})[arm] = mark
    return found
