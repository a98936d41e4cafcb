"""Validation of a criterion of the configuration, before anything is scored with it."""

from __future__ import annotations

from evalgate.domain import Check, Judge
from evalgate.score import checks, judges


def validate_criterion(criterion: Check | Judge) -> None:
    """Compile the patterns and schemas of a check or a judge. Raises ValueError for one that cannot be used."""
    match criterion:
        case Check():
            checks.validate(criterion)
        case Judge():
            judges.validate(criterion)
