"""Chats in YAML and JSON: lists of messages, and where their texts begin."""

from __future__ import annotations

import pytest

from evalgate.domain import TextStart
from evalgate.errors import InputError
from evalgate.inputs.prompts import parse_prompt

LISTS = {
    "p.json": '[{"role": "system", "content": "Be kind."}, {"role": "user", "content": "{{query}}"}]',
    "p.yml": "- {role: system, content: Be kind.}\n- role: user\n  content: '{{query}}'\n",
}
WRAPPED = "messages:\n  - {role: system, content: Be kind.}\n  - {role: user, content: '{{query}}'}\n"


@pytest.mark.parametrize("path", LISTS)
def test_a_list_is_the_same_as_the_mapping(path: str) -> None:
    assert parse_prompt(LISTS[path].encode(), path, "x").digest == parse_prompt(WRAPPED.encode(), "q.yml", "x").digest


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[]", 'p.yml:1:1: "messages" is empty'),
        ("- {role: sytem, content: x}", 'p.yml:1:10: unknown value "sytem"; did you mean "system"?'),
        ("- [system, x]", "p.yml:1:3: "),
    ],
)
def test_a_faulty_list_is_refused_with_its_place(text: str, wanted: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_prompt(text.encode(), "p.yml", "x")
    assert str(caught.value).startswith(wanted), str(caught.value)


def test_the_syntax_stands_beside_the_messages() -> None:
    assert parse_prompt(f"template: jinja\n{WRAPPED}".encode(), "p.yml", "x").template.syntax == "jinja"


def test_texts_begin_in_the_file() -> None:
    text = "messages:\n  - {role: system, content: plain}\n  - role: user\n    content: |\n      one\n      two\n  - {role: user, content: 'q'}\n"
    assert parse_prompt(text.encode(), "p.yml", "x").starts == (
        TextStart(line=2, column=29, indent=29),
        TextStart(line=5, column=7, indent=7),
        TextStart(line=7, column=28, indent=28),
    )
