"""What the result file of another tool holds, in a form that all tools share: tests with raw scores."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evalgate.domain import Json, digest, normalize

LONGEST_REASON = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolScore:
    """One score as the tool wrote it, not scaled. `value` is None if there is none, and `reason` says why.

    `settings` is what the score depends on besides the answer, such as a threshold. Scores with other settings do not
    compare.
    """

    value: float | None
    reason: str | None = None
    settings: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolTest:
    """One run of one test. `id` is the tool's own name of the test; None if it gives none, or only a position.

    `content` is what the test asks and expects, without the answer. `copy` numbers the repeats of a test that the tool
    numbers itself. `problem` says why the whole test has no score. `is_empty`: the file shows an answer without text.
    """

    id: str | None
    content: Mapping[str, Any]
    scores: Mapping[str, ToolScore]
    copy: int | None = None
    problem: str | None = None
    is_empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResults:
    """The tests of one arm. `subject` is whose answers were scored, as the tool names it.

    Unless `same_criteria`, a test has only the criteria that it names. `lower_is_better` are the criteria whose score
    falls for a better answer, `higher_is_better` those whose score rises, as far as the file shows it: a criterion in
    both contradicts itself. `remarks` are sentences on what was left out.
    """

    tool: str
    path: str
    subject: str
    tests: tuple[ToolTest, ...]
    same_criteria: bool
    lower_is_better: frozenset[str] = frozenset()
    higher_is_better: frozenset[str] = frozenset()
    remarks: tuple[str, ...] = field(default=())

    @property
    def criteria(self) -> tuple[str, ...]:
        """The names of all criteria, in the order of the file."""
        return tuple(dict.fromkeys(name for test in self.tests for name in test.scores))

    @property
    def has_ids(self) -> bool:
        """Whether each test has an id, and each id belongs to one content."""
        contents: dict[str, str] = {}
        for test in self.tests:
            if test.id is None:
                return False
            own = fingerprint(test.content)
            if test.content and contents.setdefault(test.id, own) != own:
                return False
        return True


def fingerprint(value: Any) -> str:
    """Return the digest of data of another tool."""
    return digest(simplify(value))


def simplify(value: Any) -> Any:
    """Return data as strict JSON: NaN, which other tools may write, becomes null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): simplify(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [simplify(each) for each in value]
    return value


def read_number(value: Any) -> float | None:
    """Return a number or a truth value as a number; None for anything else, and for NaN."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    return None


def shorten(reason: Any, otherwise: str) -> str:
    """Return the first line of a reason, not too long; `otherwise` if it is not a text."""
    lines: Iterable[str] = str(reason).strip().splitlines() if isinstance(reason, str) else ()
    first = next(iter(lines), "").strip()
    return f"{first[:LONGEST_REASON]}..." if len(first) > LONGEST_REASON else first or otherwise


def is_empty(answer: Any) -> bool:
    """Return whether an answer is a text without a visible character."""
    return isinstance(answer, str) and not normalize(answer)
