"""Tests of the child process by itself: lines of JSON go in and out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CODE = """\
import datetime

def answer(case):
    if "n" not in case:
        raise KeyError("n")
    return {"text": "x" * case["n"], "at": datetime.date(2026, 1, 2)} if case["n"] else 5
"""


def serve(folder: Path, *requests: Any, location: str = "app:answer") -> list[Any]:
    """Everything that the process writes, from its start to the end of its input."""
    (folder / "app.py").write_text(CODE)
    command = [sys.executable, "-I", "-m", "evalgate.execute.providers.function_worker", "app", location]
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        lines = [json.loads(process.stdout.readline())]
        for number, arguments in enumerate(requests):
            process.stdin.write(json.dumps({"id": number, "arguments": arguments}) + "\n")
            process.stdin.flush()
            lines.append(json.loads(process.stdout.readline()))
        process.stdin.close()
        assert process.wait(timeout=20) == 0
    return lines


def test_each_request_has_an_answer_of_its_number(tmp_path: Path) -> None:
    first, text, other, error = serve(tmp_path, [{"n": 2}], [{"n": 0}], [{}])
    assert first == {"parameters": 1}
    assert text == {"id": 0, "value": {"text": "xx", "at": "2026-01-02"}}
    assert other == {"id": 1, "other": "int"}
    assert error == {"id": 2, "error": "KeyError: 'n'", "place": " (at app.py:5, in answer)", "passing": False}


def test_a_function_that_cannot_be_imported_is_the_only_line(tmp_path: Path) -> None:
    (line,) = serve(tmp_path, location="app:nothing")
    assert line["fault"] == 'target "app": app has no function "nothing"'
    assert "def answer" in line["hint"]
