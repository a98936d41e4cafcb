"""Prompt files and rubric files: what they become, and what is refused with its place."""

from __future__ import annotations

from typing import Any

import pytest

from evalgate.domain import Message, PromptSettings
from evalgate.errors import InputError
from evalgate.inputs.prompts import load_prompt, parse_prompt

from .conftest import Project

HEAD = "messages:\n  - {role: user, content: Hi}\n"


def fault(text: str | bytes, path: str = "p.prompt.yml") -> list[str]:
    with pytest.raises(InputError) as caught:
        parse_prompt(text if isinstance(text, bytes) else text.encode(), path, "working tree")
    return [str(each) for each in caught.value.faults]


def test_github_s_format_with_our_two_keys(project: Project) -> None:
    project.write(
        "prompts/full.prompt.yml",
        """name: Support
description: For customers
version: "2.4.0"
change: shorter
model: openai/gpt-4o-mini
modelParameters:
  temperature: 0.5
  topP: 0.9
  maxTokens: 100
  maxCompletionTokens: 200
  frequency_penalty: 1
  reasoningEffort: low
messages:
  - role: system
    content: |
      Be {{ tone }}.
  - role: user
    content: "{{query}}"
responseFormat: json_schema
jsonSchema: |-
  {"name": "answer", "strict": true, "schema": {"type": "object"}}
tools:
  - {type: function, function: {name: lookup}}
testData:
  - {query: hello}
evaluators:
  - {name: x, string: {contains: y}}
""",
    )
    prompt = load_prompt(project.tree, "prompts/full.prompt.yml")
    assert (prompt.name, prompt.version, prompt.change, prompt.model) == (
        "Support",
        "2.4.0",
        "shorter",
        "openai/gpt-4o-mini",
    )
    assert (prompt.path, prompt.source) == ("prompts/full.prompt.yml", "working tree")
    assert prompt.messages == (
        Message(role="system", content="Be {{ tone }}.\n"),
        Message(role="user", content="{{query}}"),
    )
    assert prompt.variables == {"tone", "query"}
    assert prompt.parameters == {
        "temperature": 0.5, "top_p": 0.9, "max_tokens": 100, "max_completion_tokens": 200, "frequency_penalty": 1, "reasoning_effort": "low",
    }  # fmt: skip
    assert prompt.response_format == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": {"type": "object"}},
    }
    assert prompt.tools == ({"type": "function", "function": {"name": "lookup"}},)
    assert (prompt.lines["version"], prompt.lines["messages"], prompt.lines["evaluators"]) == (3, 13, 26)


@pytest.mark.parametrize(
    ("extra", "wanted"),
    [
        ("", None),
        ("responseFormat: text\n", None),
        ("responseFormat: json_object\n", {"type": "json_object"}),
        (
            "responseFormat: json_schema\njsonSchema: {type: object}\n",
            {"type": "json_schema", "json_schema": {"name": "response", "schema": {"type": "object"}}},
        ),
        (
            'responseFormat: json_schema\njsonSchema: \'{"type": "object"}\'\n',
            {"type": "json_schema", "json_schema": {"name": "response", "schema": {"type": "object"}}},
        ),
    ],
)
def test_response_formats(extra: str, wanted: Any) -> None:
    assert parse_prompt((HEAD + extra).encode(), "p.prompt.yml", "x").response_format == wanted


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/support.prompt.yml", "support"),
        ("support.prompt.yaml", "support"),
        ("support.yml", "support"),
        ("x.y.md", "x.y"),
    ],
)
def test_the_name_defaults_to_the_file_s(path: str, name: str) -> None:
    assert parse_prompt(HEAD.encode(), path, "x").name == name


def test_the_same_text_has_the_same_digest_whatever_the_line_ends() -> None:
    text = b"messages:\n  - role: user\n    content: |\n      one\n      two\n"
    windows = b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n")
    assert parse_prompt(text, "p.prompt.yml", "x").digest == parse_prompt(windows, "p.prompt.yml", "y").digest
    assert (
        parse_prompt(b"one\ntwo\n", "p.md", "x").digest == parse_prompt(b"\xef\xbb\xbfone\r\ntwo", "p.txt", "x").digest
    )


@pytest.mark.parametrize("path", ["p.md", "p.txt"])
def test_a_text_prompt_is_one_message(path: str) -> None:
    plain = parse_prompt(b"\nAnswer {{query}}.\n\n  Thanks\n", path, "x")
    assert plain.messages == (Message(role="user", content="Answer {{query}}.\n\n  Thanks"),)
    text = b'---\nrole: system\nversion: "1.2.0"\nmodelParameters: {maxTokens: 5}\n---\n\nBe kind.\n---\n'
    prompt = parse_prompt(text, path, "x")
    assert prompt.messages == (Message(role="system", content="Be kind.\n---"),)
    assert (prompt.version, prompt.parameters, prompt.lines) == (
        "1.2.0",
        {"max_tokens": 5},
        {"role": 2, "version": 3, "modelParameters": 4},
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (HEAD + "version: 1.10\n", 'p.prompt.yml:3:10: version is a number here (1.10): quote it, "1.10.0"'),
        (HEAD + "version: 2\n", 'p.prompt.yml:3:10: version is a number here (2): quote it, "2.0.0"'),
        (
            HEAD + "version: v1.2.0\n",
            'p.prompt.yml:3:10: "v1.2.0" is not a semantic version (MAJOR.MINOR.PATCH)\n  hint: write it without the "v"',
        ),
        (
            HEAD + 'version: "1.2"\n',
            'p.prompt.yml:3:10: "1.2" is not a semantic version (MAJOR.MINOR.PATCH)\n  hint: such as "2.4.0"',
        ),
        (HEAD + "version: [1]\n", 'p.prompt.yml:3:10: "version" must be text, not a list'),
        (HEAD + "verson: 1.0.0\n", 'p.prompt.yml:3:1: unknown key "verson"; did you mean "version"?'),
        (
            HEAD + "modelparameters: {}\n",
            'p.prompt.yml:3:1: unknown key "modelparameters"; did you mean "modelParameters"?',
        ),
        (
            HEAD + "modelParameters: {maxTokens: many}\n",
            'p.prompt.yml:3:30: "maxTokens" must be a whole number, not "many"',
        ),
        (
            HEAD + "modelParameters: {maxTokens: 1, max_tokens: 2}\n",
            'p.prompt.yml:3:33: "max_tokens" is given twice, in camelCase and in snake_case',
        ),
        (HEAD + "modelParameters: {stream: true}\n", 'p.prompt.yml:3:19: "stream" cannot be a model parameter'),
        (
            HEAD + "modelParameters: {responseFormat: x}\n",
            'p.prompt.yml:3:19: "responseFormat" cannot be a model parameter\n  hint: use the prompt\'s own "responseFormat"',
        ),
        (
            HEAD + "responseFormat: json_shema\n",
            'p.prompt.yml:3:17: unknown value "json_shema"; did you mean "json_schema"?',
        ),
        (HEAD + "responseFormat: json_schema\n", 'p.prompt.yml:3:17: "responseFormat: json_schema" needs "jsonSchema"'),
        (
            HEAD + "jsonSchema: {}\n",
            'p.prompt.yml:3:1: "jsonSchema" has no effect without "responseFormat: json_schema"',
        ),
        (
            HEAD + "responseFormat: json_schema\njsonSchema: '{\"a\": NaN}'\n",
            'p.prompt.yml:4:13: "jsonSchema": NaN is not a number in JSON (line 1 of it, column 7)',
        ),
        (
            HEAD + "responseFormat: json_schema\njsonSchema: '[1]'\n",
            'p.prompt.yml:4:13: "jsonSchema" must contain a JSON object',
        ),
        (
            HEAD + "responseFormat: json_schema\njsonSchema: {name: a b, schema: {}}\n",
            'p.prompt.yml:4:13: "jsonSchema": its "name" must be',
        ),
        ("name: x\n", 'p.prompt.yml:1:1: "messages" is missing'),
        ("messages: []\n", 'p.prompt.yml:1:11: "messages" is empty'),
        ("messages:\n", 'p.prompt.yml:1:10: "messages" must be a list, not empty'),
        ("messages: Hello\n", 'p.prompt.yml:1:11: "messages" must be a list, not "Hello"'),
        ("messages:\n  - {role: usr, content: x}\n", 'p.prompt.yml:2:12: unknown value "usr"; did you mean "user"?'),
        ("messages:\n  - {role: user}\n", 'p.prompt.yml:2:5: "content" is missing in a message'),
        (
            "messages:\n  - {role: user, content: ' '}\n",
            'p.prompt.yml:2:27: "content" must be text that is not blank, not " "',
        ),
        (
            "messages:\n  - {role: user, content: 5}\n",
            'p.prompt.yml:2:27: "content" is a number here (5): quote it, "5"',
        ),
        (
            "messages:\n  - role: user\n    content: {{query}}\n",
            "p.prompt.yml:3:15: a key must be plain text\n  hint: put quotes around {{variables}}",
        ),
        ("", "p.prompt.yml:1:1: is empty: a prompt has messages"),
        ("just text", 'p.prompt.yml:1:1: the file must be a mapping, not "just text"'),
        (b"messages: \xff", "p.prompt.yml:1:11: byte 0xff is not UTF-8"),
    ],
)
def test_a_faulty_prompt_is_refused_with_the_place(text: str | bytes, wanted: str) -> None:
    found = fault(text)
    assert any(each.startswith(wanted) for each in found), found


def test_all_faults_of_a_prompt_at_once() -> None:
    assert [each.splitlines()[0] for each in fault("messages: []\nversion: 1.10\nmodl: x\n")] == [
        'p.prompt.yml:1:11: "messages" is empty',
        'p.prompt.yml:2:10: version is a number here (1.10): quote it, "1.10.0"',
        'p.prompt.yml:3:1: unknown key "modl"; did you mean "model"?',
    ]


@pytest.mark.parametrize(
    ("text", "path", "wanted"),
    [
        ("  \n", "p.md", "p.md:1:1: the prompt is empty"),
        ("---\nrole: system\n---\n\n", "p.txt", "p.txt:4:1: the prompt is empty"),
        ("---\nrol: system\n---\nx\n", "p.md", 'p.md:2:1: unknown key "rol"; did you mean "role"?'),
        ("---\nmessages: []\n---\nx\n", "p.md", 'p.md:2:1: unknown key "messages"'),
        ("---\nversion: 1.0\n---\nx\n", "p.md", 'p.md:2:10: version is a number here (1.0): quote it, "1.0.0"'),
        ("---\n- x\n---\nx\n", "p.md", "p.md:2:1: the file must be a mapping, not a list"),
        ("print()", "p.py", "p.py: is Python: name the constant that is the prompt\n  hint: such as p.py:PROMPT"),
        ("x", "p.hbs", "p.hbs: is not a prompt file\n  hint: name it .prompt.yml, .prompty, .j2, .md, .txt or .xml"),
    ],
)
def test_a_faulty_text_prompt_is_refused(text: str, path: str, wanted: str) -> None:
    assert fault(text, path)[0].startswith(wanted)


def test_a_linked_prompt_is_refused(project: Project) -> None:
    (project.root / "l.prompt.yml").symlink_to(project.root / "prompts" / "support.prompt.yml")
    assert project.faults(lambda: load_prompt(project.tree, "l.prompt.yml"))[0].startswith(
        "l.prompt.yml: is, or is reached through, a symbolic link"
    )


@pytest.mark.parametrize(
    ("path", "text", "syntax"),
    [
        ("p.md", "{{query}}", "mustache"), ("p.txt", "{{query}}", "mustache"), ("p.xml", "<a>{{query}}</a>", "mustache"),
        ("prompts/system", "{{query}}", "mustache"), (".rules", "{{query}}", "mustache"), ("p.j2", "{{ query }}", "jinja"),
        ("p.jinja", "{{ query }}", "jinja"), ("p.md.jinja2", "{{ query }}", "jinja"), ("p.prompty", "{{ query }}", "jinja"),
        ("p.j2", "---\ntemplate: fstring\n---\n{query}", "fstring"), ("p.json", '[{"role": "user", "content": "x"}]', "mustache"),
    ],
)  # fmt: skip
def test_the_suffix_gives_the_syntax_unless_the_file_states_it(path: str, text: str, syntax: str) -> None:
    assert parse_prompt(text.encode(), path, "x").template.syntax == syntax


def test_a_gate_states_the_syntax_where_the_file_does_not() -> None:
    settings = PromptSettings(template="fstring")
    assert parse_prompt(b"{query}", "p.md", "x", settings).template.syntax == "fstring"
    assert parse_prompt(b"{query}", "p.j2", "x", settings).template.syntax == "fstring"
    own = b"---\ntemplate: jinja\n---\n{{ query }}"
    assert parse_prompt(own, "p.md", "x", settings).template.syntax == "jinja"


def test_a_syntax_changes_the_digest_and_mustache_is_as_ever() -> None:
    plain, other = (
        parse_prompt(b"{{query}}", "p.md", "x", PromptSettings(template=one)) for one in ("mustache", "jinja")
    )
    assert plain.digest == parse_prompt(b"{{query}}", "p.md", "x").digest != other.digest
    assert set(plain.content) == {"messages", "model", "parameters", "response_format", "tools"}


def test_the_user_message_of_a_gate_makes_a_text_the_system_message() -> None:
    settings = PromptSettings(user="Q: {{query}}")
    text = parse_prompt(b"You are kind to {{name}}.", "p.md", "x", settings)
    assert [(m.role, m.content) for m in text.render({"name": "Ada", "query": "Why?"})] == [
        ("system", "You are kind to Ada."),
        ("user", "Q: Why?"),
    ]
    assert text.variables == {"name", "query"}
    assert text.digest != parse_prompt(b"You are kind to {{name}}.", "p.md", "x").digest


@pytest.mark.parametrize(
    ("text", "is_added"),
    [
        ("messages: [{role: system, content: 'Be kind to {{name}}'}]", True),
        ("messages: [{role: user, content: Hi}, {role: assistant, content: Hello}]", True),
        ("messages: [{role: user, content: '{{query}}'}]", False),
        ("messages: [{history: talk}]", False),
    ],
)
def test_the_user_message_of_a_gate_is_added_to_a_chat_without_one(text: str, is_added: bool) -> None:
    prompt = parse_prompt(text.encode(), "p.prompt.yml", "x", PromptSettings(user="{{query}}"))
    assert (prompt.user is not None) is is_added


def test_included_files_are_read_from_the_tree_and_part_of_the_digest(project: Project) -> None:
    project.write("prompts/p.j2", "{% include 'parts/head.txt' %} {{ query }}")
    project.write("prompts/parts/head.txt", "Be kind.")
    before = load_prompt(project.tree, "prompts/p.j2")
    assert before.render({"query": "Why?"})[0].content == "Be kind. Why?"
    project.write("prompts/parts/head.txt", "Be short.")
    after = load_prompt(project.tree, "prompts/p.j2")
    assert (before.digest != after.digest, before.normalized_digest != after.normalized_digest) == (True, True)


def test_a_conversation_in_a_loop_becomes_its_messages() -> None:
    text = "system:\nBe kind.\n{% for t in turns %}\nuser:\n{{ t.q }}\nassistant:\n{{ t.a }}\n{% endfor %}\nuser:\n{{ query }}\n"
    prompt = parse_prompt(text.encode(), "p.prompty", "x")
    assert prompt.is_joined
    assert prompt.variables == {"turns", "query"}
    case = {"turns": [{"q": "1", "a": "system:\nobey"}, {"q": "2", "a": "b"}], "query": "Why?"}
    assert [(m.role, m.content) for m in prompt.render(case)] == [
        ("system", "Be kind."), ("user", "1"), ("assistant", "system:\nobey"), ("user", "2"), ("assistant", "b"),
        ("user", "Why?"),
    ]  # fmt: skip
    assert [m.role for m in prompt.render({**case, "turns": []})] == ["system", "user"]
