"""A store that an earlier evalgate made, of a small project: every file of it is read as before.

It was made at commit 70af8b3, by these commands in this order, and then copied without its .gitignore:

    evalgate baseline sample
    evalgate run --candidate prompts/interrupted.prompt.yml     # killed after three answers (limit.txt)
    evalgate run

The record of a batch was added by `BatchRecords`.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from gated_project import Ended

import evalgate as package
from evalgate.execute.providers.batch.records import BatchRecords

EARLIER = Path(__file__).parent / "earlier_store"
SENT = 1790000000.0
Run = Callable[..., Ended]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(EARLIER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "store").rename(folder / ".evalgate")
    monkeypatch.chdir(folder)
    monkeypatch.delitem(sys.modules, "shop_app", raising=False)
    monkeypatch.setattr(package, "__version__", "0.1.0")  # samples and verdicts are those of one version
    return folder


def called(root: Path) -> list[str]:
    log = root / "calls.log"
    return log.read_text().splitlines() if log.exists() else []


def gate(root: Path, name: str = "again.json") -> dict[str, object]:
    (found,) = json.loads((root / name).read_text())["gates"]
    return found


def test_the_verdict_is_found_and_nothing_is_called(root: Path, evalgate: Run) -> None:
    before = gate(root, ".evalgate/report.json")
    ended = evalgate("run", "--output", "again.json")
    assert ended.code == 0, ended.err
    again = gate(root)
    assert called(root) == []
    assert again["calls"] == {**before["calls"], "made": 0, "cached": 8}
    assert [again[part] for part in ("decision", "comparisons", "verdict_key")] == [
        before[part] for part in ("decision", "comparisons", "verdict_key")
    ]


def test_without_the_verdict_the_cache_and_the_stored_baseline_answer(root: Path, evalgate: Run) -> None:
    shutil.rmtree(root / ".evalgate/verdicts")
    before = gate(root, ".evalgate/report.json")
    assert evalgate("run", "--output", "again.json").code == 0
    again = gate(root)
    assert called(root) == []
    assert again["stored_baseline"] == before["stored_baseline"] is not None
    assert again["verdict_key"] == before["verdict_key"]
    assert (root / f".evalgate/verdicts/{again['verdict_key']}.json").is_file()


def test_the_interrupted_run_continues_from_its_journal(root: Path, evalgate: Run) -> None:
    (journal,) = (root / ".evalgate/journal").glob("*.jsonl")
    known = len(journal.read_text().splitlines())
    assert evalgate("run", "--candidate", "prompts/interrupted.prompt.yml", "--output", "again.json").code == 0
    assert (known, len(called(root))) == (3, 5)
    assert gate(root)["calls"]["cached"] == known
    assert not journal.exists()


def test_the_last_report_is_decided_again(root: Path, evalgate: Run) -> None:
    assert evalgate("decide", "--output", "again.json").code == 0
    assert gate(root) == gate(root, ".evalgate/report.json")


def test_all_of_it_is_counted(root: Path, evalgate: Run) -> None:
    told = json.loads(evalgate("cache", "stats", "--format", "json").out)
    assert told["entries"] == 8
    assert [told[name]["files"] for name in ("verdicts", "baselines", "journals", "damaged")] == [1, 1, 1, 0]
    assert "fresh" in evalgate("baseline", "show").out


def test_the_record_of_a_batch_is_found(root: Path) -> None:
    records = BatchRecords(root / ".evalgate/batches", "another run", clock=lambda: SENT + 60)
    (record,) = records.load("1d" * 32)
    assert (record.id, record.created, record.keys) == ("batch_1", SENT, ("ab" * 32, "cd" * 32))
