"""The difference of two prompts, as lines."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import InputField, PromptChange
from evalgate.report import diff_rows, escape

Parts = tuple[tuple[str, str], ...]
TEXTS = st.lists(st.sampled_from(["one line", "another line", "a third one", "", "\x1b[31m"]), max_size=5).map(
    "\n".join
)


def compare(samples, old: Parts, new: Parts) -> list[tuple[str, str]]:
    sides = [tuple(InputField(name=name, text=text) for name, text in side) for side in (old, new)]
    change = PromptChange(baseline=sides[0], candidate=sides[1])
    evidence = replace(samples.passing().gates[0].evidence, prompt_change=change)
    return [(row.kind, row.text) for row in diff_rows.compare_prompts(evidence)]


def test_a_changed_line_has_its_context(samples) -> None:
    lines = [f"line {number}" for number in range(20)]
    new = [*lines[:9], "line nine", *lines[10:]]
    rows = compare(samples, (("system", "\n".join(lines)),), (("system", "\n".join(new)),))
    assert [kind for kind, _ in rows] == ["part", "same", "same", "removed", "added", "same", "same"]
    assert rows[3:5] == [("removed", "line 9"), ("added", "line nine")]


def test_a_part_that_only_one_side_has_is_whole(samples) -> None:
    rows = compare(samples, (), (("system", "a\nb"), ("temperature", "0")))
    assert rows == [("part", "system"), ("added", "a"), ("added", "b"), ("part", "temperature"), ("added", "0")]


def test_changed_words_are_marked(samples) -> None:
    change = PromptChange(
        baseline=(InputField(name="system", text="Give a helpful and complete answer."),),
        candidate=(InputField(name="system", text="Give a short answer."),),
    )
    rows = diff_rows.compare_prompts(replace(samples.passing().gates[0].evidence, prompt_change=change))
    marked = {row.kind: "".join(piece.text for piece in row.pieces if piece.differs).strip() for row in rows}
    assert (marked["removed"], marked["added"]) == ("helpful and complete", "short")
    assert diff_rows.count_changes(rows) == "1 line removed, 1 added"


@given(TEXTS, TEXTS)
def test_each_side_is_in_the_difference(samples, old: str, new: str) -> None:
    rows = compare(samples, (("system", old),), (("system", new),))
    for kind, text in (("removed", old), ("added", new)):
        lines = escape.block(text).split("\n")
        assert {line for found, line in rows if found in (kind, "same")} <= set(lines)
    assert (old != new) == any(kind in ("removed", "added") for kind, _ in rows)


def test_a_report_without_the_prompts_has_no_difference(samples) -> None:
    assert diff_rows.compare_prompts(samples.failing().gates[0].evidence) == ()
