"""Several things are made although one of them cannot be: the user is told all faults at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from evalgate.errors import EvalgateError, Fault, InputError

Item = TypeVar("Item")
Made = TypeVar("Made")


class FaultCollector:
    """Makes one thing after the other, and keeps the faults of all that could not be made."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._first: EvalgateError | None = None

    def take(self, make: Callable[[], Made]) -> Made | None:
        """What `make` makes; None where it raised."""
        try:
            return make()
        except EvalgateError as error:
            self.faults += [fault for fault in error.faults if fault not in self.faults]
            self._first = self._first or error
            return None

    def error(self) -> EvalgateError:
        """One error with all faults, of the kind of the first."""
        return type(self._first or InputError())(faults=self.faults)


def make_all(items: Sequence[Item], make: Callable[[Item], Made]) -> tuple[Made, ...]:
    """Makes them all, or raises one error with the faults of all that could not be made."""
    gathered, made = FaultCollector(), []
    for item in items:
        one = gathered.take(partial(make, item))
        if one is not None:
            made.append(one)
    if gathered.faults:
        raise gathered.error()
    return tuple(made)
