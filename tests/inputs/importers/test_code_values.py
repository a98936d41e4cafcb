"""Tests of the values of code: what counts as true, and regular expressions in RE2's syntax."""

from __future__ import annotations

import pytest

from evalgate.inputs.importers.code_values import UNDEFINED, Count, Text, is_true, to_re2
from evalgate.inputs.importers.output_conditions import Always, NoCheckError, make_check


def test_what_counts_as_true() -> None:
    assert [is_true(value) for value in (None, UNDEFINED, "", 0, "a", [], {})] == [
        Always(each) for each in (False, False, False, False, True, True, True)
    ]
    assert make_check(is_true(Text())) == {"type": "length", "min_chars": 1}
    assert make_check(is_true(Text(trimmed=True))) == {"type": "regex", "pattern": "\\S"}
    assert make_check(is_true(Count(lambda length: length - 3.0))) == {
        "type": "any_of",
        "checks": [{"type": "length", "max_chars": 2}, {"type": "length", "min_chars": 4}],
    }
    with pytest.raises(NoCheckError):
        is_true(object())


@pytest.mark.parametrize(
    ("pattern", "flags", "written"),
    [
        (r"a\/b\d", "", r"a/b\d"),
        (r"\u00e9\u{1F600}", "", r"\x{00e9}\x{1F600}"),
        (r"(?<n>a)(?<!b)[^]", "", r"(?P<n>a)(?<!b)[\s\S]"),
        ("^a$", "m", "(?m)^a$"),
    ],
)
def test_a_regular_expression_is_written_for_re2(pattern: str, flags: str, written: str) -> None:
    assert to_re2(pattern, flags) == written
