"""Tests of the options `--format` and `--output`."""

from __future__ import annotations

import pytest
from gated_project import World


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "json", "--format", "markdown"], "cannot share stdout"),
        (["--output", "x.pdf"], "give its --format"),
        (["--format", "json", "--output", "a.json", "--output", "b.json"], "2 --output for 1 --format"),
        (["--format", "json", "--format", "terminal", "--output", "a.md"], "no --format markdown"),
    ],
)
def test_outputs_that_do_not_fit_their_formats(world: World, arguments: list[str], message: str) -> None:
    ended = world.evalgate("run", *arguments)
    assert ended.code == 2
    assert message in ended.err
    assert not world.server.received
