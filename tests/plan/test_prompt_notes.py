"""Notes on a prompt for the report."""

from __future__ import annotations

from plan.small_gate import prompt

from evalgate.plan.prompt_notes import describe_unsent


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
