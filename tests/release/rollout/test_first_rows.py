from __future__ import annotations

import math
import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from evalgate.release.rollout.first_rows import FAILED, SAMPLED, RowColumns
from evalgate.release.rollout.traffic_rows import Row

Given = tuple[str, float, int, int, int, float | None]  # id, at, key, arm, bits, score


def make(rows: list[Given]) -> RowColumns:
    columns = RowColumns(["helpful"])
    for id, at, key, arm, bits, score in rows:
        scores = {} if score is None else {"helpful": score}
        row = Row(id, at, "1.0.0", None, "production", str(key), False, None, None, scores, True)
        columns.add(row, key, arm, bits)
    return columns


def find(rows: list[Given]) -> tuple[list[tuple[float, int, int, float | None]], int]:
    found = make(rows).find_firsts()
    scores = [None if math.isnan(one) else one for one in found.scores[0].tolist()]
    return list(zip(found.at.tolist(), found.arms.tolist(), found.bits.tolist(), scores, strict=True)), found.doubled


def test_without_rows_there_are_none() -> None:
    columns = make([])
    assert len(columns) == 0 and columns.newest is None
    assert find([]) == ([], 0)


def test_the_first_row_of_a_key_is_the_one_of_the_first_time_then_of_the_least_id() -> None:
    rows: list[Given] = [
        ("c", 2.0, 1, 0, 0, 0.1),
        ("b", 1.0, 1, 0, 0, 0.2),
        ("a", 1.0, 1, 0, 0, 0.3),
        ("é", 0.5, 2, 1, 0, 0.4),
        ("z", 0.5, 3, 1, 0, 0.5),
    ]
    assert find(rows) == ([(0.5, 1, 0, 0.5), (0.5, 1, 0, 0.4), (1.0, 0, 0, 0.3)], 0)


def test_a_later_copy_of_an_id_is_doubled_and_does_not_count() -> None:
    rows: list[Given] = [("a", 2.0, 1, 0, 0, 0.1), ("a", 1.0, 2, 1, 0, 0.2), ("b", 3.0, 1, 0, 0, 0.3)]
    assert find(rows) == ([(1.0, 1, 0, 0.2), (3.0, 0, 0, 0.3)], 1)


def test_of_two_copies_the_one_with_the_score_counts_and_of_two_scores_the_worse_of_a_candidate() -> None:
    assert find([("a", 1.0, 1, 1, 0, None), ("a", 1.0, 1, 1, 0, 0.2)])[0] == [(1.0, 1, 0, 0.2)]
    assert find([("a", 1.0, 1, 1, 0, 0.9), ("a", 1.0, 1, 1, 0, 0.2)])[0] == [(1.0, 1, 0, 0.2)]
    assert find([("a", 1.0, 1, 0, 0, 0.2), ("a", 1.0, 1, 0, 0, 0.9)])[0] == [(1.0, 0, 0, 0.9)]
    assert find([("a", 1.0, 1, 1, 0, None), ("a", 1.0, 1, 1, FAILED, None)])[0] == [(1.0, 1, FAILED, None)]


given_rows = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "ab", "é", "\ud800"]),
        st.sampled_from([1.0, 2.0, 3.0]),
        st.integers(0, 3),
        st.integers(0, 1),
        st.sampled_from([0, FAILED, SAMPLED]),
        st.sampled_from([None, 0.0, 0.5]),
    ),
    max_size=12,
)


@given(given_rows, st.randoms(use_true_random=False))
def test_the_order_in_which_rows_come_does_not_matter(rows: list[Given], rng: random.Random) -> None:
    shuffled = rows[:]
    rng.shuffle(shuffled)
    assert find(shuffled) == find(rows)


@given(given_rows)
def test_each_key_and_each_id_counts_once(rows: list[Given]) -> None:
    firsts, doubled = find(rows)
    assert doubled == len(rows) - len({row[0] for row in rows})
    assert len(firsts) <= len({row[2] for row in rows})
    assert [row[0] for row in firsts] == sorted(row[0] for row in firsts)


@given(given_rows)
def test_a_row_is_known_by_its_place_and_is_single_if_no_other_has_its_id(rows: list[Given]) -> None:
    columns = make(rows)
    found = columns.find_firsts()
    ids = [columns.read_id(int(place)) for place in found.places]
    counts = Counter(row[0] for row in rows)
    assert found.is_single.tolist() == [counts[id] == 1 for id in ids]
    assert [rows[int(place)][0] for place in found.places] == ids
    assert found.keys.tolist() == [rows[int(place)][2] for place in found.places]
