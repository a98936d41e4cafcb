"""Where a Python file binds a name, in the scope of that name."""

from __future__ import annotations

import ast

import pytest

from evalgate.inputs.prompt_files import python_bindings


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("P = 1", [1]),
        ("Q = P", []),
        ("P += 1\ndel P", [1, 2]),
        ("P: int\nP: int = 1", [2]),
        ("for x in y:\n    with z as (P, Q):\n        pass", [2]),
        ("def f(P):\n    P = 1", []),
        ("def f(x=(P := 1)):\n    pass", [1]),
        ("def f():\n    global P", [2]),
        ("class C:\n    P = 1", []),
        ("class C((P := object)):\n    pass", [1]),
        ("import P.x\nimport x.P\nfrom x import P as Q, R as P", [1, 3]),
        ("from x import *", [1]),
        ("[P for P in x]\n[(P := y) for y in x]", [2]),
    ],
)
def test_bindings_are_those_of_the_scope(text: str, lines: list[int]) -> None:
    found = python_bindings.list_bindings(ast.parse(text).body, "P")
    assert [getattr(node, "lineno", 0) for node in found] == lines


def test_an_attribute_of_a_class_is_bound_by_its_name_or_as_cls() -> None:
    module = ast.parse("C.P = 1\nx.C.P = 1\ncls.P = 1\nself.P = 1\nD.P = 1\nprint(C.P)\nC.Q = 1\ndel C.P")
    found = python_bindings.list_attribute_bindings(module, "C", "P")
    assert [getattr(node, "lineno", 0) for node in found] == [1, 2, 3, 8]


@pytest.mark.parametrize(
    ("text", "module", "function"),
    [
        ("import textwrap", True, False),
        ("import json, textwrap", True, False),
        ("import evil as textwrap", False, False),
        ("from textwrap import dedent", False, True),
        ("from textwrap import indent as dedent", False, False),
        ("from .textwrap import dedent", False, False),
        ("from textwrap import *", False, False),
    ],
)
def test_an_import_is_of_the_module_or_function_that_it_is_named_after(text: str, module: bool, function: bool) -> None:
    node = ast.parse(text).body[0]
    assert python_bindings.is_import_of(node, "textwrap") is module
    assert python_bindings.is_import_of(node, "textwrap", "dedent") is function
