"""Tests of the options `--format` and `--output`."""

from __future__ import annotations

import pytest
from chat_server import Reply
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


@pytest.mark.parametrize("arguments", [["run"], ["run", "--gate", "unknown"], ["drift"]])
def test_a_run_without_a_verdict_leaves_no_report_of_an_earlier_one(world: World, arguments: list[str]) -> None:
    world.edit()
    outputs = ["--output", "report.json", "--output", "junit.xml"]
    assert world.evalgate("run", *outputs).code == 0
    (world.root / "link.json").symlink_to("report.json")
    world.edit("1.1.0", "Be kind, always and everywhere, please.")
    world.application = lambda system, user: Reply(status=401)
    assert world.evalgate(*arguments, *outputs, "--output", "link.json", "--output", "new.md").code in {2, 3}
    assert not [name for name in ("report.json", "junit.xml", "link.json", "new.md") if (world.root / name).exists()]
    assert world.evalgate("decide", "report.json").code == 2
