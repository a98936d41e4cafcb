"""YAML text to data that remembers its lines, by the rules of JSON, and what is refused."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from inputs.formats.readers import TEXT, fault, same, values

from evalgate.errors import InputError
from evalgate.inputs.formats import json as json_text
from evalgate.inputs.formats import yaml as yaml_text


@given(values(st.floats(0.001, 1000)))
def test_yaml_text_written_by_a_dumper_reads_back(data: Any) -> None:
    class Quoting(yaml.SafeDumper):
        """Quotes every text, as JSON's rules and YAML's differ in what a plain one means."""

    Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))
    text = yaml.dump(data, Dumper=Quoting, allow_unicode=True, sort_keys=False)
    assert same(yaml_text.parse(text, "f").data, data)


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


@given(st.dictionaries(TEXT, values(st.floats(0.001, 1000)), max_size=4), st.booleans(), st.booleans())
def test_no_mapping_loses_the_keys_that_it_takes_over(inherited: Any, is_flow: bool, is_listed: bool) -> None:
    """A YAML reader with merge keys gives the second mapping the keys of the first; here the file is refused."""
    first = yaml.dump(inherited, allow_unicode=True, default_flow_style=True, width=10**9).strip()
    taken = "[*first]" if is_listed else "*first"
    second = f"{{<<: {taken}, own: 1}}" if is_flow else f"<<: {taken}\n  own: 1"
    try:
        yaml_text.parse(f"- &first {first}\n", "f")
    except InputError:
        return
    text = f"- &first {first}\n- {second}\n"
    with pytest.raises(InputError, match="the merge key << is not supported"):
        yaml_text.parse(text, "f")


@pytest.mark.parametrize("written", ['"<<"', "'<<'", "!!str <<"])
def test_a_quoted_key_of_the_name_is_a_key(written: str) -> None:
    assert yaml_text.parse(f"{written}: 1", "f").data == {"<<": 1}


def test_a_merge_key_has_its_place() -> None:
    assert fault("a: &x {b: 1}\nc:\n  <<: *x\n") == (
        "f:3:3: the merge key << is not supported\n  hint: write the keys out, or quote a key of that name"
    )


def test_a_foreign_file_has_merge_keys_and_the_scalars_of_yaml_1_2() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], x: 5}\nd: [True, ~, .5, 5., -.5e1, +3, yes, 'True', Null]\n"
    root = yaml_text.parse(text, "f", is_foreign=True)
    assert root.data["c"] == {"x": 5, "y": 2, "z": 4}
    assert root["c"]["z"].line == 2
    assert root.data["d"] == [True, None, 0.5, 5, -5.0, 3, "yes", "True", None]
    with pytest.raises(InputError, match="names no mapping"):
        yaml_text.parse("a: &a 1\nb: {<<: *a}\n", "f", is_foreign=True)


BLOCK = "messages:\n- role: user\n  content: |\n    Be nice.{0}\n"


@pytest.mark.parametrize("odd", ["\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize(
    ("text", "is_read"),
    [
        (BLOCK.format("{0}# Be rude."), False),  # a comment here, a text in YAML 1.2
        (BLOCK.format("") + "# note{0}- role: system{0}  content: Be rude.\n", False),
        ("a: b #{0}c: d\n", False),
        ("a: |\n  b{0}c: d\n", False),
        ("a: |\n  b{0}c\n", False),  # no document at all here
        ("a: b{0}c\nd: e\n", False),
        (BLOCK.format("{0}    Be brief."), True),
        (BLOCK.format("") + "# note{0}\n", True),
        ('a: "b{0}c"\n', True),
        ("a: b  # a note{0}\nc: d\n", True),
    ],
)
def test_a_line_break_that_only_some_readers_know_hides_no_text(odd: str, text: str, is_read: bool) -> None:
    written = text.format(odd)
    if is_read:
        assert yaml_text.parse(written, "p.yml").data is not None
        return
    with pytest.raises(InputError, match=f"^p.yml:\\d+:\\d+: U\\+{ord(odd):04X} ends a line for some readers") as error:
        yaml_text.parse(written, "p.yml")
    (found,) = error.value.faults
    assert found.place is not None and found.place.line == written[: written.index(odd)].count("\n") + 1


@pytest.mark.parametrize("text", ["a: [b{0}c\n", "a: b{0}c\n-\n"])
def test_a_fault_for_all_readers_is_told_as_such(text: str) -> None:
    with pytest.raises(InputError, match="not valid YAML"):
        yaml_text.parse(text.format("\u2028"), "p.yml")


@given(st.sampled_from(["a: b # c\n", "a: |\n  b\n  c\n", "- a\n- 'b c'\n", 'a: "b c"\n']), st.data())
def test_a_word_is_in_a_text_for_all_readers_or_for_none(text: str, data: st.DataObject) -> None:
    """A reader of YAML 1.2 takes these characters for one of a word."""
    position = data.draw(st.integers(0, len(text)))
    odd = data.draw(st.sampled_from(["\x85", "\u2028", "\u2029"]))
    try:
        read = str(yaml_text.parse(f"{text[:position]}{odd}{text[position:]}", "p.yml").data)
    except InputError:
        return
    other = str(yaml_text.parse(f"{text[:position]}\ue000{text[position:]}", "p.yml").data)
    for word in ("a", "b", "c"):
        assert (word in read) == (word in other)
