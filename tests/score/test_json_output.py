import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.score.json_output import decode_texts, dig, parse, pointer_parts, resolve

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_every_json_value_reads_back(value):
    assert parse(json.dumps(value)) == value


@given(st.text())
def test_any_text_is_a_value_or_a_value_error(text):
    try:
        parse(text)
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at line 1, column 1$"),
        ("{'a': 1}", "at line 1, column 2$"),
        ('```json\n{"a": 1}\n```', "at line 1, column 1$"),
        ('{"a": 1} and more', "at line 1, column 10$"),
        ('\ufeff{"a": 1}', "at line 1, column 1$"),
        ('{"a": 1, "b": {"a": 1, "a": 2}}', 'the key "a" is given twice'),
        ('{"a": NaN}', "NaN is not a number in JSON"),
        ("-Infinity", "-Infinity is not a number in JSON"),
        ("1e400", "the number is too large"),
        ("1" * 5000, "the number is too large"),
        ("[" * 200_000, "nested too deeply"),
    ],
)
def test_what_is_not_strict_json_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse(text)


# RFC 6901, section 5
RFC_6901 = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
}


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("", RFC_6901),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
    ],
)
def test_pointer_finds_the_examples_of_the_rfc(pointer, expected):
    assert resolve(RFC_6901, pointer) == expected


@pytest.mark.parametrize("pointer", ["/nothing", "/foo/2", "/foo/-", "/foo/01", "/foo/bar", "/foo/-1", "/foo/0/0"])
def test_pointer_to_nowhere(pointer):
    with pytest.raises(LookupError):
        resolve(RFC_6901, pointer)


@pytest.mark.parametrize("pointer", ["foo", "#/foo", "/a~2", "/a~"])
def test_bad_pointer_is_refused(pointer):
    with pytest.raises(ValueError, match="is not a JSON Pointer"):
        pointer_parts(pointer)


@given(st.lists(st.text()))
def test_pointer_unescapes_what_was_escaped(parts):
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)
    assert pointer_parts(pointer) == tuple(parts)


def test_dotted_paths_prefer_a_field_named_just_so():
    value = {"a.b": 1, "a": {"b": 2, "c.d": 3, "list": [{"x": 4}]}}
    assert [dig(value, path) for path in ("a.b", "a.c.d", "a.list.0.x")] == [1, 3, 4]
    for path in ("a.c", "b", "a.b.c", "a.list.1.x", "a.list.x"):
        with pytest.raises(LookupError):
            dig(value, path)


VISIBLE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@given(VISIBLE, VISIBLE, st.integers(1, 3), st.booleans())
def test_a_text_of_json_is_read_as_it_is_meant(text, before, layers, is_fenced):
    written = text
    for _ in range(layers):
        written = json.dumps({"a": [written]})
    shown = f"```json\n{written}\n```" if is_fenced else f"{before.replace(chr(34), '')}: {written} so"
    assert any(text in each for each in (shown, *decode_texts(shown)))


@given(st.text(st.characters(exclude_characters="\\", exclude_categories=["Cs"])))
def test_a_text_without_escapes_has_one_reading(text):
    assert list(decode_texts(text)) == []


@pytest.mark.parametrize("text", ["C:\\new\\u0041", '"', 'a \\n "b', '\\" \\n'])
def test_backslashes_outside_of_quotation_marks_stay(text):
    assert list(decode_texts(text)) == []


def test_decoding_takes_linear_time():
    for text in ('"' + '\\"' * 300_000, '"\\u00e4' * 100_000, '"' + "\\" * 600_001 + '"'):
        assert len(list(decode_texts(text))) <= 3
