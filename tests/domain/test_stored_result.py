"""A result that keeps numbers in memory and reads its texts from a store."""

from __future__ import annotations

from evalgate.domain import Arm, Output, Result, Score, Unscored
from evalgate.domain.stored_result import StoredResult

WHOLE = Result(
    case="a",
    arm=Arm.CANDIDATE,
    repeat=1,
    tags=("t",),
    outcome=Output(text="x", seconds=2.0, served_by="m"),
    scores={"a": Score(value=0.5), "b": Unscored(reason="no")},
)


class Lines:
    """A store of one result that counts how often it is read."""

    def __init__(self) -> None:
        self.kept = [WHOLE]
        self.reads = 0

    def put(self, whole: Result) -> Result:
        self.kept.append(whole)
        return StoredResult(whole, whole.values, self, len(self.kept) - 1)

    def line(self, place: int) -> str:
        return f"line {place}"

    def result(self, place: int) -> Result:
        self.reads += 1
        return self.kept[place]


def test_what_a_verdict_needs_is_read_without_the_store() -> None:
    lines = Lines()
    stored = StoredResult(WHOLE, WHOLE.values, lines, 0)
    for name in ("case", "arm", "repeat", "tags", "values", "failure", "served_by", "seconds", "text_mark"):
        assert getattr(stored, name) == getattr(WHOLE, name), name
    assert lines.reads == 0
    assert (stored.outcome, stored.scores, stored.replies, stored.line) == (WHOLE.outcome, WHOLE.scores, {}, "line 0")


def test_a_result_with_other_scores_is_stored_as_another() -> None:
    lines = Lines()
    stored = StoredResult(WHOLE, WHOLE.values, lines, 0)
    other = stored.with_score("c", Score(value=1.0)).without(["a"])
    assert other.values == {"b": None, "c": 1.0} and stored.values == WHOLE.values
    assert other.scores == {"b": Unscored(reason="no"), "c": Score(value=1.0)}
