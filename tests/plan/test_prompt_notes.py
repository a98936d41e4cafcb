"""Notes on a prompt for the report."""

from __future__ import annotations

import pytest
from plan.small_gate import POLICY, gate, prompt

from evalgate.domain import Check, Level
from evalgate.plan.prompt_notes import describe_unasked, describe_unsent


def test_keys_that_are_not_sent_are_named() -> None:
    assert describe_unsent(prompt()) == ()
    assert describe_unsent(prompt(unsent=("mode", "tools"))) == ("p.prompt.yml: not sent to the model: mode, tools",)
    assert "and 2 more" in describe_unsent(prompt(unsent=tuple(map(str, range(12)))))[0]


def test_new_front_matter_is_named() -> None:
    """It is not sent, and an application that reads the whole file sends it."""
    new = prompt(has_front_matter=True, lines={})
    (note,) = describe_unsent(new, prompt(lines={}))
    assert note.startswith("not sent as written: the new front matter of p.prompt.yml")
    for old in (None, new, prompt(lines={"messages": 1})):
        assert describe_unsent(new, old) == ()
    assert describe_unsent(prompt(lines={}), new) == ()


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("blocking", [True, False])
def test_a_judge_that_a_level_does_not_ask_is_named(level: Level, blocking: bool) -> None:
    checked = gate(checks=(Check(name="is_json", type="is_json", blocking=blocking),))
    notes = describe_unasked(checked, POLICY, level)
    if level is Level.PATCH and blocking:
        assert notes == ("at PATCH checks alone decide, and no judge is asked: faithfulness is not measured",)
    else:
        assert notes == (), "where no check decides, the judges do"
    assert describe_unasked(gate(judges=(), checks=checked.checks), POLICY, level) == ()
