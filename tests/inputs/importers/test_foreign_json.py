"""Tests of the reader of other tools' JSON."""

from __future__ import annotations

import math

import pytest

from evalgate.errors import InputError
from evalgate.inputs.importers.foreign_json import ForeignPart, decode_text, load_json, load_lines


def test_nan_is_a_value_and_a_fault_has_its_place() -> None:
    assert math.isnan(load_json('{"a": NaN}', "x")["a"])
    with pytest.raises(InputError, match=r"^x:2:3: not valid JSON"):
        load_json("{\n  a}", "x")
    with pytest.raises(InputError, match=r"^x:3: not valid JSON"):
        list(load_lines('{"a": 1}\n\n{', "x"))
    with pytest.raises(InputError, match=r"^x:2: the line must be a JSON object"):
        list(load_lines('{"a": 1}\n[]', "x"))
    with pytest.raises(InputError, match="0xff is not UTF-8"):
        decode_text(b"\xff", "x")


def test_parts_say_where_a_wrong_type_stands() -> None:
    part = ForeignPart(data={"a": [{"b": 1}, {"b": {"c": " "}}], "n": 7, "t": True}, path="x")
    assert (part.text("n"), part.text("t"), part.text("none")) == ("7", None, None)
    one, other = part.parts("a")
    assert (other.part("b").text("c"), other.part("none").data, part.parts("none")) == (None, {}, [])
    with pytest.raises(InputError, match=r"x: a\[0\].b must be an object"):
        one.part("b")
    with pytest.raises(InputError, match="x: n must be a list"):
        part.parts("n")
