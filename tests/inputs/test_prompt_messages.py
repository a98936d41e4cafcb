"""Messages of prompt files with content parts, tool calls, tool results and histories."""

import pytest

from evalgate.domain import Message, PromptVersion
from evalgate.errors import InputError
from evalgate.inputs.prompts import parse_prompt

FULL = """\
messages:
  - {role: system, content: "Help {{name}}."}
  - history: talk
  - role: user
    content:
      - {type: text, text: "What is on it, {{name}}?"}
      - {type: image, image: "{{picture}}", detail: low}
      - {type: image_url, image_url: {url: "https://a.example/{{id}}.png"}}
  - role: assistant
    tool_calls:
      - {id: c1, type: function, function: {name: find, arguments: '{"order": "{{order}}"}'}}
  - {role: tool, tool_call_id: c1, content: "{{found}}"}
"""


def parse(text: str) -> PromptVersion:
    return parse_prompt(text.encode(), "p.prompt.yml", "working tree")


def faults(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse(text)
    return [str(fault) for fault in caught.value.faults]


def test_reads_all_kinds_of_messages() -> None:
    prompt = parse(FULL)
    assert prompt.variables == {"name", "talk", "picture", "id", "order", "found"}
    assert prompt.histories == ("talk",) and prompt.may_have_images
    fields = {"name": "Ann", "talk": [], "picture": "https://a.example/p.png", "id": 7, "order": 3, "found": "x"}
    _, user, calls, result = (message.encode() for message in prompt.render(fields))
    assert user["content"] == [
        {"type": "text", "text": "What is on it, Ann?"},
        {"type": "image_url", "image_url": {"url": "https://a.example/p.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://a.example/7.png"}},
    ]
    assert calls["content"] is None and calls["tool_calls"][0]["function"]["arguments"] == '{"order": "3"}'
    assert result == {"role": "tool", "content": "x", "tool_call_id": "c1"}


def test_a_plain_file_has_the_messages_and_the_digest_of_before() -> None:
    prompt = parse('messages:\n  - {role: system, content: "Be {{tone}}."}\n  - {role: tool, content: Hi}\n')
    assert prompt.messages == (Message(role="system", content="Be {{tone}}."), Message(role="tool", content="Hi"))
    assert prompt.content["messages"] == [["system", "Be {{tone}}."], ["tool", "Hi"]]  # type: ignore[index,call-overload]
    assert not prompt.may_have_images


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("{histry: talk}", '2:6: unknown key "histry"; did you mean "history"?'),
        ('{history: "{{talk}}"}', "the name of a field, without braces"),
        ("{history: talk, role: user}", '"role" and "history" exclude each other'),
        ("{history: talk, content: x}", '"content" has no effect beside "history"'),
        ("{content: x}", "a message needs one of: role, history"),
        ("{role: user, content: null}", '2:27: "content" must not be null'),
        ("{role: user, content: []}", '2:27: "content" is empty'),
        ("{role: user, content: [{type: txt, text: a}]}", 'unknown value "txt"; did you mean "text"?'),
        ("{role: user, content: [{type: text, txt: a}]}", 'unknown key "txt"; did you mean "text"?'),
        ("{role: user, content: [{type: image}]}", 'needs "image": a path or an address'),
        ("{role: user, content: [{type: image, image: ../a.png}]}", "outside of the dataset's folder"),
        ("{role: user, content: [{type: image, image: 'http://a.example/x'}]}", "not an https address"),
        (
            "{role: user, content: x, tool_calls: [{id: a, function: {name: f}}]}",
            '"tool_calls" belong to messages of the role assistant',
        ),
        ("{role: assistant, tool_calls: [{id: a, function: {nam: f}}]}", 'unknown key "nam"; did you mean "name"?'),
        ("{role: assistant, tool_calls: [{function: {name: f}}]}", '"id" is missing in a tool call'),
        ("{role: user, content: x, tool_call_id: a}", '"tool_call_id" belongs to messages of the role tool'),
        ("{role: tool, content: x, tool_call_id: a}", "names no tool call of an assistant message before it"),
    ],
)
def test_a_fault_of_shape_has_its_place(entry: str, fault: str) -> None:
    found = faults(f"messages:\n  - {entry}\n")
    assert any(fault in each for each in found), found
    assert all(each.startswith("p.prompt.yml:2:") for each in found)


def test_a_result_may_answer_a_call_of_the_history() -> None:
    parse("messages:\n  - {history: talk}\n  - {role: tool, content: x, tool_call_id: c9}\n")
