from __future__ import annotations

from evalgate.cli.render.release_message import MOST_CHARACTERS, format_message, render_message
from evalgate.release.document import PublishedMessage, Variable


def test_variables_are_marked_and_other_keys_follow() -> None:
    message = PublishedMessage(role="user", parts=("Hello ", Variable(name="name"), "!"), extra={"name": "ada"})
    assert format_message(message) == 'Hello {{ name }}!\nname: "ada"'
    history = PublishedMessage(role="history", parts=(Variable(name="conversation"),))
    assert format_message(history) == "the messages of {{ conversation }}"
    assert format_message(PublishedMessage(role="assistant", parts=None)) == ""


def test_a_long_message_is_cut_and_says_so() -> None:
    rows = list(render_message(PublishedMessage(role="user", parts=("word " * 1_000,))))
    assert sum(row.count("word") for row in rows) == MOST_CHARACTERS // 5
    assert rows[-1] == "  [3,000 more characters: --format json has all]"
