"""Find the tags on which a criterion fell: information for the reader, or a FAIL where the policy lets a tag block."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from evalgate.decide import statistics
from evalgate.decide.compare import Paired
from evalgate.domain import Evidence, Finding, TagFall, Verdict
from evalgate.domain.numbers import show

FALSE_DISCOVERIES = 0.10
SEEMS_WORSE = 0.01
MIN_CASES = 8


def find_falls(
    evidence: Evidence, pairs: Mapping[str, Paired], *, alpha: float, blocking: Collection[str]
) -> tuple[TagFall, ...]:
    """Return the tags on which a criterion is worse, the smallest p-value first.

    Each tag of 8 cases or more and each criterion of `pairs` has a one-sided t test. Tags are flagged by Benjamini and
    Hochberg 1995 at q = 0.10 over all tests (uncorrected, 18 to 53 % of runs of identical versions show a false one).
    The tests of `blocking` tags are a separate family, at level `alpha` by Holm 1979.
    """
    members: dict[str, set[str]] = {}
    for result in evidence.results:
        for tag in result.tags:
            members.setdefault(tag, set()).add(result.case)
    tested = [
        fall
        for criterion, paired in pairs.items()
        for tag, cases in sorted(members.items())
        if (fall := _test_tag(tag, criterion, paired, cases)) is not None
    ]
    discovered = statistics.false_discoveries([fall.p_value for fall in tested], FALSE_DISCOVERIES)
    flagged = [fall for fall, found in zip(tested, discovered, strict=True) if found]
    family = [fall for fall in tested if fall.tag in blocking]
    rejected = statistics.holm([fall.p_value for fall in family], alpha)
    worse = [replace(fall, blocks=True) for fall, proven in zip(family, rejected, strict=True) if proven]
    known = {(fall.tag, fall.criterion) for fall in worse}
    rest = [fall for fall in flagged if (fall.tag, fall.criterion) not in known]
    return tuple(sorted([*worse, *rest], key=lambda fall: (fall.p_value, fall.tag, fall.criterion)))


def seems_to_fall(tags: Mapping[str, Collection[str]], pairs: Mapping[str, Paired]) -> bool:
    """Return whether a criterion is worse on some tag at p = 0.01, so that an early PASS waits for more of its cases.

    `tags` maps each case to its tags.
    """
    members: dict[str, set[str]] = {}
    for case, own in tags.items():
        for tag in own:
            members.setdefault(tag, set()).add(case)
    return any(
        fall is not None and fall.p_value <= SEEMS_WORSE
        for criterion, paired in pairs.items()
        for tag, cases in members.items()
        for fall in [_test_tag(tag, criterion, paired, cases)]
    )


def make_findings(found: Sequence[TagFall]) -> list[Finding]:
    """Return a FAIL for each tag that may block and is proven to fall."""
    return [
        Finding(
            criterion=fall.criterion,
            kind="tag",
            decision=Verdict.FAIL,
            sentence=f"{fall.criterion}: proven worse on the cases tagged {fall.tag}: "
            f"{show(fall.difference, 0.0, signed=True)} over {fall.n} of them.",
            blocks=True,
        )
        for fall in found
        if fall.blocks
    ]


def _test_tag(tag: str, criterion: str, paired: Paired, cases: Collection[str]) -> TagFall | None:
    assert paired.differences is not None
    mask = [place for place, case in enumerate(paired.cases) if case in cases]
    values = statistics.cluster_means(paired.differences[mask], paired.unit[mask].tolist())
    if len(values) < MIN_CASES:
        return None
    return TagFall(
        tag=tag,
        criterion=criterion,
        difference=statistics.mean(values),
        n=len(values),
        p_value=statistics.p_worse(values),
    )
