"""What counts as one: the connected components of clusters and equal requests."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain.units import find_first_of_unit, join_clusters, number_units, order_by_unit

names = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("xyz"), max_size=8)


def test_both_relations_join() -> None:
    order = ["a", "b", "c", "d", "e"]
    assert number_units(order, {"a": "x", "c": "x"}, {"c": "r", "d": "r"}) == [0, 1, 0, 0, 2]
    assert find_first_of_unit(order, {"a": "x", "c": "x"}) == {"a": "a", "c": "a"}
    assert order_by_unit(order, [0, 1, 0, 0, 2]) == (("a", "c", "d", "b", "e"), [0, 0, 0, 1, 2])


@given(names, names)
def test_members_share_a_unit_and_units_are_numbered_as_they_appear(first: dict, second: dict) -> None:
    order = list("abcdefgh")
    units = number_units(order, first, second)
    for relation in (first, second):
        for one in relation:
            for other in relation:
                if relation[one] == relation[other]:
                    assert units[order.index(one)] == units[order.index(other)]
    assert list(dict.fromkeys(units)) == list(range(len(set(units))))
    assert number_units(order) == list(range(8))


@given(names, names)
def test_joined_clusters_are_the_units_of_both_relations(clusters: dict, alike: dict) -> None:
    order = list("abcdefgh")
    first = find_first_of_unit(order, alike)
    joined = join_clusters(order, clusters, first)
    assert number_units(order, joined) == number_units(order, clusters, alike)
    assert {case: joined[case] for case in clusters if not first} == ({} if first else clusters)
