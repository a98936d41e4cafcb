"""How reports are written: colour, files, and errors of files."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from evalgate.cli import printing


@pytest.mark.parametrize(
    ("environment", "color"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, False),
    ],
)
def test_where_there_is_no_terminal_colour_has_to_be_asked_for(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], color: bool
) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert printing.has_color() is color


@pytest.mark.parametrize("name", ["markdown", "html", "csv", "terminal", "json", "junit"])
def test_a_file_gets_the_report_in_its_format_without_colour(samples, tmp_path: Path, name: str) -> None:
    path = tmp_path / "report"
    printing.write_report(samples.failing(), [(name, path)])
    text = path.read_text(encoding="utf-8")
    first = {"markdown": "## ", "html": "<!", "csv": "gate,", "json": "{", "junit": "<?xml"}.get(name, "")
    assert text.startswith(first) and "\x1b[" not in text and text.strip()


def test_a_file_that_cannot_be_written_is_named(samples, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(click.ClickException, match=r"file/report\.md: cannot be written"):
        printing.write_report(samples.passing(), [("markdown", tmp_path / "file" / "report.md")])
