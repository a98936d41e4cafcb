"""The rows that a configuration names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from release.rollout.lives import RULES, Life, clock

from evalgate.domain.rollout import LangfuseRowFilter, RowSource
from evalgate.errors import ServiceError
from evalgate.gate import configured_rows
from evalgate.gate.configured_rows import stream_configured_rows
from evalgate.release.rollout.row_window import RowWindow
from evalgate.release.rollout.traffic_rows import CompleteRows
from evalgate.store.store import Store


class Traffic:
    """A Langfuse server that writes down what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[RowWindow, str]] = []
        self.documents: list[Any] = []

    def open(self, config_path: Path, environment: Any, name: str, document: Any, store: Store) -> Traffic:
        self.documents.append(document)
        return self

    def stream(self, window: RowWindow, now: str) -> list[bytes]:
        self.asked.append((window, now))
        return [b"{}"]


@pytest.fixture
def traffic(monkeypatch: pytest.MonkeyPatch) -> Traffic:
    found = Traffic()
    monkeypatch.setattr(configured_rows, "open_configured_traffic", found.open)
    return found


def stream(source: RowSource, folder: Path, **options: Any) -> list[bytes]:
    store = Store(root=folder)
    found = stream_configured_rows(source, folder / "evalgate.yml", {}, store, name="support", **options)
    assert isinstance(found, CompleteRows) == (source.langfuse is not None), "files may have been rotated"
    return list(found)


def test_files_are_counted_from_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b'{"id": "1"}\n')
    assert stream(RowSource(files=("rows.jsonl",)), tmp_path, now=clock(1)) == [b'{"id": "1"}\n']
    with pytest.raises(ServiceError, match="there is no such file of rows"):
        stream(RowSource(files=("others.jsonl",)), tmp_path, now=clock(1))


def test_langfuse_is_asked_for_the_stage_of_the_registry(tmp_path: Path, traffic: Traffic) -> None:
    life = Life()
    life.start(replace(RULES, scores={"helpful": 0.1}), 0)
    source = RowSource(langfuse=LangfuseRowFilter())
    assert stream(source, tmp_path, now=clock(3), registry=life.registry) == [b"{}"]
    ((window, now),) = traffic.asked
    assert (now, window.scores, traffic.documents) == (clock(3), ("helpful",), [life.document])


def test_langfuse_is_asked_for_a_window_and_without_one_for_nothing(tmp_path: Path, traffic: Traffic) -> None:
    source, window = RowSource(langfuse=LangfuseRowFilter()), RowWindow(since=0, scores=())
    assert stream(source, tmp_path, now=clock(3), window=window) == [b"{}"]
    assert traffic.asked == [(window, clock(3))]
    assert stream(source, tmp_path, now=clock(3)) == [], "without a rollout and a window there is nothing to compare"
