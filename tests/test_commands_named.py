"""Tests that every command in a message, the documentation or the action exists, with its options."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from evalgate.cli import root

TOP = Path(__file__).parents[1]
SOURCES = sorted((TOP / "evalgate").rglob("*.py"))
TEXTS = [TOP / "README.md", *sorted((TOP / "docs").glob("*.md")), TOP / "CONTRIBUTING.md", TOP / "action.yml"]
# in backticks, or as a part of a message or hint: "run x; or: evalgate baseline sample"
QUOTED = re.compile(r"`(?:[\w./]*/)?evalgate ([^`\n]*)`")
BEGUN = re.compile(r"(?:^|[:;] |or )evalgate ([a-z]+(?: [a-z]+)?(?: --?[\w-]+)*)")
# words that follow the program's name in sentences that are not commands
SENTENCES = {"blocks", "decision", "needs", "is", "stopped", "unexpected", "with"}


def commands(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from QUOTED.findall(text)
        yield from re.findall(r"^(?:\.venv/bin/)?evalgate ([^\n#&|>]*)", text, re.MULTILINE)
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from QUOTED.findall(node.value)
            yield from (found for found in BEGUN.findall(node.value) if found.split()[0] not in SENTENCES)


def why_not(command: str) -> str | None:
    """Return the part of a command that does not exist."""
    found: click.Command = root
    context = click.Context(root)
    words = command.split()
    while words and isinstance(found, click.Group) and re.fullmatch("[a-z][a-z-]*", words[0]):
        inner = found.get_command(context, words.pop(0))
        if inner is None:
            return f"no verb of that name: evalgate {command}"
        found = inner
    known = {name for param in found.params for name in (*param.opts, *param.secondary_opts)} | {"--help", "-h"}
    known |= {"--version"} if found is root else set()
    unknown = [word for word in words if re.fullmatch(r"--?[a-z][\w-]*", word) and word not in known]
    return f"no option {unknown[0]}: evalgate {command}" if unknown else None


@pytest.mark.parametrize("path", [*SOURCES, *TEXTS], ids=lambda path: path.relative_to(TOP).as_posix())
def test_commands_that_are_named_are_there(path: Path) -> None:
    assert [fault for command in commands(path) if (fault := why_not(command)) is not None] == []


def test_commands_are_found_where_they_stand() -> None:
    found = {path.relative_to(TOP).as_posix(): list(commands(path)) for path in (*SOURCES, *TEXTS)}
    assert sum(map(len, found.values())) > 30
    assert any(command.startswith("run --record") for command in found["evalgate/execute/providers/recorded.py"])
    assert any(command.startswith("baseline pin") for command in found["evalgate/change/pins.py"])
    assert why_not("gate --format json") is not None
    assert why_not("run --formt json") is not None
    assert why_not("baseline sampel") is not None
