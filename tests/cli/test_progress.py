"""Tests of progress: one line on a terminal, removed at the end; a line every 30 seconds elsewhere."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import pytest

from evalgate.cli.progress import Progress
from evalgate.console.escaped_streams import _EscapedStream
from evalgate.domain import Calls
from evalgate.execute.engine import ProgressEvent

SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")
HOSTILE = "\x1b[1A[red]x[/red]\x1b]0;owned\x07\r\u202e"


class Terminal(io.StringIO):
    """A stream that is a terminal, and the text visible on it."""

    def isatty(self) -> bool:
        return True

    def screen(self) -> list[str]:
        lines = [""]
        for part in re.split(r"(\n|\r|\x1b\[2K)", SEQUENCE.sub("", self.getvalue())):
            if part == "\n":
                lines.append("")
            elif part == "\x1b[2K":
                lines[-1] = ""
            elif part != "\r":
                assert "\x1b" not in part and (not part or not lines[-1]), "drawn over other text"
                lines[-1] = part
        return lines


class Clock:
    """A clock that advances one second per reading."""

    def __init__(self, step: float = 1.0) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def event(done: int, total: int | None = 40) -> ProgressEvent:
    return ProgressEvent(done=done, total=total, calls=Calls(), failures=0, cost_usd=None)


@pytest.fixture(autouse=True)
def terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_a_bar_is_drawn_in_one_line_below_the_notes_and_wiped() -> None:
    stream = Terminal()
    with Progress(stream, Clock()) as progress:
        progress.show(event(20))
        assert re.fullmatch(r"━+[╸╺━ ]*━ 20/40 trials, .*", stream.screen()[-1])
        progress.note("waiting for the endpoint")
        progress.show(event(21))
        waiting, bar = stream.screen()
        assert waiting == "evalgate: waiting for the endpoint" and " 21/40 trials" in bar
    assert stream.screen() == ["evalgate: waiting for the endpoint", ""]


def test_a_bar_is_drawn_ten_times_a_second_at_most() -> None:
    stream = Terminal()
    with Progress(stream, Clock(0.04)) as progress:
        for done in range(30):
            progress.show(event(done))
    assert stream.getvalue().count("trials") == 10


@pytest.mark.parametrize("columns", ["1", "20", "27", "40"])
def test_a_narrow_terminal_cuts_the_line(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    stream = Terminal()
    with Progress(stream, Clock()) as progress:
        progress.update(1, None, "a text that is much longer than this terminal is wide, and then some")
        assert len(stream.screen()) == 1 and len(stream.screen()[0]) <= int(columns)
    assert stream.screen() == [""]


def test_without_colour_the_bar_is_as_long_as_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    with Progress(stream, Clock()) as progress:
        progress.show(event(20))
        assert stream.screen()[0].count("━") == 12


@pytest.mark.parametrize(("stream", "term"), [(io.StringIO, "xterm"), (Terminal, "dumb"), (Terminal, "unknown")])
def test_elsewhere_a_line_every_30_seconds(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], term: str
) -> None:
    monkeypatch.setenv("TERM", term)
    written = stream()
    with Progress(written, Clock()) as progress:
        for done in range(65):
            progress.show(event(done, None))
        progress.note("waiting")
    lines = written.getvalue().splitlines()
    assert [line.split(",")[0] for line in lines[:2]] == ["evalgate: 29/29 trials", "evalgate: 59/59 trials"]
    assert lines[2:] == ["evalgate: waiting"]


def test_text_of_others_does_nothing() -> None:
    stream = Terminal()
    with Progress(stream, Clock()) as progress:
        progress.update(1, 2, HOSTILE)
        assert r"\x1b[1A[red]x[/red]\x1b]0;owned\x07\r\u202e" in stream.screen()[0]
        progress.note(HOSTILE)
    assert stream.screen() == [r"evalgate: \x1b[1A[red]x[/red]\x1b]0;owned\x07\r\u202e", ""]


def test_the_guard_of_the_streams_lets_the_bar_through() -> None:
    plain, guarded = Terminal(), Terminal()
    for stream in (plain, _EscapedStream(guarded, in_step=False)):
        with Progress(stream, Clock()) as progress:
            progress.show(event(20))
    assert guarded.getvalue() == plain.getvalue() != ""


def test_rich_is_loaded_on_a_terminal_only() -> None:
    code = (
        "import io, sys; from evalgate.cli.progress import Progress\n"
        "with Progress(io.StringIO(), iter((0, 40)).__next__) as progress: progress.update(1, 2, 'x')\n"
        "assert 'rich' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
