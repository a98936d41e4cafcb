"""What a server says is one line of a bounded length, without the keys."""

from __future__ import annotations

import pytest

from evalgate.mask import Mask
from evalgate.services.langfuse_errors import LangfuseLostError, LangfuseRaceError, make_error, read_message

MASK = Mask(["sk-lf-0123456789"])


def test_a_message_is_one_line_without_the_keys() -> None:
    body = {"message": "bad\n" + "x" * 285 + "sk-lf-0123456789", "error": [{"message": "more\x1b[31m"}, 7]}
    said = read_message(body, MASK)
    assert (said.startswith(": bad ") and said.endswith("*** ...")) or "***" in said
    assert "sk-lf" not in said and "\n" not in said and "\x1b" not in said and len(said) < 320


@pytest.mark.parametrize("body", [None, "text", [], {}, {"message": 7}, {"message": ["x"]}])
def test_anything_but_the_json_of_an_error_says_nothing(body: object) -> None:
    assert read_message(body, MASK) == ""


def test_a_status_has_its_own_error() -> None:
    assert isinstance(make_error("p", 503, ""), LangfuseLostError)
    assert isinstance(make_error("p", 400, ": unique constraint failure"), LangfuseRaceError)
    assert "refuses the keys (401): no" in str(make_error("p", 401, ": no"))
