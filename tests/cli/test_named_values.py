"""Tests of values that are given by name."""

from __future__ import annotations

import click
import pytest

from evalgate.cli.named_values import NamedValue


def test_the_first_equals_sign_separates() -> None:
    assert NamedValue().convert("query=a=b", None, None) == ("query", "a=b")
    assert NamedValue().convert("query=", None, None) == ("query", "")
    assert NamedValue("JSON", is_json=True).convert('x=["a", 1]', None, None) == ("x", ["a", 1])


@pytest.mark.parametrize(("text", "is_json"), [("query", False), ("=x", False), ("x=[1", True), ("x=NaN", True)])
def test_other_forms_are_refused(text: str, is_json: bool) -> None:
    with pytest.raises(click.BadParameter):
        NamedValue(is_json=is_json).convert(text, None, None)
