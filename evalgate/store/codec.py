"""The codec between domain types and plain data, for every part of a report; decoding is exact and strict."""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum, IntEnum
from functools import cache
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from evalgate.domain import Failure, Level, Output, Score, Unscored, decode_outcome, encode_outcome
from evalgate.domain.lists import name_some

_Decoder: TypeAlias = Callable[[Any, str], Any]


class DecodeError(Exception):
    """Raised for data that does not fit a report, with the problem and its path (`gates[0].counts.expected`)."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}" if where else what)


def encode(value: Any) -> Any:
    """Return a domain value as plain data. Mappings are sorted by key, levels are names, a missing value is None."""
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {key(name): encode(value[name]) for name in sorted(value)}
    if is_dataclass(value):
        return _encode_dataclass(value)
    return key(value) if isinstance(value, Enum) else value


def decode(kind: Any, data: Any, where: str) -> Any:
    """Return the value of type `kind` that `encode` wrote as `data`. Raise DecodeError with the path of a mismatch."""
    return _make_decoder(kind)(data, where)


@cache
def _make_decoder(kind: Any) -> _Decoder:
    """Return the decoder for one type; it is cached, since a report has many results of a type."""
    if get_origin(kind) is not None:
        return _make_generic_decoder(get_origin(kind), get_args(kind))
    if is_dataclass(kind):
        return _make_dataclass_decoder(kind)
    if issubclass(kind, IntEnum) and kind is not Level:
        return lambda data, where: _decode_number(kind, data, where)
    if issubclass(kind, Enum):
        members_of = {key(member): member for member in kind}
        return lambda data, where: _decode_choice(data, members_of, where)
    return lambda data, where: expect(data, kind, where)


def _make_dataclass_decoder(kind: Any) -> _Decoder:
    keys = _list_keys(kind)
    decoders = {keys[name]: (name, _make_decoder(of)) for name, of in type_hints_of(kind).items()}
    defaults = {keys[name]: encode(value) for name, value in _list_optional(kind).items()}

    def decode_dataclass(data: Any, where: str) -> Any:
        given = list_members({**defaults, **data} if defaults and isinstance(data, dict) else data, decoders, where)
        return kind(**{name: of(given[stored], f"{where}.{stored}") for stored, (name, of) in decoders.items()})

    return decode_dataclass


def type_hints_of(kind: object) -> Mapping[str, Any]:
    """Return the fields of a dataclass with their types, in the order of their definition."""
    return _read_hints(kind)


@cache
def _read_hints(kind: Hashable) -> Mapping[str, Any]:
    one: Any = kind
    types_of = get_type_hints(one)
    return {field.name: types_of[field.name] for field in fields(one)}


@cache
def _list_keys(kind: Hashable) -> Mapping[str, str]:
    """Return the key of each field in stored data: its name, or `key` of its metadata if the field was renamed."""
    one: Any = kind
    return {field.name: field.metadata.get("key", field.name) for field in fields(one)}


@cache
def _list_optional(kind: Hashable) -> Mapping[str, Any]:
    """Return the defaults of the fields that stored data lacks if they have them: `optional` in the field's metadata.

    Later versions can add such a field, and stored data without it keeps its content and digests.
    """
    one: Any = kind
    optional = [field for field in fields(one) if field.metadata.get("optional")]
    return {field.name: field.default if field.default is not MISSING else {} for field in optional}


def list_members(data: Any, names: Any, where: str) -> Mapping[str, Any]:
    """Return the object `data`. Raise DecodeError unless its keys are exactly `names`."""
    given: Mapping[str, Any] = expect(data, dict, where)
    if len(given) == len(names) and all(name in given for name in names):
        return given
    missing = [name for name in names if name not in given]
    unknown = [name for name in given if name not in names]
    if missing or unknown:
        parts = [f"missing {_join_names(missing)}"] if missing else []
        parts += [f"unknown {_join_names(unknown)}"] if unknown else []
        raise DecodeError(where, " and ".join(parts))
    return given


def expect(data: Any, kind: Any, where: str) -> Any:
    """Return `data` if it has this plain type, else raise DecodeError.

    A bool is not accepted as a number; a whole number is accepted as a float.
    """
    fits = isinstance(data, (int, float) if kind is float else kind)
    if not fits or (isinstance(data, bool) and kind is not bool):
        raise DecodeError(where, f"expected {_NAMES[kind]}, found {_NAMES.get(type(data), 'something else')}")
    return data


def key(name: Any) -> Any:
    """Return the plain value of an enumeration's member or of a mapping's key."""
    if isinstance(name, Level):
        return name.name
    return name.value if isinstance(name, Enum) else str(name)


def _encode_dataclass(value: Any) -> dict[str, Any]:
    if isinstance(value, (Output, Failure)):
        return dict(encode_outcome(value))
    if isinstance(value, Unscored):
        return {"unscored": value.reason}
    kind: Any = type(value)
    optional = _list_optional(kind)
    return {
        stored: encode(found)
        for name, stored in _list_keys(kind).items()
        if (found := getattr(value, name)) != optional.get(name, MISSING)
    }


def _make_generic_decoder(origin: Any, arguments: tuple[Any, ...]) -> _Decoder:
    if origin in (Union, types.UnionType):
        return _make_union_decoder(arguments)
    if origin is Literal:
        choices = {choice: choice for choice in arguments}
        return lambda data, where: _decode_choice(data, choices, where)
    if origin is tuple:
        item = _make_decoder(arguments[0])
        return lambda data, where: tuple(
            item(entry, f"{where}[{i}]") for i, entry in enumerate(expect(data, list, where))
        )
    name, value = arguments[0], _make_decoder(arguments[1])
    return lambda data, where: {
        _decode_key(name, text, where): value(entry, f"{where}.{text}")
        for text, entry in expect(data, dict, where).items()
    }


def _make_union_decoder(choices: tuple[Any, ...]) -> _Decoder:
    if Output in choices:
        some: _Decoder = _decode_outcome
    elif Score in choices:
        some = _decode_scored
    else:
        (kind,) = (choice for choice in choices if choice is not type(None))
        some = _make_decoder(kind)
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
    # `decode_outcome` checks no types, since it reads what the cache wrote; a report may come from anywhere.
    for name, kind in type_hints_of(type(outcome)).items():
        if name in given:
            decode(kind, given[name], f"{where}.{name}")
    return outcome


def _decode_key(kind: Any, text: str, where: str) -> Any:
    if kind is Level:
        return _decode_choice(text, {key(level): level for level in Level}, where)
    if kind is int:
        try:
            return int(text)
        except ValueError as error:
            raise DecodeError(where, f'the key "{text}" is not a whole number') from error
    return text


def _decode_choice(data: Any, choices: Mapping[Any, Any], where: str) -> Any:
    if not isinstance(data, str) or data not in choices:
        found = f'"{data}"' if isinstance(data, str) else _NAMES.get(type(data), "something else")
        raise DecodeError(where, f"{found} is not one of {_join_names(list(choices))}")
    return choices[data]


def _decode_number(kind: type[IntEnum], data: Any, where: str) -> IntEnum:
    number = expect(data, int, where)
    try:
        return kind(number)
    except ValueError:
        raise DecodeError(where, f"{number} is not one of {', '.join(str(int(one)) for one in sorted(kind))}") from None


def _join_names(names: list[str]) -> str:
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
