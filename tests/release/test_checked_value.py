from __future__ import annotations

import pytest

from evalgate.release.checked_value import DEEPEST, LARGEST, DocumentError, Value, load_value


def test_a_path_names_the_value() -> None:
    value = load_value(b'{"a": {"b": [1, "x"]}}')
    assert value["a"]["b"].items()[1].path == "a.b[1]"
    with pytest.raises(DocumentError, match=r"^a\.b\[0\]: must be text"):
        value["a"]["b"].items()[0].text()
    with pytest.raises(DocumentError, match=r'^a: the key "c" is missing'):
        value["a"]["c"]


def test_what_is_too_large_is_not_parsed() -> None:
    with pytest.raises(DocumentError, match="more than a document may have"):
        load_value(b" " * (LARGEST + 1))


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" * 301, "NaN", "-Infinity"])
def test_a_number_that_other_languages_do_not_have_is_refused(number: str) -> None:
    with pytest.raises(DocumentError, match=r"^not JSON: "):
        load_value(f'{{"a": {number}}}'.encode())


@pytest.mark.parametrize("text", ["１.0.0", "1.0.0\n"])
def test_digits_are_those_of_ascii(text: str) -> None:
    value = Value({"version": text, "at": f"{text[0]}026-11-29T12:00:00Z{text[5:]}"}, "")
    with pytest.raises(DocumentError, match=r"^version: must be a semantic version"):
        value["version"].number()
    with pytest.raises(DocumentError, match=r"^at: must be a time in UTC"):
        value["at"].time()


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_the_levels_that_are_read_do_not_depend_on_the_stack(opening: bytes, closing: bytes) -> None:
    def load(depth: int) -> Value:
        return load_value(opening * depth + (b"1" if b"a" in opening else b"") + closing * depth)

    assert load(DEEPEST)
    for depth in (DEEPEST + 1, 900, 975, 5_000, 100_000):
        with pytest.raises(DocumentError, match=f"more than {DEEPEST} levels"):
            load(depth)
