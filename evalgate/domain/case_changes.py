"""The effect of a change on the cases of its own dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChanges:
    """The difference between a dataset before and after a change.

    `lost` are the ids of removed cases, in their former order. `kept` counts the remaining ones. `edited` counts those
    of them whose content changed under the same id. `narrowed` are the cases to which a check or judge applied before
    and no longer applies, by its name. `untagged` are the kept cases that lost a critical or blocking tag, by the tag.
    """

    lost: tuple[str, ...] = ()
    kept: int = 0
    edited: int = 0
    narrowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    untagged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
