from __future__ import annotations

from typing import Any

import pytest

from evalgate.services.langfuse_errors import (
    LangfuseError,
    LangfuseLostError,
    LangfuseMissingError,
    LangfuseRaceError,
    clean,
    make_error,
)


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (401, {"message": "Invalid credentials."}, LangfuseError, "refuses the keys (401): Invalid credentials."),
        (404, {"message": "Prompt not found"}, LangfuseMissingError, "not found: Prompt not found"),
        (404, "<html>", LangfuseError, "the address is no Langfuse server (404)"),
        (400, {"message": "due to unique constraint failure"}, LangfuseRaceError, "another create was faster"),
        (400, {"message": "bad", "error": [{"message": "a\nb"}]}, LangfuseError, "(400): bad; a b"),
        (413, "too large", LangfuseError, "larger than the server takes"),
        (503, None, LangfuseLostError, "the server answered 503"),
        (200, {}, LangfuseLostError, "not what Langfuse sends"),
        (302, "", LangfuseError, "redirects (302)"),
    ],
)
def test_a_status_is_one_kind_of_error_with_its_place(status: int, body: Any, kind: type, said: str) -> None:
    error = make_error("https://langfuse.test: a", status, body)
    assert type(error) is kind and str(error.faults[0]).startswith("https://langfuse.test: a: ")
    assert said in error.faults[0].message


def test_a_text_of_the_server_is_short_and_on_one_line() -> None:
    assert clean("a\r\n\x1b[31mb") == "a [31mb"
    assert clean("x" * 301) == f"{'x' * 300} ..."
