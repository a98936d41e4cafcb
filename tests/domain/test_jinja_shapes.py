"""Tests of the shapes in which jinja templates read their fields."""

from __future__ import annotations

import pytest

from evalgate.domain.jinja_shapes import make_examples
from evalgate.domain.jinja_templates import find_names, render
from evalgate.domain.text import Json


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("{{ q }} {{ q | upper }}", {"q": "q 3"}),
        ("{{ user.name }} {{ user['city'] }}", {"user": {"name": "user.name 3", "city": "user.city 3"}}),
        ("{% for d in docs %}{{ d.title }}{{ loop.index }}{% endfor %}", {"docs": [{"title": "docs.title 3"}]}),
        ("{% for d in docs %}{{ d }}{% endfor %}", {"docs": ["docs 3"]}),
        ("{% for a in b.c %}{% for d in a.e %}{{ d.f }}{% endfor %}{% endfor %}", {"b": {"c": [{"e": [{"f": "b.c.e.f 3"}]}]}}),
        ("{{ docs[0].title }}", {"docs": [{"title": "docs.title 3"}]}),
        ("{% set u = user %}{{ u.name }}", {"user": {"name": "user.name 3"}}),
        ("{% if n > 2 %}{{ price * 1.2 }}{% endif %}", {"n": 3, "price": 3}),
        ("{{ price | round(2) }}", {"price": 3}),
        ("{{ docs | map(attribute='t') | join(', ') }}", {"docs": [{"t": "docs.t 3"}]}),
        ("{% for d in docs | selectattr('new') %}{{ d.t }}{% endfor %}", {"docs": [{"new": "docs.new 3", "t": "docs.t 3"}]}),
        ("{% for k, v in options.items() %}{{ k }}: {{ v }}{% endfor %}", {"options": {"name": "options.name 3"}}),
        ("{{ options.get('a') }}", {"options": {"a": "options.a 3"}}),
        ("{% if user is defined and user.vip %}Dear{% endif %}", {"user": {"vip": "user.vip 3"}}),
        ("{% macro f(x) %}{{ x.y }}{% endmacro %}{{ f(q) }}", {"q": "q 3"}),
        ("{{ name.strip() }}", {"name": "name 3"}),
        ("{{ a ~ b }}", {"a": "a 3", "b": "b 3"}),
    ],
)  # fmt: skip
def test_a_value_has_the_shape_in_which_it_is_read(text: str, fields: dict[str, Json]) -> None:
    found = make_examples([text], (), "", 3)
    taken = {name: found[name] for name in find_names(text)}
    assert taken == fields
    if "macro" not in text:
        assert render(text, taken)


def test_included_files_are_read_as_well() -> None:
    files = (("card.j2", "{{ user.name }}"),)
    assert make_examples(["{% include 'card.j2' %}{{ user.city }}"], files, "X: ", 1) == {
        "user": {"city": "X: user.city 1", "name": "X: user.name 1"}
    }


def test_what_cannot_be_parsed_has_no_names() -> None:
    assert make_examples(["{% if %}"], (), "", 1) == {}
