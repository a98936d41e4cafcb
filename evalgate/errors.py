"""Expected errors: each has faults (message, place, hint) and an exit code. Includes a collector of several faults."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


class ExitCode(IntEnum):
    """The exit code of a process."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    NOT_EVALUATED = 3
    INCONCLUSIVE = 4
    AWAITING_SIGN_OFF = 5
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A position in a file. `line` and `column` count from 1; 0 means "unknown"."""

    path: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.path]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)


LONGEST_MESSAGE = 2_000
"""The maximum length of a message or hint, in characters. A message may quote text from a very large file."""


MOST_FAULTS = 100
"""The number of faults of one error that are shown. A prompt may have one in each of many thousand places."""


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]} ..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: a message, its place, and a hint how to fix it. Long messages and hints are cut."""

    message: str
    place: Place | None = None
    hint: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", _cut(self.message))
        object.__setattr__(self, "hint", None if self.hint is None else _cut(self.hint))

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        how = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{where}{self.message}{how}"


class EvalgateError(Exception):
    """An expected error with one or more faults. An entry point prints them and exits with `exit_code`."""

    exit_code: ExitCode = ExitCode.NOT_EVALUATED

    def __init__(
        self,
        message: str | None = None,
        *,
        place: Place | None = None,
        hint: str | None = None,
        faults: Iterable[Fault] = (),
    ) -> None:
        own = () if message is None else (Fault(message=message, place=place, hint=hint),)
        self.faults: tuple[Fault, ...] = (*own, *faults)
        super().__init__("\n".join(str(fault) for fault in self.shown))

    @property
    def shown(self) -> tuple[Fault, ...]:
        """The first faults, and the number of the others as the last one."""
        rest = len(self.faults) - MOST_FAULTS
        more = (Fault(message=f"and {rest} more {'fault' if rest == 1 else 'faults'}"),) if rest > 0 else ()
        return (*self.faults[:MOST_FAULTS], *more)


class InputError(EvalgateError):
    """The user's files or options are wrong (configuration, prompt, dataset, rubric, scores, report)."""

    exit_code = ExitCode.USAGE


class MissingSecretError(InputError):
    """An environment variable that the configuration names is not set, for example in a run on a fork."""


class GitError(EvalgateError):
    """Git cannot provide what the gate needs: no repository, no such commit, a symlink, a shallow clone."""

    exit_code = ExitCode.USAGE


class NothingToCompareError(GitError):
    """A prompt was never different, so that there is no version to compare it with."""


class ServiceError(EvalgateError):
    """A model endpoint or another service cannot be used. No verdict was reached."""

    exit_code = ExitCode.NOT_EVALUATED


class InterruptedRunError(EvalgateError):
    """The user stopped the run. The journal keeps the answers received so far."""

    exit_code = ExitCode.INTERRUPTED


class FaultCollector:
    """Collects the faults of several calls, so that one error can report all of them."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._first: EvalgateError | None = None

    def take(self, make: Callable[[], Made]) -> Made | None:
        """Return the result of `make`. If it raises an EvalgateError, keep the faults and return None."""
        try:
            return make()
        except EvalgateError as error:
            self.faults += [fault for fault in error.faults if fault not in self.faults]
            self._first = self._first or error
            return None

    def error(self) -> EvalgateError:
        """Return one error with all faults. Its type is that of the first error."""
        return type(self._first or InputError())(faults=self.faults)


def make_all(items: Sequence[Item], make: Callable[[Item], Made]) -> tuple[Made, ...]:
    """Apply `make` to each item. Raise one error with the faults of all items for which it failed."""
    collector, made = FaultCollector(), []
    for item in items:
        one = collector.take(partial(make, item))
        if one is not None:
            made.append(one)
    if collector.faults:
        raise collector.error()
    return tuple(made)
