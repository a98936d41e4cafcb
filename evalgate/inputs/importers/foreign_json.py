"""JSON of other tools, read leniently: unknown keys are fine, and NaN is a value. A wrong type is an error."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evalgate.domain.strict_json import JsonError, load
from evalgate.errors import InputError, Place
from evalgate.inputs.formats.nodes import refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignPart:
    """A mapping of a foreign file. `where` is how to find it, such as `results[3]`; `line` is 0 if it is unknown."""

    data: Mapping[str, Any]
    path: str
    where: str = ""
    line: int = 0

    def text(self, key: str) -> str | None:
        """Return a text, or the digits of a whole number; None if it is absent, null or empty."""
        value = self.data.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return value if isinstance(value, str) and value.strip() else None

    def part(self, key: str) -> ForeignPart:
        """Return a mapping; an empty one if it is absent or null. Raises InputError for anything else."""
        return self._make(self.data.get(key), self._name(key))

    def parts(self, key: str) -> list[ForeignPart]:
        """Return a list of mappings; an empty one if it is absent or null. Raises InputError for anything else."""
        value = self.data.get(key)
        if value is not None and not isinstance(value, list):
            raise self.refuse(f"{self._name(key)} must be a list")
        return [self._make(each, f"{self._name(key)}[{number}]") for number, each in enumerate(value or ())]

    def refuse(self, message: str, hint: str | None = None) -> InputError:
        """Return an InputError at this part, for the caller to raise."""
        return InputError(message, place=Place(path=self.path, line=self.line), hint=hint)

    def _name(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def _make(self, value: Any, where: str) -> ForeignPart:
        if value is not None and not isinstance(value, Mapping):
            raise self.refuse(f"{where} must be an object")
        return ForeignPart(data=value or {}, path=self.path, where=where, line=self.line)


def decode_text(data: bytes, path: str) -> str:
    """Decode a file as UTF-8. Its lines may be of any length: tools write a whole file on one line."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refuse(f"byte 0x{data[error.start]:02x} is not UTF-8", path) from None


def load_json(text: str, path: str, line: int = 0) -> Any:
    """Parse a JSON text. NaN and Infinity become NaN. Raises InputError with the place."""
    try:
        return load(text, bounded=True, on_constant=lambda _: math.nan)
    except JsonError as error:
        raise refuse(
            f"not valid JSON: {error.problem}", path, line or error.line, 0 if line else error.column
        ) from None


def load_lines(text: str, path: str) -> Iterator[ForeignPart]:
    """Parse a text with one JSON object a line. Raises InputError for a line that is none."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        data = load_json(line, path, number)
        if not isinstance(data, Mapping):
            raise refuse("the line must be a JSON object", path, number)
        yield ForeignPart(data=data, path=path, where=f"line {number}", line=number)
