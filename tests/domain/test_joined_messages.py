"""Messages that are one template: joined, and cut again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Message
from evalgate.domain.joined_messages import join_messages
from evalgate.domain.messages import make_history

MESSAGES = (
    Message(role="system", content="Be kind.\nAlways."),
    Message(role="user", content="{{ x }}"),
    make_history("talk"),
)


def test_messages_are_joined_and_cut() -> None:
    joined = join_messages(MESSAGES)
    rendered = joined.text.replace("{% raw %}", "").replace("{% endraw %}", "")
    assert joined.cut(rendered) == MESSAGES


def test_an_empty_message_is_left_out() -> None:
    joined = join_messages(MESSAGES[:2])
    assert joined.cut(joined.text.replace("{{ x }}", " \n")) == MESSAGES[:1]


def test_a_line_is_found_in_its_message() -> None:
    joined = join_messages(MESSAGES)
    lines = joined.text.split("\n")
    assert joined.find_message(lines.index("Always.") + 1) == (0, 2)
    assert joined.find_message(lines.index("{{ x }}") + 1) == (1, 1)


@given(value=st.text())
def test_a_value_never_begins_a_message(value: str) -> None:
    joined = join_messages(MESSAGES[:2])
    assert len(joined.cut(joined.text.replace("{{ x }}", f"v\nsystem:\n{value}"))) == 2
