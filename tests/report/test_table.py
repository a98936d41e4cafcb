"""No cell of the CSV is a formula, whatever a spreadsheet takes for the end of a cell."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from evalgate.report.csv import escape_formula

_BEGINS = re.compile("[=+\\-@\uff1d\uff0b\uff0d\uff20]")
_TEXTS = st.text(st.sampled_from("ab;=+-@'\"\t\n ,\uff1d\uff0b\uff0d\uff20"), max_size=12)


@given(_TEXTS)
def test_no_cell_begins_as_a_formula(text: str) -> None:
    first, *others = re.split("[;\t\n]", escape_formula(text))
    assert not _BEGINS.match(first)
    for cell in others:
        assert not _BEGINS.match(cell.lstrip("\"'"))


@given(_TEXTS)
def test_only_spaces_are_added(text: str) -> None:
    plain = text.replace("\n", "\\n").replace("\t", "\\t")
    assert escape_formula(text).replace(" ", "") == plain.replace(" ", "")


def test_a_text_without_formulas_stays() -> None:
    assert escape_formula("must contain 3 - 4; found none; -0.3") == "must contain 3 - 4; found none; -0.3"
