"""A case in four lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.report import case_selection
from evalgate.report.case_lines import cut_words, make_case_lines


def test_a_case_has_four_lines_that_fit(samples) -> None:
    case = case_selection.select_cases(samples.failing().gates[0])[0]
    lines = make_case_lines(case, 80, critical=("critical",))
    assert (lines.case, lines.why) == ("refund-017", 'critical, facts, faithfulness: "30 days" is missing')
    assert [name for name, _ in lines.rest] == ["query", "baseline", "candidate"]
    assert all(len(name) + len(text) + 4 <= 80 for name, text in lines.rest)
    assert make_case_lines(case, 80).why.startswith("facts")


def test_outputs_are_cut_around_their_first_difference(samples) -> None:
    case = case_selection.select_cases(samples.failing().gates[0])[0]
    before, after = (text for _, text in make_case_lines(case, 60).rest[1:])
    assert before.startswith("... ") and "within 30" in before and "at any" in after


@given(st.text("ab ", max_size=60), st.integers(8, 40))
def test_a_text_is_cut_between_words_where_it_can_be(text: str, most: int) -> None:
    cut = cut_words(text, most)
    assert len(cut) <= most
    assert cut == text if len(text) <= most else (cut.endswith(" ...") and text.startswith(cut.removesuffix(" ...")))


@pytest.mark.parametrize(("most", "cut"), [(14, "one two ..."), (30, "one two three four")])
def test_words_stay_whole(most: int, cut: str) -> None:
    assert cut_words("one two three four", most) == cut
