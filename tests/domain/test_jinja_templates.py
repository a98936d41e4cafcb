"""Jinja templates: what they render, the names that they need, the files that they include, and their faults."""

from __future__ import annotations

import pytest

from evalgate.domain import digest
from evalgate.domain.expressions import Placeholder, RenderingError
from evalgate.domain.jinja_templates import (
    MOST_TEMPLATE,
    check_template,
    find_names,
    find_optional_names,
    list_includes,
    list_logic,
    list_passages,
    render,
    split_template,
)

CASE = {"query": " Why? ", "docs": [{"title": "A", "text": "x"}, {"title": "B", "text": None}], "größe": "L"}
FILES = (("parts/head.txt", "Hello {{ query | trim }}"), ("macros.j2", "{% macro q(x) %}<{{ x }}>{% endmacro %}"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{{ query | trim | upper }}", "WHY?"),
        (
            "{% for doc in docs %}{{ loop.index }}. {{ doc.title }}{{ ', ' if not loop.last else '' }}{% endfor %}",
            "1. A, 2. B",
        ),
        ("{% if missing is defined %}x{% else %}y{% endif %}{{ other | default('z') }}", "yz"),
        ("{% set n = namespace(x=0) %}{% for d in docs %}{% set n.x = n.x + 1 %}{% endfor %}{{ n.x }}", "2"),
        ("{% macro show(d) %}[{{ d.title }}]{% endmacro %}{{ show(docs[0]) }}", "[A]"),
        ("{{ docs | map(attribute='title') | join('/') }} {{ docs | length }}", "A/B 2"),
        ("{{ größe ~ '-' ~ 1 }} {{ '%.1f' | format(2.25) }}", "L-1 2.2"),
        ("{% raw %}{{ query }}{% endraw %}{# a note #}", "{{ query }}"),
        ("{% include 'parts/head.txt' %}! {% from 'macros.j2' import q %}{{ q('z') }}", "Hello Why?! <z>"),
        ("a\n", "a\n"),
    ],
)
def test_a_template_renders(text: str, wanted: str) -> None:
    assert render(text, CASE, FILES) == wanted


@pytest.mark.parametrize(
    ("text", "wanted", "line"),
    [
        ("a\n{% if x %}", "is not valid jinja: Unexpected end of template", 2),
        ("{{ query | nothing }}", "is not valid jinja: No filter named 'nothing'", 1),
        ("\n\n{{ query }}{{ nobody }}", "cannot be rendered: 'nobody' is undefined", 3),
        ("{{ docs[0].none }}", "cannot be rendered: 'dict object' has no attribute 'none'", 1),
        ("{{ docs | map(attribute='none') | list }}", "cannot be rendered: ", 1),
        ("{{ docs[1].text }}", "is not rendered: a value is null", 1),
        ("{{ query.__class__ }}", "is not rendered: access to attribute '__class__' of 'str' object is unsafe", 1),
        ("{% include 'none.txt' %}", 'includes "none.txt", which is not in the folder', 1),
        ("{{ 1 / 0 }}", "cannot be rendered: ZeroDivisionError", 1),
        ("{{ " + "(" * 5_000 + ")" * 5_000 + " }}", "", 0),
    ],
)
def test_a_fault_has_a_line(text: str, wanted: str, line: int) -> None:
    with pytest.raises(RenderingError) as caught:
        render(text, CASE)
    assert caught.value.problem.startswith(wanted)
    assert caught.value.line == line


def test_a_fault_does_not_end_with_a_stop() -> None:
    with pytest.raises(RenderingError) as caught:
        render("{{ query.__class__ }}", CASE)
    assert caught.value.problem.endswith("is unsafe")


def test_a_fault_in_an_included_file_names_the_file() -> None:
    with pytest.raises(RenderingError) as caught:
        check_template("{% include 'a' %}", (("a", "\n{% if %}"),))
    assert (caught.value.file, caught.value.line) == ("a", 2)
    with pytest.raises(RenderingError) as caught:
        render("{% include 'a' %}", {}, (("a", "\n\n{{ x }}"),))
    assert (caught.value.file, caught.value.line, caught.value.name) == ("a", 3, "x")


def test_a_template_is_not_too_large() -> None:
    with pytest.raises(RenderingError, match="a template may have"):
        check_template("x" * (MOST_TEMPLATE + 1))


def test_names_come_from_the_case() -> None:
    text = "{% for d in docs %}{{ d.x }}{{ range(3) }}{% endfor %}{% set a = query %}{{ a }}{% include 'f' %}"
    assert find_names(text, (("f", "{{ a }}{{ b }}"),)) == ("b", "docs", "query")
    assert find_names("{% if", ()) == ()


def test_a_tested_name_is_optional() -> None:
    assert find_optional_names("{% if a is defined %}{{ a }}{% endif %}{{ b | default('') }}{{ c }}") == {"a", "b"}


def test_includes_are_listed() -> None:
    text = "{% include 'a' %}\n{% include ['b', 'c'] ignore missing %}{% import name as n %}{% extends 'd' %}"
    assert list_includes(text) == [("a", 1, True), ("b", 2, False), ("c", 2, False), (None, 2, True), ("d", 2, True)]


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("Be kind. {{ query }}", "Be very kind. {{ query }}", True),
        ("{% if x %}a{% endif %}", "{%- if x -%}a{%- endif -%}", True),
        ("{{ query }}", "{{query}}", True),
        ("{{ query }}", "{{ query | trim }}", False),
        ("{% if x %}a{% endif %}", "{% if not x %}a{% endif %}", False),
        ("{# one #}", "{# two #}", True),
    ],
)
def test_logic_is_all_but_the_text(one: str, other: str, is_same: bool) -> None:
    assert (list_logic(one) == list_logic(other)) is is_same


@pytest.mark.parametrize(
    "text", ["a {{- x -}} b", "{{ x }}{# c #}\n  {{ y }}", "{% raw %}{{ x }}{% endraw %}{{ '{{' }}", "\r\n"]
)
def test_the_parts_of_a_plain_template_are_what_is_rendered(text: str) -> None:
    case = {"x": "1", "y": "2"}
    parts = split_template(text)
    assert "".join(case[part.name] if isinstance(part, Placeholder) else part for part in parts) == render(text, case)


@pytest.mark.parametrize(
    ("text", "why", "line"),
    [
        ("a\n{% if x %}b{% endif %}", "has logic (a condition)", 2),
        ("{% include 'a' %}", "an included file", 1),
        ("\n\n{{ x | trim }}", "the filter trim", 3),
        ("{{ x.y }}", "a part of a value", 1),
        ("{{ dict }}", "dict, which jinja gives a meaning", 1),
        ("{% with %}{% endwith %}", "has logic ({% with %})", 1),
        ("{{ x", "is not valid jinja", 1),
    ],
)
def test_a_template_with_logic_has_no_parts(text: str, why: str, line: int) -> None:
    with pytest.raises(RenderingError) as refused:
        split_template(text)
    assert why in refused.value.problem and refused.value.line == line


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a {# b #}c", [((), "a c")]),
        ("{% if x %}a{% elif y %}b{% else %}c{% endif %}d", [
            (("if x",), "a"), (("if x", "elif y"), "b"), (("if x", "elif y", "else"), "c"), ((), "d"),
        ]),
        ("{% for i in x %}{% if i -%} {{ i }} {%- endif %}{% endfor %}", [(("for i in x", "if i"), "{{ i }}")]),
        ("{% set a = 1 %}b{% set c %}d{% endset %}", [((), "b"), (("set c",), "d")]),
        ("{% raw %}{% if %}{% endraw %}", [((), "{% if %}")]),
        ("a {% endif %}b{% else %}", [((), "a b")]),
        ("{{ 'a", [((), "{{ 'a")]),
    ],
)  # fmt: skip
def test_passages_have_the_tags_around_them(text: str, wanted: list[tuple[tuple[str, ...], str]]) -> None:
    def make_key(tags: tuple[str, ...]) -> str:
        return digest([make_key(tags[:-1]), *tags[-1].split()])[:16] if tags else ""

    found = [(key, " ".join(said.split())) for key, said in list_passages(text)]
    assert found == [(make_key(tags), said) for tags, said in wanted]


def test_passages_of_many_tags_take_little_memory() -> None:
    text = "{% if a %}b" + "{% elif a %}c" * 10_000 + "{% endif %}"
    assert sum(len(key) for key, _ in list_passages(text)) <= 16 * 10_001
