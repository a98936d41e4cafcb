"""The type of an option that gives a value by name, as in NAME=TEXT."""

from __future__ import annotations

from typing import Any

import click


class NamedValue(click.ParamType[tuple[str, Any]]):
    """A name and a value, separated by the first equals sign. With `is_json`, the value is JSON."""

    def __init__(self, what: str = "TEXT", *, is_json: bool = False) -> None:
        self.name = f"NAME={what}"
        self._is_json = is_json

    def convert(
        self, value: str | tuple[str, Any], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        if isinstance(value, tuple):
            return value
        name, sign, text = value.partition("=")
        if not sign or not name.strip():
            self.fail(f'"{value}" is not of the form {self.name}', param, ctx)
        if not self._is_json:
            return name.strip(), text
        from evalgate.domain.strict_json import JsonError, load

        try:
            return name.strip(), load(text, bounded=True)
        except JsonError as error:
            self.fail(f"{name}: not valid JSON: {error.problem}", param, ctx)
