from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from langfuse_answers import project
from langfuse_server import PUBLIC, SECRET, LangfuseServer
from release.documents import make_document, make_version

from evalgate.release.document import PublishedMessage
from evalgate.release.langfuse_link import LinkedVersions, list_prompts
from evalgate.services.langfuse import Langfuse, LangfuseKeys

ONE, TWO = make_version("1.0.0", "Hello, "), make_version("1.1.0", "Hi, ")
CHAT = [{"role": "user", "content": "Hi, {{ name }}"}]
SAVED = make_version(
    "2.0.0", git_sha=None, source="langfuse:greeting@1", model="m", parameters={}, messages=(
        PublishedMessage(role="user", parts=("Hi, ", *make_version().messages[1].parts[1:2])),  # type: ignore[index]
    ),
)  # fmt: skip
DOCUMENT = make_document(ONE, TWO, SAVED)


@pytest.fixture
def server() -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        yield made
        assert made.violations == []


@pytest.fixture
def linked(server: LangfuseServer) -> LinkedVersions:
    return LinkedVersions(Langfuse(server.url, LangfuseKeys(public=PUBLIC, secret=SECRET)), DOCUMENT)


def find_id(server: LangfuseServer, number: int, name: str = "support") -> str:
    found = server.prompts.find(name, number)
    assert found is not None
    return str(found["id"])


def test_a_version_is_known_by_its_id_and_its_content(server: LangfuseServer, linked: LinkedVersions) -> None:
    numbers = project(server, ONE, TWO)
    assert linked.find("support", find_id(server, numbers[TWO.digest]), numbers[TWO.digest]) == TWO
    assert linked.find("support", find_id(server, 1), 1) == ONE
    before = len(server.requests)
    assert linked.find("support", find_id(server, 1), 1) == ONE and len(server.requests) == before


def test_a_version_that_people_saved_is_known_by_its_source(server: LangfuseServer, linked: LinkedVersions) -> None:
    server.prompts.seed("greeting", CHAT, type="chat", config={"model": "m"})
    assert linked.find("greeting", find_id(server, 1, "greeting"), 1) == SAVED
    assert list_prompts("support", DOCUMENT) == ["support", "greeting"]
    assert list_prompts("a|b", None) == ["a%7Cb"]
    assert list_prompts("support", make_document(replace(SAVED, source="langfuse:@"))) == ["support"]


def test_a_number_that_was_given_again_is_no_version(server: LangfuseServer, linked: LinkedVersions) -> None:
    project(server, ONE, TWO)
    earlier = find_id(server, 2)
    server.prompts.delete("support", version=2, label=None)
    project(server, TWO)
    assert linked.find("support", earlier, 2) is None
    assert linked.find("support", find_id(server, 2), 2) == TWO


@pytest.mark.parametrize(("identity", "number"), [("", 1), ("x", None), ("x", 1), ("x", 99)])
def test_what_cannot_be_verified_is_no_version(
    server: LangfuseServer, linked: LinkedVersions, identity: str, number: int | None
) -> None:
    project(server, ONE)
    assert linked.find("support", identity, number) is None


def test_another_text_with_a_copied_mark_is_no_version(server: LangfuseServer, linked: LinkedVersions) -> None:
    project(server, ONE)
    config = server.prompts.versions("support")[0]["config"]
    for prompt, more in ((CHAT, {}), ([], {}), (server.prompts.versions("support")[0]["prompt"], {"temperature": 1})):
        made = server.prompts.seed("support", prompt, type="chat", config={**config, **more})
        assert linked.find("support", made["id"], made["version"]) is None
    for mark in ({}, {"evalgate": "x"}, {"evalgate": {"digest": 7}}, {"evalgate": {"digest": "0" * 64}}):
        made = server.prompts.seed("support", CHAT, type="chat", config=mark)
        assert linked.find("support", made["id"], made["version"]) is None
