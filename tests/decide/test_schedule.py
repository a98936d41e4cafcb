"""The schedule of a gate: its looks, the order of cases, and the fewest cases for a PASS."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decide.small_evidence import CHECK, JUDGE, RULES, evidence, results

from evalgate.decide import schedule
from evalgate.domain import Evidence, Threshold


def planned(cases: int, **fields: object) -> Evidence:
    return replace(evidence([], **fields), order=tuple(f"c{n:03}" for n in range(cases)), sequential=True)


def test_looks_end_with_all_cases_and_see_more_each_time() -> None:
    looks = schedule.plan_looks(planned(200), {}, RULES)
    assert [look.cases for look in looks] == [50, 100, 150, 200]
    assert [look.number for look in looks] == [1, 2, 3, 4] and {look.of for look in looks} == {4}


@pytest.mark.parametrize("found", [replace(planned(200), sequential=False), planned(200, criteria=(CHECK,))])
def test_a_run_that_may_not_stop_or_compares_nothing_has_one_look(found: Evidence) -> None:
    (look,) = schedule.plan_looks(found, {}, RULES)
    assert (look.cases, look.level) == (200, RULES.alpha)


def test_where_only_the_whole_level_can_prove_a_pass_there_is_one_look() -> None:
    single = {cases: len(schedule.plan_looks(planned(cases), {}, RULES)) == 1 for cases in (58, 59, 63, 64)}
    assert single == {58: False, 59: True, 63: True, 64: False}


def test_clusters_are_kept_together_and_count_once() -> None:
    found = replace(planned(5), clusters={"c000": "u", "c004": "u"})
    assert schedule.order_cases(found) == ("c000", "c004", "c001", "c002", "c003")
    assert schedule.count_units(found) == 4


def test_a_pass_needs_enough_cases_for_the_smallest_allowed_drop() -> None:
    needed, why = schedule.find_lacking(planned(20), {}, RULES) or (0, "")
    assert needed == 59 and "20 cases cannot prove that faithfulness fell by less than 0.05" in why
    assert schedule.find_lacking(planned(needed), {}, RULES) is None
    assert schedule.find_lacking(planned(20), {"faithfulness": Threshold(max_drop=0.2)}, RULES) is None
    assert schedule.find_lacking(planned(3, criteria=(CHECK,)), {}, RULES) is None


def test_declared_checks_floors_and_percentiles_decide_over_every_case() -> None:
    assert not schedule.decides_over_all(evidence([]), {}, RULES)
    assert schedule.decides_over_all(evidence([], criteria=(CHECK,)), {}, RULES)
    assert schedule.decides_over_all(evidence([], criteria=(CHECK,)), {"is_json": Threshold(minimum=0.9)}, RULES)
    slow = replace(JUDGE, kind="check", blocking=True, p95_seconds=3.0)
    assert schedule.decides_over_all(evidence([], criteria=(slow,)), {}, RULES)


@pytest.mark.parametrize(("cases", "allowed"), [(10, 1), (99, 1), (100, 2), (1_000, 20)])
def test_how_many_cases_may_lack_a_score(cases: int, allowed: int) -> None:
    assert not schedule.has_too_many_lost(allowed, cases, RULES)
    assert schedule.has_too_many_lost(allowed + 1, cases, RULES)
    assert not schedule.has_too_many_lost(cases, cases, replace(RULES, max_left_out=1.0))
    assert schedule.has_too_many_lost(1, cases, replace(RULES, max_left_out=0.0))


def test_results_change_nothing_of_the_order() -> None:
    found = planned(30)
    scored = replace(found, results=tuple(replace(one, case="c007") for one in results([0.0], [1.0])))
    assert schedule.order_cases(found) == schedule.order_cases(scored)
