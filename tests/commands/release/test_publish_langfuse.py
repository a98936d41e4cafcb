"""`release publish --source`: a version in Langfuse that was made by hand is published, and is the baseline then."""

from __future__ import annotations

import pytest
from chat_server import Received, Reply
from langfuse_project import SYSTEM, LangfuseWorld, langfuse, source_world

from evalgate.release import langfuse_projection
from evalgate.release.document import ReleaseDocument
from evalgate.release.langfuse_registry import LangfuseRegistry
from evalgate.release.registry import Registry
from evalgate.release.sqlite_registry import SqliteRegistry
from evalgate.services.langfuse import Langfuse, LangfuseKeys

__all__ = ["langfuse", "source_world"]

SQLITE = "release: {registry: sqlite:releases.sqlite3}\n"
POLICY = ("policy: {stop_early: false}", "policy: {stop_early: false, minor: {canary_hours: 0}}")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(langfuse_projection, "READ_BACK_SECONDS", 0.0)
    monkeypatch.setenv("EVALGATE_ACTOR", "grace")


def merge(world: LangfuseWorld, more: str) -> None:
    world.configure(more, edit=POLICY)
    world.repository.write(".gitignore", ".evalgate/\nreport.json\nreleases.sqlite3*\n")
    world.repository.commit("a registry")


def read(registry: Registry) -> ReleaseDocument:
    found = registry.read("support")
    assert found is not None
    return found.document


def test_a_version_by_hand_is_published_and_then_the_baseline(source_world: LangfuseWorld) -> None:
    world = source_world
    merge(world, SQLITE)
    assert world.evalgate("run", "--output", "report.json").code == 0
    args = ("release", "publish", "--by", "grace", "--source", "langfuse:support@2")
    ended = world.evalgate(*args, "--report", "report.json")
    assert ended.code == 0 and "support: published 1.0.0" in ended.out, ended.out + ended.err
    registry = SqliteRegistry(world.root / "releases.sqlite3")
    (version,) = read(registry).versions.values()
    assert (version.git_sha, version.source, version.author) == (None, "langfuse:support@2", "grace")
    assert version.reason == "Be brief" and version.digest == world.report()["gates"][0]["candidate"]["digest"]
    assert "nothing to do" in world.evalgate(*args).out
    ended = world.evalgate("release", "promote", "support", "--to", "production", "--by", "grace")
    assert ended.code == 0, ended.err
    third = world.save(f"{SYSTEM} Be brief and kind.", "staging")
    ended = world.evalgate("run", "--output", "report.json")
    gate = world.report()["gates"][0]
    assert ended.code == 0, ended.out + ended.err
    assert gate["candidate"]["source"] == f"langfuse:support@{third}"
    assert gate["baseline"]["digest"] == version.digest and gate["baseline"]["version"] == "1.0.0"
    assert any("in production since" in note for note in gate["notes"])


def test_what_changed_since_is_not_published(source_world: LangfuseWorld) -> None:
    world = source_world
    merge(world, SQLITE)
    scripted = world.server.script

    def replace(received: Received, number: int) -> Reply:
        if number == 1:
            world.langfuse.prompts.delete("support", version=2, label=None)
            assert world.save(f"{SYSTEM} Be rude.", "staging", commitMessage="x") == 2
        return scripted(received, number)

    world.server.script = replace
    ended = world.evalgate("release", "publish", "--by", "grace", "--source", "langfuse:support@2")
    assert ended.code != 0 and "another content" in ended.err, ended.out + ended.err
    assert SqliteRegistry(world.root / "releases.sqlite3").read("support") is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "support: its prompt is in Langfuse, and is published by the number of a version"),
        (("--source", "langfuse:support@staging"), "langfuse:support@staging is a label, which may move"),
        (("--source", "langfuse:other@1"), "no gate has the prompt langfuse:other"),
        (("--source", "support@1"), '"support@1" names no prompt in Langfuse'),
    ],
)
def test_only_the_number_of_a_version_is_published(
    source_world: LangfuseWorld, options: tuple[str, ...], said: str
) -> None:
    merge(source_world, SQLITE)
    ended = source_world.evalgate("release", "publish", "--by", "grace", *options)
    assert ended.code == 2 and said in ended.err, ended.err
    assert not source_world.server.received


def test_a_proposal_is_shown_gated_published_and_followed(source_world: LangfuseWorld) -> None:
    world = source_world
    registry = f"release: {{registry: 'langfuse:{world.langfuse.url}'}}\n"
    merge(world, registry)
    by = ("--by", "grace")
    ended = world.evalgate("release", "publish", *by, "--source", "langfuse:support@2")
    assert ended.code == 0, ended.err
    assert len(world.langfuse.prompts.versions("support")) == 2  # the version itself is the projection
    assert world.langfuse.prompts.holders("support", "v1.0.0") == [2]
    proposal = world.save(f"{SYSTEM} Be brief and kind.", "staging", commitMessage="Be kind")
    shown = world.evalgate("release", "show", "support")
    words = " ".join(shown.out.split())
    assert shown.code == 0 and f"staging: version {proposal} is a proposal that was not published" in words
    assert f"evalgate release publish --source langfuse:support@{proposal}" in words
    ended = world.evalgate("release", "publish", *by, "--source", f"langfuse:support@{proposal}")
    assert ended.code == 0 and "published 1." in ended.out, ended.err
    shown = world.evalgate("release", "show", "support")
    assert shown.code == 0 and "proposal" not in shown.out
    ended = world.evalgate("release", "promote", "support", "--to", "staging", *by)
    assert ended.code == 0 and world.langfuse.prompts.holders("support", "staging") == [proposal]
    assert len(world.langfuse.prompts.versions("support")) == proposal
    keys = LangfuseKeys(public="pk-lf-test", secret="sk-lf-test")
    document = read(LangfuseRegistry(Langfuse(world.langfuse.url, keys)))
    assert document.versions[document.labels["staging"]].source == f"langfuse:support@{proposal}"
