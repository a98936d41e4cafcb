"""Criteria are validated before anything is scored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalgate.domain import Check, Judge, Rubric
from evalgate.score.criterion import validate_criterion

RUBRIC = Rubric(name="tone", version="1.0.0", path="r.md", instruction="Judge.", inputs=(), minimum=1, maximum=5)
JUDGE = Judge(name="tone", rubric=RUBRIC, target="api")


def test_what_can_be_used_is_let_through() -> None:
    validate_criterion(Check(name="c", type="regex", options={"pattern": "^a+$"}))
    validate_criterion(JUDGE)


@pytest.mark.parametrize(
    "criterion",
    [
        Check(name="c", type="regex", options={"pattern": "("}),
        replace(JUDGE, mode="expected", rubric=replace(RUBRIC, maximum=20)),
        replace(JUDGE, rubric=replace(RUBRIC, maximum=1)),
    ],
)
def test_what_cannot_be_used_is_refused(criterion: Check | Judge) -> None:
    with pytest.raises(ValueError, match=r"."):
        validate_criterion(criterion)
