from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from gated_project import CONFIG, Ended, World
from hypothesis import given
from hypothesis import strategies as st

from evalgate.cli.env_file import read_env_file
from evalgate.errors import InputError

VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "my.env"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_the_usual_forms_are_read(tmp_path: Path) -> None:
    text = "\ufeff# a comment\n\nA=1\nexport B = two words \nC=\"x # y\\nz\" # said\nD='it is ${A}'\r\nE=\nA=2\n"
    values = read_env_file(write(tmp_path, text))
    assert values == {"A": "2", "B": "two words", "C": "x # y\nz", "D": "it is ${A}", "E": ""}


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True), VALUES, max_size=4))
def test_a_quoted_value_is_what_it_was(tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]) -> None:
    quoted = {name: value.replace("\\", "\\\\").replace("'", "\\'") for name, value in values.items()}
    text = "".join(f"{name}='{value}'\n" for name, value in quoted.items())
    assert read_env_file(write(tmp_path_factory.mktemp("env"), text)) == values


def test_all_faults_have_their_line_and_quote_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, "A=1\n\nsk-secret-value-123\nB='sk-secret-value-123\nC=2\n9D=x\nE=\0a\n")
    with pytest.raises(InputError) as caught:
        read_env_file(path)
    lines = [fault.place.line for fault in caught.value.faults if fault.place is not None]
    assert lines == [3, 4, 6, 7]
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"A=\xff\xfe"])
def test_a_missing_or_binary_file_is_a_usage_error(
    evalgate: Callable[..., Ended], tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "other.env" if content is None else write(tmp_path, content)
    ended = evalgate("validate", "--env-file", str(path))
    assert ended.code == 2 and str(path) in ended.err


@pytest.mark.parametrize(
    "verb",
    [
        ["validate"],
        ["plan"],
        ["run", "--output", "report.json"],
        ["baseline", "sample"],
        ["hook", "run", "--mode", "full"],
        ["decide", "report.json"],
    ],
)
def test_every_verb_takes_variables_from_the_file(
    world: World, monkeypatch: pytest.MonkeyPatch, verb: list[str]
) -> None:
    config = CONFIG.format(url="${CHAT_URL}").replace("model: m,", 'model: "${CHAT_MODEL}",')
    world.repository.write("evalgate.yml", config)
    world.repository.commit("by variables")
    world.repository.git("branch", "--force", "main")
    world.edit()
    world.repository.commit("an edit")
    monkeypatch.delenv("API_KEY")
    pushed = f"refs/heads/work {world.repository.git('rev-parse', 'HEAD').strip()} refs/heads/work {'0' * 40}\n"
    own = write(world.root, f"API_KEY=key-of-the-file\nCHAT_URL={world.server.url}\nCHAT_MODEL=of-the-file\n")
    if verb[0] == "decide":
        assert world.evalgate("run", "--output", "report.json", "--env-file", str(own)).code == 0
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(pushed.encode())))
    assert world.evalgate(*verb).code == (0 if verb[0] == "hook" else 2)  # a push does not wait for a variable
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(pushed.encode())))
    ended = world.evalgate(*verb, "--env-file", str(own))
    assert ended.code == 0, ended.err
    for received in world.server.received:
        assert received.body["model"] == "of-the-file"
        assert received.headers["authorization"] == "Bearer key-of-the-file"
    assert bool(world.server.received) is (verb[0] not in ("validate", "plan"))
    assert not {"CHAT_URL", "CHAT_MODEL", "API_KEY"} & os.environ.keys()


def test_a_variable_that_is_set_is_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.edit()
    monkeypatch.setenv("API_KEY", "key-that-is-set")
    own = write(world.root, "API_KEY=key-of-the-file\n")
    assert world.evalgate("run", "--env-file", str(own)).code == 0
    assert {one.headers["authorization"] for one in world.server.received} == {"Bearer key-that-is-set"}
    assert os.environ["API_KEY"] == "key-that-is-set"


def test_secrets_of_the_file_are_masked_though_no_setting_names_them(world: World) -> None:
    world.edit()
    world.application = lambda system, user: json.dumps({"answer": f"{user}, leaked-by-a-function"})
    own = write(world.root, "DB_URL=postgres://me:leaked-by-a-function@db/x\nDB_PASS=leaked-too\nPLAIN=question\n")
    ended = world.evalgate("run", "--env-file", str(own), "--output", "report.json")
    assert ended.code == 0, ended.err
    for path in [world.root / "report.json", *(world.root / ".evalgate").rglob("*")]:
        if path.is_file():
            assert b"leaked-by-a-function" not in path.read_bytes(), path
    assert b"question" in (world.root / "report.json").read_bytes()
