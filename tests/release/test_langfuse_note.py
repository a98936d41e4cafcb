"""The label of a verdict in Langfuse: it takes no label from another version, and a race does not take it off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langfuse_prompts import LONGEST_LABEL
from langfuse_server import PUBLIC, SECRET, LangfuseServer

from evalgate.release.langfuse_note import make_note, write_note
from evalgate.services.langfuse import Langfuse, LangfuseError, LangfuseKeys, LangfuseMissingError


@pytest.fixture
def server() -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        made.prompts.create({"name": "support", "prompt": "one", "labels": ["staging"]})
        made.prompts.create({"name": "support", "prompt": "two", "labels": ["staging"]})
        yield made
        assert made.violations == []


@pytest.fixture
def langfuse(server: LangfuseServer) -> Langfuse:
    return Langfuse(server.url, LangfuseKeys(public=PUBLIC, secret=SECRET))


def labels(server: LangfuseServer, number: int) -> set[str]:
    return set(server.prompts.find("support", number)["labels"])


@given(st.sampled_from(["pass", "fail", "inconclusive", "sign-off"]), st.integers(1, 999_999_999))
def test_a_note_is_a_label_that_langfuse_allows(word: str, number: int) -> None:
    note = make_note(word, number)  # type: ignore[arg-type]
    assert len(note) <= LONGEST_LABEL
    assert set(note) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_each_version_keeps_its_own_note(server: LangfuseServer, langfuse: Langfuse) -> None:
    assert write_note(langfuse, "support", 1, "pass")
    assert write_note(langfuse, "support", 2, "pass")
    assert labels(server, 1) == {"evalgate-pass-1"}
    assert labels(server, 2) == {"evalgate-pass-2", "staging", "latest"}


def test_a_note_that_a_save_takes_off_is_written_again(server: LangfuseServer, langfuse: Langfuse) -> None:
    moves = []

    def save(method: str, name: str) -> None:
        if method == "PATCH":
            moves.append(name)

    server.prompts.between = save
    read = langfuse.read

    def lose_first(name: str, version: int) -> object:
        if len(moves) == 1:
            server.prompts.find(name, version)["labels"].remove("evalgate-fail-2")
        return read(name, version)

    langfuse.read = lose_first  # type: ignore[method-assign, assignment]
    assert write_note(langfuse, "support", 2, "fail")
    assert len(moves) == 2 and "evalgate-fail-2" in labels(server, 2)


def test_a_note_that_never_stays_is_told(langfuse: Langfuse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(langfuse, "add_labels", lambda *given: None)
    assert write_note(langfuse, "support", 2, "fail") is False


def test_a_deleted_version_gets_no_note(server: LangfuseServer, langfuse: Langfuse) -> None:
    server.prompts.delete("support", version=2, label=None)
    with pytest.raises(LangfuseMissingError):
        write_note(langfuse, "support", 2, "pass")
    server.fail("PATCH", status=500)
    with pytest.raises(LangfuseError):
        write_note(langfuse, "support", 1, "pass")
