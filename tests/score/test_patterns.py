"""Patterns in limited time."""

from __future__ import annotations

import time

import pytest

from evalgate.domain import Case, Check, Output, Score, Unscored
from evalgate.score import checks, patterns


def test_linear_time_is_limited_where_text_and_pattern_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "PATTERN_SECONDS", 0.2)
    text = ("a" * 100 + " ") * 2_000
    check = Check(name="c", type="regex", options={"pattern": r"(\pL\s?){300}x{300}$"})
    for _ in range(2):  # the second finds the first still at work, and does not begin
        started = time.monotonic()
        found = checks.score(check, Case(id="a", fields={}), Output(text=text))
        assert time.monotonic() - started < 2.0
        assert isinstance(found, Unscored) and "took more than 0.2 s on this output" in found.reason
    short = Check(name="c", type="regex", options={"pattern": r"(\w+\s?){30}z"})
    assert checks.score(short, Case(id="a", fields={}), Output(text=text + "z")) != found
    assert isinstance(checks.score(short, Case(id="a", fields={}), Output(text=text * 50)), Score)
