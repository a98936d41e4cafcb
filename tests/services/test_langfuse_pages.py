from __future__ import annotations

from typing import Any

import pytest

from evalgate.services import langfuse_pages
from evalgate.services.langfuse_errors import LangfuseError, LangfuseLostError
from evalgate.services.langfuse_pages import repeat, stream_pages


class Scripted:
    """A server whose answers are given by their cursor."""

    url = "http://langfuse.test"

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[dict[str, str]] = []

    def request(self, about: str, path: str, *, query: dict[str, str]) -> Any:
        self.asked.append(query)
        return self.answers[query.get("cursor", "first")]


def read(server: Any) -> list[str]:
    return [row["id"] for page in stream_pages(server, "the rows", "/path", {"limit": "2"}) for row in page]


def test_pages_follow_their_cursors() -> None:
    first = {"data": [{"id": "a"}, {"id": "b"}], "meta": {"cursor": "two"}}
    server = Scripted(first=first, two={"data": [{"id": "c"}], "meta": {"limit": 2}})
    assert read(server) == ["a", "b", "c"]
    assert server.asked == [{"limit": "2"}, {"limit": "2", "cursor": "two"}]


@pytest.mark.parametrize("cursor", ["first", 7, ["first"]])
def test_pages_without_an_end_are_an_error(cursor: Any) -> None:
    with pytest.raises(LangfuseError, match="the rows: the pages have no end"):
        read(Scripted(first={"data": [{"id": "a"}], "meta": {"cursor": cursor}}))


@pytest.mark.parametrize("data", [None, {}, ["a"], [{"id": 7}], [{}]])
def test_an_answer_without_rows_is_an_error(data: Any) -> None:
    for answer in ({"data": data, "meta": {}}, [data]):
        with pytest.raises(LangfuseError, match="the answer is not what Langfuse sends"):
            read(Scripted(first=answer))


@pytest.mark.parametrize("more", [{}, {"meta": None}, {"meta": []}, {"meta": "two"}])
def test_an_answer_that_does_not_say_what_follows_is_an_error(more: dict[str, Any]) -> None:
    with pytest.raises(LangfuseError, match="the answer is not what Langfuse sends"):
        read(Scripted(first={"data": [{"id": "a"}], **more}))


def test_a_lost_answer_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(langfuse_pages, "_WAIT_SECONDS", 0.0)
    tries: list[int] = []

    def ask(fails: int) -> str:
        tries.append(1)
        if len(tries) <= fails:
            raise LangfuseLostError("lost")
        return "there"

    assert repeat(lambda: ask(3)) == "there"
    tries.clear()
    with pytest.raises(LangfuseLostError):
        repeat(lambda: ask(4))
    assert len(tries) == 4
