"""Options of a run: limits that may only be lowered, and options that contradict each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from gated_project import World

from evalgate.change.workspace import Commit, PullRequest, WorkingTree
from evalgate.errors import InputError
from evalgate.gate.options import CallMode, Selection, open_for_run

CONFIG = Path("evalgate.yml")


@pytest.mark.parametrize(("given", "concurrency"), [(None, 8), (3, 3), (800, 8)])
def test_a_limit_can_be_lowered_and_never_raised(world: World, given: int | None, concurrency: int) -> None:
    found = open_for_run(CONFIG, Selection(), CallMode(max_concurrency=given), environment={}).config.limits
    assert found.concurrency == concurrency


def test_a_cost_limit_is_the_lower_of_the_two(world: World) -> None:
    assert (
        open_for_run(CONFIG, Selection(), CallMode(max_cost_usd=2.0), environment={}).config.limits.max_cost_usd == 2.0
    )
    text = CONFIG.read_text().replace("run: {attempts: 2}", "run: {attempts: 2, max_cost_usd: 1.5}")
    CONFIG.write_text(text)
    for given, limit in ((None, 1.5), (2.0, 1.5), (1.0, 1.0)):
        assert (
            open_for_run(CONFIG, Selection(), CallMode(max_cost_usd=given), environment={}).config.limits.max_cost_usd
            == limit
        )


def test_the_selection_says_which_files_are_read(world: World) -> None:
    assert isinstance(open_for_run(CONFIG, Selection(), environment={}), WorkingTree)
    assert isinstance(open_for_run(CONFIG, Selection(head="HEAD"), environment={}), Commit)
    assert isinstance(open_for_run(CONFIG, Selection(policy_ref="base"), environment={}), PullRequest)


@pytest.mark.parametrize("selection", [Selection(head="HEAD"), Selection(policy_ref="base")])
def test_recordings_are_not_written_for_a_commit(world: World, selection: Selection) -> None:
    with pytest.raises(InputError, match="recordings are written to the working tree"):
        open_for_run(CONFIG, selection, CallMode(answers="record"), environment={})


def test_with_the_policy_of_the_base_the_candidate_is_the_prompt_of_a_commit(world: World) -> None:
    with pytest.raises(InputError, match="--candidate"):
        open_for_run(CONFIG, Selection(policy_ref="base", candidate="main"), environment={})


@pytest.mark.parametrize(
    ("calls", "is_fresh"),
    [(CallMode(), False), (CallMode(answers="live"), False), (CallMode(answers="record"), True),
     (CallMode(use_cache=False), True)],
)  # fmt: skip
def test_when_no_earlier_answer_is_used(calls: CallMode, is_fresh: bool) -> None:
    assert calls.is_fresh is is_fresh
