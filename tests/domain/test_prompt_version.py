"""Prompt versions: rendered messages with inserted histories, and digests."""

import itertools
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Message, PromptVersion, normalize
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


KINDS = {
    "plain": {"role": "system", "content": "TEXT"},
    "named": {"role": "system", "content": "TEXT", "name": "ann"},
    "name": {"role": "system", "content": "Hi", "name": "TEXT"},
    "parts": {"role": "user", "content": [{"type": "text", "text": "TEXT"}, {"type": "image", "image": "a b.png"}]},
    "beside calls": {**TALK[1], "content": "TEXT"},
    "arguments": {**TALK[1], "tool_calls": [{**CALL, "function": {"name": "find", "arguments": '{"why": "TEXT"}'}}]},
    "result": {**TALK[2], "content": "TEXT"},
}


def read(kind: str, text: str) -> PromptVersion:
    def fill(value: object) -> object:
        if isinstance(value, dict):
            return {key: fill(one) for key, one in value.items()}
        if isinstance(value, list):
            return [fill(one) for one in value]
        return value.replace("TEXT", text) if isinstance(value, str) else value

    message = MessageReader(is_template=True).read(fill(KINDS[kind]), ())
    assert message is not None
    return version(message)


@given(st.sampled_from(sorted(KINDS)), st.sampled_from([" ", "\t", "\u00a0", "\u200b", " \u3000"]))
def test_white_space_of_every_kind_of_message_is_normalised(kind: str, blank: str) -> None:
    plain, spaced, other = (read(kind, text) for text in ("Be kind.", f"Be {blank}kind.", "Be rude."))
    assert plain.digest != spaced.digest and plain.normalized_digest == spaced.normalized_digest
    assert plain.normalized_digest != other.normalized_digest


@given(st.lists(st.sampled_from(["Be", "kind", "{{name}}", "and", "brief."]), min_size=1, max_size=6), st.data())
def test_a_text_is_one_text_wherever_it_is_cut_into_parts(words: list[str], data: st.DataObject) -> None:
    def cut() -> PromptVersion:
        at = data.draw(st.lists(st.integers(0, len(words)), max_size=3).map(sorted))
        texts = [" ".join(words[i:j]) for i, j in itertools.pairwise([0, *at, len(words)])]
        content: object = [{"type": "text", "text": text} for text in texts]
        if data.draw(st.booleans()):
            content = " ".join(words)
        message = MessageReader(is_template=True).read({"role": "system", "content": content}, ())
        assert message is not None
        return version(message)

    assert cut().normalized_digest == cut().normalized_digest


def test_white_space_in_the_name_of_an_image_is_that_of_another_image() -> None:
    def picture(name: str) -> PromptVersion:
        message = MessageReader(is_template=True).read(
            {"role": "user", "content": [{"type": "image", "image": name}]}, ()
        )
        assert message is not None
        return version(message)

    assert picture("a b.png").normalized_digest != picture("a  b.png").normalized_digest


BLANKS = ["", " ", "  ", "\n", "\u00a0", "\u200b"]
READING = [
    "{{% if '{}' in query %}}no{{% endif %}}",
    "{{{{ query.split('{}x') | length }}}}",
    "{{% set s %}}{}{{% endset %}}{{% if s in query %}}no{{% endif %}}",
    "{{% macro m() %}}{}x{{% endmacro %}}{{{{ 1 if m() in query }}}}",
    "{{% filter replace('\u00a0', '-') %}}{}x{{% endfilter %}}",
    "{{% set s %}}{{% include 'f' %}}{{% endset %}}{{{{ s | length }}}}{}",
    "Be{}exact.{{{{ query }}}}",
]
TEXTS = st.lists(st.tuples(st.sampled_from(READING), st.sampled_from(BLANKS)), min_size=1, max_size=3)


@given(TEXTS, st.lists(st.sampled_from(BLANKS), min_size=4, max_size=4), st.tuples(*[st.sampled_from(BLANKS)] * 2))
def test_templates_of_one_normalised_digest_render_the_same_up_to_white_space(
    parts: list[tuple[str, str]], others: list[str], files: tuple[str, str]
) -> None:
    """White space that a condition or a filter reads is not mere white space: it decides what is sent."""

    def make(blanks: list[str], file: str) -> PromptVersion:
        text = "{{ query }}" + "".join(part.format(blank) for (part, _), blank in zip(parts, blanks, strict=False))
        template = Template(syntax="jinja", files=(("f", f"a{file}b"),))
        return replace(version(Message(role="user", content=text)), template=template)

    one, other = make([blank for _, blank in parts], files[0]), make(others, files[1])
    if one.normalized_digest == other.normalized_digest:
        for query in ("x y", "x  y", "x\nxy", "xy", "\u200bx", "\u00a0x"):
            sent = [normalize(each.render({"query": query})[0].content) for each in (one, other)]
            assert sent[0] == sent[1]


@pytest.mark.parametrize("text", ["{% if ' ' in query %}no{% endif %}", "{{ query | replace(' ', '_') }}"])
def test_white_space_beside_the_strings_of_a_template_is_normalised(text: str) -> None:
    def make(content: str) -> str:
        made = replace(version(Message(role="user", content=content)), template=Template(syntax="jinja"))
        return made.normalized_digest

    assert make(f"Be kind. {text}") == make(f"Be  kind.\n{text} ")
    assert make(f"Be kind. {text}") != make(f"Be kind. {text.replace(chr(39) + ' ', chr(39) + '  ')}")
