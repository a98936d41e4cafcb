from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings
from langfuse_server import PUBLIC, SECRET, LangfuseServer
from release.documents import AT, make_document, make_version
from release.registry_suite import RegistryPlace, RegistrySuite, Sequel, reopen

from evalgate.errors import InputError
from evalgate.release import langfuse_registry
from evalgate.release.document import PublishedMessage, encode_document
from evalgate.release.langfuse_chain import make_prompt_name
from evalgate.release.langfuse_registry import LangfuseRegistry
from evalgate.release.ledger import verify
from evalgate.release.promotion import Actor, promote_version, publish_version
from evalgate.release.registry import RaceLostError, RegistryError, append_document, make_bytes
from evalgate.release.registry_access import open_registry
from evalgate.services.langfuse import LangfuseKeys

KEYS = LangfuseKeys(public=PUBLIC, secret=SECRET)
NAME = "evalgate/support"


class LangfusePlace:
    keys = KEYS

    def __init__(self, folder: Path, server: LangfuseServer) -> None:
        self.folder = folder
        self.server = server
        self.url = f"langfuse:{server.url}"

    def write_by_hand(self, name: str, data: bytes) -> None:
        """Delete the last version, and save another text, which gets its number."""
        prompts, known = self.server.prompts, make_prompt_name(name)
        last = prompts.versions(known)[-1]["version"]
        prompts.delete(known, version=last, label=None)
        prompts.create({"name": known, "prompt": data.decode("utf-8", "replace")})


@pytest.fixture
def server() -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        yield made
        assert made.violations == []


@pytest.fixture
def place(tmp_path: Path, server: LangfuseServer) -> LangfusePlace:
    return LangfusePlace(tmp_path, server)


@pytest.fixture
def registry(place: LangfusePlace) -> LangfuseRegistry:
    made = reopen(place)
    assert isinstance(made, LangfuseRegistry)
    return made


class TestLangfuseRegistry(RegistrySuite):
    machine_settings: ClassVar[settings] = settings(max_examples=5, stateful_step_count=12, deadline=None)
    kill_after: ClassVar[float] = 0.25
    servers: ClassVar[list[LangfuseServer]] = []

    @pytest.fixture
    def place(self, tmp_path: Path, server: LangfuseServer) -> RegistryPlace:
        server.prompts.jitter = 0.003
        return LangfusePlace(tmp_path, server)

    def make_place(self, folder: Path) -> RegistryPlace:
        server = LangfuseServer(checked=False)
        self.servers.append(server)
        return LangfusePlace(folder, server)

    @pytest.fixture(autouse=True)
    def close_servers(self) -> Iterator[None]:
        yield
        while self.servers:
            self.servers.pop().close()


def promote(registry: LangfuseRegistry, label: str = "staging", name: str = "support", id: str = "p") -> bytes:
    last = registry.read(name)
    assert last is not None
    document = promote_version(last, make_version(), label, Actor(id=id, who="ada", at=AT), "why")
    return append_document(registry, document).data


def test_a_version_has_what_a_list_shows(server: LangfuseServer, registry: LangfuseRegistry) -> None:
    stored = Sequel(registry).publish(make_version(reason="a\0b\nc \u202e" + "x" * 600))
    (version,) = server.prompts.versions(NAME)
    assert version["config"] == {"revision": 1, "digest": stored.digest, "entry": stored.document.entry.id}
    assert version["tags"] == ["evalgate-rev:1"] and version["labels"] == ["latest"]
    assert version["commitMessage"].startswith("publish: a b c x") and len(version["commitMessage"]) <= 500


def test_a_prompt_is_read_by_number_and_never_by_label(server: LangfuseServer, registry: LangfuseRegistry) -> None:
    Sequel(registry).publish(make_version())
    data = promote(registry)
    for one in server.prompts.versions(NAME):
        one["labels"] = ["latest"] if one["version"] == 1 else []
    stored = registry.read("support")
    assert stored is not None and stored.data == data
    assert not any("label=" in path or "resolve=true" in path for _, path, _ in server.requests)


def test_the_end_of_a_long_chain_is_read_with_three_requests(
    server: LangfuseServer, registry: LangfuseRegistry
) -> None:
    Sequel(registry).publish(make_version())
    for number in range(12):
        promote(registry, "staging" if number % 2 else "canary", id=str(number))
    before = len(server.requests)
    assert registry.read("support") is not None
    assert len(server.requests) - before == 3


def test_a_document_that_lost_a_race_is_void_and_uses_up_a_number(
    server: LangfuseServer, registry: LangfuseRegistry
) -> None:
    first = Sequel(registry).publish(make_version())
    winner = promote(registry)
    loser = promote_version(first, make_version(), "canary", Actor(id="late", who="bob", at=AT), "late")
    void = make_bytes(loser, 2)
    server.prompts.create({"name": NAME, "prompt": void.data.decode(), "tags": ["evalgate-rev:2"]})
    assert [one["version"] for one in server.prompts.versions(NAME)] == [1, 2, 3]
    assert list(registry.history("support")) == [first.data, winner]
    promote(registry, "canary", id="next")
    last = registry.read("support")
    assert last is not None and last.document.revision == 4
    assert verify(registry.history("support")) is None


@pytest.mark.parametrize("kind", ["refused", "void"])
def test_a_race_between_read_and_write_is_lost(
    server: LangfuseServer, registry: LangfuseRegistry, place: LangfusePlace, kind: str
) -> None:
    first = Sequel(registry).publish(make_version())
    other = reopen(place)
    assert isinstance(other, LangfuseRegistry)

    def race(_: str, name: str) -> None:
        server.prompts.between = None
        promote(other, "canary", id="winner")

    if kind == "refused":
        server.prompts.between = race
    else:
        # the winner is there before the server reads the highest number
        real = server.prompts.create

        def create(body: dict[str, object]) -> dict[str, object]:
            server.prompts.create = real  # type: ignore[method-assign]
            promote(other, "canary", id="winner")
            return real(body)

        server.prompts.create = create  # type: ignore[method-assign]
    document = promote_version(first, make_version(), "staging", Actor(id="loser", who="bob", at=AT), "why")
    with pytest.raises(RaceLostError, match="ada was faster: revision 2, promote canary"):
        registry.append(document)
    assert len(server.prompts.versions(NAME)) == (2 if kind == "refused" else 3)
    assert verify(registry.history("support")) is None


def test_a_deleted_document_is_missed_and_its_number_is_not_given_again(
    server: LangfuseServer, registry: LangfuseRegistry
) -> None:
    first = Sequel(registry).publish(make_version())
    promote(registry, "canary", id="a")
    promote(registry, "staging", id="b")
    server.prompts.delete(NAME, version=3, label=None)
    server.prompts.delete(NAME, version=2, label=None)
    assert registry.read("support") == first
    data = promote(registry, "staging", id="c")
    # 4 is left out, because a reader that has 3 would refuse it
    versions = server.prompts.versions(NAME)
    assert [(one["version"], one["config"].get("void", False)) for one in versions] == [
        (1, False),
        (2, True),
        (3, True),
        (4, True),
        (5, False),
    ]
    last = registry.read("support")
    assert last is not None and last.document.revision == 5 and last.document.previous == first.digest
    assert list(registry.history("support")) == [first.data, data]


def test_a_deleted_document_in_the_middle_breaks_the_ledger_and_not_the_readers(
    server: LangfuseServer, registry: LangfuseRegistry
) -> None:
    Sequel(registry).publish(make_version())
    promote(registry, "canary", id="a")
    data = promote(registry, "staging", id="b")
    server.prompts.delete(NAME, version=2, label=None)
    last = registry.read("support")
    assert last is not None and last.data == data
    found = verify(registry.history("support"))
    assert found is not None and found.revision == 3 and "revisions between them are missing" in found.problem
    promote(registry, "canary", id="c")
    assert registry.read("support") is not None
    server.prompts.delete(NAME, version=1, label=None)
    assert registry.read("support") is not None and len(list(registry.history("support"))) == 2


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("failure", [{"lost": "x"}, {"status": 502}])
def test_after_an_error_the_same_bytes_are_sent_again(
    server: LangfuseServer,
    registry: LangfuseRegistry,
    monkeypatch: pytest.MonkeyPatch,
    written: bool,
    failure: dict[str, object],
) -> None:
    monkeypatch.setattr(langfuse_registry, "_SETTLE_SECONDS", 0.01)
    Sequel(registry).publish(make_version())
    if "lost" in failure:
        server.fail("POST", lost="after" if written else "before", count=2)
    else:
        real = server.prompts.create
        server.fail("POST", status=502)
        if written:  # a proxy in front of the server gives up, and the server goes on
            last = registry.read("support")
            assert last is not None
            document = promote_version(last, make_version(), "staging", Actor(id="p", who="ada", at=AT), "why")
            real({"name": NAME, "prompt": make_bytes(document, 2).data.decode(), "tags": ["evalgate-rev:2"]})
            assert append_document(registry, document).document.revision == 2
            return
    data = promote(registry)
    assert [one["prompt"] for one in server.prompts.versions(NAME)][1:] == [data.decode()]
    assert len(list(registry.history("support"))) == 2


def test_a_server_that_stays_down_is_told(
    server: LangfuseServer, registry: LangfuseRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(langfuse_registry, "_SETTLE_SECONDS", 0.01)
    Sequel(registry).publish(make_version())
    server.fail("POST", status=503, count=9)
    with pytest.raises(RegistryError, match="the server answered 503"):
        promote(registry)
    assert server.count("POST") == 1 + 4


def test_a_text_that_a_person_saves_is_told_and_its_deletion_mends_it(
    server: LangfuseServer, registry: LangfuseRegistry
) -> None:
    stored = Sequel(registry).publish(make_version())
    server.prompts.create({"name": NAME, "prompt": "Hello {{name}}"})
    with pytest.raises(RegistryError, match=r"version 2 of evalgate/support: the release document of support is dam"):
        registry.read("support")
    server.prompts.delete(NAME, version=2, label=None)
    assert registry.read("support") == stored


def test_other_prompts_are_no_names(server: LangfuseServer, registry: LangfuseRegistry) -> None:
    Sequel(registry).publish(make_version())
    Sequel(registry, "a|b").publish(make_version())
    for name in ("support", "evalgate/notes", "evalgate/a%2Fb", "x/evalgate/y"):
        server.prompts.seed(name, "Hello")
    assert registry.list_names() == ["a|b", "support"]


@pytest.mark.parametrize("name", ["a|b", "<b>x</b>", "a//b", "/a/", "100%", "%7C"])
def test_names_that_langfuse_refuses_are_escaped(registry: LangfuseRegistry, name: str) -> None:
    stored = Sequel(registry, name).publish(make_version())
    assert registry.read(name) == stored and registry.list_names() == [name]


def test_a_name_that_is_too_long_after_its_escapes_is_refused(registry: LangfuseRegistry) -> None:
    with pytest.raises(InputError, match="too long for a prompt in Langfuse"):
        registry.append(make_document(make_version(), name="|" * 100))


def test_a_document_above_the_limit_of_a_request_is_refused(server: LangfuseServer, registry: LangfuseRegistry) -> None:
    for text in ('"' * 225_000, "é" * 150_000):
        version = make_version(messages=(PublishedMessage(role="user", parts=(text,)),))
        with pytest.raises(InputError, match="Langfuse takes at most 900,000"):
            registry.append(publish_version(None, "support", version, Actor(id="1", who="ada", at=AT)))
    assert server.count("POST") == 0
    version = make_version(messages=(PublishedMessage(role="user", parts=("x" * 890_000,)),))
    assert Sequel(registry).publish(version) == registry.read("support")


def test_a_reference_in_a_prompt_is_inert(server: LangfuseServer, registry: LangfuseRegistry) -> None:
    version = make_version(text="@@@langfusePrompt:name=nothing|label=production@@@ {{x}}")
    stored = Sequel(registry).publish(version)
    assert registry.read("support") == stored and b"@@@" not in stored.data


def test_wrong_keys_and_no_keys_are_told(server: LangfuseServer, tmp_path: Path) -> None:
    url = f"langfuse:{server.url}"
    with pytest.raises(InputError, match="needs the keys of a project"):
        open_registry(url, tmp_path)
    wrong = open_registry(url, tmp_path, keys=LangfuseKeys(public="pk", secret="sk-hidden"))
    with pytest.raises(RegistryError, match=r"langfuse:http://127.*refuses the keys") as refused:
        wrong.read("support")
    assert "sk-hidden" not in str(refused.value)


def test_a_first_document_with_another_number_does_not_count(
    server: LangfuseServer, registry: LangfuseRegistry
) -> None:
    server.prompts.create({"name": NAME, "prompt": encode_document(make_document(make_version(), revision=7)).decode()})
    assert registry.read("support") is None and registry.list_names() == []
    assert Sequel(registry).publish(make_version()).document.revision == 2
