from __future__ import annotations

import pytest

from evalgate.release.checked_value import LARGEST, DocumentError, load_value


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
