"""Collect the baseline's scores of one criterion by case, for simulations and estimates without a candidate."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from evalgate.decide import statistics
from evalgate.domain import Arm, Result


def collect_samples(
    results: Sequence[Result],
    criterion: str,
    required: Sequence[str] = (),
    skipped: Collection[str] = (),
    excluded: Mapping[str, Collection[str]] | None = None,
) -> dict[str, list[float]]:
    """Return the baseline's scores by case, in the order of the results; a case without a score has an empty list.

    Only outputs that pass the `required` checks count. Cases in `skipped` are left out, and so are the cases to which
    the criterion does not apply; `excluded` has these cases by criterion.
    """
    apart = excluded or {}
    skipped = {*skipped, *apart.get(criterion, ())}
    found: dict[str, list[float]] = {}
    for result in results:
        if result.arm is not Arm.BASELINE or result.case in skipped:
            continue
        scores, values = found.setdefault(result.case, []), result.values
        value = values.get(criterion)
        needed = [check for check in required if result.case not in apart.get(check, ())]
        holds = all((values.get(check) or 0.0) >= statistics.CASE_PASSES for check in needed)
        if value is not None and holds:
            scores.append(value)
    return found
