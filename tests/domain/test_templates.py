"""Template syntaxes: names, values, text that stays text, and expressions that would stay unfilled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain.expressions import Placeholder, RenderingError
from evalgate.domain.templates import MUSTACHE, Syntax, Template, find_placeholders, find_unfilled, is_name, split_text

CASE = {"query": "Why?", "first name": "Ada", "größe": "L", "Preis (EUR)": 3, "items": ["a"]}


def fill(text: str, syntax: Syntax = "mustache") -> str:
    return Template(syntax=syntax).make_filler(CASE)(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{{query}} {{ query }} {{\nquery\n}}", "Why? Why? Why?"),
        ("{{first name}}, {{größe}}, {{Preis (EUR)}}, {{items}}", 'Ada, L, 3, ["a"]'),
        ("{{{query}}} and {{{{query}}}}", "{Why?} and {{Why?}}"),
        ("{% raw %}{{query}} {%if%}{% endraw %} {{query}}", "{{query}} {%if%} Why?"),
        ("{%- raw -%}{{x}}{%- endraw -%}", "{{x}}"),
        ("{{}} { query } {}", "{{}} { query } {}"),
    ],
)
def test_mustache_fills_names_in(text: str, wanted: str) -> None:
    assert fill(text) == wanted


def test_a_raw_block_without_an_end_is_none() -> None:
    assert fill("{% raw %}{{query}}") == "{% raw %}Why?"
    assert [found.written for found in find_unfilled("{% raw %}{{query}}", "mustache", ["query"])] == ["{% raw %}"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{query} {first name} {größe}", "Why? Ada L"),
        ('Reply as {{"a": 1}}.', 'Reply as {"a": 1}.'),
        ("{{query}} {{{query}}}", "{query} {Why?}"),
    ],
)
def test_an_f_string_has_single_braces(text: str, wanted: str) -> None:
    assert fill(text, "fstring") == wanted


@pytest.mark.parametrize("syntax", ["mustache", "fstring"])
def test_a_missing_field_is_an_error(syntax: Syntax) -> None:
    with pytest.raises(KeyError, match="nobody"):
        fill("{{nobody}}" if syntax == "mustache" else "{nobody}", syntax)


@given(value=st.text(), name=st.sampled_from(["query", "first name", "größe"]))
def test_a_value_is_never_a_template(value: str, name: str) -> None:
    case = {"query": "x", "first name": "x", "größe": "x", name: value}
    assert MUSTACHE.make_filler(case)(f"<{{{{{name}}}}}>") == f"<{value}>"
    assert Template(syntax="fstring").make_filler(case)(f"<{{{name}}}>") == f"<{value}>"
    if name != "first name":
        assert Template(syntax="jinja").make_filler(case)(f"<{{{{ {name} }}}}>") == f"<{value}>"


@given(text=st.text(alphabet="ab{}% rawend#$<>|\n", max_size=60))
def test_any_text_survives_a_raw_block(text: str) -> None:
    escaped = f"{{% raw %}}{text}{{% endraw %}}"
    if "endraw" not in text:
        assert fill(escaped) == text
        assert not list(find_unfilled(escaped, "mustache", ["a", "b"]))
        assert Template(syntax="jinja").make_filler({})(escaped) == text
    assert fill(text.replace("{", "{{").replace("}", "}}"), "fstring") == text


@pytest.mark.parametrize(
    "text",
    [
        "{{ query | upper }}", "{{query.upper()}}", "{{query[0]}}", "{{lower(query)}}", '{{"a": 1}}', "{{#each items}}",
        "{{/each}}", "{{>part}}", "{{! note }}", "{{&query}}", "{% if query %}", "{%- endif %}", "{# note #}",
        "<% query %>", "<%= other %>", "#{query}", "#{other}", "{query}", "{query!r}", "${query}", "${query:-none}",
        "${input:query}", "{{ {'a': query} | tojson }}",
    ],
)  # fmt: skip
def test_an_expression_of_another_syntax_is_found_in_mustache(text: str) -> None:
    (found,) = find_unfilled(f"ab {text} cd", "mustache", ["query"])
    assert (found.written, found.position) == (text, 3)
    assert found.name == ("query" if "query" in text else "")


@pytest.mark.parametrize(
    "text",
    [
        "{{query}}",
        "{{first name}}",
        "{name}",
        "${HOME}",
        '{"a": {"b": 1}}',
        r"\frac{{a}{b}}",
        "{{}}",
        "100 %",
        "a {x} b",
    ],
)
def test_text_with_braces_is_text(text: str) -> None:
    assert not list(find_unfilled(text, "mustache", ["query", "first name"]))


@pytest.mark.parametrize("text", ["{", "a } b", '{"a": 1}', "{query!r}", "{query:>10}", "{query[0]}", "{query.x()}"])
def test_what_an_f_string_does_not_fill_in_is_found(text: str) -> None:
    assert [found.written for found in find_unfilled(text, "fstring", ["query"])][:1] == [
        text.removeprefix("a ")[:1]
    ] or (next(iter(find_unfilled(text, "fstring", ["query"]))).written == text)


def test_names_are_in_order_and_repeated() -> None:
    assert MUSTACHE.find_names("{{b}} {{a}} {{b}} {{ x | y }}") == ("b", "a", "b")
    assert Template(syntax="jinja").find_names("{{ b }}{{ a }}{{ b }}") == ("a", "b")
    assert [found.name for found in find_placeholders("{a} {{b}} {c}", "fstring")] == ["a", "c"]


@pytest.mark.parametrize("name", ["a", "first name", "größe", "質問", "Preis (EUR)", "a.b", "R&D", "2nd"])
def test_a_column_title_is_a_name(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("text", ["", "a | b", "a[0]", "f(x)", "a == b", '"a"', "#a", "/a", "a{b", "!a"])
def test_an_expression_is_no_name(text: str) -> None:
    assert not is_name(text)


def test_an_identity_is_that_of_mustache_by_default() -> None:
    assert MUSTACHE.identity is None
    assert Template(syntax="jinja", files=(("a", "b"),)).identity == ["jinja", {"a": "b"}]


def test_a_failure_of_jinja_has_its_line() -> None:
    with pytest.raises(RenderingError) as caught:
        fill("one\n{{ nobody }}", "jinja")
    assert (caught.value.line, caught.value.name) == (2, "nobody")


@pytest.mark.parametrize("syntax", ["mustache", "fstring"])
@given(
    pieces=st.lists(
        st.text(max_size=4) | st.sampled_from(["{{", "}}", "{", "}", "a", "a | b", "{% raw %}", "{% endraw %}"])
    ),
    fields=st.dictionaries(st.sampled_from(["a", "a | b", "", "c"]), st.text(max_size=4)),
)
def test_the_parts_of_a_text_are_what_is_filled_in(syntax: Syntax, pieces: list[str], fields: dict[str, str]) -> None:
    text = "".join(pieces)
    parts = list(split_text(text, syntax, fields))
    for part in parts:
        assert isinstance(part, str) or text.startswith(part.written, part.position)
    names = {part.name for part in parts if isinstance(part, Placeholder)}
    case = {**dict.fromkeys(names, "?"), **fields}
    wanted = "".join(part if isinstance(part, str) else case[part.name] for part in parts)
    if names <= fields.keys():
        assert Template(syntax=syntax).make_filler(fields)(text) == wanted
    else:
        with pytest.raises(KeyError):
            Template(syntax=syntax).make_filler(fields)(text)
