"""The run order of cases, which does not depend on the candidate; and digests that find equal requests."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain, zip_longest

from evalgate.domain import Case, GoldenDataset, Json, PromptVersion, Target, normalize
from evalgate.domain.units import number_units

# fields that identify a case or contain its expected answer, and are not part of a request
_NAMES = frozenset({"id", "tags", "cluster", "expected"})


def order_cases(
    gate: str, baseline: PromptVersion | None, dataset: GoldenDataset, requests: Mapping[str, bytes]
) -> tuple[Case, ...]:
    """Return the cases shuffled within each first tag, taking one from each tag in turn (untagged cases are a tag).

    The shuffle sorts by sha256(seed, id). The seed is made of the digests of baseline and dataset and the gate's name.
    The order therefore does not depend on the candidate, on the order in the file or on a random generator. Cases of
    one cluster stay together, and so do cases with equal `requests` of the baseline, under the first tag of their first
    case by id.
    """
    seed = hashlib.sha256(
        f"{baseline.digest if baseline is not None else ''}{dataset.text_digest}{gate}".encode("utf-8", "surrogatepass")
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
    """Map each case that has a cluster to its cluster."""
    return {case.id: case.cluster for case in dataset.cases if case.cluster is not None}


def digest_request(version: PromptVersion, target: Target, case: Case) -> tuple[bytes, bytes]:
    """Return two digests, of the rendered messages or of an application's fields.

    The first is equal for equal requests, the second also for those that differ in white space and invisible
    characters alone.
    """
    content: list[Json] = []
    if target.kind != "recorded":
        content.append([message.identity for message in version.render(case.fields, case.images)])
    if target.kind in ("recorded", "python"):
        content.append({name: value for name, value in case.fields.items() if name not in _NAMES})
    return _digest(content), _digest(_normalize(content))


def _normalize(value: Json) -> Json:
    """Return a value with all its texts normalised."""
    if isinstance(value, str):
        return normalize(value)
    if isinstance(value, Mapping):
        return {name: _normalize(inner) for name, inner in value.items()}
    return [_normalize(inner) for inner in value] if isinstance(value, list | tuple) else value


def _digest(content: Json) -> bytes:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
