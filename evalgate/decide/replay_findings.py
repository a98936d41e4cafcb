"""The findings on rows that a replay leaves out: if there are too many, the others are not representative."""

from __future__ import annotations

from collections.abc import Iterator

from evalgate.decide.completeness import make_incomplete_finding
from evalgate.domain import Finding
from evalgate.domain.numbers import show_count
from evalgate.domain.replayed_rows import ReplayedRows
from evalgate.domain.rollout import MOST_FAULTS


def make_findings(rows: ReplayedRows | None) -> Iterator[Finding]:
    """Yield an inconclusive finding for each kind of row of which more than `MOST_FAULTS` are left out."""
    if rows is None:
        return
    if rows.has_too_many_faults:
        count = sum(rows.faults.values())
        why = ", ".join(f"{number:,} {words}" for words, number in sorted(rows.faults.items()))
        sentence = (
            f"{count:,} of {show_count(rows.rows, 'row')} of production {'is' if count == 1 else 'are'} left out for a "
            f"fault ({why}), and at most {MOST_FAULTS:.0%} may be: the others may not be a random part of all."
        )
        yield make_incomplete_finding(None, sentence, ())
    if rows.has_too_many_unfit:
        sentence = (
            f"{rows.unfit:,} of {show_count(rows.sampled, 'chosen row')} {'has' if rows.unfit == 1 else 'have'} fields "
            f"that do not fit the prompt or a criterion, and at most {MOST_FAULTS:.0%} may: the others may not be a "
            "random part of all."
        )
        yield make_incomplete_finding(None, sentence, ())
