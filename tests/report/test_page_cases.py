"""The cases of the page, and what its filters find."""

from __future__ import annotations

from report.measured_gate import decided, held

from evalgate.domain import GateReport
from evalgate.report import movements, page_cases


def make(gate: GateReport, most: int = 100) -> page_cases.PageCases:
    return page_cases.make_page_cases(gate, movements.list_moves(gate), number=1, most=most)


def mixed() -> GateReport:
    """Ten cases that got worse, five that got better, the others as before; the baseline of one is not steady."""
    draws = iter(range(10_000))
    return decided(
        60,
        lambda place: held(0.2 if place < 10 else 0.9),
        lambda place: held(0.5 if 10 <= place < 15 else (0.2 + 0.7 * (next(draws) % 2) if place == 59 else 0.9)),
    )


def test_all_cases_are_there_each_once_worst_first() -> None:
    found = make(mixed())
    assert [title for title, _ in found.groups] == ["Regressed cases", "Improved cases", "Other cases"]
    ids = [case.id for _, group in found.groups for case in group]
    assert len(ids) == len(set(ids)) == found.count == 60 and found.left == 0
    assert len(found.groups[0][1]) == 10


def test_states_are_numbers_of_criteria() -> None:
    found = make(mixed())
    place = str(found.criteria.index("quality"))
    by_name = {case.shown.case: case for _, group in found.groups for case in group}
    assert by_name["c000"].worse == place and by_name["c000"].better == ""
    assert by_name["c012"].better == place
    assert by_name["c059"].unstable == place and by_name["c030"].unstable == ""


def test_a_tag_is_a_number(samples) -> None:
    found = make(samples.failing().gates[0])
    assert found.tags == ("critical", "refund")
    assert {case.tags for _, group in found.groups for case in group} == {"1 0"}


def test_what_the_page_has_no_room_for_is_counted() -> None:
    found = make(mixed(), most=7)
    assert (found.count, found.left) == (7, 53)
