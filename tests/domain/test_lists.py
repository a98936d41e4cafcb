from __future__ import annotations

import pytest

from evalgate.domain.lists import name_some


@pytest.mark.parametrize(
    ("names", "counted", "not_counted"),
    [
        ([], "", ""),
        (["a"], "a", "a"),
        (["a", "b"], "a, b", "a, b"),
        (["a", "b", "c"], "a, b and 1 more", "a, b, ..."),
        (("a", "b", "c", "d", "e"), "a, b and 3 more", "a, b, ..."),
    ],
)
def test_the_first_are_named(names: list[str], counted: str, not_counted: str) -> None:
    assert name_some(names, 2) == counted
    assert name_some(names, 2, rest=", ...") == not_counted
