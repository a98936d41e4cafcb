"""Tags on which a criterion fell: how many tests, which of them block, and how few cases are not tested."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decide.small_evidence import JUDGE, evidence, results

from evalgate.decide import tags
from evalgate.decide.compare import pair
from evalgate.decide.draws import collect_draws
from evalgate.domain import Evidence, TagFall, Verdict


def tagged(fallen: int, *, tag: str = "refunds", cases: int = 60) -> Evidence:
    """Evidence in which the first `fallen` cases have the tag and fell by about 0.3; the others have another tag."""
    candidate = [0.5 + 0.01 * (case % 3) if case < fallen else 0.8 for case in range(cases)]
    found = results([0.8] * cases, candidate)
    return evidence([replace(one, tags=(tag if int(one.case[-3:]) < fallen else "rest",)) for one in found])


def find(found: Evidence, *blocking: str) -> tuple[TagFall, ...]:
    pairs = {JUDGE.name: pair(collect_draws(found), JUDGE.name, (), with_baseline=True)}
    return tags.find_falls(found, pairs, alpha=0.05, blocking=blocking)


def test_a_tag_that_fell_is_found_with_its_mean_and_its_size() -> None:
    (fall,) = find(tagged(12))
    assert (fall.tag, fall.criterion, fall.n, fall.blocks) == ("refunds", JUDGE.name, 12, False)
    assert fall.difference == pytest.approx(-0.29)


@pytest.mark.parametrize(("cases", "tested"), [(tags.MIN_CASES - 1, False), (tags.MIN_CASES, True)])
def test_a_tag_of_few_cases_is_not_tested(cases: int, tested: bool) -> None:
    assert bool(find(tagged(cases))) is tested


def test_copies_of_one_request_are_one_unit_of_a_tag() -> None:
    found = tagged(12)
    assert find(replace(found, requests={f"case-{case:03}": "q" for case in range(12)})) == ()


def test_only_a_tag_that_may_block_fails() -> None:
    assert tags.make_findings(find(tagged(12))) == []
    (finding,) = tags.make_findings(find(tagged(12), "refunds"))
    assert (finding.decision, finding.blocks, finding.kind) == (Verdict.FAIL, True, "tag")
    assert "faithfulness: proven worse on the cases tagged refunds: -0.290 over 12 of them" in finding.sentence


def test_a_tag_that_seems_worse_holds_back_an_early_pass() -> None:
    found = tagged(12)
    pairs = {JUDGE.name: pair(collect_draws(found), JUDGE.name, (), with_baseline=True)}
    own = {one.case: one.tags for one in found.results}
    assert tags.seems_to_fall(own, pairs)
    assert not tags.seems_to_fall(dict.fromkeys(own, ()), pairs)
