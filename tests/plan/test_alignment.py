"""The alignment of two sequences keeps as much as any, within a limit of time."""

from __future__ import annotations

import itertools
import time
from difflib import SequenceMatcher

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evalgate.plan.alignment import MOST_ALIGNED, find_edits
from evalgate.plan.prompt_diff import compare_words

WORDS = st.lists(st.sampled_from("abcde"), max_size=40)


@given(WORDS, WORDS)
@example(list("abcd"), list("cdab"))
def test_edits_are_an_alignment_that_keeps_as_much_as_any(old: list[str], new: list[str]) -> None:
    found = find_edits(old, new)
    made, i = [], 0
    for edit in found:
        made += old[i : edit.i1] + new[edit.j1 : edit.j2]
        i = edit.i2
    assert made + old[i:] == new
    kept = len(old) - sum(edit.i2 - edit.i1 for edit in found)
    assert kept >= sum(size for *_, size in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks())
    assert all(one.i2 < other.i1 and one.j2 < other.j1 for one, other in itertools.pairwise(found))


@pytest.mark.parametrize("separator", [" ", "\n", " a a a\n"])
def test_the_largest_diff_that_is_made_and_one_beyond_it_are_quick(separator: str) -> None:
    half = MOST_ALIGNED // (8 if "a" in separator else 2)
    for size in (half - 2, 4 * half):
        old = separator.join(f"x{number % 7}" for number in range(size))
        new = separator.join(f"x{number * 3 % 7}" for number in range(size))
        started = time.monotonic()
        found = compare_words([("", f"one {new} two")], [("", f"uno {old} due")])
        assert time.monotonic() - started < 10
        assert found.words > 60
        assert found.bounded == (size > MOST_ALIGNED)
