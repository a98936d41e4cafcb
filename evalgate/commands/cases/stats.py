"""`cases stats`: count the cases of a dataset, and what they can decide."""

from __future__ import annotations

import statistics as means
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from evalgate.change.workspace import WorkingTree
from evalgate.commands.plan import ASSUMED_SPREAD
from evalgate.decide import power
from evalgate.decide.tags import MIN_CASES
from evalgate.domain import Case, Gate, as_text
from evalgate.domain.numbers import show_count
from evalgate.errors import EvalgateError
from evalgate.gate import reports
from evalgate.gate.dataset_gates import DatasetGates, find_dataset_gates, load_dataset_gates
from evalgate.plan.case_lint import list_asked_fields, number_case_units
from evalgate.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The standard deviation of the differences of a criterion; `source` says where it comes from."""

    criterion: str
    deviation: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectableDrop:
    """What a number of units can show on a criterion: the smallest drop that they reliably show."""

    spread: Spread
    detectable: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetStats:
    """The numbers of a dataset. `lengths` has the least, median and largest length of each field, in characters.

    `tags` maps each tag to its cases and units. `scripts` maps each script to the cases that have letters of it.
    `fewest` is the number of units with which a PASS within the allowed drop is possible.
    """

    group: DatasetGates
    units: int
    clusters: int
    tags: Mapping[str, tuple[int, int]]
    lengths: Mapping[str, tuple[int, float, int]]
    scripts: Mapping[str, int]
    powers: tuple[DetectableDrop, ...]
    margin: float
    fewest: int


def count_cases(workspace: WorkingTree, gate: str | None, store: Store) -> Iterator[DatasetStats]:
    """Yield the numbers of each dataset of the configuration, or of that of a gate."""
    gates: Sequence[Gate] = workspace.config.gates
    if gate is not None:
        gates = find_dataset_gates(workspace.config, gate)
    for group in load_dataset_gates(workspace, gates):
        cases = group.dataset.cases
        numbers = number_case_units(cases, list_asked_fields(group.dataset, group.versions))
        units = len(set(numbers))
        members: dict[str, list[int]] = {}
        for case, unit in zip(cases, numbers, strict=True):
            for tag in case.tags:
                members.setdefault(tag, []).append(unit)
        margin = workspace.config.policy.max_drop
        yield DatasetStats(
            group=group,
            units=units,
            clusters=len({case.cluster for case in cases if case.cluster is not None}),
            tags={tag: (len(found), len(set(found))) for tag, found in sorted(members.items())},
            lengths=_measure(cases),
            scripts=dict(Counter(script for case in cases for script in _find_scripts(case)).most_common()),
            powers=tuple(
                DetectableDrop(spread=spread, detectable=power.find_detectable_drop(spread.deviation, units))
                for spread in _find_spreads(group, store)
            ),
            margin=margin,
            fewest=power.count_fewest_cases(margin, sequential=False, alpha=workspace.config.policy.alpha),
        )


def describe_stats(stats: DatasetStats) -> Iterator[str]:
    """Yield the lines about a dataset."""
    dataset = stats.group.dataset
    joined = "" if stats.units == len(dataset.cases) else f", {show_count(stats.units, 'independent unit')}"
    yield f"{dataset.path}: {show_count(len(dataset.cases), 'case')}{joined}"
    if stats.clusters:
        yield f"  clusters    {stats.clusters}"
    for tag, (cases, units) in stats.tags.items():
        alone = "" if units >= MIN_CASES else f"; too few for a test of its own ({MIN_CASES} units)"
        yield f"  tag         {tag}: {show_count(cases, 'case')}, {show_count(units, 'unit')}{alone}"
    for name, (least, median, most) in stats.lengths.items():
        yield f"  field       {name}: {least} to {show_count(most, 'character')}, median {median:g}"
    for script, count in stats.scripts.items():
        yield f"  script      {script}: {show_count(count, 'case')}"
    for one in stats.powers:
        spread = f"standard deviation {one.spread.deviation:.3f}, {one.spread.source}"
        yield f"  power       {one.spread.criterion}: reliably shows a drop of {one.detectable:.3f} ({spread})"
    enough = "possible" if stats.units >= stats.fewest else f"not possible below {show_count(stats.fewest, 'unit')}"
    yield f"  PASS        within the allowed drop of {stats.margin:g}: {enough}"


def _measure(cases: Sequence[Case]) -> dict[str, tuple[int, float, int]]:
    lengths: dict[str, list[int]] = {}
    for case in cases:
        for name, value in case.fields.items():
            if name != "cluster":
                lengths.setdefault(name, []).append(len(as_text(value)))
    return {name: (min(found), means.median(found), max(found)) for name, found in lengths.items()}


_KNOWN: dict[str, str | None] = {}


def _find_scripts(case: Case) -> set[str]:
    """Return the scripts of the letters of a case, by the first word of their Unicode names."""
    letters = set("".join(as_text(value) for value in case.fields.values()))
    for letter in letters - _KNOWN.keys():
        name = unicodedata.name(letter, "") if letter.isalpha() else ""
        _KNOWN[letter] = name.split(" ")[0].split("-")[0].capitalize() or None
    return {script for letter in letters if (script := _KNOWN[letter]) is not None}


def _find_spreads(group: DatasetGates, store: Store) -> Iterator[Spread]:
    """Yield the spreads of the last comparison of these gates; an assumed one if nothing was compared."""
    names = {gate.name for gate in group.gates}
    found: dict[str, Spread] = {}
    with suppress(EvalgateError, OSError):
        for gate in reports.load_report(store.last_report).gates:
            for one in gate.comparisons if gate.evidence.name in names else ():
                if one.deviation:
                    source = "from the last comparison"
                    found[one.criterion] = Spread(criterion=one.criterion, deviation=one.deviation, source=source)
    assumed = Spread(criterion="any criterion", deviation=ASSUMED_SPREAD, source="assumed: nothing was measured yet")
    yield from found.values() or [assumed]
