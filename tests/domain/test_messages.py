import json
from dataclasses import replace

from evalgate.domain import Message, PromptVersion, Request
from evalgate.domain.images import Image
from evalgate.domain.message_shapes import MessageReader

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
