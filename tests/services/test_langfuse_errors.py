"""What a server says is one line of a bounded length, without the keys."""

from __future__ import annotations

from typing import Any

import pytest

from evalgate.mask import Mask
from evalgate.services.langfuse_errors import (
    LangfuseError,
    LangfuseLostError,
    LangfuseMissingError,
    LangfuseRaceError,
    clean,
    make_error,
    read_message,
)

MASK = Mask(["sk-lf-0123456789"])


def test_a_message_is_one_line_without_the_keys() -> None:
    body = {"message": "bad\n" + "x" * 285 + "sk-lf-0123456789", "error": [{"message": "more\x1b[31m"}, 7]}
    said = read_message(body, MASK)
    assert (said.startswith(": bad ") and said.endswith("*** ...")) or "***" in said
    assert "sk-lf" not in said and "\n" not in said and "\x1b" not in said and len(said) < 320


@pytest.mark.parametrize("body", [None, "text", [], {}, {"message": 7}, {"message": ["x"]}])
def test_anything_but_the_json_of_an_error_says_nothing(body: object) -> None:
    assert read_message(body, MASK) == ""


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (401, {"message": "Invalid credentials."}, LangfuseError, "refuses the keys (401): Invalid credentials."),
        (404, {"message": "Prompt not found"}, LangfuseMissingError, "not found: Prompt not found"),
        (404, "<html>", LangfuseError, "the address is not a Langfuse server (404)"),
        (400, {"message": "due to unique constraint failure"}, LangfuseRaceError, "another create was faster"),
        (400, {"message": "bad", "error": [{"message": "a\nb"}]}, LangfuseError, "(400): bad; a b"),
        (413, "too large", LangfuseError, "larger than the server takes"),
        (503, None, LangfuseLostError, "the server answered 503"),
        (200, {}, LangfuseLostError, "not what Langfuse sends"),
        (302, "", LangfuseError, "redirects (302)"),
    ],
)
def test_a_status_is_one_kind_of_error_with_its_place(status: int, body: Any, kind: type, said: str) -> None:
    error = make_error("https://langfuse.test: a", status, read_message(body, MASK))
    assert type(error) is kind and str(error.faults[0]).startswith("https://langfuse.test: a: ")
    assert said in error.faults[0].message


def test_a_text_of_the_server_is_short_and_on_one_line() -> None:
    assert clean("a\r\n\x1b[31mb") == "a [31mb"
    assert clean("x" * 301) == f"{'x' * 300} ..."
