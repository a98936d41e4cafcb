from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.release.runtime.file_names import make_file_name, parse_file_name


@pytest.mark.parametrize(
    ("name", "file_name"),
    [("support", "support.json"), ("a/b c", "a%2Fb%20c.json"), (".hidden", "%2Ehidden.json"), ("ü", "%C3%BC.json")],
)
def test_the_file_of_a_name_never_leaves_its_folder(name: str, file_name: str) -> None:
    assert make_file_name(name) == file_name


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_a_file_name_has_the_name_and_no_folder(name: str) -> None:
    file_name = make_file_name(name)
    assert parse_file_name(file_name) == name
    assert "/" not in file_name and "\\" not in file_name and not file_name.startswith(".")
