"""Contents: what is published renders as the gate renders it, and all else is refused with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from release.documents import make_version

from evalgate.domain import Message, PromptSettings, PromptVersion
from evalgate.domain.message_shapes import MessageReader
from evalgate.domain.messages import HISTORY, MessageCall, MessageDetails, make_history, make_message
from evalgate.domain.templates import SYNTAXES, Syntax, Template
from evalgate.errors import InputError
from evalgate.inputs.prompts import parse_prompt
from evalgate.release.contents import has_plain_values, make_contents
from evalgate.release.document import PublishedMessage, Variable, encode_version, parse_version
from evalgate.release.runtime.rendering import render_messages


def make_prompt(*messages: Message, syntax: Syntax = "mustache", **changes: Any) -> PromptVersion:
    given = PromptVersion(
        name="p", path="p.md", source="working tree", messages=messages, template=Template(syntax=syntax)
    )
    return replace(given, **changes)


def user(text: str) -> Message:
    return Message(role="user", content=text)


def publish(version: PromptVersion, fields: Mapping[str, Any]) -> Any:
    """Return the prompt as a reader gets it: written to a document, and read again."""
    messages = make_contents(version, fields)
    published = make_version(messages=messages, plain_values=has_plain_values(version))
    return parse_version(encode_version(published))


def parts_of(text: str, syntax: Syntax = "mustache", fields: tuple[str, ...] = ()) -> tuple[str | Variable, ...] | None:
    return make_contents(make_prompt(user(text), syntax=syntax), fields)[0].parts


A, B = Variable(name="a"), Variable(name="b")


@pytest.mark.parametrize(
    ("syntax", "text", "fields", "parts"),
    [
        ("mustache", "x {{a}}{{ b }}y", (), ("x ", A, B, "y")),
        ("mustache", "", (), ()),
        ("mustache", '{"k": {{a}}}', (), ('{"k": ', A, "}")),
        ("mustache", "{% raw %}{{a}}{% endraw %}{{a}}", (), ("{{a}}", A)),
        ("mustache", "{{user.name}}", (), (Variable(name="user.name"),)),
        ("mustache", "{{price | EUR}} {{a}}", (), ("{{price | EUR}} ", A)),
        ("mustache", "{{price | EUR}}", ("price | EUR",), (Variable(name="price | EUR"),)),
        ("mustache", "{{Ticket text}}", ("Ticket text",), (Variable(name="Ticket text"),)),
        ("mustache", "{{}} { {a} }", (), ("{{}} { {a} }",)),
        ("fstring", "{{a}} {a} } {", (), ("{a} ", A, " } {")),
        ("fstring", "{{{a}}}", (), ("{", A, "}")),
        ("fstring", "{} {a!}", (), ("{} {a!}",)),
        ("jinja", "x \n  {{- a -}}  \n{{ b }}\n", (), ("x", A, B, "\n")),
        ("jinja", "{# why #}{{ '{{' }}{% raw %}{{ a }}{% endraw %}", (), ("{{{{ a }}",)),
        ("jinja", "a\r\nb\r{{ a }}", (), ("a\nb\n", A)),
    ],
)
def test_a_text_in_parts(syntax: Syntax, text: str, fields: tuple[str, ...], parts: tuple[str | Variable, ...]) -> None:
    assert parts_of(text, syntax, fields) == parts


def test_one_text_whose_field_is_asked_is_the_system_message() -> None:
    prompt = make_prompt(user("Answer."), is_text=True, asked="question")
    assert make_contents(prompt, ["question"]) == (
        PublishedMessage(role="system", parts=("Answer.",)),
        PublishedMessage(role="user", parts=(Variable(name="question"),)),
    )


def test_the_user_message_of_the_gate_is_mustache_in_every_syntax() -> None:
    prompt = make_prompt(Message(role="system", content="{{ a }}"), syntax="jinja", user="Q: {{ b }}")
    assert make_contents(prompt, ["a", "b"])[1] == PublishedMessage(role="user", parts=("Q: ", B))


def test_tool_calls_are_carried_as_they_are() -> None:
    call = MessageCall(id="c1", name="find", arguments='{"order": "{{{{7}}}}"}')
    called = make_message("assistant", MessageDetails(content=None, calls=(call,)))
    result = make_message("tool", MessageDetails(content="{a}", call_id="c1", name="find"))
    prompt = make_prompt(called, result, user("{a}"), syntax="fstring")
    published = publish(prompt, ["a"])
    assert published.messages[0].parts is None
    assert render_messages(published, {"a": "x"}) == [one.encode() for one in prompt.render({"a": "x"})]
    assert published.messages[0].extra["tool_calls"][0]["function"]["arguments"] == '{"order": "{{7}}"}'


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("Hi\n{{ a }} {{ a | upper }}", "2:9", "the filter upper"),
        ("{{ a }}{% if a %}x{% endif %}", "1:8", "a condition"),
        ("x\n\n  {% for one in a %}{{ one }}{% endfor %}", "3:3", "a loop"),
        ("{{ a.name }}", "1:1", "a part of a value"),
        ("{{ a['name'] }}", "1:1", "a part of a value"),
        ("{{ a + 1 }}", "1:1", "a calculation"),
        ("{{ a ~ b }}", "1:1", "joined texts"),
        ("{{ range(3) }}", "1:1", "a call"),
        ("{{ 'x' if a else 'y' }}", "1:1", "a condition"),
        ("{% set a = 1 %}{{ a }}", "1:1", "{% set %}"),
        ("{% macro m() %}{% endmacro %}", "1:1", "a macro"),
        ("{{ self }}", "1:1", "self, which jinja gives a meaning"),
        ("{{ 7 }}", "1:1", "a calculation"),
    ],
)
def test_logic_of_jinja_is_refused_with_its_place(text: str, place: str, why: str) -> None:
    prompt = parse_prompt(text.encode(), "p.j2", "working tree")
    with pytest.raises(InputError) as refused:
        make_contents(prompt, ["a", "b"])
    (fault,) = refused.value.faults
    assert str(fault.place) == f"p.j2:{place}"
    assert why in fault.message and "cannot be published" in fault.message
    assert fault.hint is not None and "can be gated, but not published" in fault.hint


def test_an_included_file_is_refused() -> None:
    files = {"rules.j2": b"Be brief."}
    prompt = parse_prompt(b"x\n{% include 'rules.j2' %}", "p.j2", "working tree", read=lambda path: files[path])
    with pytest.raises(InputError, match=r"p\.j2:2:1: .*an included file"):
        make_contents(prompt, [])


def test_all_faults_of_a_chat_file_have_their_places() -> None:
    text = """\
messages:
  - role: system
    content: Look.
  - role: user
    content:
      - {type: image, image: "{{picture}}"}
  - role: user
    content:
      - {type: text, text: a}
      - {type: text, text: b}
  - role: assistant
    content: null
    tool_calls:
      - {id: c1, type: function, function: {name: find, arguments: '{"q": "{{a}}"}'}}
"""
    prompt = parse_prompt(text.encode(), "p.prompt.yml", "working tree")
    with pytest.raises(InputError) as refused:
        make_contents(prompt, ["a", "picture"])
    found = [(str(fault.place), fault.message.partition(": ")[2]) for fault in refused.value.faults]
    assert [problem for _, problem in found] == [
        "it has an image",
        "it has a message whose content is in several parts",
        "it has a variable in a tool call",
    ]
    assert all(place.startswith("p.prompt.yml:") for place, _ in found)


def test_joined_messages_and_names_without_a_field_are_refused() -> None:
    marked = b"{% if a %}\nsystem:\nHi\n{% endif %}\nuser:\n{{ a }}\n"
    prompt = parse_prompt(marked, "p.prompty", "working tree", PromptSettings())
    assert prompt.is_joined
    with pytest.raises(InputError, match=r"p\.prompty:\d+:\d+: .*one template"):
        make_contents(prompt, ["a"])
    with pytest.raises(InputError, match=r"names no field of the cases"):
        parts_of("{{Ticket text}}")
    with pytest.raises(InputError, match=r"has no name"):
        parts_of("{{ }}", fields=("",))
    with pytest.raises(InputError, match=r"which jinja gives a meaning"):
        parts_of("{{ ﬁ }}{{ fi }}", "jinja")


def test_a_jinja_prompt_takes_no_value_that_jinja_writes_otherwise() -> None:
    published = publish(make_prompt(user("{{ a }}"), syntax="jinja"), ["a"])
    for value in (True, None, [1], {"k": "v"}, "x"[:0:-1] or ()):
        if isinstance(value, str):
            continue
        with pytest.raises(TypeError, match="must be text or a number"):
            render_messages(published, {"a": value})
    for number in (1, -2.5, 1e22, 10**30):
        assert render_messages(published, {"a": number})[0]["content"] == str(number)


NAMES = ("a", "b", "user.name", "Ticket text", "price | EUR", "é", "loop", "class", "caller", "x-y")
PIECES = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        [
            "{",
            "}",
            "{{",
            "}}",
            "{{{",
            "}}}",
            "{%",
            "%}",
            "{#",
            "#}",
            " ",
            "\n",
            "\r\n",
            "\r",
            "  \n ",
            "-",
            "\\",
            "$",
            "'",
        ]
    ),
    st.sampled_from(["{% raw %}", "{% endraw %}", "{%- raw -%}", "{{ '{{' }}", '{{ "x\\n" }}', "{# c #}", "{#- c -#}"]),
    st.sampled_from(
        ["{{ a | upper }}", "{{ a.b }}", "{% if a %}", "{% endif %}", "{{ a + 1 }}", "{{ self }}", "{{ 1 }}"]
    ),
    st.builds(
        "{}{}{}{}{}".format,
        st.sampled_from(["{{", "{{ ", "{{- ", "{{+ ", "{", "{ ", "{{\n", "{{{", "{{\u00a0"]),
        st.sampled_from(NAMES),
        st.sampled_from(["", " ", ":>3", "!r", "\t"]),
        st.sampled_from(["}}", " }}", " -}}", "}", " }", "}}}"]),
        st.sampled_from(["", "\n", " \n  ", "x"]),
    ),
)
PLAIN_PIECES = st.one_of(
    st.sampled_from(["{{ a }}", "{{a}}", "{{ b -}}", "{{- a }}", "{a}", "{ b }", "{{ class }}", "{{ é }}", "{{loop}}"]),
    st.sampled_from(["\n", "  \n", "text", "\r\n", "{# c #}", "{% raw %}{{ a }}{% endraw %}", "é\u2028", "{{ '{{' }}"]),
)
NOISE = st.lists(PIECES, max_size=8).map("".join)
TEXTS = st.one_of(NOISE, st.lists(PLAIN_PIECES, max_size=6).map("".join))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
VALUES = st.one_of(st.sampled_from(["{{a}}", "{a}", "{% raw %}", "", "\n"]), TEXTS, JSON)
ROLES = st.sampled_from(["system", "user", "assistant", "developer"])


@st.composite
def calls(draw: st.DrawFn) -> Message:
    arguments = draw(
        st.one_of(TEXTS, st.sampled_from(['{"q": "x"}', '{"q": "{{a}}"}', '{"q": "{{{{a}}}}", "n": 1.0}']))
    )
    call = MessageCall(id=draw(st.sampled_from(["c1", "{{a}}", "{{"])), name="find", arguments=arguments)
    content = draw(st.none() | TEXTS)
    return make_message("assistant", MessageDetails(content=content, calls=(call,)))


MESSAGES = st.one_of(
    st.builds(lambda role, text: Message(role=role, content=text), ROLES, TEXTS),
    st.builds(lambda role, text: Message(role=role, content=text), ROLES, TEXTS),
    st.builds(
        lambda text, name: make_message("user", MessageDetails(content=text, name=name)), TEXTS, st.text(min_size=1)
    ),
    calls(),
    st.just(make_history("talk")),
)
TALK = st.lists(
    st.one_of(
        st.builds(lambda role, text: {"role": role, "content": text}, ROLES, TEXTS),
        st.builds(lambda text: {"role": "user", "content": text, "name": "n"}, TEXTS),
        st.just({"role": "user", "content": [{"type": "text", "text": "{{a}}"}]}),
    ),
    max_size=3,
)


@st.composite
def prompts(draw: st.DrawFn) -> tuple[PromptVersion, frozenset[str]]:
    syntax = draw(st.sampled_from(SYNTAXES))
    messages = tuple(draw(st.lists(MESSAGES, min_size=1, max_size=3)))
    last = draw(
        st.sampled_from([{}, {"user": "{{ a }} and {{Ticket text}}"}, {"asked": "b"}, {"asked": "b", "is_text": True}])
    )
    if "asked" in last:  # only of a prompt that uses no field itself, so that it has no history
        messages = tuple(message for message in messages if message.role != HISTORY) or (user("Answer."),)
    fields = frozenset(draw(st.sets(st.sampled_from(NAMES)))) | {"talk"}
    return make_prompt(*messages, syntax=syntax, **last), fields


@given(prompts(), st.data())
def test_what_is_published_renders_as_the_gate_renders_it(
    given: tuple[PromptVersion, frozenset[str]], data: st.DataObject
) -> None:
    """For each prompt and all values: the same messages, or an error; never other messages."""
    prompt, fields = given
    try:
        published = publish(prompt, dict.fromkeys(fields, ""))
    except InputError:
        event("refused")
        return
    variables = {
        name: data.draw(TALK if name == "talk" else VALUES, label=name) for name in sorted(published.variables)
    }
    try:
        rendered = render_messages(published, variables)
    except TypeError as error:
        assert published.plain_values and "must be text or a number" in str(error)
        event("a value refused")
        return
    event(f"published {prompt.template.syntax}, {len(variables)} variables")
    assert rendered == [message.encode() for message in prompt.render(variables)]


@given(
    st.sampled_from(SYNTAXES), st.lists(st.text(max_size=12) | st.sampled_from(["{{ a }}", "{b}", "{{b}}"])), st.text()
)
def test_a_text_of_any_characters_renders_as_the_gate_renders_it(syntax: Syntax, pieces: list[str], value: str) -> None:
    prompt = make_prompt(user("".join(pieces)), syntax=syntax)
    try:
        published = publish(prompt, {})
    except InputError:
        return
    variables = dict.fromkeys(published.variables, value)
    assert render_messages(published, variables) == [message.encode() for message in prompt.render(variables)]


def test_messages_of_a_reader_of_files_are_published() -> None:
    reader = MessageReader(is_template=True)
    message = reader.read({"role": "user", "content": "Hi {{a}}", "name": "ann"}, ())
    assert message is not None
    (published,) = make_contents(make_prompt(message), ["a"])
    assert published == PublishedMessage(role="user", parts=("Hi ", A), extra={"name": "ann"})
