from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from release.documents import make_version

from evalgate.release.runtime.prompt_error import PromptError, VariableError
from evalgate.release.runtime.served import Served

VERSION = make_version(
    "2.4.0",
    parameters={"temperature": 0, "stop": ["a"]},
    tools=({"type": "function", "function": {"name": "find"}},),
    response_format={"type": "json_object"},
)


def make_served(key: str | None = "user-1") -> Served:
    return Served("support", VERSION, "production", key, 1.5)


def test_it_has_what_a_request_needs() -> None:
    served = make_served()
    assert (served.name, served.version, served.digest) == ("support", "2.4.0", VERSION.digest)
    assert (served.model, served.parameters) == ("gpt-5-mini", {"temperature": 0, "stop": ["a"]})
    assert served.tools == [{"type": "function", "function": {"name": "find"}}]
    assert served.response_format == {"type": "json_object"}
    assert (served.variant, served.stale_seconds, served.variables) == ("production", 1.5, {"name"})
    assert served.messages(name="Ada")[-1] == {"role": "user", "content": "Hello Ada!"}
    assert repr(served) == f"<Served support 2.4.0 ({VERSION.digest[:12]}), production>"


def test_a_version_without_a_number_in_langfuse_has_no_link() -> None:
    assert make_served().langfuse_prompt() is None
    served = Served("a|b", VERSION, "production", None, 1.5, number=7)
    assert served.langfuse_prompt() == ("a%7Cb", 7, False)


def test_what_a_caller_edits_is_its_own() -> None:
    served = make_served()
    served.parameters["stop"].append("b")
    served.tools[0]["function"]["name"] = "other"
    assert served.response_format is not None
    served.response_format["type"] = "text"
    again = make_served()
    assert again.parameters["stop"] == ["a"]
    assert again.tools[0]["function"]["name"] == "find"
    assert again.response_format == {"type": "json_object"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, 'support 2.4.0: the variable "name" is missing; the version uses name'),
        ({"name": "Ada", "nmae": "x"}, 'unknown variable "nmae"'),
        ({"name": object()}, 'the variable "name" is neither text nor data of JSON'),
    ],
)
def test_a_wrong_variable_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(VariableError, match=message) as caught:
        make_served().messages(**given)
    assert isinstance(caught.value, PromptError) and isinstance(caught.value, TypeError)


def test_a_row_says_what_was_served_and_is_data_of_json() -> None:
    row = make_served().row(
        id="r1",
        at="2026-11-29T12:00:00Z",
        error=TimeoutError("secret"),
        seconds=1.25,
        cost_usd=0.002,
        scores={"tone": 0.9},
        fields={"country": "de"},
        output="Hello",
    )
    assert json.loads(json.dumps(row)) == {
        "id": "r1",
        "at": "2026-11-29T12:00:00Z",
        "prompt": "support",
        "version": "2.4.0",
        "digest": VERSION.digest,
        "variant": "production",
        "key": "user-1",
        "error": "TimeoutError",
        "seconds": 1.25,
        "cost_usd": 0.002,
        "scores": {"tone": 0.9},
        "sampled": True,
        "fields": {"country": "de"},
        "output": "Hello",
    }


def test_a_row_without_more_has_an_id_and_a_time_and_says_that_no_key_decided() -> None:
    row, other = make_served(None).row(), make_served(None).row()
    assert row["id"] != other["id"] and len(row["id"]) == 32
    assert datetime.fromisoformat(row["at"]).utcoffset() is not None and row["at"].endswith("Z")
    assert (row["variant"], row["key"], row["error"], row["scores"], row["sampled"]) == (
        "production",
        None,
        None,
        {},
        None,
    )
    assert "fields" not in row and "output" not in row
    assert make_served().row(sampled=True)["sampled"] is True
