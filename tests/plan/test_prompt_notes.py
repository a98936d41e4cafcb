"""Notes on a prompt for the report."""

from __future__ import annotations

from plan.small_gate import prompt

from evalgate.plan.prompt_notes import describe_unsent


def test_keys_that_are_not_sent_are_named() -> None:
    assert describe_unsent(prompt()) == ()
    assert describe_unsent(prompt(unsent=("mode", "tools"))) == ("p.prompt.yml: not sent to the model: mode, tools",)
    assert "and 2 more" in describe_unsent(prompt(unsent=tuple(map(str, range(12)))))[0]
