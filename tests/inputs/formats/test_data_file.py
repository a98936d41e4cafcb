"""Text -> data that remembers its lines: YAML, JSON, CSV, front matter; and everything that is refused."""

from __future__ import annotations

import json
import re
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inputs.formats.readers import fault, same, values

from evalgate.domain.strict_json import MAX_DEPTH
from evalgate.errors import InputError
from evalgate.inputs.formats import data_file
from evalgate.inputs.formats import json as json_text
from evalgate.inputs.formats import yaml as yaml_text
from evalgate.inputs.formats.nodes import Node

DATA = values(st.floats(allow_nan=False, allow_infinity=False))


@given(DATA)
def test_json_text_read_as_json_and_as_yaml_gives_the_same_data(data: Any) -> None:
    text = json.dumps(data, ensure_ascii=False, indent=2)
    for node in (json_text.parse(text, "f"), yaml_text.parse(text, "f")):
        assert same(node.data, data)
        assert_places(node, text)
    assert same(json_text.loads(text, "f"), data)
    assert same(json_text.loads(json.dumps(data), "f"), data)


def assert_places(node: Node, text: str) -> None:
    """Each node stands where its own text begins."""
    lines = text.split("\n")
    at = lines[node.line - 1][node.column - 1 :]
    wanted = {dict: "{", list: "["}.get(type(node.data)) or json.dumps(node.data, ensure_ascii=False)
    assert at.startswith(wanted)
    for key, child in node.items():
        line, column = (node.keys or {})[key]
        assert lines[line - 1][column - 1 :].startswith(json.dumps(key, ensure_ascii=False))
        assert_places(child, text)
    for child in node:
        assert_places(child, text)


@pytest.mark.parametrize("reader", [yaml_text.parse, json_text.parse, json_text.loads])
@pytest.mark.parametrize("deep", ["[" * 200_000, "[" * 500 + "]" * 500, '{"a":' * 500 + "1" + "}" * 500])
def test_deep_nesting_is_refused_without_recursion(reader: Any, deep: str) -> None:
    said = fault(deep, reader)
    if reader is yaml_text.parse and len(deep) > 100_000 and re.match(r"f:1:\d+: not valid YAML: ", said):
        return  # YAML's scanner looks far ahead, and from some version on it has a limit of its own
    assert f"nested more than {MAX_DEPTH} levels deep" in said


def test_the_deepest_that_is_allowed_is_read() -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert json_text.loads(text, "f") == json_text.parse(text, "f").data == yaml_text.parse(text, "f").data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a: caf\xe9 x", "f:1:7: byte 0xe9 is not UTF-8"),
        ("a: é\nb: ".encode() + b"\xff", "f:2:4: byte 0xff is not UTF-8"),
        ("é".encode() + b"\xc3", "f:1:2: byte 0xc3 is not UTF-8"),
        (b"\xff\xfea\x00", "f:1:1: is UTF-16, not UTF-8"),
    ],
)
def test_bytes_that_are_not_utf8_have_a_place(data: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        data_file.decode(data, "f")
    assert message in str(caught.value)
    assert caught.value.faults[0].hint


def test_bom_and_crlf_are_read_away() -> None:
    assert data_file.decode(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "f") == "a: 1\nb: 2\n"
    assert data_file.read(b'\xef\xbb\xbf{\r\n"a": 1}', "f.json").root["a"].line == 2


def test_a_50_mb_line_is_refused_with_its_line_in_bounded_memory() -> None:
    data = b"a: 1\n\nb: " + b"x" * 50_000_000
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as caught:
            data_file.decode(data, "f")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "f:3: the line has 50,000,003 bytes; at most 16,777,216 are read" in str(caught.value)
    assert peak < 1_000_000


def test_many_short_lines_may_be_large_together() -> None:
    data = b"x" * 99 + b"\n"
    assert len(data_file.decode(data * 400_000, "f")) == 40_000_000


def test_front_matter_keeps_line_numbers() -> None:
    found, body, line = data_file.front_matter(b"---\nname: x\nrole: system\n---\nHello\n---\nmore\n", "f.md")
    assert found.data == {"name": "x", "role": "system"}
    assert found.root["role"].line == 3
    assert (body, line) == ("Hello\n---\nmore\n", 5)
    assert data_file.front_matter(b"Hello\n", "f.md")[1:] == ("Hello\n", 1)
    assert data_file.front_matter(b"---\n---\nHello", "f.md")[0].data == {}
    with pytest.raises(InputError, match="f:1:1: the front matter that starts here is not closed"):
        data_file.front_matter(b"---\nname: x\n", "f")
    with pytest.raises(InputError, match="f:3:1: the key"):
        data_file.front_matter(b"---\nname: x\nname: y\n---\n", "f")


@pytest.mark.parametrize("reader", [json_text.parse, json_text.loads, yaml_text.parse])
@given(digits=st.integers(1, 4_500), sign=st.sampled_from(["", "-"]))
def test_a_whole_number_that_no_float_holds_is_refused(reader: Any, digits: int, sign: str) -> None:
    text = f"[{sign}{'9' * digits}]"
    if digits > 308:
        assert "number is too l" in fault(text, reader)
    else:
        reader(text, "f")
