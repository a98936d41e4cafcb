"""The reader by lines: it gives what the whole reader gives, or leaves a file to that."""

from __future__ import annotations

import io
import json as stdlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.domain import Report
from evalgate.errors import InputError
from evalgate.store import report_json, report_json_stream
from evalgate.store import results as shelf
from evalgate.store.results import ResultStore
from evalgate.store.results_file import ResultsFile


def read_by_lines(text: str) -> Report | None:
    return report_json_stream.read(io.StringIO(text), ResultStore(ResultsFile()).put)


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        report_json.read(text, "out/report.json")
    return str(caught.value)


PIECES = ("NaN", "Infinity", ",", "[", "]", "{", "}", '"', ":", " ", "\n", "\\", "0", "1", "-", ".5", "e999", "true")
PIECES = (
    *PIECES,
    "null",
    "\ufeff",
    "\x1f",
    ' "a": 1,',
    '   "results": [\n',
    '   "confirmations": [\n',
    "   ],\n",
    "   ]\n",
)


@settings(deadline=None)
@given(st.data())
def test_what_is_read_by_lines_is_read_whole_too(samples, data: st.DataObject) -> None:
    text = report_json.render(samples.SAMPLES[data.draw(st.sampled_from(["fail", "incomplete", "hostile"]))]())
    rows = text.splitlines(keepends=True)
    edges = [i for i, row in enumerate(rows) if '"results"' in row or '"confirmations"' in row or row[:4] == "   ]"]
    for _ in range(data.draw(st.integers(1, 2))):
        at = min(len(rows) - 1, data.draw(st.sampled_from(edges)) + data.draw(st.integers(-1, 3)))
        row, place = rows[at], data.draw(st.integers(0, len(rows[at])))
        piece = data.draw(st.sampled_from(PIECES))
        edited = (row[:place] + piece + row[place:], row[:place] + row[place + 1 :], "", row + row, piece, rows[at - 1])
        rows[at] = data.draw(st.sampled_from(edited))
    text = "".join(rows)
    found = read_by_lines(text)
    if found is not None:
        assert report_json.render(found) == report_json.render(report_json.read(text, "report.json"))


FORGERIES: dict[str, Callable[[str], str]] = {
    "a number that is none": lambda text: text.replace('"cost_usd": ', '"cost_usd": NaN, "x": ', 1),
    "a list that is none": lambda text: text.replace('"confirmations": []', '"confirmations": NaN'),
    "a number that is none, in a result": lambda text: text.replace('"seconds": 0.8125', '"seconds": NaN'),
    "one that is too large, in a result": lambda text: text.replace('"seconds": 0.8125', '"seconds": 1e999'),
    "a key that is there twice, in a result": lambda text: text.replace('    {"case": ', '    {"case": "x", "case": '),
    "a list that is there twice": lambda text: text.replace(' "confirmations": []', ' "results": []'),
    "a line that does not begin with a result": lambda text: text.replace('    {"case"', '   ,{"case"'),
    "a comma too many": lambda text: text.replace("}\n   ]", "},\n   ]"),
    "a comma too few": lambda text: text.replace('},\n    {"case"', '}\n    {"case"'),
    "a number that is none, after all lists": lambda text: (
        text.replace(' "sign_off": null,\n', "")[: -len("\n}\n")] + ',\n "sign_off": NaN\n}\n'
    ),
    "half a file": lambda text: text[: text.rindex('    {"case"') + 20],
    "a result deep in another one": lambda text: text.replace(
        '"replies": {"', '"replies": {"x": ' + "[" * 2000 + "]" * 2000 + ', "'
    ),
    "results that are tags": lambda text: text.replace('   "tags": []', '   "tags":\n   "results": [\n    1\n   ]'),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_report_that_was_never_written_is_refused_in_the_same_words(samples, name: str) -> None:
    text = report_json.render(samples.failing())
    forged = FORGERIES[name](text)
    assert forged != text
    with pytest.raises(InputError) as caught:
        shelf.read(io.StringIO(forged), "out/report.json")
    assert str(caught.value) == refused(forged)


def test_a_report_that_is_laid_out_otherwise_is_read_whole(samples) -> None:
    text = report_json.render(samples.failing())
    others = [stdlib.dumps(stdlib.loads(text), indent=4), text.replace('    {"case"', '     {"case"')]
    others.append(text.replace('"arm": "candidate", "repeat": 0', '"repeat": 0, "arm": "candidate"'))
    for other in others:
        assert other != text
        assert shelf.read(io.StringIO(other), "x") == samples.failing()


def test_a_report_that_comes_through_a_pipe_is_read(samples) -> None:
    reading, writing = os.pipe()
    text = report_json.render(samples.new_prompt())
    assert len(text) < 60_000, "more does not go into a pipe at once"
    os.write(writing, text.encode())
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as file:
        assert shelf.read(file, "-") == samples.new_prompt()


def test_a_report_that_is_no_text_from_some_line_on_is_none(samples, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(report_json.render(samples.failing()).encode() + b"\xff")
    with pytest.raises(UnicodeDecodeError), path.open(encoding="utf-8-sig") as file:
        shelf.read(file, str(path))
