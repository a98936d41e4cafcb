from __future__ import annotations

import click
import pytest

from evalgate.cli.lazy_group import LazyGroup

VERBS = {"verify": ("evalgate.cli.release.verify", "Verify."), "gone": ("evalgate.cli.gone", "Is not there.")}


def test_a_command_is_imported_when_it_is_called() -> None:
    group = LazyGroup("group", verbs=VERBS)
    context = click.Context(group)
    assert group.list_commands(context) == ["verify", "gone"]
    assert "Is not there." in group.get_help(context), "the help imports nothing"
    found = group.get_command(context, "verify")
    assert found is not None and found.name == "verify"
    assert group.get_command(context, "other") is None
    with pytest.raises(ModuleNotFoundError):
        group.get_command(context, "gone")
