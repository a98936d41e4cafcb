"""Excerpts of two texts with their differences marked."""

from __future__ import annotations

from evalgate.report import text_diff


def joined(excerpt: text_diff.Excerpt) -> str:
    return "".join(piece.text for piece in excerpt)


def test_the_words_that_differ_are_marked() -> None:
    left, right = text_diff.make_excerpts(
        ["return it within 30 days", "return it within 90 days"], characters=99, lines=9
    )
    assert [piece.text for piece in left if piece.differs] == ["30"]
    assert [piece.text for piece in right if piece.differs] == ["90"]
    assert (joined(left), joined(right)) == ("return it within 30 days", "return it within 90 days")


def test_texts_with_nothing_in_common_are_not_marked() -> None:
    for excerpt in text_diff.make_excerpts(["alpha beta gamma", "one two three four"], characters=99, lines=9):
        assert not any(piece.differs for piece in excerpt)


def test_an_excerpt_starts_where_long_outputs_begin_to_differ() -> None:
    same = "word " * 400
    left, right = text_diff.make_excerpts([f"{same}yes", f"{same}no"], characters=300, lines=9)
    assert joined(left).startswith("[... 1,880 equal characters] ") and joined(left).endswith("yes")
    assert joined(right).endswith("no")


def test_an_excerpt_says_how_much_it_leaves_out() -> None:
    (excerpt,) = text_diff.make_excerpts(["a\n" * 10], characters=99, lines=3)
    assert joined(excerpt) == "a\na\na [15 more characters ...]"
    left, _ = text_diff.make_excerpts(["x" * 100, "y"], characters=10, lines=3)
    assert joined(left) == "x" * 10 + " [90 more characters ...]"


def test_wrapping_keeps_words_marks_and_lines() -> None:
    excerpt = (
        text_diff.Piece("one two "),
        text_diff.Piece("three", True),
        text_diff.Piece(" four\nfive sixseveneight"),
    )
    wrapped = text_diff.wrap(excerpt, 10)
    assert joined(wrapped) == "one two \nthree four\nfive \nsixsevenei\nght"
    assert [piece.text.strip() for piece in wrapped if piece.differs] == ["three"]
