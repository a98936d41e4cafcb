"""Tests of `evalgate explain`."""

from __future__ import annotations

from collections.abc import Callable

from gated_project import Ended

from evalgate.report.explanations import TOPICS


def test_it_explains_a_kind_and_words_of_a_sentence(evalgate: Callable[..., Ended]) -> None:
    told = evalgate("explain", "version")
    assert told.code == 0 and "evalgate bump" in told.out and "docs/versions-and-levels.md" in told.out
    assert evalgate("explain", "version 1.0.0 is older", "than the baseline's 2.0.0").out == told.out


def test_without_an_argument_it_lists_all(evalgate: Callable[..., Ended]) -> None:
    told = evalgate("explain")
    assert told.code == 0 and all(f"  {name} " in told.out for name in TOPICS)


def test_a_typing_error_is_refused_with_the_closest_name(evalgate: Callable[..., Ended]) -> None:
    told = evalgate("explain", "completness")
    assert (told.code, told.out) == (2, "") and 'did you mean "completeness"?' in told.err
