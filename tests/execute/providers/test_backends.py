"""The backend that sends requests by batch: its providers, and the records that it leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalgate.domain import Batching, Limits, Target
from evalgate.errors import MissingSecretError
from evalgate.execute.providers.backends import BatchBackend
from evalgate.execute.providers.batch.records import BatchRecord, BatchRecords
from evalgate.execute.providers.protocol import WHOLE_ROUND

TARGET = Target(name="api", kind="openai", location="http://127.0.0.1:9/v1", identity="i", model="m", api_key_env="KEY")


@pytest.fixture
def backend(tmp_path: Path) -> BatchBackend:
    records = BatchRecords(tmp_path, "run", clock=lambda: 0.0)
    return BatchBackend(records=records, batching=Batching(), limits=Limits(), note=lambda text: None)


def test_its_providers_collect_a_whole_round(backend: BatchBackend) -> None:
    assert backend.provider(TARGET, "sk-x").concurrency == WHOLE_ROUND


def test_a_missing_key_is_told_before_anything_is_sent(backend: BatchBackend) -> None:
    with pytest.raises(MissingSecretError, match="KEY"):
        backend.provider(TARGET, None)


def test_records_stay_for_a_run_that_continues_and_go_with_a_complete_one(backend: BatchBackend) -> None:
    kept = BatchRecord(token="t", id="b", identity="i", run="run", created=0.0, keys=("k",))
    backend.records.store(kept)
    backend.start()
    backend.close()
    assert backend.records.load("i") == [kept]
    backend.finish()
    assert backend.records.load("i") == []
