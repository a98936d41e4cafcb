"""Tests of the options that read scores."""

from __future__ import annotations

import click
import pytest

from evalgate.cli.scores_options import CriterionScale


def test_a_scale_has_a_name_and_two_ends() -> None:
    assert CriterionScale().convert("Correctness [GEval]=1:5", None, None) == ("Correctness [GEval]", 1.0, 5.0)
    assert CriterionScale().convert("a=b=1:-0.5", None, None) == ("a=b", 1.0, -0.5)


@pytest.mark.parametrize("text", ["a", "a=", "a=1", "=1:2", "a=1:1", "a=nan:1", "a=0:inf", "a=x:1"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="not of the form NAME=LOW:HIGH"):
        CriterionScale().convert(text, None, None)
