"""The words for the rows of a rollout: how many count, and why others do not."""

from __future__ import annotations

from collections.abc import Iterator

from evalgate.domain.numbers import show_count
from evalgate.release.rollout.decision import DEAL_BOUND
from evalgate.release.rollout.decision_words import format_e
from evalgate.release.rollout.tally import StageEvidence
from evalgate.release.rollout.traffic_rows import FAULTS, REASONS


def tell_rows(evidence: StageEvidence, candidate: str, control: str, *, on_staging: bool) -> Iterator[tuple[str, str]]:
    """Yield the facts on the keys and the rows of a stage."""
    controls, candidates = evidence.keys
    if on_staging:
        yield "answers", f"{candidates:,} of {candidate} count"
    else:
        deal = f"assigned by the share: e = {format_e(evidence.log_e_deal, DEAL_BOUND)} against {DEAL_BOUND:,.0f}"
        yield "keys", f"{controls:,} with {control}, {candidates:,} with {candidate}; {deal}"
    yield "rows", tell_left_out(evidence)
    own = evidence.own
    if any(own.offered) or own.waiting:
        arms = (
            f"{own.chosen[1]:,}"
            if on_staging
            else f"{own.chosen[0]:,} with {control}, {own.chosen[1]:,} with {candidate}"
        )
        waiting = f"; {own.waiting:,} more are scored by the next tick" if own.waiting else ""
        yield "scored", f"{arms}, of {show_count(sum(own.offered), 'answer')} with their texts{waiting}"


def tell_left_out(evidence: StageEvidence) -> str:
    """Tell how many rows there are, and which are left out for a fault or not compared."""
    last = "" if evidence.last is None else f", the last one that counts at {evidence.last}"
    faults = [f"{count:,} {REASONS[name]}" for name, count in evidence.left_out.items() if name in FAULTS]
    others = [f"{count:,} {REASONS[name]}" for name, count in evidence.left_out.items() if name not in FAULTS]
    told = f"{evidence.rows:,}{last}"
    told += f"; left out for a fault: {', '.join(faults)}" if faults else ""
    return told + (f"; not compared: {', '.join(others)}" if others else "")
