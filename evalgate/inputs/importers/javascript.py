"""Assertions in JavaScript as conditions: the code is read, its meaning is worked out, and nothing is run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from evalgate.domain import Json
from evalgate.inputs.importers import json_conditions
from evalgate.inputs.importers.code_comparisons import MOST_CHOICES, compare
from evalgate.inputs.importers.code_methods import call_method, call_static, filter_parts, take_member
from evalgate.inputs.importers.code_values import (
    UNDEFINED,
    Choice,
    Chosen,
    Count,
    Parts,
    Text,
    Undefined,
    is_condition,
    is_true,
    read_pattern,
)
from evalgate.inputs.importers.javascript_syntax import SyntaxOutsideError, Tree, parse
from evalgate.inputs.importers.json_conditions import JsonValue
from evalgate.inputs.importers.output_conditions import (
    All,
    Always,
    Condition,
    IsLong,
    NoCheckError,
    Not,
    Some,
    find_needs,
    simplify,
)


def read_javascript(code: str, variables: Mapping[str, Json], threshold: float | None = None) -> Condition:
    """Return the condition of an assertion's code. `variables` are `context.vars`.

    Raises NoCheckError, with a phrase, for code that no check expresses.
    """
    try:
        statements = parse(code.strip().rstrip(";"))
    except SyntaxOutsideError as error:
        raise NoCheckError(str(error)) from None
    return find_condition(statements, variables, threshold)


def find_condition(statements: list[Tree], variables: Mapping[str, Json], threshold: float | None = None) -> Condition:
    """Return the condition of parsed code. Raises NoCheckError, with a phrase, for code that no check expresses."""
    value = find_value(statements, variables)
    if value is None or isinstance(value, Undefined):
        raise NoCheckError("returns nothing, which promptfoo refuses")
    return _judge_result(value, threshold)


def find_value(statements: list[Tree], variables: Mapping[str, Json]) -> Any:
    """Return the meaning of what parsed code returns."""
    scope = _Scope({"output": Text(), "context": {"vars": dict(variables)}, "undefined": UNDEFINED})
    try:
        return scope.run(_return_last(statements))
    except NoCheckError:
        raise
    except (IndexError, RecursionError, ArithmeticError, ValueError):
        raise NoCheckError("has another form") from None


def _return_last(statements: list[Tree]) -> list[Tree]:
    """Return statements whose last expression is returned, as promptfoo does for code on one line."""
    if statements and statements[-1][0] == "expression":
        return [*statements[:-1], ("return", statements[-1][1])]
    return statements


def _judge_result(value: Any, threshold: float | None) -> Condition:  # noqa: PLR0911 - one case for each kind of value
    """Return when a result of an assertion counts as a pass: a truth value, a number, or an object with `pass`."""
    if isinstance(value, Choice):
        then, other = _judge_result(value.then, threshold), _judge_result(value.other, threshold)
        return Some((All((value.test, then)), All((Not(value.test), other))))
    if isinstance(value, dict) and "pass" in value:
        if threshold is not None:
            raise NoCheckError("returns a score, of which its threshold asks more than to pass")
        return is_true(value["pass"])
    if isinstance(value, bool):
        return Always(value)
    if isinstance(value, int | float):
        return Always(value > 0 if threshold is None else value >= threshold)
    if isinstance(value, Count) and not value.trimmed:
        return IsLong(lambda length: value.of(length) > 0 if threshold is None else value.of(length) >= threshold)
    if is_condition(value):
        return value
    if isinstance(value, JsonValue) and not (value.lower or value.trimmed):
        return json_conditions.is_passing(value, threshold)
    if isinstance(value, Text):
        # promptfoo takes truth values alone, and authors mean those
        return is_true(value)
    raise NoCheckError("returns something else than a truth value or a number")


class _Scope:
    """The names of a piece of code, and the meaning of its expressions."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names

    def run(self, statements: Sequence[Tree]) -> Any:
        """Return what statements return; None if they return nothing."""
        for number, statement in enumerate(statements):
            match statement:
                case ("return", tree):
                    return self.read(tree)
                case ("let", name, tree):
                    value = self.read(tree)
                    ends = isinstance(value, JsonValue) and not value.optional
                    self._names[name] = replace(value, skips=()) if ends else value  # `?.` reaches to its own end
                    return _require(value, self.run(statements[number + 1 :]))
                case ("if", test, then, other):
                    condition = is_true(self.read(test))
                    rest = statements[number + 1 :]
                    one = self._inside({}).run([*then, *rest])
                    two = self._inside({}).run([*other, *rest])
                    return Choice(condition, one, two)
                case ("try", body, caught):
                    failed = self._inside({}).run(caught)
                    if _judge_result(failed, None) != Always(False):
                        raise NoCheckError("passes when something fails")
                    return self._inside({}).run([*body, *statements[number + 1 :]])
                case ("expression", ("call", ("member", ("name", "console"), _), _)):
                    continue
                case _:
                    raise NoCheckError("has a statement without an effect")
        return None

    def _inside(self, names: dict[str, Any]) -> _Scope:
        return _Scope({**self._names, **names})

    def read(self, tree: Tree) -> Any:  # noqa: C901, PLR0911, PLR0912 - one case for each kind of expression
        """Return the meaning of an expression: a constant, a part of the output, or a condition."""
        match tree:
            case ("constant", value):
                return value
            case ("template",):
                return ""
            case ("name", name):
                if name not in self._names:
                    raise NoCheckError(f"uses {name}")
                return self._names[name]
            case ("regex", pattern, flags):
                return read_pattern(pattern, flags)
            case ("list", items):
                return [self.read(item) for item in items]
            case ("object", pairs):
                kept = {key: each for key, each in pairs.items() if "pass" not in pairs or key == "pass"}
                return {key: self.read(each) for key, each in kept.items()}
            case ("function", _, _):
                return tree
            case ("unary", sign, part):
                return _apply_sign(sign, self.read(part))
            case ("binary", sign, left, right):
                return self._read_binary(sign, left, right)
            case ("choose", test, then, other):
                return self._choose(is_true(self.read(test)), then, other)
            case ("member" | "optional" | "item" | "get" as how, owner, key):
                return take_member(self.read(owner), self.read(key), how)
            case ("default", owner, key, other):
                return self._take_or(self.read(owner), self.read(key), self.read(other))
            case ("call", function, arguments):
                return self._call(function, arguments)
        raise NoCheckError("has an expression of another kind")

    def _choose(self, test: Condition, then: Tree, other: Tree) -> Any:
        if isinstance(test, Always):
            return self.read(then if test.holds else other)
        return Choice(test, self.read(then), self.read(other))

    def _read_binary(self, sign: str, left: Tree, right: Tree) -> Any:
        one = self.read(left)
        if sign in ("??", "||") and isinstance(one, JsonValue) and right == ("list", []):
            return replace(json_conditions.excuse(replace(one, skips=())), optional=True)
        if sign == "??":
            return _or(one)
        if sign in ("&&", "||"):
            first = is_true(one)
            if isinstance(first, Always):
                return one if first.holds is (sign == "||") else self.read(right)
            two = self.read(right)
            two = Always(two) if isinstance(two, bool) else two
            if is_condition(two) and (sign == "&&" or is_condition(one)):
                return All((first, two)) if sign == "&&" else Some((first, two))
            # a value, of which promptfoo asks more than to be true
            kept = Always(True) if is_condition(one) else one
            return Choice(first, two, Always(False)) if sign == "&&" else Choice(first, kept, two)
        return compare(sign, one, self.read(right))

    def _take_or(self, owner: Any, key: Any, other: Any) -> Any:
        """Return the value of a key of Python's `get`, or the default."""
        if isinstance(owner, dict):
            return owner.get(str(key), other)
        found = take_member(owner, key, "get")
        if not isinstance(found, JsonValue):
            raise NoCheckError("has a default for a value")
        if other == []:
            return replace(json_conditions.excuse(found, null=False), optional=True)
        return Choice(json_conditions.has_key(owner, str(key)), found, other)

    def _call(self, function: Tree, arguments: Sequence[Tree]) -> Any:
        if function[0] == "name":
            if function[1] in ("Boolean", "String", "Number") and len(arguments) == 1:
                value = self.read(arguments[0])
                if function[1] == "Boolean":
                    return is_true(value)
                if isinstance(value, Text) or not isinstance(value, JsonValue):
                    return value if function[1] == "String" else _number(value)
            raise NoCheckError(f"calls {function[1]}")
        if function[0] not in ("member", "optional"):
            raise NoCheckError("calls something else than a method")
        known = call_static(function, [self.read(each) for each in arguments]) if function[1][0] == "name" else None
        if known is not None:
            return known
        owner, name = self.read(function[1]), self.read(function[2])
        if function[0] == "optional" and isinstance(owner, JsonValue):
            owner = json_conditions.excuse(owner)
        if name in ("some", "every", "filter", "map", "find") and arguments:
            return self._call_each(owner, str(name), self.read(arguments[0]))
        return call_method(owner, str(name), [self.read(each) for each in arguments])

    def _call_each(self, owner: Any, name: str, function: Any) -> Any:
        if isinstance(function, tuple) and function[:1] == ("function",):

            def act(item: Any) -> Any:
                names = {function[1][0]: item} if function[1] else {}
                return self._inside(names).run(_return_last(function[2]))

        elif function is not None:
            raise NoCheckError("calls a function by its name")
        if isinstance(owner, list):
            if len(owner) > MOST_CHOICES:
                raise NoCheckError("has a list that is too long")
            if name == "map":
                return [act(item) for item in owner]
            conditions = tuple(is_true(act(item)) for item in owner)
            return Chosen(conditions) if name == "filter" else (Some if name == "some" else All)(conditions)
        if isinstance(owner, Parts) and name == "filter":
            return filter_parts(owner, function)
        if isinstance(owner, JsonValue) and name in ("some", "every"):
            item = json_conditions.make_item(owner)
            return json_conditions.check_items(owner, name, item, simplify(is_true(act(item)), negated=False))
        raise NoCheckError(f"calls {name} of something else")


def _require(value: Any, result: Any) -> Any:
    """Return a result that is false where code that takes a value before has failed."""
    if result is None or not (isinstance(value, JsonValue) or is_condition(value)):
        return result
    if isinstance(value, JsonValue) and isinstance(result, JsonValue) and _needs_all(result, value):
        return result
    needs = json_conditions.is_reached(value) if isinstance(value, JsonValue) else find_needs(value)
    return result if simplify(needs, negated=False) == Always(True) else Choice(needs, result, Always(False))


def _needs_all(one: JsonValue, other: JsonValue) -> bool:
    return one.root == other.root and all(each in one.needs for each in other.needs)


def _or(value: Any) -> Any:
    if isinstance(value, Text | str | int | float):
        return value
    raise NoCheckError("has a default for a value")


def _number(value: Any) -> Any:
    if isinstance(value, str | int | float):
        try:
            return float(value)
        except ValueError:
            return math.nan
    raise NoCheckError("makes a number of the output")


def _apply_sign(sign: str, value: Any) -> Any:
    if sign == "!":
        return Not(is_true(value))
    if sign == "typeof":
        return ("typeof", value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return -value if sign == "-" else value
    raise NoCheckError("computes with a value of another kind")
