"""Messages in plain data: what is read, and the faults of other shapes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Message
from evalgate.domain.message_shapes import parse_messages, read_history

CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"order": 7}'}}


@pytest.mark.parametrize(
    ("history", "fault"),
    [
        ("Hello", "must be a list of messages, not a text"),
        (None, "must be a list of messages"),
        ({"role": "user", "content": "x"}, "must be a list of messages"),
        (["Hello"], "[0]: must be a message"),
        ([{"from": "human", "value": "x"}], '[0].from: unknown key "from"'),
        ([{"role": "usr", "content": "x"}], '[0].role: unknown role "usr"'),
        ([{"role": "function", "content": "x", "name": "f"}], '[0].role: unknown role "function"'),
        ([{"role": "user"}], '[0]: "content" is missing'),
        ([{"role": "user", "content": None}], '"content" must not be null'),
        ([{"role": "user", "content": 5}], '"content" must be text'),
        ([{"role": "user", "content": []}], '"content" has no part'),
        ([{"role": "user", "content": [{"text": "x"}]}], '[0].content[0]: a part has no "type"'),
        ([{"role": "user", "content": [{"type": "input_text", "text": "x"}]}], "unknown type of a part"),
        ([{"role": "user", "content": [{"type": "image", "image": "../x.png"}]}], "outside of the dataset's folder"),
        ([{"role": "user", "content": [{"type": "image", "image": "http://x/y.png"}]}], "not an https address"),
        ([{"role": "user", "contnt": "x"}], 'unknown key "contnt"'),
        (
            [{"role": "user", "content": "x", "tool_calls": [CALL]}],
            '"tool_calls" belong to messages of the role assistant',
        ),
        ([{"role": "tool", "content": "x"}], '"tool_call_id" is missing'),
        ([{"role": "tool", "content": "x", "tool_call_id": "c9"}], "names no tool call"),
        ([{"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}], 'a call needs an "id"'),
        ([{"role": "assistant", "tool_calls": [{"id": "1", "function": {}}]}], 'needs the "name"'),
        ([{"role": "assistant", "tool_calls": [CALL, CALL]}], "two calls have the same id"),
        ([{"role": "assistant", "tool_calls": "x"}], "must be a list of calls"),
    ],
)
def test_a_history_of_another_shape_has_a_fault(history: object, fault: str) -> None:
    _, faults = parse_messages(history)
    assert any(fault in str(each) for each in faults), [str(each) for each in faults]
    with pytest.raises(ValueError, match="."):  # noqa: RUF043
        read_history(history)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["user", "tool", "image"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["role", "content", "type", "text", "image", "tool_calls", "function", "id", "name"]),
                inner,
                max_size=4,
            )
        ),
    )
)
def test_whatever_a_field_holds_is_read_or_refused(value: object) -> None:
    messages, faults = parse_messages(value)
    assert faults or [m.encode()["role"] for m in messages] == [item["role"] for item in _items(value)]


def _items(value: object) -> list[dict[str, object]]:
    return json.loads(value) if isinstance(value, str) else value  # type: ignore[return-value]


def test_keys_without_a_value_ask_nothing() -> None:
    message = {"role": "assistant", "content": "x", "refusal": None, "annotations": [], "tool_calls": None}
    assert read_history([message]) == (Message(role="assistant", content="x"),)
