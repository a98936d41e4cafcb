"""A rollout whose registry and whose rows are in Langfuse, by the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gated_project import Ended
from langfuse_answers import serve
from langfuse_server import PUBLIC, SECRET, LangfuseServer
from release.documents import make_version
from release.rollout.lives import OLD, Life
from release.stories import make_actor, publish

from evalgate.release import langfuse_projection, langfuse_traffic
from evalgate.release.langfuse_registry import LangfuseRegistry
from evalgate.release.promotion import promote_version
from evalgate.release.registry import Registry
from evalgate.services import langfuse_pages
from evalgate.services.langfuse import Langfuse, LangfuseKeys

NEW = make_version("1.1.0", "Hi, ")
CONFIG = """\
release:
  registry: "langfuse:{url}"
  rollout:
    rows: langfuse
    stages: [{{share: 50, hours: 0}}]
    staging_hours: 0
    settle_minutes: 0
    scores: {{helpful: 0.10}}
"""
Run = Callable[..., Ended]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LangfuseServer]:
    monkeypatch.setattr(langfuse_projection, "READ_BACK_SECONDS", 0.0)
    monkeypatch.setattr(langfuse_traffic, "LAG_SECONDS", 0.0)  # the stages here begin at this second
    monkeypatch.setattr(langfuse_pages, "_WAIT_SECONDS", 0.0)
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", PUBLIC)
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", SECRET)
    with LangfuseServer() as made:
        yield made
        assert made.violations == []


@pytest.fixture
def registry(server: LangfuseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.chdir(tmp_path)
    found = LangfuseRegistry(Langfuse(server.url, LangfuseKeys(public=PUBLIC, secret=SECRET)))
    last = publish(found, OLD)
    found.append(promote_version(last, OLD, "production", make_actor(), "the first"))
    publish(found, NEW)
    Path("evalgate.yml").write_text(CONFIG.format(url=server.url))
    return found


def write_answers(server: LangfuseServer, registry: Registry, keys: int, at: str, *, drop: float = 0.0) -> None:
    """Write an answer of each key at a time, as an application writes it."""
    life = Life(candidate=NEW)
    life.registry = registry
    numbers = {one["config"]["evalgate"]["digest"]: one["version"] for one in server.prompts.versions("support")}
    serve(server, [{**row, "at": at} for row in life.make_rows(keys, 0, 1, drop=drop)], numbers)


def test_a_rollout_is_decided_from_langfuse(server: LangfuseServer, registry: Registry, evalgate: Run) -> None:
    assert evalgate("release", "project", "support").code == 0
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    write_answers(server, registry, 120, yesterday)
    told = evalgate("release", "plan", "support")
    assert (told.code, told.err) == (0, "") and "120" in told.out, told
    told = evalgate("release", "start", "support", "--by", "ada", "--reason", "shorter")
    assert told.code == 0 and "not watched" not in told.err, told
    stored = registry.read("support")
    assert stored is not None and stored.document.rollout is not None
    assert (stored.document.rollout["slow"], stored.document.rollout["expensive"]) == (1.0, 0.01)

    write_answers(server, registry, 300, stored.document.rollout["began"], drop=0.5)
    told = evalgate("release", "status", "support", "--format", "json")
    assert told.code == 0 and sum(json.loads(told.out)["evidence"]["keys"]) == 300, told
    told = evalgate("release", "tick", "support", "--by", "cron")
    assert told.code == 1, told
    assert "1.1.0 is rolled back: all users get 1.0.0" in " ".join(told.out.split())
    assert list(Path(".evalgate/rows").iterdir()), "the copy is in the store"
    assert Path(".evalgate/.gitignore").read_text() == "*\n"


@pytest.mark.parametrize("told_of", [
    ("no key", 2, "Langfuse needs the keys of a project, and the variable LANGFUSE_SECRET_KEY is not set"),
    ("wrong key", 3, "the answers of support: Langfuse refuses the keys (401)"),
    ("down", 3, "the answers of support: the server answered 503"),
    ("another answer", 3, "the answers of support: the answer is not what Langfuse sends"),
    ("cap", 3, "support has more than 5 answers"),
], ids=lambda one: one[0])  # fmt: skip
def test_rows_that_cannot_be_read_decide_nothing(
    server: LangfuseServer, registry: Registry, evalgate: Run, told_of: tuple[str, int, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    fault, code, message = told_of
    assert evalgate("release", "project", "support").code == 0
    assert evalgate("release", "start", "support").code == 0
    before = registry.read("support")
    assert before is not None and before.document.rollout is not None
    write_answers(server, registry, 6, before.document.rollout["began"])
    url, sqlite = server.url, "release: {registry: 'langfuse:%s', public_key_env: P, secret_key_env: S, rollout: "
    if fault == "no key":  # those of the registry are others
        monkeypatch.setenv("P", PUBLIC)
        monkeypatch.setenv("S", SECRET)
        text = sqlite % url + "{rows: {langfuse: {}}, scores: [helpful]}}\n" + f"langfuse: {{host: '{url}'}}\n"
        Path("evalgate.yml").write_text(text)
        monkeypatch.delenv("LANGFUSE_SECRET_KEY")
    elif fault == "cap":
        monkeypatch.setattr(langfuse_traffic, "MOST_ANSWERS", 5)
    else:
        status = {"wrong key": 401, "down": 503, "another answer": 200}[fault]
        server.fail("GET", path="observations", status=status, count=9, body=json.dumps({"message": f"no {SECRET}"}))
    told = evalgate("release", "tick", "support")
    assert told.code == code and message in told.err, told
    assert SECRET not in told.err
    assert registry.read("support") == before
