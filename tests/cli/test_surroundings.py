from __future__ import annotations

from pathlib import Path

import click
import pytest

from evalgate.cli.surroundings import make_machine


def test_a_command_without_an_env_file_has_no_secrets_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_MODEL", "m-2")
    monkeypatch.setenv("EVALGATE_HOME", str(tmp_path / "models"))
    with click.Context(click.Command("run")):
        machine = make_machine(tmp_path / "evalgate.yml")
    assert machine.environment["CHAT_MODEL"] == "m-2"
    assert (machine.store.root, machine.home) == (tmp_path / ".evalgate", tmp_path / "models")
    assert machine.secrets == ()
