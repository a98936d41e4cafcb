"""Units of observation: cases of one cluster, and cases with equal requests, form one unit."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence


def number_units(order: Sequence[str], *relations: Mapping[str, Hashable]) -> list[int]:
    """Return the unit of each case. Units are numbered from 0 in the order of their first cases.

    Cases with the same value in one of the `relations` (clusters, equal requests) are joined. Units are the connected
    components of all relations together. A case that is in no relation is a unit of its own.
    """
    parent = list(range(len(order)))

    def root(case: int) -> int:
        while parent[case] != case:
            parent[case] = parent[parent[case]]
            case = parent[case]
        return case

    for relation in relations:
        first: dict[Hashable, int] = {}
        for case, name in enumerate(order):
            shared = relation.get(name)
            if shared is None:
                continue
            other, own = root(first.setdefault(shared, case)), root(case)
            parent[max(own, other)] = min(own, other)
    numbers: dict[int, int] = {}
    return [numbers.setdefault(root(case), len(numbers)) for case in range(len(order))]


def find_first_of_unit(order: Sequence[str], *relations: Mapping[str, Hashable]) -> dict[str, str]:
    """Map each case that shares its unit with another to the first case of the unit."""
    members: dict[int, list[str]] = {}
    for case, unit in zip(order, number_units(order, *relations), strict=True):
        members.setdefault(unit, []).append(case)
    return {case: cases[0] for cases in members.values() if len(cases) > 1 for case in cases}


def join_clusters(order: Sequence[str], clusters: Mapping[str, str], alike: Mapping[str, str]) -> dict[str, str]:
    """Return the clusters of the cases, with those of `alike` (case to the first one like it) in one cluster.

    A cluster that is joined with others has the name of its first case that has one, else one after its first case.
    """
    joined = dict(clusters)
    members: dict[int, list[str]] = {}
    for case, unit in zip(order, number_units(order, clusters, alike), strict=True) if alike else ():
        members.setdefault(unit, []).append(case)
    for cases in members.values():
        if any(case in alike for case in cases):
            name = next((clusters[case] for case in cases if case in clusters), f"like {cases[0]}")
            joined |= dict.fromkeys(cases, name)
    return joined


def order_by_unit(order: Sequence[str], units: Sequence[int]) -> tuple[tuple[str, ...], list[int]]:
    """Return the cases reordered so that each unit is contiguous, at the place of its first case; and their units."""
    places = sorted(range(len(order)), key=lambda place: units[place])
    return tuple(order[place] for place in places), [units[place] for place in places]
