"""Tests that an assertion that stays code is decided as promptfoo decides it."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from evalgate.inputs.importers import promptfoo_runtime as runtime
from evalgate.inputs.importers.promptfoo_runtime import FailedError, UndecidedError, decide

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def decide_code(language: str, code: str, output: str = "abc", **more: Any) -> bool:
    return decide(output, {"id": "a", "question": "abc", "n": "[1]"}, {"language": language, "code": code, **more})[0]


PYTHON: list[tuple[str, dict[str, Any], bool]] = [
    ("len(output) == 3", {}, True),
    ("len(output) == 3", {"negated": True}, False),
    ("0.4", {}, True),
    ("0", {}, False),
    ("0.4", {"threshold": 0.5}, False),
    ("0.5", {"threshold": 0.5}, True),
    ("'True'", {}, True),
    ("'0.0x'", {}, False),
    ('\'{"pass": true, "score": 1, "reason": ""}\'', {}, True),
    ("'{'", {}, False),
    ("{'pass_': True, 'score': 1, 'reason': 'x'}", {}, True),
    ("{'pass': True, 'score': 0.2, 'reason': 'x'}", {"threshold": 0.5}, False),
    ("{'pass': True, 'score': True, 'reason': 'x'}", {}, False),
    ("{'pass': True}", {}, False),
    ("{'pass': True, 'score': float('nan'), 'reason': 'x'}", {"threshold": 0.5}, False),
    ("float('nan')", {"negated": True}, False),
    ("None", {}, False),
    ("0.4", {"least": 0.5}, False),
    ("0.6", {"least": 0.5}, True),
    ("True", {"least": 0.5}, True),
    ("{'pass': True, 'score': 0.2, 'reason': 'x'}", {"least": 0.5}, False),
    ("'1e999'", {}, False),
    ("1 / 0", {}, False),
    ("1 / 0", {"negated": True}, False),
    ("if output:\n    return json.dumps(output) == '\"abc\"'\nreturn False", {}, True),
    ("context['vars']['q'] in output", {"variables": {"q": ["question", ""]}}, True),
    ("context['vars'].get('n') == [1]", {"variables": {"n": ["n", "json"]}}, True),
    ("'gone' in context['vars']", {"variables": {"gone": ["gone", "optional"]}}, False),
    ("context['config']['least'] < len(output)", {"config": {"least": 2}}, True),
    ("context.get('config', 1) == 1", {}, True),
    ("context['config'] == 1", {}, False),
    ("output == 'ABC'", {"transforms": [{"language": "python", "code": "output.upper()", "transform": True}]}, True),
    ("True", {"transforms": [{"language": "python", "code": "None", "transform": True}]}, False),
]


@pytest.mark.parametrize(("code", "more", "passes"), PYTHON)
def test_python_is_decided_as_by_promptfoo(code: str, more: dict[str, Any], passes: bool) -> None:
    assert decide_code("python", code, **more) is passes


@pytest.mark.parametrize(
    "code",
    [
        "context['prompt']",
        "context.get('provider')",
        "import gone\nreturn True",
        "open('gone.txt').read() == output",
        "import subprocess\nreturn subprocess.run(['gone-program']).returncode == 0",
        "((",
        "\n(",
    ],
)
def test_code_that_cannot_run_here_has_no_score(code: str) -> None:
    with pytest.raises(UndecidedError):
        decide_code("python", code)


def test_a_file_that_changed_has_no_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "grade.py").write_text(
        "import near\ndef get_assert(output, context):\n    return near.passes(output)\n"
    )
    (tmp_path / "near.py").write_text("def passes(output):\n    return output == 'abc'\n")
    monkeypatch.setattr(runtime, "ROOT", tmp_path)
    code = {"language": "python", "file": "grade.py", "name": "get_assert"}
    assert decide("abc", {}, code)[0]
    with pytest.raises(UndecidedError, match="has changed"):
        decide("abc", {}, {**code, "files": {"grade.py": "0" * 64}})


def test_an_output_has_the_form_of_the_provider() -> None:
    calls = '{"tool_calls": [{"name": "a", "arguments": {"x": 1}}]}'
    assert runtime.read_output(calls, {"tools": True})[0]["function"] == {"name": "a", "arguments": '{"x": 1}'}
    assert runtime.read_output('{"a": 1}', {"tools": True}) == '{"a": 1}'
    assert runtime.read_output('{"a": 1}', {"parsed": True}) == {"a": 1}
    assert runtime.read_output("text", {"parsed": True}) == "text"


def test_a_number_that_is_none_fails() -> None:
    with pytest.raises(FailedError, match="NaN"):
        runtime.judge(math.nan, {"language": "javascript"})
    with pytest.raises(FailedError):
        runtime.judge("text", {"language": "javascript"})


JAVASCRIPT: list[tuple[str, dict[str, Any], bool]] = [
    ("const s = output.split(';'); s.length === 1;", {}, True),
    ("const n = output.length;\nreturn n > 2 ? 0.4 : NaN;", {}, True),
    ("NaN", {"negated": True}, False),
    ("({pass: context.vars.q === output, score: 0, reason: 'x'})", {"variables": {"q": ["question", ""]}}, True),
    ("console.log('noise') || output.nothing.here", {"negated": True}, False),
    ("require('fs') && true", {}, False),
    ("process.mainModule.require('node:path').sep.length", {"threshold": 1}, True),
    ("context.config === undefined && output.a === 1", {"parsed": True, "output": '{"a": 1}'}, True),
    ("output === 'b'", {"transforms": [{"language": "javascript", "code": "output[1]", "transform": True}]}, True),
]


@needs_node
def test_javascript_is_decided_as_by_promptfoo() -> None:
    assert [decide_code("javascript", code, **more) for code, more, _ in JAVASCRIPT] == [each[2] for each in JAVASCRIPT]


@needs_node
def test_a_file_of_javascript_is_decided_as_by_promptfoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "ROOT", tmp_path)
    (tmp_path / "a.mjs").write_text("export default {is: async (output) => output === 'abc'};\n")
    (tmp_path / "b.cjs").write_text("module.exports = (output, context) => context.prompt || output;\n")
    assert decide("abc", {}, {"language": "javascript", "file": "a.mjs", "name": "is"})[0]
    for file in ("a.mjs", "b.cjs", "gone.js"):  # no function, a part of the context that is unknown, and no file
        with pytest.raises(UndecidedError):
            decide("abc", {}, {"language": "javascript", "file": file})


@needs_node
@pytest.mark.parametrize(
    "code",
    [
        "process.mainModule.require('gone-package')(output)",
        "import('gone-package').then(gone => gone.default(output))",
        "process.mainModule.require('fs').readFileSync('gone.txt', 'utf8').includes(output)",
    ],
)
def test_javascript_that_lacks_a_package_or_a_file_has_no_score(code: str) -> None:
    for negated in (False, True):
        with pytest.raises(UndecidedError):
            decide_code("javascript", code, negated=negated)


def test_javascript_without_node_has_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UndecidedError, match="node is not installed"):
        decide_code("javascript", "true")
