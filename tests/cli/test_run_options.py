"""Options that run and plan share, and the number of a shard."""

from __future__ import annotations

import click
import pytest

from evalgate.cli import root
from evalgate.cli.run_options import ShardNumber


def list_options(verb: str) -> dict[str, click.Option]:
    command = root.get_command(click.Context(root), verb)
    assert command is not None
    return {name: one for one in command.params if isinstance(one, click.Option) for name in one.opts}


@pytest.mark.parametrize(("text", "number"), [("1/1", (1, 1)), ("3/8", (3, 8)), ("8/8", (8, 8))])
def test_a_shard_is_one_of_several(text: str, number: tuple[int, int]) -> None:
    assert ShardNumber().convert(text, None, None) == number == ShardNumber().convert(number, None, None)


@pytest.mark.parametrize("text", ["", "3", "0/8", "9/8", "-1/8", "a/b", "1/8/2", "1/0", "\u00b2/3"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="1 <= K <= N"):
        ShardNumber().convert(text, None, None)


def test_a_plan_takes_the_versions_that_a_run_takes() -> None:
    run, plan = list_options("run"), list_options("plan")
    for name in ("--candidate", "--baseline", "--gate", "--default-branch", "--policy-ref", "--head", "--engine"):
        assert run[name].help == plan[name].help and run[name].type.to_info_dict() == plan[name].type.to_info_dict()
