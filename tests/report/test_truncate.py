"""Parts of a page that fit into a limit: whole parts, by rank, and none after a gap in its chain."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalgate.report.truncate import JOINT, Part, choose_parts, utf8, utf16

PARTS = st.lists(
    st.builds(
        Part,
        text=st.text(min_size=1, max_size=30),
        rank=st.integers(0, 3),
        chain=st.sampled_from(["", "1", "1/cases", "2"]),
    ),
    max_size=12,
)


@given(PARTS, st.integers(0, 300))
def test_what_is_kept_fits_unless_what_is_always_kept_does_not(parts: list[Part], most: int) -> None:
    kept = choose_parts(parts, most, utf8)
    size = sum(utf8(part.text + JOINT) for part, keep in zip(parts, kept, strict=True) if keep)
    fixed = sum(utf8(part.text + JOINT) for part in parts if part.rank == 0)
    assert all(keep for part, keep in zip(parts, kept, strict=True) if part.rank == 0)
    assert size <= max(most, fixed)


def test_after_a_gap_nothing_of_the_chain_or_below_it_is_kept() -> None:
    parts = [
        Part(text="a", rank=1, chain="1"),
        Part(text="b" * 50, rank=1, chain="1"),
        Part(text="c", rank=1, chain="1"),
        Part(text="d", rank=2, chain="1/cases"),
        Part(text="e", rank=2, chain="2"),
    ]
    assert choose_parts(parts, 20, len) == (True, False, False, False, True)


def test_low_ranks_are_kept_first() -> None:
    assert choose_parts([Part(text="late", rank=2), Part(text="soon", rank=1)], 7, len) == (False, True)


def test_lengths_are_counted_as_github_counts_them() -> None:
    assert (utf16("a\U0001f600"), utf8("a\U0001f600")) == (3, 5)
