from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from langfuse_server import PUBLIC, SECRET, LangfuseServer
from release.documents import AT, make_document
from release.stories import ONE, TWO, make_actor, promote, publish, roll_back_to

from evalgate.release import langfuse_projection
from evalgate.release.langfuse_projection import LangfuseProjection
from evalgate.release.langfuse_registry import LangfuseRegistry
from evalgate.release.promotion import Actor, promote_version
from evalgate.release.registry import make_bytes
from evalgate.release.runtime import PromptClient
from evalgate.release.runtime.langfuse_source import LangfuseSource
from evalgate.release.runtime.prompt_error import PromptError, PromptUnavailableError, SourceError
from evalgate.release.runtime.sources import open_source
from evalgate.services.langfuse import Langfuse, LangfuseKeys

KEYS = (PUBLIC, SECRET)


@pytest.fixture
def server() -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        yield made
        assert made.violations == []


@pytest.fixture
def registry(server: LangfuseServer, monkeypatch: pytest.MonkeyPatch) -> LangfuseRegistry:
    monkeypatch.setattr(langfuse_projection, "READ_BACK_SECONDS", 0.0)
    return LangfuseRegistry(Langfuse(server.url, LangfuseKeys(public=PUBLIC, secret=SECRET)))


@pytest.fixture
def source(server: LangfuseServer) -> LangfuseSource:
    made = open_source(f"langfuse:{server.url}", keys=KEYS)
    assert isinstance(made, LangfuseSource)
    return made


def test_it_reads_what_the_registry_reads(registry: LangfuseRegistry, source: LangfuseSource) -> None:
    for name in ("support", "a/b", "grüße 🎉?#%"):
        for version, label in ((ONE, "staging"), (ONE, "production")):
            last = registry.read(name)
            if last is None:
                last = registry.append(make_document(version, name=name))
            by = Actor(id=f"{name} {label}", who="ada", at=AT)
            registry.append(promote_version(last, version, label, by, "why"))
        stored = registry.read(name)
        assert stored is not None and source.read(name) == stored.data
    assert source.list_names() == registry.list_names()


def test_a_poll_without_news_is_one_request(
    server: LangfuseServer, registry: LangfuseRegistry, source: LangfuseSource
) -> None:
    publish(registry, ONE)
    data = source.read("support")
    before = len(server.requests)
    assert source.read("support") == data and len(server.requests) - before == 1
    stored = promote(registry, ONE)
    assert source.read("support") == stored.data


def test_void_and_damaged_versions_are_skipped(
    server: LangfuseServer, registry: LangfuseRegistry, source: LangfuseSource
) -> None:
    first = publish(registry, ONE)
    stored = promote(registry, ONE)
    late = promote_version(first, ONE, "staging", make_actor(), "late")
    server.prompts.create({"name": "evalgate/support", "prompt": make_bytes(late, 2).data.decode()})
    server.prompts.create({"name": "evalgate/support", "prompt": "saved by a person"})
    assert source.read("support") == stored.data
    for one in server.prompts.versions("evalgate/support"):
        one["labels"] = ["latest", "production"] if one["version"] == 1 else []
    assert open_source(f"langfuse:{server.url}", keys=KEYS).read("support") == stored.data


def test_a_client_follows_promotions_rollbacks_and_deletions(
    server: LangfuseServer, registry: LangfuseRegistry
) -> None:
    publish(registry, ONE)
    promote(registry, ONE)
    publish(registry, TWO)
    with PromptClient(f"langfuse:{server.url}", keys=KEYS, ttl=0.1) as client:
        client.warm_up()
        assert client.get("support").version == "1.0.0" and client.get("support").langfuse_prompt() is None
        promote(registry, TWO)
        wait_for(client, "1.1.0")
        roll_back_to(registry, ONE)
        wait_for(client, "1.0.0")
        promote(registry, TWO)
        wait_for(client, "1.1.0")
        # the last document is deleted: the client keeps it, and follows the next one
        server.prompts.delete("evalgate/support", version=6, label=None)
        promote(registry, ONE, "staging")
        wait_for(client, "1.0.0")
        assert client.get("support", "staging").version == "1.0.0"


def wait_for(client: PromptClient, version: str) -> None:
    for _ in range(200):
        if client.get("support").version == version:
            return
        time.sleep(0.05)
    raise AssertionError(f"{client.get('support').version} is served, and not {version}")


def test_a_generation_is_linked_to_the_version_for_people(server: LangfuseServer, registry: LangfuseRegistry) -> None:
    publish(registry, ONE)
    promote(registry, ONE)
    publish(registry, TWO)
    last = registry.read("support")
    assert last is not None
    registry.append(promote_version(last, TWO, "production", make_actor(), "good"))
    projected = LangfuseProjection(registry).write("support")
    with PromptClient(f"langfuse:{server.url}", keys=KEYS) as client:
        link = client.get("support").langfuse_prompt()
        assert link is not None and (link.name, link.version) == ("support", projected.labels["production"])

    from langfuse._client.attributes import create_generation_attributes

    attributes = create_generation_attributes(prompt=link)  # type: ignore[arg-type]
    assert attributes["langfuse.observation.prompt.name"] == "support"
    assert attributes["langfuse.observation.prompt.version"] == projected.labels["production"]


def test_a_version_that_was_labelled_by_hand_is_not_linked(
    server: LangfuseServer, registry: LangfuseRegistry, source: LangfuseSource
) -> None:
    publish(registry, ONE)
    promote(registry, ONE)
    server.prompts.create({"name": "support", "prompt": "mine", "labels": ["v1.0.0"]})
    source.read("support")
    assert source.numbers == {}


def test_numbers_that_cannot_be_read_keep_nothing_back(
    server: LangfuseServer, registry: LangfuseRegistry, source: LangfuseSource
) -> None:
    publish(registry, ONE)
    stored = promote(registry, ONE)
    LangfuseProjection(registry).write("support")
    real = server.answer

    def answer(method: str, target: str, authorization: str | None, body: bytes) -> tuple[int, object]:
        return (500, "down") if "label=" in target else real(method, target, authorization, body)

    server.answer = answer  # type: ignore[method-assign]
    assert source.read("support") == stored.data and source.numbers == {}
    server.answer = real  # type: ignore[method-assign]
    assert source.read("support") == stored.data and source.numbers == {("support", ONE.digest): 1}


def test_a_version_that_is_deleted_between_two_requests_is_a_missing_one(
    server: LangfuseServer, registry: LangfuseRegistry, source: LangfuseSource
) -> None:
    first = publish(registry, ONE)
    promote(registry, ONE)
    real = server.answer

    def answer(method: str, target: str, authorization: str | None, body: bytes) -> tuple[int, object]:
        if "version=2" in target and server.prompts.find("evalgate/support", 2):
            server.prompts.delete("evalgate/support", version=2, label=None)
        return real(method, target, authorization, body)

    server.answer = answer  # type: ignore[method-assign]
    assert source.read("support") == first.data


def test_what_is_missing_is_told(source: LangfuseSource, server: LangfuseServer) -> None:
    with pytest.raises(SourceError, match='no document of "support"'):
        source.read("support")
    server.prompts.seed("evalgate/support", "Hello")
    with pytest.raises(SourceError, match='no document of "support"'):
        source.read("support")
    assert source.list_names() == ["support"]


def test_wrong_keys_are_told_and_never_shown(server: LangfuseServer) -> None:
    with PromptClient(f"langfuse:{server.url}", keys=("pk", "sk-hidden")) as client:
        with pytest.raises(PromptUnavailableError, match="answered 401") as refused:
            client.get("support")
        assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    "body", ["<html>", "[]", '{"data": 7}', '{"data": [{"name": "evalgate/support", "versions": "x"}]}']
)
def test_answers_of_other_servers_are_told(server: LangfuseServer, source: LangfuseSource, body: str) -> None:
    server.fail("GET", status=200, body=body)
    with pytest.raises(SourceError, match="the answer of Langfuse is not"):
        source.read("support")


@pytest.mark.parametrize("answer", [{"version": 9, "prompt": "x"}, {"prompt": "x"}])
def test_another_version_than_the_asked_one_is_refused(
    server: LangfuseServer, registry: LangfuseRegistry, source: LangfuseSource, answer: dict[str, object]
) -> None:
    publish(registry, ONE)
    rows = {"data": [{"name": "evalgate/support", "versions": [1]}]}
    server.fail("GET", status=200, body=json.dumps(rows))
    server.fail("GET", status=200, body=json.dumps(answer))
    with pytest.raises(SourceError, match="is not version 1"):
        source.read("support")


def test_all_pages_of_names_are_read(server: LangfuseServer, source: LangfuseSource) -> None:
    for number in range(130):
        server.prompts.seed(f"evalgate/p{number:03}")
        server.prompts.seed(f"other{number:03}")
    assert source.list_names() == [f"p{number:03}" for number in range(130)]


@pytest.mark.parametrize(
    ("url", "keys", "problem"),
    [
        ("langfuse:https://host", None, "needs the keys"),
        ("langfuse:https://host", ("pk", ""), "needs the keys"),
        ("langfuse:host", KEYS, "is not an address of Langfuse"),
        ("langfuse:https://a:b@host", KEYS, "neither a user nor a fragment"),
        ("https://host", KEYS, "keys are for a registry in Langfuse"),
    ],
)
def test_arguments_that_cannot_work_are_refused(url: str, keys: tuple[str, str] | None, problem: str) -> None:
    with pytest.raises(PromptError, match=problem):
        open_source(url, keys=keys)
    with pytest.raises(PromptError, match="headers are for a registry by HTTP"):
        open_source("langfuse:https://host", keys=KEYS, headers={})


def test_a_server_that_tells_of_pages_without_end_is_asked_once(
    source: LangfuseSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def fetch(url: str) -> dict[str, Any]:
        asked.append(url)
        return {"data": [{"name": "evalgate/support"}], "meta": {"totalPages": 10**9}}

    monkeypatch.setattr(source, "_fetch", fetch)
    with pytest.raises(SourceError, match="pages of prompts"):
        source.list_names()
    assert len(asked) == 1
