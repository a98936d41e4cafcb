"""Broken and fixed cases: one case at a time, settled by fresh samples of that very case."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evalgate.decide import statistics
from evalgate.domain import Arm, Evidence, Flips, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """A case whose samples all passed on one arm and all failed on the other.

    "broken" passed before and "fixed" failed before; `settled` when fresh samples confirmed it. Until then `wants`
    names the arm of which one more fresh sample is to be drawn; None when there is none to be had.
    """

    case: str
    kind: Literal["broken", "fixed"]
    settled: bool
    wants: Arm | None
    tags: tuple[str, ...]


def turned(evidence: Evidence, gating: Collection[str]) -> dict[str, Turned]:
    """The cases that turned, in run order, without those that a fresh sample has refuted.

    A case passes when it scores 0.5 or more on every gating criterion; a sample with a missing score says nothing.
    The candidate's side is settled by 3 fresh samples that agree, drawn one at a time, up to the first that does not;
    the baseline's too where it has fewer than 3 samples of its own.
    """
    if evidence.baseline is None or not gating:
        return {}
    now, before = (_agreed(evidence.results, gating, arm) for arm in (Arm.CANDIDATE, Arm.BASELINE))
    differ = {case for case, passes in now.items() if None not in (passes, before.get(case)) and passes != before[case]}
    runs = _by_case([result for result in evidence.results if result.case in differ])
    fresh = _by_case(evidence.confirmations)
    found = {}
    for case in evidence.order or tuple(runs):
        if case not in differ:
            continue
        samples = runs[case]
        passed = {arm: [_passes(result, gating) for result in samples[arm]] for arm in Arm}
        again = {arm: [_passes(result, gating) for result in fresh.get(case, {}).get(arm, ())] for arm in Arm}
        states = [
            _confirmed(again[Arm.CANDIDATE], passed[Arm.CANDIDATE][0]),
            _confirmed(again[Arm.BASELINE], passed[Arm.BASELINE][0])
            if len(passed[Arm.BASELINE]) < statistics.CONFIRMATIONS
            else "settled",
        ]
        if "refuted" in states:
            continue
        wants = next((arm for arm, state in zip(Arm, states, strict=True) if state == "open"), None)
        found[case] = Turned(
            case=case,
            kind="broken" if before[case] else "fixed",
            settled=states == ["settled", "settled"],
            wants=None if "lost" in states else wants,
            tags=samples[Arm.CANDIDATE][0].tags,
        )
    return found


def summary(cases: Iterable[Turned], planned: int) -> Flips:
    """What a report says of cases that turned; `planned` cases allow so many to be broken."""
    listed = tuple(cases)
    return Flips(
        broken=tuple(t.case for t in listed if t.settled and t.kind == "broken"),
        fixed=tuple(t.case for t in listed if t.settled and t.kind == "fixed"),
        open=tuple(t.case for t in listed if not t.settled and t.kind == "broken"),
        allowed=statistics.allowed_broken(planned),
    )


def wanted(cases: Iterable[Turned]) -> tuple[Turned, ...]:
    """The cases of which one more fresh sample could change the verdict.

    Fixed cases only set off broken ones, so they are drawn again only when some case is broken.
    """
    listed = tuple(cases)
    doubtful = tuple(t for t in listed if t.wants is not None and t.kind == "broken")
    if doubtful or not any(t.settled and t.kind == "broken" for t in listed):
        return doubtful
    return tuple(t for t in listed if t.wants is not None)


def _confirmed(fresh: Sequence[bool | None], own: bool | None) -> Literal["settled", "refuted", "open", "lost"]:
    """What the fresh samples of one arm say of its own one; "lost": a sample was drawn and nobody could score it."""
    if (not own) in fresh:
        return "refuted"
    if None in fresh:
        return "lost"
    return "settled" if len(fresh) >= statistics.CONFIRMATIONS else "open"


def _passes(result: Result, gating: Collection[str]) -> bool | None:
    known = result.values
    values = [known.get(criterion) for criterion in gating]
    if any(value is not None and value < statistics.CASE_PASSES for value in values):
        return False
    return None if None in values else True


def _agreed(results: Sequence[Result], gating: Collection[str], arm: Arm) -> Mapping[str, bool | None]:
    """What all samples of a case on one arm say; None where they differ, or one says nothing."""
    found: dict[str, bool | None] = {}
    for result in results:
        if result.arm is arm:
            passes = _passes(result, gating)
            if found.setdefault(result.case, passes) != passes:
                found[result.case] = None
    return found


def _by_case(results: Sequence[Result]) -> Mapping[str, Mapping[Arm, list[Result]]]:
    found: dict[str, dict[Arm, list[Result]]] = defaultdict(lambda: defaultdict(list))
    for result in sorted(results, key=lambda result: result.repeat):
        found[result.case][result.arm].append(result)
    return found
