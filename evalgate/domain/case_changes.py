"""The effect of a change on the cases of its own dataset."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChanges:
    """The difference between a dataset before and after a change.

    `lost` are the ids of removed cases, in their former order. `kept` counts the remaining ones. `edited` counts those
    of them whose content changed under the same id.
    """

    lost: tuple[str, ...] = ()
    kept: int = 0
    edited: int = 0
