from __future__ import annotations

import datetime
from collections.abc import Iterator

import pytest
from langfuse_server import PUBLIC, SECRET, LangfuseServer

from evalgate.services import langfuse_items
from evalgate.services.langfuse import Langfuse, LangfuseKeys
from evalgate.services.langfuse_errors import LangfuseError


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        made.datasets.create({"name": "team/golden 1"})
        for number in (3, 1, 2):
            made.datasets.put({"datasetName": "team/golden 1", "id": f"i{number}", "input": {"q": number}})
        yield made
        assert made.violations == []


@pytest.fixture
def langfuse(server: LangfuseServer) -> Langfuse:
    return Langfuse(server.url, LangfuseKeys(public=PUBLIC, secret=SECRET))


def test_active_items_come_by_their_ids(server: LangfuseServer, langfuse: Langfuse) -> None:
    server.datasets.put({"datasetName": "team/golden 1", "id": "i2", "status": "ARCHIVED"})
    server.datasets.put({"datasetName": "team/golden 1", "id": "i1", "input": "7", "expectedOutput": "x"})
    items = langfuse.read_items("team/golden 1")
    assert items is not None
    assert [(one.id, one.input, one.expected) for one in items] == [("i1", 7, "x"), ("i3", {"q": 3}, None)]


def test_a_time_gives_the_items_of_then(server: LangfuseServer, langfuse: Langfuse) -> None:
    then = server.datasets.now
    server.datasets.put({"datasetName": "team/golden 1", "id": "i1", "input": {"q": "new"}})
    items = langfuse.read_items("team/golden 1", at=then)
    assert items is not None and items[0].input == {"q": 1}
    assert langfuse.read_items("team/golden 1", at=then - datetime.timedelta(days=1)) == ()


def test_a_missing_dataset_is_none(langfuse: Langfuse) -> None:
    assert langfuse.read_items("other") is None


def test_all_pages_are_one_state(server: LangfuseServer, langfuse: Langfuse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalgate.services.langfuse.ITEMS_A_PAGE", 2)

    def add(page: int) -> None:
        if page == 2:
            server.datasets.between = None
            server.datasets.put({"datasetName": "team/golden 1", "id": "i9", "input": {"q": 9}})

    server.datasets.between = add
    items = langfuse.read_items("team/golden 1")
    assert items is not None and [one.id for one in items] == ["i1", "i2", "i3", "i9"]


def test_a_dataset_that_is_edited_all_the_time_is_an_error(
    server: LangfuseServer, langfuse: Langfuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evalgate.services.langfuse.ITEMS_A_PAGE", 2)
    numbers = iter(range(10, 99))
    server.datasets.between = lambda page: (
        None if page == 1 else server.datasets.put({"datasetName": "team/golden 1", "id": f"i{next(numbers)}"}) and None
    )
    with pytest.raises(LangfuseError, match="its items change while they are read"):
        langfuse.read_items("team/golden 1")
    assert langfuse_items.ITEMS_A_PAGE == 100
