"""Each verb where nothing is as it should be: an exit code of the table, one message, and never a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from gated_project import Ended

from evalgate import cli

Run = Callable[..., Ended]
BUG = "unexpected"
SILENT = {("completion",), ("model", "pull")}
"""These need a shell, or the network."""


def walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from walk(found, (*path, name))
    elif path not in SILENT:
        yield path, command


VERBS = dict(walk(cli.root))


def list_required(command: click.Command, given: click.Parameter | None = None) -> list[str]:
    """Return values for the required parameters of a verb but the given one."""
    found: list[str] = []
    for one in command.params:
        if one.required and one is not given:
            option = [one.opts[-1]] if isinstance(one, click.Option) else []
            found += [*option, next(iter(one.type.choices)) if isinstance(one.type, click.Choice) else "nope"]
    return found


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("LANGFUSE_HOST", "LANGFUSE_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def test_each_verb_has_help_of_at_most_80_columns(empty: Path, evalgate: Run) -> None:
    assert len(VERBS) > 50
    for path in VERBS:
        told = evalgate(*path, "--help")
        assert (told.code, told.err) == (0, ""), path
        assert f"Usage: evalgate {' '.join(path)} " in told.out
        assert max(map(len, told.out.splitlines())) <= 80, path


def test_without_a_project_each_verb_says_what_is_missing(empty: Path, evalgate: Run) -> None:
    for path, command in VERBS.items():
        if path in {("init",), ("release", "reader")}:  # these write a folder
            continue
        told = evalgate(*path, *list_required(command))
        assert told.code in {0, 2} and BUG not in told.err, (path, told.err)
        if told.code == 2:
            assert any(word in told.err for word in ("hint:", "--help", "no such file")), told.err
        assert "evalgate.yml: no such file" not in told.err or "--config FILE" in told.err


@pytest.mark.parametrize("content", [None, b'{"format": 1, "gates": 5}', b"\x00\xff\xfe"])
def test_a_file_that_is_missing_or_something_else_never_crashes_a_verb(
    empty: Path, evalgate: Run, content: bytes | None
) -> None:
    for number, (path, command) in enumerate(VERBS.items()):
        for one in command.params:
            if isinstance(one.type, click.Path) and "store" not in one.opts[-1] and "output" not in one.opts[-1]:
                file = empty / f"given-{number}.json"
                if content is not None:
                    file.write_bytes(content)
                option = [one.opts[-1]] if isinstance(one, click.Option) else []
                told = evalgate(*path, *option, file.name, *list_required(command, one))
                assert told.code in {0, 1, 2} or file.name in told.err, (path, one.name, told.err)
                assert BUG not in told.err, (path, one.name, told.err)
