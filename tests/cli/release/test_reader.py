"""Tests of `evalgate release reader`."""

from __future__ import annotations

import typing
from pathlib import Path

import pytest
from click.testing import CliRunner

from evalgate.cli.release import reader
from evalgate.commands.release.reader import READERS


@pytest.mark.parametrize("language", READERS)
def test_the_path_is_printed(language: str, tmp_path: Path) -> None:
    for word in ("written", "unchanged"):
        told = CliRunner().invoke(reader.command, [language, "--to", str(tmp_path)])
        assert told.exit_code == 0
        assert told.output == f"{tmp_path / READERS[language]}: {word}\n"


def test_every_reader_can_be_asked_for() -> None:
    language = next(one for one in reader.command.params if one.name == "language")
    assert list(typing.cast("typing.Any", language.type).choices) == list(READERS)


def test_the_folder_must_be_named() -> None:
    told = CliRunner().invoke(reader.command, ["node"])
    assert told.exit_code == 2 and "--to" in told.output
