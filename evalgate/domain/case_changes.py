"""What a change did to the cases that judge it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChanges:
    """What became of the cases that a dataset had before: the ids of those that are gone, in the order they had then.

    Of the others, `kept` counts all and `edited` those that have other content under the same id.
    """

    lost: tuple[str, ...] = ()
    kept: int = 0
    edited: int = 0
