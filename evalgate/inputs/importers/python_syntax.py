"""Assertions in Python as conditions: the code is parsed, and read by the same rules as JavaScript. Nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from evalgate.domain import Json
from evalgate.inputs.importers.javascript import find_condition
from evalgate.inputs.importers.javascript_syntax import LONGEST, Tree
from evalgate.inputs.importers.output_conditions import Condition, NoCheckError

_METHODS = {
    "lower": "toLowerCase", "casefold": "toLowerCase", "upper": "toUpperCase", "strip": "trim",
    "startswith": "startsWith", "endswith": "endsWith", "split": "split",
}  # fmt: skip
_SIGNS: Mapping[type, str] = {
    ast.Eq: "===", ast.NotEq: "!==", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Is: "===",
    ast.IsNot: "!==", ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/",
}  # fmt: skip
_TYPES = {"str": "string", "list": "array", "dict": "dict", "bool": "boolean"}


def read_python(code: str, variables: Mapping[str, Json], threshold: float | None = None) -> Condition:
    """Return the condition of an assertion's code. Raises NoCheckError, with a phrase, where no check expresses it."""
    if len(code) > LONGEST:
        raise NoCheckError("is too long")
    try:
        parsed = ast.parse(code.strip() if "\n" in code.strip() else f"return_ = {code.strip()}")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        parsed = _parse_body(code)
    try:
        statements = _read_body(parsed.body)
    except RecursionError:
        raise NoCheckError("is nested too deeply") from None
    return find_condition(statements, variables, threshold)


def _parse_body(code: str) -> ast.Module:
    """Parse code of several lines, which has `return` outside of a function."""
    lines = "\n".join(f" {line}" for line in code.strip("\n").splitlines())
    try:
        function = ast.parse(f"def f():\n{lines}\n").body[0]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NoCheckError("is not Python") from None
    return ast.Module(body=function.body if isinstance(function, ast.FunctionDef) else [], type_ignores=[])


def _read_body(body: Sequence[ast.stmt]) -> list[Tree]:
    found: list[Tree] = []
    for each in body:
        match each:
            case ast.Return(value=value):
                found.append(("return", ("constant", None) if value is None else _read(value)))
            case ast.Assign(targets=[ast.Name(id="return_")], value=value):
                found.append(("return", _read(value)))
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found.append(("let", name, _read(value)))
            case ast.If(test=test, body=then, orelse=other):
                found.append(("if", _read(test), _read_body(then), _read_body(other)))
            case ast.Expr(value=value):
                found.append(("expression", _read(value)))
            case ast.Import() | ast.ImportFrom() | ast.Pass():
                continue
            case _:
                raise NoCheckError("has a statement of another kind")
    return found


def _read(node: ast.expr) -> Tree:  # noqa: C901, PLR0911, PLR0912 - one case for each kind of expression
    match node:
        case ast.Constant(value=str() | int() | float() | bool() | None as value):
            return ("constant", value)
        case ast.Name(id=name):
            return ("name", name)
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return ("list", [_read(each) for each in items])
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            kept = {str(key.value): value for key, value in pairs if isinstance(key, ast.Constant)}
            return ("object", {key: _read(each) for key, each in kept.items() if "pass" not in kept or key == "pass"})
        case ast.BoolOp(op=op, values=values):
            sign = "&&" if isinstance(op, ast.And) else "||"
            made = _read(values[0])
            for each in values[1:]:
                made = ("binary", sign, made, _read(each))
            return made
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return ("unary", "!", _read(operand))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return ("unary", "-", _read(operand))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _SIGNS:
            return ("binary", _SIGNS[type(op)], _read(left), _read(right))
        case ast.IfExp(test=test, body=then, orelse=other):
            return ("choose", _read(test), _read(then), _read(other))
        case ast.Compare(left=left, ops=ops, comparators=others):
            return _read_comparison(left, ops, others)
        case ast.Subscript(value=value, slice=index):
            return ("item", _read(value), _read(index))
        case ast.Attribute(value=value, attr=name):
            return ("member", _read(value), ("constant", name))
        case ast.Call():
            return _read_call(node)
        case ast.JoinedStr():
            return ("template",)
    raise NoCheckError("has an expression of another kind")


def _read_comparison(left: ast.expr, ops: Sequence[ast.cmpop], others: Sequence[ast.expr]) -> Tree:
    made: Tree | None = None
    for op, right in zip(ops, others, strict=True):
        one, two = _read(left), _read(right)
        if isinstance(op, ast.In | ast.NotIn):
            found: Tree = ("call", ("member", two, ("constant", "includes")), [one])
            found = ("unary", "!", found) if isinstance(op, ast.NotIn) else found
        elif type(op) in _SIGNS:
            found = ("binary", _SIGNS[type(op)], one, two)
        else:
            raise NoCheckError("compares in another way")
        made = found if made is None else ("binary", "&&", made, found)
        left = right
    return made if made is not None else ()


def _read_call(node: ast.Call) -> Tree:  # noqa: C901, PLR0911, PLR0912 - one case for each function
    if node.keywords:
        raise NoCheckError("calls with named arguments")
    match node.func, node.args:
        case ast.Name(id="len"), [value]:
            return ("member", _read(value), ("constant", "length"))
        case ast.Name(id="bool"), [value]:
            return ("call", ("name", "Boolean"), [_read(value)])
        case ast.Name(id="str"), [value]:
            return ("call", ("name", "String"), [_read(value)])
        case ast.Name(id="max" | "min" | "abs" as name), values:
            return ("call", ("member", ("name", "Math"), ("constant", name)), [_read(each) for each in values])
        case ast.Name(id="isinstance"), [value, ast.Name(id=name)] if name in _TYPES:
            return ("binary", "===", ("unary", "typeof", _read(value)), ("constant", _TYPES[name]))
        case ast.Name(id="any" | "all" as name), [ast.GeneratorExp() | ast.ListComp() as each]:
            return _read_each(each, "some" if name == "any" else "every")
        case ast.Name(id="sum"), [ast.GeneratorExp() | ast.ListComp() as each]:
            if not isinstance(each.elt, ast.Constant) or each.elt.value != 1 or len(each.generators[0].ifs) != 1:
                raise NoCheckError("computes a sum")
            counted = ast.GeneratorExp(elt=each.generators[0].ifs[0], generators=[_without_conditions(each)])
            return ("member", _read_each(counted, "filter"), ("constant", "length"))
        case ast.Attribute(value=ast.Name(id="json"), attr="loads"), [value]:
            return ("call", ("member", ("name", "JSON"), ("constant", "loads")), [_read(value)])
        case ast.Attribute(value=ast.Name(id="re"), attr="search"), [ast.Constant(value=str(pattern)), value]:
            return ("call", ("member", ("regex", pattern, ""), ("constant", "test")), [_read(value)])
        case ast.Attribute(value=value, attr="get"), [key]:
            return ("get", _read(value), _read(key))
        case ast.Attribute(value=value, attr="get"), [key, ast.Constant(value=None)]:
            return ("get", _read(value), _read(key))
        case ast.Attribute(value=value, attr="get"), [key, other]:
            return ("default", _read(value), _read(key), _read(other))
        case ast.Attribute(value=value, attr="endswith" | "startswith" as name), [ast.Tuple(elts=ends)]:
            made: Tree = ("constant", False)
            for end in ends:
                test = ("call", ("member", _read(value), ("constant", _METHODS[name])), [_read(end)])
                made = ("binary", "||", made, test)
            return made
        case ast.Attribute(value=value, attr="split"), []:
            return ("call", ("member", _read(value), ("constant", "split")), [("regex", r"\s+", "")])
        case ast.Attribute(value=value, attr=name), values if name in _METHODS:
            return ("call", ("member", _read(value), ("constant", _METHODS[name])), [_read(each) for each in values])
    raise NoCheckError("calls a function of another kind")


def _without_conditions(each: ast.GeneratorExp | ast.ListComp) -> ast.comprehension:
    first = each.generators[0]
    return ast.comprehension(target=first.target, iter=first.iter, ifs=[], is_async=0)


def _read_each(each: ast.GeneratorExp | ast.ListComp, name: str) -> Tree:
    generator = each.generators[0]
    if len(each.generators) != 1 or generator.ifs or not isinstance(generator.target, ast.Name):
        raise NoCheckError("goes through a list in another way")
    body = [("return", _read(each.elt))]
    return ("call", ("member", _read(generator.iter), ("constant", name)), [("function", [generator.target.id], body)])
