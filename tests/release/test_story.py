"""The life of a prompt from an edit to a rollback, by the command line, while readers in three languages serve it."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import ExitStack
from pathlib import Path

import pytest
from chat_server import ChatServer
from gated_project import Ended
from release.story_project import TEXT, StoryProject
from release.story_readers import VARIABLES, Readers, read_branch, read_sqlite, serve_raw
from repository import Repository

BRIEF = f"{TEXT} Be brief ✂️."
WARM = f"{TEXT} Be brief ✂️, and warm 🔥."
LONG = "Sie beantworten Fragen der Kundschaft ausführlich."
WHY = "customers find it too warm 🔥"


class Story:
    """A project with its readers, and the commands of a workflow that has a fresh clone."""

    def __init__(self, folder: Path, kind: str, server: ChatServer) -> None:
        self.kind = kind
        self.project = StoryProject(folder, kind, server)
        self.empty = folder / "empty"
        self.empty.mkdir()

    @property
    def workflow(self) -> Repository:
        return self._workflow

    def publish(self, version: str) -> Ended:
        """Publish from a fresh clone, as a workflow does."""
        self._workflow = self.project.clone(f"workflow-{version}", "Release Workflow")
        ended = self.run("publish")
        assert ended.code == 0, ended
        assert f"support: published {version} (" in ended.out
        return ended

    def run(self, *arguments: str) -> Ended:
        return self.project.evalgate(self._workflow.root, "release", *arguments)

    def anywhere(self, *arguments: str) -> Ended:
        """Run a command in an empty folder, with nothing but the registry."""
        return self.project.evalgate(self.empty, "release", *arguments, "--registry", self.project.registry)

    def promote(self, label: str, *arguments: str, version: str) -> None:
        ended = self.run("promote", "support", "--to", label, "--reason", f"{version} to {label}", *arguments)
        assert ended.code == 0, ended
        assert f"support: {label} is {version} (" in ended.out

    def roll_out(self, version: str, *, after: str, readers: Readers) -> None:
        """Take a version to production by a rollout of one stage, on a person's word."""
        ended = self.run("start", "support", "--stages", "5", "--reason", f"{version} to 5 % of the users")
        assert ended.code == 0, ended
        assert f"support: the rollout of {version} starts: staging has {version}" in ended.out
        for told in (f"5 % of the users get {version}", f"production is {version}, after {after}"):
            assert {served for served, _ in readers.ask_all().values()} == {after}
            ended = self.run("advance", "support", "--reason", "no complaints")
            assert ended.code == 0 and told in ended.out, ended

    def refuse(self, label: str, *sentences: str) -> None:
        """Require that a promotion is refused, with the reasons, and changes nothing."""
        before = self.read()
        ended = self.run("promote", "support", "--to", label)
        assert ended.code == 1, ended
        for sentence in sentences:
            assert sentence in ended.err
        assert self.read() == before

    def read(self) -> bytes | None:
        """Return the bytes of the last document, as the registry has them."""
        if self.kind == "sqlite":
            return read_sqlite(self.project.file, "support")
        return read_branch(self.project.remote, "support")

    def start_readers(self, stack: ExitStack) -> Readers:
        """Start all readers on the registry, with the files that `release reader` writes."""
        sources = self.project.folder / "readers"
        for language in ("node", "csharp"):
            ended = self.project.evalgate(self.empty, "release", "reader", language, "--to", str(sources))
            assert ended.code == 0, ended
        where = self.project.file if self.kind == "sqlite" else self.project.remote
        read = read_sqlite if self.kind == "sqlite" else read_branch
        address = stack.enter_context(serve_raw(lambda name: read(where, name)))
        url = self.project.registry if self.kind == "sqlite" else address.removesuffix("/")
        return Readers(stack, url, address, sources)

    def edit_ledger(self) -> None:
        """Move production to the rolled back version by hand, in the last document, and leave its entry as it is."""
        data = self.read()
        assert data is not None
        document = json.loads(data)
        document["labels"]["production"] = document["entry"]["from"]
        edited = json.dumps(document, ensure_ascii=False).encode()
        if self.kind == "sqlite":
            with sqlite3.connect(self.project.file) as connection:
                order = "UPDATE documents SET data = ? WHERE revision = ?"
                assert connection.execute(order, (edited, document["revision"])).rowcount == 1
            connection.close()
        else:
            editor = self.project.clone("editor", "Mallory Editor")
            editor.git("switch", "--quiet", "evalgate/releases")
            editor.write("support.json", edited)
            editor.commit("Tidy up")
            editor.git("push", "--quiet", "origin", "evalgate/releases")


@pytest.mark.long  # its short form is the story of a rollout
@pytest.mark.parametrize("kind", ["sqlite", "git"])
def test_a_prompt_from_an_edit_to_a_rollback(kind: str, tmp_path: Path, chat_server: ChatServer) -> None:
    story = Story(tmp_path, kind, chat_server)
    story.publish("1.0.0")
    story.promote("production", version="1.0.0")
    with ExitStack() as stack:
        readers = story.start_readers(stack)
        _require_served(story, readers, "1.0.0", TEXT)
        _release(story, readers, "1.1.0", "answers were too long", BRIEF, after="1.0.0")
        _release(story, readers, "1.2.0", "answers were cold ❄️", WARM, after="1.1.0")
        _refuse_without_sign_off(story)

        ended = story.anywhere("rollback", "support", "--reason", WHY, "--by", "Olga On-Call")
        assert ended.code == 0, ended
        assert "support: production is 1.1.0" in ended.out
        _require_served(story, readers, "1.1.0", BRIEF)
        _explain(story)

        story.edit_ledger()
        ended = story.anywhere("verify")
        assert ended.code == 1, ended
        assert "the ledger is broken: revision 12: " in ended.out
        readers.wait_for_refusals()
        _require_served(story, readers, "1.1.0", BRIEF)


def _release(story: Story, readers: Readers, version: str, change: str, text: str, *, after: str) -> None:
    """Take an edit to production, while the readers serve the version before."""
    ended = story.project.merge(version, change, text, code=0)
    assert ended.out.startswith("PASS  support")
    ended = story.publish(version)
    assert "MINOR, PASS on 64 cases" in ended.out
    story.refuse(
        "production", f"{version} (", "a MINOR change needs a canary of 48 hours", "evalgate release start support"
    )
    story.roll_out(version, after=after, readers=readers)
    _require_served(story, readers, version, text)


def _refuse_without_sign_off(story: Story) -> None:
    ended = story.project.merge("2.0.0", "a new language", LONG, code=5)
    assert ended.out.startswith("PASS, awaiting sign-off  support")
    ended = story.publish("2.0.0")
    assert "has no sign-off, which production needs" in ended.err
    story.refuse("production", "a MAJOR change needs a sign-off, and its report has none")


def _require_served(story: Story, readers: Readers, version: str, text: str) -> None:
    """Wait until all readers serve a version, with exactly its text, and print how long that took."""
    seconds = readers.wait_for(version)
    told = ", ".join(f"{name} {second:.2f} s" for name, second in seconds.items())
    print(f"{story.kind}: {version} is served by {told}; missing: {readers.missing or 'none'}")  # noqa: T201 - a figure
    messages = [{"role": "system", "content": text}, {"role": "user", "content": VARIABLES["query"]}]
    for name, served in readers.ask_all().items():
        assert served == (version, messages), name


def _explain(story: Story) -> None:
    """Require that history and verify tell who rolled back, why, from what, and to what."""
    ended = story.anywhere("history", "support")
    assert ended.code == 0, ended
    told = rf"12  \S+Z  rollback production +1\.2\.0 -> 1\.1\.0 Olga On-Call: {re.escape(WHY)} 11 "
    assert re.search(told, ended.out), ended.out
    assert ended.out.count(" Release Workflow <release@example.invalid>: ") == 11
    ended = story.anywhere("verify")
    assert (ended.code, ended.out) == (0, "support: 12 revisions, the ledger is whole\n")
    ended = story.run("show", "support", "--format", "json")
    assert ended.code == 0, ended
    assert json.loads(ended.out)["version"]["version"] == "1.1.0"
