from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from evalgate.report.wrapped_text import WIDTH, wrap_block, wrap_words

TEXTS = st.text(st.sampled_from("ab é-\n\t\x1b\u202e{}")) | st.text()


@given(TEXTS)
def test_no_word_is_broken_and_only_a_long_word_is_wider(text: str) -> None:
    for wrapped in (wrap_words(text, indent="    ", first="who "), wrap_block(text, indent="  ")):
        for row in wrapped.split("\n"):
            assert len(row) <= WIDTH or len(row.split()) <= 2
        assert not re.search("[\x00-\x09\x0b-\x1f\u202e\ud800-\udfff]", wrapped)


def test_words_follow_the_first_text_and_the_indent() -> None:
    wrapped = wrap_words("word " * 40, indent="      ", first="why   ")
    first, *rest = wrapped.split("\n")
    assert first.startswith("why   word") and all(row.startswith("      word") for row in rest)
    assert " ".join(wrapped.split()) == "why " + " ".join(["word"] * 40)
    assert wrap_words("a-b " * 40, indent="").count("a-b") == 40


def test_lines_of_a_block_stay_lines_with_their_spaces() -> None:
    assert wrap_block("a\n   b\n\nc\x07", indent="- ") == "- a\n-    b\n-\n- c\\x07"
