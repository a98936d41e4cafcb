"""Where the command looks: the store beside the configuration, and the last report in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalgate.cli import folders
from evalgate.errors import InputError


def test_the_store_lies_beside_the_configuration_unless_one_is_chosen(tmp_path: Path) -> None:
    assert folders.find_store(tmp_path / "sub" / "evalgate.yml").root == tmp_path / "sub" / ".evalgate"
    assert folders.find_store(tmp_path / "evalgate.yml", tmp_path / "other").root == tmp_path / "other"


def test_the_last_report_is_that_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        folders.read_report(None, tmp_path / "evalgate.yml")
    assert str(tmp_path / ".evalgate" / "report.json") in str(caught.value)


def test_a_named_report_is_read_instead(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"named\.json"):
        folders.read_report(tmp_path / "named.json", tmp_path / "evalgate.yml")


def test_models_are_kept_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EVALGATE_HOME", str(tmp_path))
    assert folders.find_home() == tmp_path
