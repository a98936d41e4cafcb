"""Tests of the files of a promptfoo configuration: references, merge keys, wildcards, limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalgate.errors import InputError
from evalgate.inputs.importers import promptfoo_file
from evalgate.inputs.importers.promptfoo_file import ForeignFiles, list_variables, parse_data, replace_variables
from evalgate.inputs.tree import WorkTree


def test_references_are_what_they_name_and_schemas_keep_theirs() -> None:
    text = "a: {x: 1, y: 2}\nb: {$ref: '#/a', y: 3}\nc: {$ref: '#/definitions/gone'}\nd: [{$ref: '#/a/x'}]\n"
    root = parse_data(text, "x.yaml")
    assert root.data["b"] == {"x": 1, "y": 3}
    assert root.data["c"] == {"$ref": "#/definitions/gone"}
    assert root.data["d"] == [1]
    assert (root["b"].line, root["b"]["y"].line) == (2, 2)


def test_json_is_read_as_json() -> None:
    assert parse_data('{"a": {"$ref": "#/b"}, "b": [1]}', "x.json").data["a"] == [1]


def test_wildcards_match_names_folders_and_choices(tmp_path: Path) -> None:
    for name in ("c/p/a.txt", "c/p/b.md", "c/p/q/d.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    files = ForeignFiles(tree=WorkTree(tmp_path), folder="c")
    assert files.match("p/*.txt") == ["c/p/a.txt"]
    assert files.match("p/**/*.txt") == ["c/p/a.txt", "c/p/q/d.txt"]
    assert files.match("p/*.{txt,md}") == ["c/p/a.txt", "c/p/b.md"]
    assert files.match("p/[ab].*") == ["c/p/a.txt", "c/p/b.md"]
    assert files.match("gone.txt") == ["c/gone.txt"]
    assert files.read("file://./p/b.md") == "x" and files.exists("p/a.txt") and not files.exists("")


def test_a_large_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("four")
    monkeypatch.setattr(promptfoo_file, "LARGEST", 3)
    with pytest.raises(InputError, match="has 4 bytes; at most 3 are read"):
        ForeignFiles(tree=WorkTree(tmp_path), folder="").read("a.txt")


def test_variables_of_the_environment_are_found_and_written_as_evalgate_does() -> None:
    text = "https://{{ env.HOST }}/{{env.PATH_}}"
    assert list_variables(text) == ["HOST", "PATH_"]
    assert replace_variables(text) == "https://${HOST}/${PATH_}"
