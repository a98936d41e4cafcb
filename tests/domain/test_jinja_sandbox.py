"""The sandbox of jinja templates: no way to code, and bounded steps, characters and time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, StrictUndefined

from evalgate.domain import jinja_sandbox
from evalgate.domain.expressions import RenderingError
from evalgate.domain.jinja_templates import render

BIG = "x" * 1_000_000
CASE = {"query": "q", "items": ["a", "b"], "big": BIG}
FILES = (
    ("self.j2", "{% include 'self.j2' %}{% include 'self.j2' %}"),
    ("tree.j2", "{% set n = n - 1 %}{% if n > 0 %}{% include 'tree.j2' %}{% include 'tree.j2' %}{% endif %}"),
)


@pytest.mark.parametrize(
    "text",
    [
        "{{ ().__class__.__bases__ }}", "{{ query.__class__ }}", "{{ query | attr('__class__') }}", "{{ self.__dict__ }}",
        "{{ cycler.__init__.__globals__ }}", "{{ items | map(attribute='__class__') | list }}", "{{ query['__class__'] }}",
        "{{ lipsum() }}", "{{ items | random }}", "{{ config }}", "{{ items.append(1) }}", "{{ query.encode() }}",
        "{{ '{0.__class__}'.format(query) }}", "{{ query.format_map({}) }}", "{{ (1).to_bytes(4, 'big') }}",
        "{{ namespace.__init__ }}", "{{ joiner.__call__ }}", "{% import 'os' as os %}", "{{ query | map('attr', 'x') | list }}",
    ],
)  # fmt: skip
def test_code_is_out_of_reach(text: str) -> None:
    with pytest.raises(RenderingError):
        render(text, CASE)


_VALUES = (
    "''", "1", "[]", "{}", "()", "range", "range(3)", "dict", "query", "items", "self", "query.upper",
    "cycler('a')", "items | map('upper')", "{'a': self}.items()", "namespace(a=self)",
)  # fmt: skip
_NAMES = (
    "__class__", "__doc__", "__init__", "append", "update", "pop", "format", "start", "fromkeys", "upper", "nothing",
)  # fmt: skip
_QUESTIONS = (
    "{value}.{name} is defined", "{value}['{name}'] is defined", "{value}.{name} is undefined", "{value}.{name} is callable",
    "({value}.{name} | default('')) is string", "([{value}] | map(attribute='{name}') | select('defined') | list) != []",
    "({value} | string) is filter", "'{name}' is filter", "['random', 'abs'] | select('filter') | list == ['abs']",
    "'filter' is test", "lipsum is defined", "'class' in ({value} | string)", "'class' in ({value} ~ '')",
    "'class' in '%s' % {value}", "'prompt' in ({value} | string)", "'prompt' in '%s' | format([{value}])",
    "'prompt' in ([{value}] | join)", "'built' in ([{value}.{name}] | string)",
)  # fmt: skip


@given(st.sampled_from(_VALUES), st.sampled_from(_NAMES), st.sampled_from(_QUESTIONS))
def test_no_template_tells_the_sandbox_from_jinja(value: str, name: str, question: str) -> None:
    asked = question.format(value=value, name=name)
    text = f"{{% if {asked} %}}one{{% else %}}other{{% endif %}}"
    try:
        found = render(text, CASE)
    except RenderingError:
        return  # is told before the first call
    plain = Environment(undefined=StrictUndefined, autoescape=False)
    assert found == plain.from_string(text).render(CASE), text


@pytest.mark.parametrize(
    "value", ["range", "cycler('a')", "items | map('upper')", "query.upper", "[self]", "namespace()"]
)
def test_no_object_is_shown(value: str) -> None:
    for text in ("{{ %s }}", "{{ '' ~ (%s) }}", "{{ [%s] | join }}", "{{ (%s) | string }}", "{{ '%%s' %% (%s) }}"):
        with pytest.raises(RenderingError, match="has no text"):
            render(text % value, CASE)


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in range(10**9) %}x{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}{{ range(99999) | list | length }}{% endfor %}",
        "{{ 'a' * 10**9 }}", "{{ [1] * 10**9 }}", "{{ 9 ** (9 ** 9) }}", "{{ ([big] * 1000) | join }}",
        "{{ ([big] * 1000) | string | length }}", "{{ ([big] * 1000) ~ '' }}", "{{ [[1] * 99999] * 1000 }}",
        "{{ 'a' | center(10**9) }}", "{{ 'a'.ljust(10**9) }}", "{{ big | indent(10**8) }}",
        "{{ [1] | batch(10**9, 'x') | list }}", "{{ big | wordwrap(1, wrapstring=big) }}", "{{ items | tojson(10**6) }}",
        "{{ big | replace('x', big) }}", "{{ big.replace('x', big) }}", "{{ big.join(big) }}", "{{ items | join(big * 16) }}",
        "{{ '%999999999d' % 1 }}", "{{ '%*d' % (99999999, 1) }}", "{{ ('%s' * 99999) | format(big) }}",
        "{% set n = namespace(x='ab') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        "{% set n = namespace(x='ab') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
        "{% set n = namespace(x=['ab']) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
        "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}",
        "{% include 'self.j2' %}", "{% set n = 40 %}{% include 'tree.j2' %}",
        "{% for i in range(300) %}{{ big }}{% endfor %}",
        "{% set x %}{% for i in range(300) %}{{ big }}{% endfor %}{% endset %}{{ x | length }}",
        "{% for i in range(9999) %}" + "text " * 40_000 + "{% endfor %}",
    ],
)  # fmt: skip
def test_time_and_size_are_bounded(text: str) -> None:
    with pytest.raises(RenderingError) as caught:
        render(text, CASE, FILES)
    assert any(
        word in caught.value.problem for word in ("steps", "characters", "too large", "deeply", "digits", "format")
    )


def test_a_large_case_is_rendered() -> None:
    assert len(render("{{ big }}{{ big | upper | trim }}{% for i in items %}{{ big }}{% endfor %}", CASE)) == 4_000_000


def test_slow_steps_are_bounded_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 1.0, jinja_sandbox.LONGEST_RENDERING + 2])
    monkeypatch.setattr("evalgate.domain.jinja_sandbox.time.monotonic", lambda: next(times))
    with pytest.raises(RenderingError, match="more than 10 seconds"):
        render("{{ items[0] }}{{ items[1] }}{{ items[0] }}", CASE)


def test_each_rendering_has_a_budget_of_its_own() -> None:
    text = "{% for i in range(90000) %}{% endfor %}"
    assert [render(text, CASE) for _ in range(3)] == ["", "", ""]


def test_nothing_is_computed_when_a_template_is_compiled() -> None:
    assert render("{% if false %}{{ 'a' * 10**9 }}{{ 9 ** 9999 }}{% endif %}ok", CASE) == "ok"
