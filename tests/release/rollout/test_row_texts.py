from __future__ import annotations

from typing import Any

import pytest
from release.documents import make_version

from evalgate.release.rollout.row_texts import RowTexts, has_texts, read_texts
from evalgate.release.runtime.served import Served


def test_texts_are_those_that_an_application_writes() -> None:
    served = Served("support", make_version("1.0.0"), "production", "ada", 0.0)
    row = served.row(fields={"question": "why"}, output="because")
    assert has_texts(row) and read_texts(row) == RowTexts({"question": "why"}, "because")
    assert read_texts(served.row(fields={}, output="")) == ({}, "")
    assert read_texts(served.row()) is None


@pytest.mark.parametrize("row", [
    {}, {"fields": {"a": 1}}, {"output": "text"}, {"fields": [], "output": "text"}, {"fields": None, "output": None},
    {"fields": {}, "output": {"text": "text"}}, {"fields": "{}", "output": "text"}, {"fields": {}, "output": 7},
])  # fmt: skip
def test_a_row_without_both_texts_has_none(row: dict[str, Any]) -> None:
    assert not has_texts(row) and read_texts(row) is None
