"""A rollout from an edit to a rollback, and the repaired edit to production, while readers in three languages serve it.

The commands run in this process, at the hours of the story: a rollout takes days. The rows are what the readers served.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from chat_server import ChatServer
from gated_project import Ended
from langfuse_server import PUBLIC, SECRET, LangfuseServer
from release.story_project import TEXT, StoryProject
from release.story_readers import VARIABLES, Dealt, PythonReader, Readers, read_branch, read_sqlite, serve_raw

from evalgate.cli.release import actor, status
from evalgate.release.bucket import is_candidate
from evalgate.release.document import ReleaseDocument
from evalgate.release.registry_access import open_registry
from evalgate.release.runtime import redis_polling
from evalgate.services.langfuse import LangfuseKeys

BRIEF = f"{TEXT} Be brief ✂️."
REPAIRED = f"{TEXT} Be brief ✂️, and still greet them."
RULES = """\
  rollout:
    stages: [{{share: 5, hours: 24}}, {{share: 25, hours: 24}}, {{share: 50, hours: 24}}]
    staging_hours: 24
    scores: {{helpful: 0.10}}
    floors: {{helpful: 0.7}}
    notify: [tee, "{told}"]
"""
USERS = range(3000)
"""The users of a stage at 5 %, which prove that nothing was lost."""


class QuickProject(StoryProject):
    """The project, with commands that run in this process, on a clock that the story sets."""

    def __init__(self, *given: Any, run: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
        self._run, self._patch = run, monkeypatch
        super().__init__(*given, **more)
        monkeypatch.setenv("API_KEY", "secret")
        monkeypatch.delenv("GITHUB_ACTOR", raising=False)

    def evalgate(self, folder: Path, *arguments: str) -> Ended:
        self._patch.chdir(folder)
        ended = self._run(*arguments)
        return Ended(code=ended.code, out=" ".join(ended.out.split()), err=" ".join(ended.err.split()))


class Story:
    """The project, its readers, and the hours that have passed."""

    def __init__(
        self, folder: Path, kind: str, server: ChatServer, stack: ExitStack, *, run: Callable[..., Ended],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        self._began, self.hours = datetime.now(UTC).replace(microsecond=0), 0.0
        for module in (actor, status):
            monkeypatch.setattr(module, "format_now", lambda: self.clock(self.hours))
        ids = (UUID(int=number) for number in itertools.count(1))  # the salts follow from them
        monkeypatch.setattr(actor, "uuid", SimpleNamespace(uuid4=lambda: next(ids)))
        self._rng = random.Random(1)
        self._rows = folder / "rows"
        self._rows.mkdir()
        self.told = folder / "told.json"
        monkeypatch.setattr(redis_polling, "ASK_SECONDS", 1.0)  # at most as often do all readers see a change
        url = keys = None
        if kind == "langfuse":
            langfuse = stack.enter_context(LangfuseServer())
            stack.callback(lambda: self._check_langfuse(langfuse))
            url, keys = f"langfuse:{langfuse.url}", LangfuseKeys(public=PUBLIC, secret=SECRET)
            monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", PUBLIC)
            monkeypatch.setenv("LANGFUSE_SECRET_KEY", SECRET)
        more = RULES.format(told=self.told)
        self.project = QuickProject(folder, kind, server, registry=url, more=more, run=run, monkeypatch=monkeypatch)
        self._release("1.0.0")
        self.run("promote", "support", "--to", "production", "--reason", "the first one")
        self._registry = open_registry(self.project.registry, self.project.author.root, keys=keys)
        self.readers = self._start_readers(kind, stack, keys)

    def clock(self, hours: float) -> str:
        return (self._began + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def document(self) -> ReleaseDocument:
        stored = self._registry.read("support")
        assert stored is not None
        return stored.document

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command of the workflow, and return what it prints."""
        ended = self.project.evalgate(self._workflow, "release", *arguments)
        assert ended.code == code, ended
        return ended.out

    def tick(self, *, code: int = 0) -> str:
        return self.run("tick", "support", "--by", "Tick", "--rows", f"{self._rows}/*.jsonl", code=code)

    def edit(self, version: str, change: str, text: str) -> None:
        """Edit the prompt, pass the gate, merge, publish, and start the rollout, which is on staging first."""
        ran = self.project.merge(version, change, text, code=0)
        assert ran.out.startswith("PASS support")
        self._release(version)
        files = f"{self._rows}/*.jsonl"
        order = ("start", "support", "--rows", files, "--by", "Rita Release", "--reason", change)
        assert f"the rollout of {version} starts: staging has {version}" in self.run(*order)
        self.hours += 1
        staged = self.readers.wait_for_label("staging", version)
        self._write([staged.row(**self._answer(0.8, n / 30)) for n in range(30)], hours=1)
        assert "hours of staging are over" in self.tick()
        self.hours += 24
        assert f"5 % of the users get {version}" in self.tick()

    def serve(self, numbers: range, *, hours: float, mean: float = 0.8) -> Dealt:
        """Let users come for some hours, and return what they got. `mean` is how helpful the candidate's answers are.

        All readers deal each key as the document says; each answers a part of the users, and logs the rows.
        """
        users = [f"user-{n} ünïcode 日本" for n in numbers]
        document = self.document
        rollout, versions = document.rollout, document.versions
        expected: Dealt = []
        for user in users:
            dealt = rollout is not None and is_candidate(rollout["salt"], user, rollout["share"])
            digest = rollout["candidate"] if rollout is not None and dealt else document.labels["production"]
            expected.append(("candidate" if dealt else "production", versions[digest].version, digest))
        self.readers.wait_for_deal(users, expected)
        rows = []
        for number, (user, (variant, version, digest)) in enumerate(zip(users, expected, strict=True)):
            answer = self._answer(mean if variant == "candidate" else 0.8, 0.2 + 0.8 * number / len(users))
            reader = list(self.readers.by_name.values())[number % len(self.readers.by_name)]
            if isinstance(reader, PythonReader):
                rows.append(reader.client.choose("support", user).row(**answer))
            else:
                served = {"prompt": "support", "version": version, "digest": digest, "variant": variant, "key": user}
                rows.append({**served, **answer, "error": None})
        self._write(rows, hours=hours)
        return expected

    def require_text(self, version: str, text: str, served: Dealt) -> None:
        """Require that users got one version, and that each reader serves exactly its text."""
        assert {(variant, number) for variant, number, _ in served} == {("production", version)}
        messages = [{"role": "system", "content": text}, {"role": "user", "content": VARIABLES["query"]}]
        for name, answer in self.readers.ask_all().items():
            assert answer == (version, messages), name

    def _release(self, version: str) -> None:
        """Publish from a fresh clone, as a workflow does."""
        self._workflow = self.project.clone(f"workflow-{version}", "Release Workflow").root
        assert f"support: published {version} (" in self.run("publish")

    def _answer(self, mean: float, part: float) -> dict[str, Any]:
        """Return how an answer went, at a part of the time that `_write` fills."""
        rng = self._rng
        helpful = sum(rng.random() < mean for _ in range(4)) / 4
        return {
            "id": f"{rng.getrandbits(64):016x}", "at": part, "seconds": round(rng.uniform(0.5, 3), 3),
            "cost_usd": round(rng.uniform(0.001, 0.02), 5), "scores": {"helpful": helpful}, "sampled": True,
        }  # fmt: skip

    def _write(self, rows: list[dict[str, Any]], *, hours: float) -> None:
        """Append rows to the logs, a file for each of the servers."""
        for number, row in enumerate(rows):
            row["at"] = self.clock(self.hours + hours * row["at"])
            with (self._rows / f"server-{number % 3}.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        self.hours += hours

    def _check_langfuse(self, langfuse: LangfuseServer) -> None:
        """Require that people who look at Langfuse see the production that the document has."""
        assert langfuse.violations == []
        (number,) = langfuse.prompts.holders("support", "production")
        assert langfuse.prompts.find("support", number)["prompt"][0]["content"] == REPAIRED

    def _start_readers(self, kind: str, stack: ExitStack, keys: LangfuseKeys | None) -> Readers:
        sources = self.project.folder / "readers"
        for language in ("node", "csharp"):
            self.run("reader", language, "--to", str(sources))

        def read(name: str) -> bytes | None:
            if kind == "sqlite":
                return read_sqlite(self.project.file, name)
            if kind == "git":
                return read_branch(self.project.remote, name)
            stored = self._registry.read(name)
            return None if stored is None else stored.data

        address = stack.enter_context(serve_raw(read))
        url = address.removesuffix("/") if kind == "git" else self.project.registry
        return Readers(stack, url, address, sources, keys=None if keys is None else (PUBLIC, SECRET))


@pytest.fixture(params=["sqlite", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("git", "langfuse"))])
def story(
    request: pytest.FixtureRequest, tmp_path: Path, chat_server: ChatServer, evalgate: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Story]:  # fmt: skip
    with ExitStack() as stack:
        yield Story(tmp_path, request.param, chat_server, stack, run=evalgate, monkeypatch=monkeypatch)


def test_a_canary_that_gets_worse_is_taken_back_and_its_repair_reaches_all_users(story: Story) -> None:
    story.require_text("1.0.0", TEXT, story.serve(range(300), hours=4))  # what is slow and expensive

    story.edit("1.1.0", "answers were too long", BRIEF)
    first = _serve_canary(story, "1.1.0", USERS[:1000], hours=6)
    assert "hours of stage 1 of 3 are over" in story.tick()
    first |= _serve_canary(story, "1.1.0", USERS[1000:], hours=6, mean=0.1)
    assert not story.told.exists()
    assert "1.1.0 is rolled back: all users get 1.0.0" in story.tick(code=1)
    assert json.loads(story.told.read_text())["code"] == "worse:helpful"
    story.require_text("1.0.0", TEXT, story.serve(USERS, hours=1))

    story.edit("1.2.0", "answers were too long, and cold", REPAIRED)
    canary = _serve_canary(story, "1.2.0", USERS, hours=48)
    assert canary != first, "each rollout assigns the keys anew"
    for share, users in ((25, USERS[:900]), (50, USERS[:600])):
        assert f"{share} % of the users get 1.2.0" in story.tick()
        more = _serve_canary(story, "1.2.0", users, hours=24)
        assert canary.intersection(users) < more, "who has the candidate keeps it"
        canary = more
    assert "production is 1.2.0, after 1.0.0" in story.tick()
    story.require_text("1.2.0", REPAIRED, story.serve(range(600), hours=24))
    assert "1.2.0 is not proven worse than at the end of its rollout" in story.tick()
    _explain(story)


def _serve_canary(story: Story, version: str, users: range, *, hours: float, mean: float = 0.8) -> set[int]:
    """Let users come during a stage, and return the numbers of those that got the candidate."""
    rollout = story.document.rollout
    assert rollout is not None
    served = story.serve(users, hours=hours, mean=mean)
    story.hours += 0.6  # the scores settle
    assert {one[:2] for one in served} == {("candidate", version), ("production", "1.0.0")}
    found = {number for number, (variant, _, _) in zip(users, served, strict=True) if variant == "candidate"}
    assert len(found) / len(users) == pytest.approx(rollout["share"] / 10_000, abs=0.05)
    return found


def _explain(story: Story) -> None:
    """Require that history, status and verify tell what happened, who did it, and by which numbers."""
    told = story.run("history", "support")
    assert "1.1.0 is rolled back: all users get 1.0.0 Tick: helpful: the canary's 0." in told
    assert "the rollout of 1.2.0 is finished: production is 1.2.0, after 1.0.0" in told
    assert [told.count(f" the rollout of {one}") for one in ("1.1.0", "1.2.0")] == [2, 5]
    assert story.run("verify") == "support: 12 revisions, the ledger is whole"
    assert json.loads(story.run("show", "support", "--format", "json"))["version"]["version"] == "1.2.0"
    assert "production 1.2.0" in story.run("status", "support")
