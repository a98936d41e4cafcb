"""Versions that hold `staging`: which there are, by what a verdict on them is known, and which were published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from gated_project import World
from langfuse_server import PUBLIC, SECRET, LangfuseServer

from evalgate.change.workspace import Workspace
from evalgate.errors import InputError, ServiceError
from evalgate.gate import staged
from evalgate.gate.options import Selection, open_for_run
from evalgate.services.langfuse import Langfuse, LangfuseKeys
from evalgate.store.store import Store

KEYS = {"LANGFUSE_PUBLIC_KEY": PUBLIC, "LANGFUSE_SECRET_KEY": SECRET, "API_KEY": "k"}


@pytest.fixture
def server() -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        yield made
        assert made.violations == []


@pytest.fixture
def langfuse(server: LangfuseServer) -> Langfuse:
    return Langfuse(server.url, LangfuseKeys(public=PUBLIC, secret=SECRET))


def save(server: LangfuseServer, text: str, *labels: str) -> int:
    body = {"name": "helpdesk", "prompt": f"{text} {{{{query}}}} {{{{context}}}}", "labels": list(labels)}
    return int(server.prompts.create(body)["version"])


def open_project(world: World, server: LangfuseServer, prompt: str = "langfuse:helpdesk@staging") -> Workspace:
    path = world.root / "evalgate.yml"
    text = path.read_text().replace("prompts/support.prompt.yml", prompt)
    path.write_text(f'{text}langfuse: {{host: "{server.url}"}}\n')
    return open_for_run(path, Selection(), environment=KEYS)


def test_a_configuration_says_that_prompts_are_in_langfuse(world: World, server: LangfuseServer) -> None:
    plain = open_for_run(world.root / "evalgate.yml", Selection(), environment=KEYS).config
    assert not staged.uses_langfuse(plain)
    assert staged.list_prompt_names(plain) == ("support",)
    config = open_project(world, server).config
    assert staged.uses_langfuse(config) and staged.uses_langfuse(replace(config, langfuse=None))
    assert staged.list_prompt_names(config) == ("helpdesk",)


def test_the_holder_is_found_with_its_gate(world: World, server: LangfuseServer, langfuse: Langfuse) -> None:
    config = open_project(world, server).config
    assert staged.find_staged(config, langfuse, "helpdesk") == ()
    save(server, "one", "staging")
    assert staged.find_staged(config, langfuse, "other") == ()
    (one,) = staged.find_staged(config, langfuse, "helpdesk")
    assert (str(one), one.selection.candidate) == ("support: langfuse:helpdesk@1", "langfuse:helpdesk@1")
    save(server, "two")
    assert [each.number for each in staged.find_staged(config, langfuse, "helpdesk")] == [1]
    server.prompts.seed("helpdesk", "three", labels=["staging"])
    with pytest.raises(InputError, match="staging is on the versions 1, 3"):
        staged.find_staged(config, langfuse, "helpdesk")
    server.fail("GET", status=500, count=9)
    with pytest.raises(ServiceError):
        staged.find_staged(config, langfuse, "helpdesk")


@pytest.mark.parametrize("event", ["deleted", "moved"])
def test_a_holder_that_changes_between_two_requests_is_none(
    world: World, server: LangfuseServer, langfuse: Langfuse, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    config = open_project(world, server).config
    save(server, "one", "staging")
    save(server, "two")
    read = langfuse.read

    def change_first(name: str, version: int) -> object:
        if event == "deleted":
            server.prompts.delete(name, version=1, label=None)
        else:
            server.prompts.move(name, 2, ["staging"])
        return read(name, version)

    monkeypatch.setattr(langfuse, "read", change_first)
    assert staged.find_staged(config, langfuse, "helpdesk") == ()


def key(world: World, workspace: Workspace, langfuse: Langfuse) -> str:
    (one,) = staged.find_staged(workspace.config, langfuse, "helpdesk")
    plan = staged.plan_staged(workspace, one, Store(root=world.root / ".evalgate"))
    return staged.make_key(one, plan, workspace.config)


def test_a_key_is_of_the_number_the_content_and_the_rules(
    world: World, server: LangfuseServer, langfuse: Langfuse
) -> None:
    save(server, "base", "production")
    save(server, "one", "staging")
    path = world.root / "evalgate.yml"
    workspace = open_project(world, server)
    first = key(world, workspace, langfuse)
    assert len(first) == 32 and first == key(world, workspace, langfuse)
    server.prompts.delete("helpdesk", version=2, label=None)
    assert save(server, "one", "staging") == 2
    workspace = open_for_run(path, Selection(), environment=KEYS)
    assert key(world, workspace, langfuse) == first  # the same content
    server.prompts.delete("helpdesk", version=2, label=None)
    save(server, "other", "staging")
    workspace = open_for_run(path, Selection(), environment=KEYS)
    assert key(world, workspace, langfuse) != first
    save(server, "one", "staging")
    workspace = open_for_run(path, Selection(), environment=KEYS)
    assert key(world, workspace, langfuse) != first  # another number
    server.prompts.delete("helpdesk", version=3, label=None)
    server.prompts.delete("helpdesk", version=2, label=None)
    save(server, "one", "staging")
    path.write_text(path.read_text().replace("{type: is_json}", "{type: is_json, strict: true}"))
    workspace = open_for_run(path, Selection(), environment=KEYS)
    assert key(world, workspace, langfuse) != first


def test_another_baseline_is_no_other_rule(world: World, server: LangfuseServer, langfuse: Langfuse) -> None:
    save(server, "base", "production")
    save(server, "next base")
    save(server, "one", "staging")
    first = key(world, open_project(world, server), langfuse)
    server.prompts.move("helpdesk", 2, ["production"])
    workspace = open_for_run(world.root / "evalgate.yml", Selection(), environment=KEYS)
    assert key(world, workspace, langfuse) == first


def test_a_version_is_known_again_by_its_content(server: LangfuseServer, langfuse: Langfuse) -> None:
    save(server, "one", "staging")
    before = langfuse.read("helpdesk", 1)
    assert before is not None
    server.prompts.move("helpdesk", 1, ["evalgate-pass-1"])
    assert staged.is_same(before, langfuse.read("helpdesk", 1))
    server.prompts.delete("helpdesk", version=1, label=None)
    assert not staged.is_same(before, langfuse.read("helpdesk", 1))
    save(server, "two")
    assert not staged.is_same(before, langfuse.read("helpdesk", 1))


def test_without_a_registry_nothing_is_published(world: World, server: LangfuseServer, langfuse: Langfuse) -> None:
    save(server, "base", "production")
    save(server, "one", "staging")
    workspace = open_project(world, server)
    (one,) = staged.find_staged(workspace.config, langfuse, "helpdesk")
    plan = staged.plan_staged(workspace, one, Store(root=world.root / ".evalgate"))
    assert staged.find_published(Path("evalgate.yml"), one, plan, workspace.config) is None


def test_one_name_comes_first() -> None:
    assert staged.sort_first(("a", "b", "c"), "b") == ["b", "a", "c"]
    assert staged.sort_first(("a", "b"), None) == ["a", "b"]
