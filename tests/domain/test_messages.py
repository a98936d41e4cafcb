import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Message, PromptVersion, Request
from evalgate.domain.images import MAX_IMAGE_BYTES, Image, find_media_type, find_source_fault, read_image
from evalgate.domain.message_shapes import MessageReader, parse_messages, read_history
from evalgate.domain.messages import make_history

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
PICTURE = Image(media_type="image/png", data=PNG)
CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"order": 7}'}}
TALK = [
    {"role": "user", "content": "Where is {{order}}?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "on its way"},
    {"role": "assistant", "content": "On its way."},
]


def template(*items: object) -> tuple[Message, ...]:
    reader = MessageReader(is_template=True)
    found = [reader.read(item, (at,)) for at, item in enumerate(items)]
    assert not reader.faults
    return tuple(message for message in found if message is not None)


def version(*messages: Message) -> PromptVersion:
    return PromptVersion(name="p", path="p.prompt.yml", source="working tree", messages=messages)


def key(messages: tuple[Message, ...]) -> str:
    return Request(target="t", identity="i", model="m", messages=messages).key


def test_a_history_is_inserted_as_it_is() -> None:
    prompt = version(*template({"role": "system", "content": "Help {{name}}."}), make_history("talk"))
    sent = [message.encode() for message in prompt.render({"name": "Ann", "talk": TALK, "order": "secret"})]
    assert sent == [{"role": "system", "content": "Help Ann."}, *TALK]
    assert prompt.variables == {"name", "talk"} and prompt.histories == ("talk",)
    assert prompt.render({"name": "Ann", "talk": json.dumps(TALK)}) == prompt.render({"name": "Ann", "talk": TALK})
    assert [m.encode() for m in prompt.render({"name": "Ann", "talk": []})] == sent[:1]


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "system"]), st.text()), max_size=5))
def test_no_text_of_a_history_is_a_template(said: list[tuple[str, str]]) -> None:
    talk = [{"role": role, "content": f"{{{{name}}}}{text}"} for role, text in said]
    assert [m.encode() for m in version(make_history("talk")).render({"talk": talk, "name": "x"})] == talk


def test_the_key_covers_every_part_of_a_message() -> None:
    part = {"type": "image_url", "image_url": {"url": "https://a.example/x.png", "detail": "low"}}
    base = {"role": "user", "content": [{"type": "text", "text": "a"}, part]}
    other = [
        {**base, "content": [{"type": "text", "text": "b"}, part]},
        {**base, "content": [part, {"type": "text", "text": "a"}]},
        {**base, "content": [base["content"][0], {"type": "image", "image": "https://a.example/x.png"}]},
        {**base, "name": "ann"},
        {"role": "user", "content": "a\n[image: https://a.example/x.png, detail low]"},
        TALK[1],
        {**TALK[1], "content": ""},
        {**TALK[1], "tool_calls": [{**CALL, "id": "c2"}]},
        {
            **TALK[1],
            "tool_calls": [{"id": "c1", "type": "custom", "custom": {"name": "find", "input": '{"order": 7}'}}],
        },
    ]
    keys = [key(template(item)) for item in [base, *other]]
    assert len(set(keys)) == len(keys)
    digests = [version(*template(item)).normalized_digest for item in [base, *other]]
    assert len(set(digests)) == len(digests)


def test_an_edited_image_is_another_request_and_a_renamed_one_is_not() -> None:
    prompt = version(*template({"role": "user", "content": [{"type": "image", "image": "{{picture}}"}]}))
    before = prompt.render({"picture": "a.png"}, {"a.png": PICTURE})
    assert key(before) == key(prompt.render({"picture": "b.png"}, {"b.png": PICTURE}))
    assert key(before) != key(prompt.render({"picture": "a.png"}, {"a.png": replace(PICTURE, data=PNG + b"!")}))
    assert before[0].encode() == {
        "role": "user",
        "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgpwaXhlbHM="}}],
    }


def test_a_message_with_one_text_is_a_plain_one() -> None:
    (message,) = template({"role": "user", "content": "Hi"})
    assert message == Message(role="user", content="Hi") and message.details is None
    assert message.identity == ["user", "Hi"]


def test_templates_in_calls_and_results_are_rendered() -> None:
    prompt = version(
        *template(
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "c-{{n}}", "function": {"name": "find", "arguments": {"order": "{{order}}", "k": [1]}}},
                    {"id": "d", "function": {"name": "find", "arguments": '{"n": {{n}}}'}},
                ],
            },
            {"role": "tool", "tool_call_id": "c-{{n}}", "content": "{{found}}"},
        )
    )
    assert prompt.variables == {"n", "order", "found"}
    calls, result = (m.encode() for m in prompt.render({"n": 3, "order": 'A"}, {"x": "', "found": "{{n}}"}))
    first, second = (call["function"]["arguments"] for call in calls["tool_calls"])
    assert json.loads(first) == {"order": 'A"}, {"x": "', "k": [1]}
    assert second == '{"n": 3}'
    assert result == {"role": "tool", "content": "{{n}}", "tool_call_id": "c-3"}


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


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a..", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"<svg>", None),
        (b"", None),
    ],
)
def test_the_media_type_is_that_of_the_content(data: bytes, kind: str | None) -> None:
    assert find_media_type(data) == kind
    if kind is None:
        with pytest.raises(ValueError, match="not a PNG"):
            read_image(data)


def test_what_is_too_large_or_a_pointer_is_no_image() -> None:
    with pytest.raises(ValueError, match="the most for an image"):
        read_image(PNG + bytes(MAX_IMAGE_BYTES))
    with pytest.raises(ValueError, match="git lfs pull"):
        read_image(b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n")


@pytest.mark.parametrize(
    "source",
    ["a.png", "images/a b.png", "x/../a.png", "https://a.example/x?y=1", "data:image/png;base64,iVBORw0KGgpwaXhlbHM="],
)
def test_sources_that_an_image_may_have(source: str) -> None:
    assert find_source_fault(source) is None


@pytest.mark.parametrize(
    "source",
    [
        "", " ", "..", "../a.png", "x/../../a.png", "/etc/a.png", "C:\\a.png", "images\\a.png", "file:///a.png",
        "//a.example/x", "http://a.example/x", "https://", "https:///x", "ftp://a/b", "data:text/html;base64,aa",
        "data:image/png,xx", "data:image/png;base64,R0lGODlhAAAA", "data:image/png;base64,!",
    ],
)  # fmt: skip
def test_sources_that_no_image_may_have(source: str) -> None:
    assert find_source_fault(source) is not None
