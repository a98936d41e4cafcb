"""The order in which cases run, which no edit of the candidate changes; and what cases with equal requests share."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain, zip_longest

from evalgate.domain import Case, GoldenDataset, Json, PromptVersion, Target
from evalgate.domain.units import number_units

# fields that say which case it is, or what is expected of an answer, and nothing that is asked
_NAMES = frozenset({"id", "tags", "cluster", "expected"})


def order_cases(
    gate: str, baseline: PromptVersion | None, dataset: GoldenDataset, requests: Mapping[str, bytes]
) -> tuple[Case, ...]:
    """The cases shuffled inside each first tag and dealt round robin over the tags (untagged cases are a tag).

    The shuffle sorts by sha256(seed, id), with the digests of baseline and dataset and the gate's name as the seed: no
    edit of the candidate changes the order, and neither do the dataset's own order or a random generator's version.
    Cases of one cluster stay together, and so do those with equal `requests` of the baseline, under the first tag of
    their first case by id.
    """
    seed = hashlib.sha256(
        f"{baseline.digest if baseline is not None else ''}{dataset.digest}{gate}".encode("utf-8", "surrogatepass")
    ).hexdigest()

    def draw(kind: str, name: str) -> bytes:
        return hashlib.sha256(f"{seed}\0{kind}\0{name}".encode("utf-8", "surrogatepass")).digest()

    by_id = sorted(dataset.cases, key=lambda case: case.id)
    ids = [case.id for case in by_id]
    units: dict[int, list[Case]] = defaultdict(list)
    for case, unit in zip(by_id, number_units(ids, index_clusters(dataset), requests), strict=True):
        units[unit].append(case)
    by_tag: dict[str, list[tuple[bytes, list[Case]]]] = defaultdict(list)
    for cases in units.values():
        first = cases[0]
        place = draw("case", first.id) if first.cluster is None else draw("cluster", first.cluster)
        by_tag[first.tags[0] if first.tags else ""].append((place, cases))
    stacks = [
        [cases for _, cases in sorted(by_tag[tag], key=lambda unit: unit[0])]
        for tag in sorted(by_tag, key=lambda tag: draw("tag", tag))
    ]
    rounds: Iterator[tuple[list[Case] | None, ...]] = zip_longest(*stacks)
    return tuple(case for cases in chain.from_iterable(rounds) if cases is not None for case in cases)


def index_clusters(dataset: GoldenDataset) -> dict[str, str]:
    """The cluster of each case that has one."""
    return {case.id: case.cluster for case in dataset.cases if case.cluster is not None}


def digest_request(version: PromptVersion, target: Target, case: Case) -> bytes:
    """What cases with equal requests have in common: the rendered messages, or the fields an application is given."""
    content: list[Json] = []
    if target.kind != "recorded":
        content.append([[message.role, message.content] for message in version.render(case.fields)])
    if target.kind in ("recorded", "python"):
        content.append({name: value for name, value in case.fields.items() if name not in _NAMES})
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
