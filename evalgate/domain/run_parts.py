"""Parts of a run: a shard, which `evalgate merge` joins with the others, and cases that a person chose."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A part of a run: the cases of the units `number` (from 1), `number + of`, ... in run order."""

    number: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePart:
    """The cases that a person chose to run: those with one of these ids or tags, else all; `first` of them, if set."""

    cases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    first: int | None = None
