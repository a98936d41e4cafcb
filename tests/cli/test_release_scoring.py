"""A rollout whose answers are scored by the gate, by the command line."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer
from chat_server import error as refuse
from gated_project import Ended
from release.documents import make_version
from release.rollout.lives import OLD
from release.stories import make_actor, publish
from scored_project import add_texts, write_project

from evalgate.release.bucket import is_candidate
from evalgate.release.promotion import promote_version
from evalgate.release.registry import Registry
from evalgate.release.registry_access import open_registry

Run = Callable[..., Ended]
NEW = make_version("1.1.0", "Hi, ")
RELEASE = """\
release:
  registry: "sqlite:releases.sqlite3"
  rollout:
    rows: rows.jsonl
    stages: [{{share: 50, hours: 24}}]
    staging_hours: 0
    settle_minutes: 0
    score_per_day: {limit}
    {more}
"""


@pytest.fixture
def registry(tmp_path: Path, chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("API_KEY", "secret-key-123")
    (tmp_path / "rows.jsonl").touch()
    configure(chat_server)
    made = open_registry("sqlite:releases.sqlite3", tmp_path)
    made.append(promote_version(publish(made, OLD), OLD, "production", make_actor(), "the first"))
    publish(made, NEW)
    return made


def configure(server: ChatServer, limit: int = 4000, more: str = "") -> None:
    write_project(Path(), server, more=RELEASE.format(limit=limit, more=more))


def write_rows(registry: Registry, keys: int, bad: float = 0.0) -> str:
    """Write rows of a day after the beginning of the stage. Returns a time after them."""
    stored = registry.read("support")
    assert stored is not None and stored.document.rollout is not None
    rollout, rng, lines = stored.document.rollout, random.Random(1), []
    began = datetime.fromisoformat(rollout["began"])
    for number in range(keys):
        dealt = is_candidate(rollout["salt"], f"user-{number}", rollout["share"])
        version = NEW if dealt else OLD
        row = {
            "id": f"id-{number}",
            "at": (began + timedelta(hours=0.3 + 23 * number / keys)).isoformat(),
            "prompt": "support",
            "digest": version.digest,
            "variant": "candidate" if dealt else "production",
            "key": f"user-{number}",
            "seconds": 1.0,
            "cost_usd": 0.01,
        }
        lines.append(json.dumps(add_texts(bad)(row, rng)))
    Path("rows.jsonl").write_text("\n".join(lines))
    return (began + timedelta(hours=25)).isoformat()


def test_a_tick_scores_answers_and_tells_what_that_cost(
    registry: Registry, evalgate: Run, chat_server: ChatServer
) -> None:
    told = evalgate("release", "start", "support", "--reason", "shorter")
    assert told.code == 0, told.err
    assert "note: fact is not watched: it needs `expected`" in " ".join(told.err.split())
    now = write_rows(registry, 1500, bad=0.4)
    told = evalgate("release", "tick", "support", "--dry-run", "--now", now)
    words = " ".join(told.out.split())
    assert told.code == 1 and "1.1.0 is rolled back" in words and "faithfulness: the canary's" in words, told.err
    assert "2 calls, 0 cached, $0.0002" in words and all(len(row) <= 80 for row in told.out.splitlines())
    found = json.loads(evalgate("release", "tick", "support", "--dry-run", "--now", now, "--format", "json").out)
    assert found["scoring"]["calls"]["made"] == 0 and found["scoring"]["cost_usd"] == 0
    assert abs(found["scored"]["chosen"][0] - found["scored"]["chosen"][1]) <= 1
    assert len(chat_server.received) == 2
    told = evalgate("release", "tick", "support", "--registry", "sqlite:releases.sqlite3", "--rows", "rows.jsonl")
    assert told.code == 2 and "run the tick with --config" in told.err
    assert evalgate("release", "status", "support").code == 0


def test_an_unreachable_judge_exits_with_3(registry: Registry, evalgate: Run, chat_server: ChatServer) -> None:
    assert evalgate("release", "start", "support").code == 0
    now = write_rows(registry, 200)
    chat_server.script = lambda received, number: refuse(401, "wrong key")
    told = evalgate("release", "tick", "support", "--dry-run", "--now", now)
    assert told.code == 3 and told.out == "" and "API_KEY" in told.err


@pytest.mark.parametrize(("given", "words"), [
    ({"limit": 100, "more": "scores: {fact: 0.1}"}, "fact cannot be scored in production: it needs `expected`"),
    ({"limit": 100, "more": "scores: {helpful: 0.1}"}, "score_per_day has no effect"),
    ({"limit": 5}, "must be 0, or 10 or more"),
])  # fmt: skip
def test_a_limit_that_cannot_be_kept_is_refused(
    registry: Registry, evalgate: Run, chat_server: ChatServer, given: dict[str, Any], words: str
) -> None:
    configure(chat_server, **given)
    told = evalgate("release", "start", "support")
    assert told.code == 2 and words in " ".join(told.err.split()), told.err
