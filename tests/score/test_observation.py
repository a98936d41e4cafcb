"""The words of the reasons of checks."""

from evalgate.score.observation import clip, join_texts, quote, shorten


def test_texts_are_quoted_and_cut() -> None:
    assert (quote("a"), quote({"a": 1}), quote(None)) == ('"a"', '{"a": 1}', "null")
    assert quote("x" * 90) == f'"{"x" * 59}…"'
    assert (clip("abcd", 4), clip("abcde", 4)) == ("abcd", "abc…")


def test_a_long_message_keeps_its_start_and_its_end() -> None:
    short = shorten(f"{'a' * 50}{'b' * 50}", 10)
    assert short == "aaaa…bbbbb" and shorten("ab", 10) == "ab"


def test_three_texts_are_named() -> None:
    assert join_texts(["a", "b"]) == '"a", "b"' or "and" in join_texts(["a", "b"])
    assert '"d"' not in join_texts(["a", "b", "c", "d"])
