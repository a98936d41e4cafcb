"""Tests that an assertion without a check of its own becomes one that runs its code."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import pytest
from foreign_config import Imported, import_valid


def run(found: Imported, folder: Path, check: dict[str, Any], output: str) -> bool:
    """Return whether an output passes a check, by the function that the import wrote."""
    module, _, name = check["path"].rpartition(".")
    path = folder / f"{module.replace('.', '/')}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(found.project.files[f"{module.replace('.', '/')}.py"], encoding="utf-8")
    spec = importlib.util.spec_from_file_location(module, path)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    passed: bool = getattr(loaded, name)(output, found.cases[0])[0]
    return passed


def make(*assertions: dict[str, Any]) -> dict[str, Any]:
    return {
        "prompts": ["{{q}}"],
        "providers": ["openai:m"],
        "tests": [{"vars": {"q": "a", "id": "7"}, "assert": list(assertions)}],
    }


def test_python_stays_python(tmp_path: Path) -> None:
    code = "words = output.split()\nreturn sum(map(len, words)) > 3 and context['vars']['id'] in output"
    config = make(
        {"type": "python", "value": code}, {"type": "not-python", "value": "file://grade.py:short", "metric": "long"}
    )
    found = import_valid(tmp_path, config, grade__py="def short(output, context):\n    return len(output) < 6\n")
    assert [(check["type"], check.get("name")) for check in found.checks] == [("python", None), ("python", "long")]
    assert found.left_out == [] and found.config["policy"] == {"trust_code": True}
    assert found.changed[-1] == (
        "2 assertions stay code: checks of type `python` run them, which `policy: {trust_code: true}` allows"
    )
    decided = [
        [run(found, tmp_path, check, text) for check in found.checks] for text in ("ab c7", "abcde 7", "abcdefg")
    ]
    assert decided == [[True, False], [True, True], [False, True]]


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_plain_assertions_behind_code_are_javascript(tmp_path: Path) -> None:
    transform = "output.replace(/x/g, '')"
    plain: list[tuple[dict[str, Any], str, str]] = [
        ({"type": "icontains-any", "value": "AB, cd"}, "axb", "axc"),
        ({"type": "not-contains", "value": 7}, "6", "x7x"),
        ({"type": "not-icontains", "value": "\u00c4rger"}, "xarger", "a \u00e4rger"),
        ({"type": "icontains-all", "value": ["\u00dcber", "\u0394", "a\\N"]}, "\u00fcber \u0394 A\\n", "\u00fcber \u03b4"),
        ({"type": "equals", "value": "a\"b"}, "xa\"b", "ab"),
        ({"type": "is-json"}, "x1", "xx"),
    ]  # fmt: skip
    assertions = [{**assertion, "transform": transform} for assertion, _, _ in plain]
    found = import_valid(tmp_path, make(*assertions, {"type": "regex", "value": "a(?=b)"}))
    assert found.left_out == [] and "with node" in found.changed[-1]
    texts = [(passing, failing) for _, passing, failing in plain] + [("ab", "ac")]
    passed = [run(found, tmp_path, check, text[0]) for check, text in zip(found.checks, texts, strict=True)]
    failed = [run(found, tmp_path, check, text[1]) for check, text in zip(found.checks, texts, strict=True)]
    assert passed == [True] * 7 and failed == [False] * 7


def test_both_transforms_are_taken_in_their_order(tmp_path: Path) -> None:
    config = make({"type": "equals", "value": "x", "transform": "output.b"})
    config["tests"][0]["options"] = {"transform": "output.a"}
    found = import_valid(tmp_path, config)
    assert found.checks == [{"type": "equals", "value": "x", "transform": [{"pointer": "/a"}, {"pointer": "/b"}]}]
