"""Tests of the times that `--since` takes; `history` and `import langfuse` have it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest

from evalgate.cli.since import Since


@pytest.mark.parametrize(
    ("text", "age"), [("12h", timedelta(hours=12)), ("7d", timedelta(days=7)), ("2w", timedelta(weeks=2))]
)
def test_a_span_is_so_long_ago(text: str, age: timedelta) -> None:
    before = datetime.now(UTC)
    assert before <= Since().convert(text, None, None) + age <= datetime.now(UTC)


def test_a_date_is_in_utc() -> None:
    assert Since().convert("2026-11-01", None, None) == datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "7", "0d", "d", "7y", "2026-13-01"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is neither a span"):
        Since().convert(text, None, None)
