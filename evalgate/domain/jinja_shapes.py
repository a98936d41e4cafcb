"""What a jinja template takes of its fields: a text, a number, a mapping with parts, a list of items."""

from __future__ import annotations

import contextlib
from collections import ChainMap
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from evalgate.domain.expressions import RenderingError
from evalgate.domain.jinja_templates import Files, parse
from evalgate.domain.text import Json

_MAPPING_METHODS = frozenset({"items", "keys", "values", "get"})
_WITH_ATTRIBUTE = frozenset({"selectattr", "rejectattr", "groupby"})
_OF_NUMBERS = frozenset({"abs", "filesizeformat", "round"})


@dataclass(slots=True)
class _Shape:
    """What is taken of a value: parts by name, items, or the value itself, as a number or a text."""

    parts: dict[str, _Shape] = field(default_factory=dict)
    item: _Shape | None = None
    is_number: bool = False

    def get_part(self, name: str) -> _Shape:
        return self.parts.setdefault(name, _Shape())

    def get_item(self) -> _Shape:
        self.item = self.item or _Shape()
        return self.item

    def make_value(self, text: str, number: int) -> Json:
        """Return a value of this shape, whose texts are `text` with the path and the number."""
        if self.parts:
            return {name: part.make_value(f"{text}.{name}", number) for name, part in self.parts.items()}
        if self.item is not None:
            return [self.item.make_value(text, number)]
        return number if self.is_number else f"{text} {number}"


def make_examples(texts: Iterable[str], files: Files, mark: str, number: int) -> dict[str, Json]:
    """Return a value for each name that templates read, in the shape in which they read it.

    Texts begin with `mark` and the name, and end with the number. A template that cannot be parsed has no names. Shapes
    are read from the template alone, so that a value may not fit what a filter or a function makes of it.
    """
    reader, scope = _Reader(), _Scope()
    for text in (*texts, *dict(files).values()):
        with contextlib.suppress(RenderingError):
            reader.visit(parse(text), scope)
    return {name: shape.make_value(f"{mark}{name}", number) for name, shape in reader.fields.items()}


_Scope: TypeAlias = ChainMap[str, _Shape]
"""The shapes of the names that a template sets."""


class _Reader:
    """Reads templates; `fields` are the shapes of the names that no template sets."""

    def __init__(self) -> None:
        self.fields: dict[str, _Shape] = {}

    def visit(self, node: Any, scope: _Scope) -> None:
        """Read a node and all below it, with the names that are set at its place."""
        from jinja2 import nodes

        if isinstance(node, nodes.For):
            scope = self._enter_loop(node, scope)
        elif isinstance(node, nodes.Macro | nodes.CallBlock):
            scope = scope.new_child({each.name: _Shape() for each in node.args})
        elif isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name):
            scope[node.target.name] = self.resolve(node.node, scope) or _Shape()
        elif isinstance(node, nodes.Expr):
            self.resolve(node, scope)
        parts = list(node.iter_child_nodes())
        if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
            parts = [node.node.node, *parts[1:]]  # a method is not part of the value
        for part in parts:
            self.visit(part, scope)

    def resolve(self, node: Any, scope: _Scope) -> _Shape | None:
        """Return the shape of the value that an expression takes from the case, and note what it says about it."""
        from jinja2 import nodes

        inner: Any = getattr(node, "node", None)
        match node:
            case nodes.Name(name=name):
                return scope[name] if name in scope else self.fields.setdefault(name, _Shape())
            case nodes.Getattr(attr=name) | nodes.Getitem(arg=nodes.Const(value=str(name))):
                whole = self.resolve(inner, scope)
                return None if whole is None else whole.get_part(name)
            case nodes.Getitem(arg=nodes.Const(value=int())):
                whole = self.resolve(inner, scope)
                return None if whole is None else whole.get_item()
            case nodes.Filter():
                return self._resolve_filter(node, scope)
            case nodes.Call(node=nodes.Getattr(attr=name)) if name in _MAPPING_METHODS:
                whole = self.resolve(inner.node, scope)
                given = node.args[0] if node.args else None
                if whole is not None:  # of an unknown mapping one part is made up
                    whole.get_part(given.value if isinstance(given, nodes.Const) else "name")
            case nodes.Compare() | nodes.BinExpr() if not isinstance(node, nodes.And | nodes.Or):
                self._note_numbers(node, scope)
        return None

    def _enter_loop(self, node: Any, scope: _Scope) -> _Scope:
        """Return the names inside of a loop: the item, and jinja's `loop`."""
        from jinja2 import nodes

        known = {"loop": _Shape(), **{name.name: _Shape() for name in node.target.find_all(nodes.Name)}}
        whole = self.resolve(node.iter, scope)
        if isinstance(node.target, nodes.Name):
            known[node.target.name] = _Shape() if whole is None else whole.get_item()
        return scope.new_child(known)

    def _resolve_filter(self, node: Any, scope: _Scope) -> _Shape | None:
        from jinja2 import nodes

        whole = None if node.node is None else self.resolve(node.node, scope)
        named = [pair.value for pair in node.kwargs if pair.key == "attribute"]
        named += node.args[:1] if node.name in _WITH_ATTRIBUTE else []
        if whole is not None and named and isinstance(named[0], nodes.Const):
            whole.get_item().get_part(str(named[0].value))
        elif whole is not None and node.name in _OF_NUMBERS:
            whole.is_number = True
        return whole

    def _note_numbers(self, node: Any, scope: _Scope) -> None:
        """Note that what is compared or calculated with a number is one."""
        from jinja2 import nodes

        if isinstance(node, nodes.Compare):
            sides = [node.expr, *(operand.expr for operand in node.ops)]
        else:
            sides = [node.left, node.right]
        if any(isinstance(side, nodes.Const) and isinstance(side.value, int | float) for side in sides):
            for shape in (self.resolve(side, scope) for side in sides):
                if shape is not None:
                    shape.is_number = True
