"""Text -> data that remembers its lines: YAML, JSON, CSV, front matter; and everything that is refused."""

from __future__ import annotations

import json
import re
import time
import tracemalloc
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.domain.strict_json import MAX_DEPTH
from evalgate.errors import InputError
from evalgate.inputs.formats import csv as csv_text
from evalgate.inputs.formats import document
from evalgate.inputs.formats import json as json_text
from evalgate.inputs.formats import yaml as yaml_text
from evalgate.inputs.formats.nodes import Node

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)


def values(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | st.integers() | numbers | TEXT,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
        max_leaves=20,
    )


DATA = values(st.floats(allow_nan=False, allow_infinity=False))


def fault(text: str, reader: Any = yaml_text.parse) -> str:
    with pytest.raises(InputError) as caught:
        reader(text, "f")
    return str(caught.value.faults[0])


@given(DATA)
@settings(max_examples=200)
def test_json_text_read_as_json_and_as_yaml_gives_the_same_data(data: Any) -> None:
    text = json.dumps(data, ensure_ascii=False, indent=2)
    for node in (json_text.parse(text, "f"), yaml_text.parse(text, "f")):
        assert same(node.data, data)
        assert_places(node, text)
    assert same(json_text.loads(text, "f"), data)
    assert same(json_text.loads(json.dumps(data), "f"), data)


@given(values(st.floats(0.001, 1000)))
@settings(max_examples=200)
def test_yaml_text_written_by_a_dumper_reads_back(data: Any) -> None:
    class Quoting(yaml.SafeDumper):
        """Quotes every text, as JSON's rules and YAML's differ in what a plain one means."""

    Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))
    text = yaml.dump(data, Dumper=Quoting, allow_unicode=True, sort_keys=False)
    assert same(yaml_text.parse(text, "f").data, data)


@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=("Cs",)), max_size=9),
            min_size=2,
            max_size=2,
        ),
        max_size=5,
    )
)
def test_csv_reads_back_what_the_standard_library_writes(rows: list[list[str]]) -> None:
    import csv
    import io

    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["a", "b"], *rows])
    records, faults = csv_text.parse(written.getvalue(), "f")
    assert [list(row.cells.values()) for row in records] == rows
    assert not faults


def same(left: Any, right: Any) -> bool:
    """Equal, and of equal types: 1 is neither True nor 1.0."""
    return repr(left) == repr(right)


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


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("No", "No"),
        ("True", "True"),
        ("~", "~"),
        ("0x1F", "0x1F"),
        ("0o7", "0o7"),
        ("007", "007"),
        ("1_000", "1_000"),
        (".5", ".5"),
        ("+1", "+1"),
        ("1.", "1."),
        (".nan", ".nan"),
        ("12:30:45", "12:30:45"),
        ("2026-11-22", "2026-11-22"),
        ("true", True),
        ("false", False),
        ("null", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("-0.5E-2", -0.005),
        ('"1"', "1"),
        ("'true'", "true"),
        ("!!str 1", "1"),
        ("1.10.0", "1.10.0"),
    ],
)
def test_scalars_follow_json(written: str, value: Any) -> None:
    assert same(yaml_text.parse(f"key: {written}\n", "f").data, {"key": value})


def test_a_number_remembers_how_it_was_written() -> None:
    assert yaml_text.parse("version: 1.10", "f")["version"].text == "1.10"
    assert json_text.parse('{"version": 1.10}', "f")["version"].text == "1.10"


def test_yaml_blocks_anchors_and_comments() -> None:
    node = yaml_text.parse("# one\nbase: &b {x: [1, 2]}\nother: *b\ntext: |\n  a\n  b\n", "f")
    assert node.data == {"base": {"x": [1, 2]}, "other": {"x": [1, 2]}, "text": "a\nb\n"}
    assert node["other"]["x"].line == 2
    assert (node.keys or {})["text"] == (4, 1)
    assert yaml_text.parse("# nothing\n", "f").data is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 'f:3:1: the key "a" is given twice; first in line 1'),
        ("a: {b: 1,\n  b: 2}", 'f:2:3: the key "b" is given twice; first in line 1'),
        ("a: [1\n", "f:2:1: not valid YAML: "),
        ("a: b: c", "f:1:5: not valid YAML: "),
        ("\tx: 1", "f:1:1: not valid YAML: "),
        ("a: 1\n---\nb: 2\n", "f:2:1: a second document starts here"),
        (
            "a: !!python/object/apply:os.system [x]",
            "f:1:4: the tag tag:yaml.org,2002:python/object/apply:os.system is not supported",
        ),
        ("a: !secret x", "f:1:4: the tag !secret is not supported"),
        ("a: *nobody", 'f:1:4: the alias "*nobody" has no anchor before it'),
        ("a: &a [1, *a]", 'f:1:11: the alias "*a" is inside its own anchor'),
        ("? [a]\n: 1", "f:1:3: a key must be plain text"),
        ("query: {{query}}", "f:1:9: a key must be plain text"),
        ("a: 1e999", "f:1:4: the number is too long"),
        ("a: " + "9" * 5000, "f:1:4: the number is too long"),
        ("a: x\nb: \x00", "f:2:4: control character U+0000"),
        ("a: x\nb: y\x1b[31m", "f:2:5: control character U+001B"),
    ],
)
def test_yaml_refuses_with_the_place(text: str, message: str) -> None:
    assert message in fault(text)


def test_pure_python_yaml_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: &x [1, 2.5, yes]\nb: *x\nc: |\n  block\nd: 'q'\n"
    fast = yaml_text.parse(text, "f")
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    slow = yaml_text.parse(text, "f")
    assert slow == fast
    assert 'f:2:1: the key "a"' in fault("a: 1\na: 2\n")
    assert "not valid YAML" in fault("a: [1\n")
    assert "half a surrogate pair is not text" in fault(r'a: "\ud800"')


@pytest.mark.parametrize(
    "text",
    [
        "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40)),
        "a: &a [" + "x, " * 60_000 + "]\nb: [*a, *a]\n",
        "a: &a {k: v}\nb: [" + "*a, " * 60_000 + "]",
    ],
)
def test_exploding_aliases_are_refused_fast(text: str) -> None:
    started = time.process_time()
    assert "the aliases expand to more than 100,000 values" in fault(text)
    assert time.process_time() - started < 3


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
    ("text", "message"),
    [
        ('{"a": NaN}', "f:1:7: NaN is not a number in JSON"),
        ('{"a": [1,\n -Infinity]}', "f:2:2: -Infinity is not a number in JSON"),
        ('{"a": 1,\n "a": 2}', 'f:2:2: the key "a" is given twice; first in line 1'),
        ('{"a": 1e400}', "f:1:7: the number is too large"),
        ('{"a": 1' + "0" * 5000 + "}", "f:1:7: the number is too large"),
        ('{"a": "\\ud800"}', "f:1:7: half a surrogate pair is not text"),
        ("{'a': 1}", "f:1:2: not valid JSON: a key in double quotes was expected"),
        ('{"a": 1,}', "f:1:9: not valid JSON: a key in double quotes was expected"),
        ("[1, 2,]", "f:1:7: not valid JSON: a value was expected"),
        ("[1 2]", 'f:1:4: not valid JSON: "," was expected'),
        ('{"a" 1}', 'f:1:6: not valid JSON: ":" was expected'),
        ('["a\nb"]', "f:1:4: not valid JSON: "),
        ('["a', "f:1:2: not valid JSON: "),
        ("[1] x", "f:1:5: more text after the end of the JSON value"),
        (" \n", "is empty: a JSON value was expected"),
        ("[01]", 'f:1:3: not valid JSON: "," was expected'),
        ("nul", "f:1:1: not valid JSON: a value was expected"),
    ],
)
def test_json_refuses_with_the_place(text: str, message: str) -> None:
    assert message in fault(text, json_text.parse)
    assert message in fault(text, json_text.loads)


def test_json_keeps_whole_surrogate_pairs() -> None:
    assert json_text.loads(r'"\ud83d\ude00"', "f") == "\U0001f600"


def test_elements_know_their_lines() -> None:
    text = '[ {"a": "]"},\n  {"b": [1,\n 2]}, 3,\n\n"x"]'
    assert [(value, line, column) for value, line, column in json_text.elements(text, "f")] == [
        ({"a": "]"}, 1, 3),
        ({"b": [1, 2]}, 2, 3),
        (3, 3, 7),
        ("x", 5, 1),
    ]
    assert list(json_text.elements(" [ ] ", "f")) == []


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
        document.decode(data, "f")
    assert message in str(caught.value)
    assert caught.value.faults[0].hint


def test_bom_and_crlf_are_read_away() -> None:
    assert document.decode(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "f") == "a: 1\nb: 2\n"
    assert document.read(b'\xef\xbb\xbf{\r\n"a": 1}', "f.json").root["a"].line == 2


def test_a_50_mb_line_is_refused_with_its_line_in_bounded_memory() -> None:
    data = b"a: 1\n\nb: " + b"x" * 50_000_000
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as caught:
            document.decode(data, "f")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "f:3: the line has 50,000,003 bytes; the most that is read is 16,777,216" in str(caught.value)
    assert peak < 1_000_000


def test_many_short_lines_may_be_large_together() -> None:
    data = b"x" * 99 + b"\n"
    assert len(document.decode(data * 400_000, "f")) == 40_000_000


def test_front_matter_keeps_line_numbers() -> None:
    found, body, line = document.front_matter(b"---\nname: x\nrole: system\n---\nHello\n---\nmore\n", "f.md")
    assert found.data == {"name": "x", "role": "system"}
    assert found.root["role"].line == 3
    assert (body, line) == ("Hello\n---\nmore\n", 5)
    assert document.front_matter(b"Hello\n", "f.md")[1:] == ("Hello\n", 1)
    assert document.front_matter(b"---\n---\nHello", "f.md")[0].data == {}
    with pytest.raises(InputError, match="f:1:1: the front matter that starts here is not closed"):
        document.front_matter(b"---\nname: x\n", "f")
    with pytest.raises(InputError, match="f:3:1: the key"):
        document.front_matter(b"---\nname: x\nname: y\n---\n", "f")


def test_csv_rows_know_their_lines() -> None:
    rows, faults = csv_text.parse('id,text\n1,"a\n""b"""\n\n2,\n', "f")
    assert not faults
    assert [(row.line, row.cells) for row in rows] == [
        (2, {"id": "1", "text": 'a\n"b"'}),
        (5, {"id": "2", "text": ""}),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f:1:1: is empty: a header line was expected"),
        ("a,,c\n", "f:1: a column without a name: column 2"),
        ("a,b,a\n", 'f:1: the column "a" appears twice'),
        ("sep=;\na,b\n1,2\n", "f:2:1: the columns are not separated by semicolons: a,b"),
        ("sep=\na,b\n1,2\n", 'f:1:1: the line "sep=" does not name a separator'),
        ("a;b,c\n1;2,3\n", "f:1:1: the columns can be read as separated by commas and as semicolons"),
        ("a,b,\n1,2,3\n", "f:1: a column without a name: column 3"),
        ('a,b\n1,"x\n2,y\n', "f:2: a double quote that opens here is not closed"),
        ('a,b\n1,"x"y\n', "f:2: a double quote that opens here is not closed"),
        ('a,b\n"1\n2","x\n', "f:2: a double quote that opens here is not closed"),
        ('a,b\n1,x"y\n', "f:2: a double quote inside a cell that is not quoted"),
        ('a,b\n1,"x" "y"\n', "f:2: a double quote that opens here is not closed"),
        ('a,b\n1,{"x": 1}\n', "f:2: a double quote inside a cell that is not quoted"),
        ('a,b\n"""1""",x "y"\n', "f:2: a double quote inside a cell that is not quoted"),
        ("a,b\r1,2\n", "f:1: a carriage return inside a line"),
        (f"a\n{',' * 1000}\n", "f:2: more than 1000 cells in a row"),
    ],
)
def test_csv_refuses_with_the_place(text: str, message: str) -> None:
    assert message in fault(text, csv_text.parse)


def test_csv_takes_a_cell_of_any_length() -> None:
    rows, _ = csv_text.parse(f'a,b\n1,"{"x" * 200_000}\n"\n', "f")
    assert len(rows[0].cells["b"]) == 200_001


def test_csv_reports_every_row_of_another_length() -> None:
    rows, faults = csv_text.parse("a,b\n1\n1,2\n1,2,3\n", "f")
    assert len(rows) == 1
    assert [str(each).splitlines()[0] for each in faults] == [
        "f:2:1: 1 cells under a header of 2",
        "f:4:1: 3 cells under a header of 2",
    ]


@pytest.mark.parametrize("reader", [json_text.parse, json_text.loads, yaml_text.parse])
@given(digits=st.integers(1, 4_500), sign=st.sampled_from(["", "-"]))
def test_a_whole_number_that_no_float_holds_is_refused(reader: Any, digits: int, sign: str) -> None:
    text = f"[{sign}{'9' * digits}]"
    if digits > 308:
        assert "number is too l" in fault(text, reader)
    else:
        reader(text, "f")


@given(st.integers(1, 3_000), st.integers(0, 200_000), st.sampled_from(["scalar", "list", "key"]))
def test_aliases_never_stand_for_more_text_than_a_file_may_hold(count: int, length: int, kind: str) -> None:
    text = "w" * length
    first = {"scalar": f"- &a {text}", "list": f"- &a [{text}]", "key": f"- &a\n  ? k{text}\n  : 1"}[kind]
    try:
        root = yaml_text.parse(first + "\n- *a" * count, "f")
    except InputError as error:
        assert count * length > 5_000_000 and "the aliases expand to more than" in str(error)
    else:
        assert len(root.data) == count + 1
        assert count * length <= yaml_text.MAX_ALIASED * 100
