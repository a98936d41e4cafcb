"""The life of a prompt that people save in Langfuse, from the label `staging` to a rollback.

The webhook starts the gate, the command line releases, and readers in three languages and an application on Langfuse's
own SDK serve it. Between the steps happens what happens to a team: a save at the same moment, answers that are lost,
versions that are deleted, and labels that nothing holds.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from action.gated_pull_request import Hub, hub  # noqa: F401 - a fixture
from action.langfuse_hub import BRIEF, LangfuseHub, make_messages
from gated_project import Ended
from langfuse import Langfuse as LangfuseSdk
from langfuse_server import PUBLIC, SECRET, LangfuseServer
from release.story_readers import VARIABLES, Readers, serve_raw

from evalgate.release import langfuse_projection
from evalgate.release.document import ReleaseDocument
from evalgate.release.langfuse_registry import LangfuseRegistry
from evalgate.services.langfuse import Langfuse, LangfuseKeys

KIND = "Be kind, always and everywhere, please."
USER = "{{query}}"
SAVE_SECONDS = 0.5
"""How long the server takes for the save that races."""
WHY = "customers find it too kind 🔥"


class Story:
    """The project, its readers, and the commands of its workflows."""

    def __init__(self, project: LangfuseHub, folder: Path, stack: ExitStack) -> None:
        self.project = project
        self.server = project.server
        self.registry = LangfuseRegistry(Langfuse(self.server.url, LangfuseKeys(public=PUBLIC, secret=SECRET)))
        self.sources = folder / "readers"
        self._stack = stack
        self._sdk = LangfuseSdk(public_key=PUBLIC, secret_key=SECRET, base_url=self.server.url, tracing_enabled=False)
        stack.callback(self._sdk.shutdown)

    @property
    def document(self) -> ReleaseDocument:
        stored = self.registry.read("support")
        assert stored is not None
        return stored.document

    def run(self, *arguments: str, code: int = 0) -> Ended:
        ended = self.project.hub.world.evalgate("release", *arguments)
        assert ended.code == code, ended
        return ended

    def save_and_gate(self, manner: str, number: int) -> None:
        """Save a version as a product manager does, and let the webhook start the gate, which passes it."""
        version = self.project.save(manner, commitMessage=f"Save {manner}")
        assert version["version"] == number
        ran = self.project.tell(version)
        assert ran.code == 0, ran.log
        (row,) = json.loads(ran.outputs["judged"])
        assert (row["source"], row["verdict"]) == (f"langfuse:support@{number}", "PASS")
        assert self.project.find_labels(number) == {f"evalgate-pass-{number}"}

    def publish(self, number: int) -> Ended:
        """Publish the version that passed. Its verdict is stored, so that nothing is asked again."""
        calls = self.project.calls
        ended = self.run("publish", "--source", f"langfuse:support@{number}", "--by", "Rita Release")
        assert self.project.calls == calls
        return ended

    def promote(self, *arguments: str) -> Ended:
        order = ("promote", "support", "--to", "production", "--reason", "good", "--by", "Rita Release")
        return self.run(*order, *arguments)

    def roll_out(self, version: str) -> None:
        """Take a version to production by a rollout of one stage, on a person's word."""
        by = ("--reason", "good", "--by", "Rita Release")
        ended = self.run("start", "support", "--stages", "5", *by)
        assert f"support: the rollout of {version} starts" in ended.out, ended
        for told in (f"5 % of the users get {version}", f"production is {version}"):
            ended = self.run("advance", "support", *by)
            assert told in ended.out, ended

    def start_readers(self) -> Readers:
        for language in ("node", "csharp"):
            self.run("reader", language, "--to", str(self.sources))

        def read(name: str) -> bytes | None:
            stored = self.registry.read(name)
            return None if stored is None else stored.data

        address = self._stack.enter_context(serve_raw(read))
        url = f"langfuse:{self.server.url}"
        return Readers(self._stack, url, address, self.sources, keys=(PUBLIC, SECRET))

    def ask_sdk(self) -> list[dict[str, Any]]:
        """Return the messages that an application on Langfuse's SDK sends."""
        found = self._sdk.get_prompt("support", type="chat", cache_ttl_seconds=0)
        return [{key: one[key] for key in ("role", "content")} for one in found.compile(**VARIABLES)]

    def require_served(self, readers: Readers, version: str, manner: str) -> None:
        """Wait until all readers and the SDK serve exactly this text."""
        readers.wait_for(version)
        system, user = make_messages(manner, VARIABLES["query"])
        for name, served in readers.ask_all().items():
            assert served == (version, [system, user]), name
        assert self.ask_sdk() == [system, user]
        (holder,) = self.server.prompts.holders("support", "production")
        assert holder

    @contextmanager
    def save_meanwhile(self, manner: str) -> Iterator[None]:
        """Let somebody save a version beside the next move of a label, and require that this takes the label off.

        The server reads the labels of the newest version, and writes them once the label has been moved.
        """
        has_read, lost = threading.Event(), []

        def save() -> None:
            self.project.save(manner, labels=[])
            lost.append(not self.server.prompts.holders("support", "production"))

        saver = threading.Thread(target=save)

        def pause(method: str, name: str) -> None:
            if threading.current_thread() is saver:
                has_read.set()
                time.sleep(SAVE_SECONDS)
            elif method == "PATCH" and name == "support" and not has_read.is_set():
                saver.start()
                assert has_read.wait(30)

        self.server.prompts.between = pause
        yield
        self.server.prompts.between = None
        saver.join()
        assert lost == [True]


@pytest.fixture
def story(
    hub: Hub,  # noqa: F811 - the fixture
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Story]:
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", PUBLIC)
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", SECRET)
    monkeypatch.setattr(langfuse_projection, "READ_BACK_SECONDS", 2 * SAVE_SECONDS)
    with LangfuseServer() as server, ExitStack() as stack:
        more = f'\nrelease: {{registry: "langfuse:{server.url}"}}'
        yield Story(LangfuseHub(hub, server, user=USER, more=more), tmp_path, stack)
        assert server.violations == []


def test_a_prompt_from_a_save_in_langfuse_to_a_rollback(story: Story) -> None:
    story.save_and_gate(BRIEF, 2)
    story.server.fail("POST", lost="after")  # the document is written, and its answer is lost
    assert "support: published 1." in story.publish(2).out
    assert story.document.revision == 1
    first = story.document.versions[story.document.entry.target or ""]
    assert (first.source, first.git_sha) == ("langfuse:support@2", None)
    with story.save_meanwhile("Be odd."):  # version 3
        story.promote()
    readers = story.start_readers()
    story.require_served(readers, first.version, BRIEF)
    assert story.server.prompts.holders("support", "production") == [2]

    story.save_and_gate(KIND, 4)
    story.publish(4)
    second = story.document.versions[story.document.entry.target or ""]
    story.roll_out(second.version)
    story.require_served(readers, second.version, KIND)

    _delete_beside(story, readers, second.version)
    _lose_label(story, readers, second.version)

    story.server.fail("POST", lost="before")
    ended = story.run("rollback", "support", "--reason", WHY, "--by", "Olga On-Call")
    assert f"support: production is {first.version}" in ended.out
    story.require_served(readers, first.version, BRIEF)
    _explain(story, first.version, second.version)
    # what evalgate itself moved starts nothing, and what was published has its verdict
    assert story.project.tick().outputs["judged"] == "[]"


def _delete_beside(story: Story, readers: Readers, version: str) -> None:
    """A version that is deleted before its event arrives is not judged; one in production is written again."""
    gone = story.project.save("Be gone.", labels=["staging"])
    story.server.prompts.delete("support", version=gone["version"], label=None)
    statuses = story.project.statuses
    ran = story.project.tell(gone)
    assert (ran.code, ran.outputs["judged"], story.project.statuses) == (0, "[]", statuses)
    (holder,) = story.server.prompts.holders("support", "production")
    story.server.prompts.delete("support", version=holder, label=None)
    with pytest.raises(Exception, match="not found"):
        story.ask_sdk()
    assert {served for served, _ in readers.ask_all().values()} == {version}  # they read the document
    story.run("project", "support")
    story.require_served(readers, version, KIND)


def _lose_label(story: Story, readers: Readers, version: str) -> None:
    """A label that a race has left on no version is told, and given again."""
    (holder,) = story.server.prompts.holders("support", "production")
    story.server.prompts.find("support", holder)["labels"].remove("production")
    assert "production: no version has it, as after a save at the same moment" in story.run("show", "support").out
    assert {served for served, _ in readers.ask_all().values()} == {version}
    story.run("project", "support")
    story.require_served(readers, version, KIND)


def _explain(story: Story, first: str, second: str) -> None:
    """Require that each command is in the ledger exactly once, with who and why."""
    lines = story.run("history", "support").out
    assert lines.count("Rita Release") == 6 and lines.count(f"Olga On-Call: {WHY}") == 1
    assert f"{second} -> {first}" in lines
    assert story.run("verify").out == "support: 7 revisions, the ledger is whole\n"
