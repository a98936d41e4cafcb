"""Several checks as one: `any_of` and `all_of`."""

from __future__ import annotations

from collections.abc import Sequence

from evalgate.domain import Check, Score, Scored, Unscored
from evalgate.domain.numbers import show_count
from evalgate.score.observation import NotScoredError, Observation, clip

COMBINING = frozenset({"any_of", "all_of"})
_PART = 60  # characters of a part's reason


def combine(check: Check, scores: Sequence[Scored]) -> Observation:
    """Return whether any part passed, or all of them.

    A part without a score decides nothing: `any_of` holds if another part passed, and `all_of` fails if another part
    failed. Otherwise NotScoredError is raised.
    """
    pairs = list(zip(check.parts, scores, strict=True))
    passed = [part for part, score in pairs if isinstance(score, Score) and score.value == 1.0]
    failed = [(part, score) for part, score in pairs if isinstance(score, Score) and score.value != 1.0]
    unknown = next(((part, score) for part, score in pairs if isinstance(score, Unscored)), None)
    some = check.type == "any_of"
    wanted = f"pass {'one' if some else 'all'} of {show_count(len(pairs), 'check')}"
    if some and passed:
        return Observation(True, wanted, _name(passed[0]))
    if not some and failed:
        part, score = failed[0]
        return Observation(False, wanted, f"{_name(part)}: {score.reason}")
    if unknown is not None:
        raise NotScoredError(f"{_name(unknown[0])}: {unknown[1].reason}")
    if some:
        return Observation(False, wanted, "none: " + "; ".join(clip(score.reason, _PART) for _, score in failed))
    return Observation(bool(pairs), wanted, "all")


def validate_parts(check: Check) -> None:
    """Refuse a combination without parts, and parts of any other type. Raises ValueError, with a sentence."""
    if check.type in COMBINING and not check.parts:
        raise ValueError(f'{check.name}: needs "checks"')
    if check.parts and check.type not in COMBINING:
        raise ValueError(f"{check.name}: a check of the type {check.type} has no parts")


def _name(part: Check) -> str:
    return f"{'not_' if part.negated else ''}{part.type}"
