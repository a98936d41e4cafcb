"""Tests of the parser of JavaScript: what it reads, and that it refuses the rest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.inputs.importers.javascript_syntax import SyntaxOutsideError, parse

OUTPUT = ("name", "output")


@pytest.mark.parametrize(
    ("code", "tree"),
    [
        ("a / b / 2", ("binary", "/", ("binary", "/", ("name", "a"), ("name", "b")), ("constant", 2))),
        ("/a[/]b/gi", ("regex", "a[/]b", "gi")),
        ("// note\n/* more */ 'it\\'s \\u0041\\n'", ("constant", "it's A\n")),
        ("output?.a?.['b']", ("optional", ("optional", OUTPUT, ("constant", "a")), ("constant", "b"))),
        ("a && b || !c", ("binary", "||", ("binary", "&&", ("name", "a"), ("name", "b")), ("unary", "!", ("name", "c")))),
        ("a ? 1 : .5", ("choose", ("name", "a"), ("constant", 1), ("constant", 0.5))),
        ("(a, b) => a", ("function", ["a", "b"], [("return", ("name", "a"))])),
        ("`x`", ("constant", "x")),
        ("[1, /x/]", ("list", [("constant", 1), ("regex", "x", "")])),
    ],
)  # fmt: skip
def test_an_expression_is_parsed(code: str, tree: Any) -> None:
    assert parse(code) == [("expression", tree)]


def test_statements_are_parsed() -> None:
    code = (
        "const a = 1;\nif (a) return { pass: true, a };\nelse { return }\ntry { return a } catch (e) { return false }"
    )
    kinds = [statement[0] for statement in parse(code)]
    assert kinds == ["let", "if", "try"]


@given(st.text(st.sampled_from("ab1.'\"`/\\()[]{}=>!&|?:;,+-*\n "), max_size=30))
def test_any_text_is_parsed_or_refused(code: str) -> None:
    try:
        parse(code)
    except SyntaxOutsideError as error:
        assert str(error)
