"""The type of the option `--since`."""

from __future__ import annotations

import datetime
import re

import click

_SPAN = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


class Since(click.ParamType[datetime.datetime]):
    """A time: so long ago (30d, 12h, 8w), or a date or time in UTC (2026-11-01)."""

    name = "TIME"

    def convert(
        self, value: str | datetime.datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime.datetime:
        if isinstance(value, datetime.datetime):
            return value
        found = _SPAN.fullmatch(value)
        try:
            if found is not None:
                return datetime.datetime.now(datetime.UTC) - datetime.timedelta(**{_UNITS[found[2]]: int(found[1])})
            time = datetime.datetime.fromisoformat(value)
        except (ValueError, OverflowError):
            self.fail(f'"{value}" is neither a span, as in 30d, 12h or 8w, nor a date as in 2026-11-01', param, ctx)
        return time if time.tzinfo is not None else time.replace(tzinfo=datetime.UTC)
