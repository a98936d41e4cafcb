"""Faults of templates with the cases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from plan.small_gate import case, dataset, faults, gate, plan, prompt

from evalgate.domain import PromptVersion, TextStart
from evalgate.domain.templates import Syntax, Template


def version(text: str, syntax: Syntax = "mustache", **changes: Any) -> PromptVersion:
    return prompt(text, template=Template(syntax=syntax), starts=(TextStart(line=9, column=3, indent=3),), **changes)


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("{{query}}\nab {{ query | upper }}", "10:6", "write {{query}}; or state `template: jinja`"),
        ("{{query}} {% if context %}", "9:13", "write {{context}}; or state `template: jinja`"),
        ("{{query}} {context}", "9:13", "write {{context}}; or state `template: fstring`"),
        ("{{query}} {{#each items}}", "9:13", "write the field's name alone; or state `template: jinja`"),
    ],
)
def test_an_expression_that_is_not_filled_in_has_its_place(text: str, place: str, hint: str) -> None:
    (fault,) = faults(candidate=version(text))
    assert fault.startswith(f"p.prompt.yml:{place}: ")
    assert hint in fault
    assert "{% raw %}" in fault


def test_a_brace_of_an_f_string_has_its_place() -> None:
    (fault,) = faults(candidate=version('{query} as {"a": 1}', "fstring"))
    assert fault.startswith('p.prompt.yml:9:14: {"a": 1} is sent to the model unchanged: only {name} is filled in')
    assert "double a brace that is text" in fault


def test_a_baseline_and_a_function_may_have_any_text() -> None:
    odd = version("{{query}} {{ context | upper }} {{some words}}")
    assert plan(candidate=version("{{query}}"), baseline=odd)
    assert plan(gate("rag", judges=()), candidate=version("{{query}} {{ context | upper }}"))


def test_every_name_that_a_field_has_is_a_variable() -> None:
    cases = dataset(*(case(number, **{"a | b": "x", "first name": "y"}) for number in range(4)))
    made = plan(candidate=version("{{query}} {{a | b}} {{first name}}"), cases=cases)
    assert made.trials[0].request.messages[0].content.endswith(" x y")
    lacking = dataset(*(case(number, **({"a | b": "x"} if number else {})) for number in range(4)))
    (fault,) = faults(candidate=version("{{query}} {{a | b}}"), cases=lacking)
    assert "the variable {{a | b}} is missing in 1 of 4 cases: c0" in fault


def test_jinja_is_rendered_for_every_case() -> None:
    cases = dataset(*(case(number, context=None if number == 1 else "text") for number in range(4)))
    needs = version("one\n{{ query }} {{ context }}", "jinja")
    (fault,) = faults(candidate=needs, cases=cases, the_gate=gate(judges=()))
    assert fault.startswith(
        "p.prompt.yml:10: the template cannot be rendered: 'context' is undefined, with 1 of 4 cases: c1"
    )
    assert plan(
        candidate=version("{{ query }} {% if context is defined %}{{ context }}{% endif %}", "jinja"),
        cases=cases,
        the_gate=gate(judges=()),
    )


def test_a_jinja_name_that_no_case_has_is_reported_where_it_is_not_reached() -> None:
    (fault,) = faults(candidate=version("{{ query }}{% if false %}{{ contxt }}{% endif %}", "jinja"))
    assert "the variable {{contxt}} is given by no case" in fault
    assert 'did you mean "context"?' in fault


def test_an_empty_message_is_not_sent() -> None:
    (fault,) = faults(candidate=version("{% if query == 'q1' %}{{ query }}{% endif %}", "jinja"))
    assert fault.startswith("p.prompt.yml:9:3: the message is empty, with 3 of 4 cases: c0, c2, c3")


def test_a_limit_is_a_fault_with_its_line() -> None:
    (fault,) = faults(candidate=version("{{ query }}\n{% for i in range(10**9) %}x{% endfor %}", "jinja"))
    assert fault.startswith(
        "p.prompt.yml:10: the template is not rendered: it takes more than 100,000 steps, with every case"
    )


def test_a_fault_in_an_included_file_names_it() -> None:
    made = version("{% include 'parts/a.txt' %}{{ query }}", "jinja")
    made = replace(
        made, path="prompts/p.j2", template=Template(syntax="jinja", files=(("parts/a.txt", "\n{{ 1 / 0 }}"),))
    )
    (fault,) = faults(candidate=made)
    assert fault.startswith("prompts/parts/a.txt:2: the template cannot be rendered: ZeroDivisionError")


def test_a_name_that_no_case_has_is_a_variable_or_text() -> None:
    (fault,) = faults(candidate=version("{{query}}\nOn {{YYYY-MM-DD}}"))
    assert fault.startswith("p.prompt.yml:10:6: the variable {{YYYY-MM-DD}} is given by no case of cases.jsonl")
    assert "if these braces are text, put them between {% raw %} and {% endraw %}" in fault
    (fault,) = faults(candidate=version("{query} {day}", "fstring"))
    assert "if these braces are text, double them" in fault
