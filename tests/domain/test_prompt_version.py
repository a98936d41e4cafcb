"""Prompt versions: rendered messages with inserted histories, and digests."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Message, PromptVersion
from evalgate.domain.message_shapes import MessageReader
from evalgate.domain.messages import make_history
from evalgate.domain.templates import Template

CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"order": 7}'}}
TALK = [
    {"role": "user", "content": "Where is {{order}}?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "on its way"},
    {"role": "assistant", "content": "On its way."},
]


def version(*messages: Message) -> PromptVersion:
    return PromptVersion(name="p", path="p.prompt.yml", source="working tree", messages=messages)


def test_a_history_is_inserted_as_it_is() -> None:
    prompt = version(*[Message(role="system", content="Help {{name}}.")], make_history("talk"))
    sent = [message.encode() for message in prompt.render({"name": "Ann", "talk": TALK, "order": "secret"})]
    assert sent == [{"role": "system", "content": "Help Ann."}, *TALK]
    assert prompt.variables == {"name", "talk"} and prompt.histories == ("talk",)
    assert prompt.render({"name": "Ann", "talk": json.dumps(TALK)}) == prompt.render({"name": "Ann", "talk": TALK})
    assert [m.encode() for m in prompt.render({"name": "Ann", "talk": []})] == sent[:1]


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "system"]), st.text()), max_size=5))
def test_no_text_of_a_history_is_a_template(said: list[tuple[str, str]]) -> None:
    talk = [{"role": role, "content": f"{{{{name}}}}{text}"} for role, text in said]
    assert [m.encode() for m in version(make_history("talk")).render({"talk": talk, "name": "x"})] == talk


def test_the_digest_of_plain_messages_has_their_roles_and_texts_alone() -> None:
    prompt = version(Message(role="user", content="Hi  there"), make_history("talk"))
    assert prompt.content["messages"] == [["user", "Hi  there"], ["history", "{{talk}}"]]  # type: ignore[index,call-overload]
    spaced = version(Message(role="user", content="Hi there"), make_history("talk"))
    assert prompt.digest != spaced.digest and prompt.normalized_digest == spaced.normalized_digest


def test_a_prompt_may_have_images_by_its_own_or_by_a_history() -> None:
    part = {"role": "user", "content": [{"type": "image", "image": "{{picture}}"}]}
    message = MessageReader(is_template=True).read(part, ())
    assert message is not None
    assert version(message).may_have_images and version(make_history("talk")).may_have_images
    assert not version(Message(role="user", content="[image: a.png]")).may_have_images


@given(st.sampled_from(["file", "user"]), st.sampled_from([" ", "\n", "\u200b", "\U000e0041"]))
def test_white_space_of_an_included_file_and_of_the_user_message_is_normalised(place: str, blank: str) -> None:
    def make(text: str) -> PromptVersion:
        prompt = version(Message(role="system", content="{% include 'a' %}"))
        if place == "user":
            return replace(prompt, user=text)
        return replace(prompt, template=Template(syntax="jinja", files=(("a", text),)))

    plain, spaced, other = make("Be kind."), make(f"Be {blank} kind."), make("Be rude.")
    assert plain.digest != spaced.digest and plain.normalized_digest == spaced.normalized_digest
    assert plain.normalized_digest != other.normalized_digest
    assert any(spaced.hidden_text) is (blank == "\U000e0041") and not any(plain.hidden_text)
