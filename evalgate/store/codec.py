"""The types of the domain as plain data and back: exact, strict, one place for every part of a report."""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum, IntEnum
from functools import cache
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from evalgate.domain import Failure, Level, Output, Score, Unscored, decode_outcome, encode_outcome
from evalgate.domain.lists import name_some

_Decoder: TypeAlias = Callable[[Any, str], Any]


class DecodeError(Exception):
    """The data is not what a report holds: what is wrong, and where (`gates[0].counts.expected`)."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}" if where else what)


def encode(value: Any) -> Any:
    """A value of the domain as plain data; mappings sorted by key, levels by name, one absence of a value: None."""
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {key(name): encode(value[name]) for name in sorted(value)}
    if is_dataclass(value):
        return _encode_dataclass(value)
    return key(value) if isinstance(value, Enum) else value


def decode(kind: Any, data: Any, where: str) -> Any:
    """The value of type `kind` that `encode` wrote as `data`. Raises Refused with the place of what does not fit."""
    return _decoder(kind)(data, where)


@cache
def _decoder(kind: Any) -> _Decoder:
    """What `decode` does for one type: a report has many results, and a type is looked into once."""
    if get_origin(kind) is not None:
        return _decoder_generic(get_origin(kind), get_args(kind))
    if is_dataclass(kind):
        return _decoder_dataclass(kind)
    if issubclass(kind, IntEnum) and kind is not Level:
        return lambda data, where: _decode_number(kind, data, where)
    if issubclass(kind, Enum):
        members_of = {key(member): member for member in kind}
        return lambda data, where: _one_of(data, members_of, where)
    return lambda data, where: expect(data, kind, where)


def _decoder_dataclass(kind: Any) -> _Decoder:
    decoders = {name: _decoder(of) for name, of in type_hints_of(kind).items()}

    def decoded(data: Any, where: str) -> Any:
        given = list_members(data, decoders, where)
        return kind(**{name: of(given[name], f"{where}.{name}") for name, of in decoders.items()})

    return decoded


def type_hints_of(kind: object) -> Mapping[str, Any]:
    """The fields of a dataclass with their types, in the order of their definition."""
    return _hints(kind)


@cache
def _hints(kind: Hashable) -> Mapping[str, Any]:
    one: Any = kind
    types_of = get_type_hints(one)
    return {field.name: types_of[field.name] for field in fields(one)}


def list_members(data: Any, names: Any, where: str) -> Mapping[str, Any]:
    """The object `data`, with exactly the keys `names`."""
    given: Mapping[str, Any] = expect(data, dict, where)
    if len(given) == len(names) and all(name in given for name in names):
        return given
    missing = [name for name in names if name not in given]
    unknown = [name for name in given if name not in names]
    if missing or unknown:
        parts = [f"missing {_list_names(missing)}"] if missing else []
        parts += [f"unknown {_list_names(unknown)}"] if unknown else []
        raise DecodeError(where, " and ".join(parts))
    return given


def expect(data: Any, kind: Any, where: str) -> Any:
    """The data, of this plain type: a bool is no number here, and a whole number may stand for a float."""
    fits = isinstance(data, (int, float) if kind is float else kind)
    if not fits or (isinstance(data, bool) and kind is not bool):
        raise DecodeError(where, f"expected {_NAMES[kind]}, found {_NAMES.get(type(data), 'something else')}")
    return data


def key(name: Any) -> Any:
    """What stands for an enumeration's member, or a mapping's key."""
    if isinstance(name, Level):
        return name.name
    return name.value if isinstance(name, Enum) else str(name)


def _encode_dataclass(value: Any) -> dict[str, Any]:
    if isinstance(value, (Output, Failure)):
        return dict(encode_outcome(value))
    if isinstance(value, Unscored):
        return {"unscored": value.reason}
    return {name: encode(getattr(value, name)) for name in type_hints_of(type(value))}


def _decoder_generic(origin: Any, arguments: tuple[Any, ...]) -> _Decoder:
    if origin in (Union, types.UnionType):
        return _decoder_union(arguments)
    if origin is Literal:
        choices = {choice: choice for choice in arguments}
        return lambda data, where: _one_of(data, choices, where)
    if origin is tuple:
        item = _decoder(arguments[0])
        return lambda data, where: tuple(
            item(entry, f"{where}[{i}]") for i, entry in enumerate(expect(data, list, where))
        )
    name, value = arguments[0], _decoder(arguments[1])
    return lambda data, where: {
        _decode_key(name, text, where): value(entry, f"{where}.{text}")
        for text, entry in expect(data, dict, where).items()
    }


def _decoder_union(choices: tuple[Any, ...]) -> _Decoder:
    if Output in choices:
        some: _Decoder = _decode_outcome
    elif Score in choices:
        some = _decode_scored
    else:
        (kind,) = (choice for choice in choices if choice is not type(None))
        some = _decoder(kind)
    if type(None) not in choices:
        return some
    return lambda data, where: None if data is None else some(data, where)


def _decode_scored(data: Any, where: str) -> Score | Unscored:
    given = expect(data, dict, where)
    if "unscored" in given:
        list_members(given, ("unscored",), where)
        return Unscored(reason=expect(given["unscored"], str, f"{where}.unscored"))
    score: Score = decode(Score, given, where)
    return score


def _decode_outcome(data: Any, where: str) -> Output | Failure:
    given = expect(data, dict, where)
    try:
        outcome = decode_outcome(given)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DecodeError(where, f"not an outcome: {type(error).__name__}: {error}") from error
    # The domain trusts what the cache wrote; a report may come from anywhere.
    for name, kind in type_hints_of(type(outcome)).items():
        if name in given:
            decode(kind, given[name], f"{where}.{name}")
    return outcome


def _decode_key(kind: Any, text: str, where: str) -> Any:
    if kind is Level:
        return _one_of(text, {key(level): level for level in Level}, where)
    if kind is int:
        try:
            return int(text)
        except ValueError as error:
            raise DecodeError(where, f'the key "{text}" is not a whole number') from error
    return text


def _one_of(data: Any, choices: Mapping[Any, Any], where: str) -> Any:
    if not isinstance(data, str) or data not in choices:
        found = f'"{data}"' if isinstance(data, str) else _NAMES.get(type(data), "something else")
        raise DecodeError(where, f"{found} is none of {_list_names(list(choices))}")
    return choices[data]


def _decode_number(kind: type[IntEnum], data: Any, where: str) -> IntEnum:
    number = expect(data, int, where)
    try:
        return kind(number)
    except ValueError:
        raise DecodeError(where, f"{number} is none of {', '.join(str(int(one)) for one in sorted(kind))}") from None


def _list_names(names: list[str]) -> str:
    return name_some([f'"{name}"' for name in names], 5, rest=", ...")


_NAMES: Mapping[Any, str] = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}
