from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from langfuse_server import PUBLIC, SECRET, LangfuseServer
from release.documents import make_document
from release.stories import ONE, THREE, TWO, make_actor, promote, publish, roll_back_to

from evalgate.errors import InputError
from evalgate.release import langfuse_projection
from evalgate.release.langfuse_projection import LabelFinding, LangfuseProjection, find_projection
from evalgate.release.langfuse_registry import LangfuseRegistry
from evalgate.release.promotion import promote_version
from evalgate.release.registry import Registry, RegistryError
from evalgate.release.sqlite_registry import SqliteRegistry
from evalgate.services.langfuse import Langfuse, LangfuseKeys


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(langfuse_projection, "READ_BACK_SECONDS", 0.0)


@pytest.fixture
def server() -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        yield made
        assert made.violations == []


@pytest.fixture
def registry(server: LangfuseServer) -> LangfuseRegistry:
    return LangfuseRegistry(Langfuse(server.url, LangfuseKeys(public=PUBLIC, secret=SECRET)))


@pytest.fixture
def projection(registry: LangfuseRegistry) -> LangfuseProjection:
    found = find_projection(registry)
    assert found is not None
    return found


def inspect(registry: Registry, projection: LangfuseProjection) -> list[LabelFinding]:
    last = registry.read("support")
    assert last is not None
    return projection.inspect(last.document)


def serve(server: LangfuseServer, label: str = "production") -> str:
    """Return the last message as an application on Langfuse's SDK gets it."""
    found = server.prompts.get("support", version=None, label=label, resolve=True)
    return str(found["prompt"][-1]["content"])


def save(server: LangfuseServer, text: str = "edited {{name}}", **more: object) -> int:
    """Save a version as the UI does: with the configuration of the one that it was made from."""
    last = server.prompts.versions("support")[-1]
    body = {"name": "support", "type": "chat", "config": last["config"], **more}
    return int(server.prompts.create({**body, "prompt": [{"role": "user", "content": text}]})["version"])


def test_labels_follow_the_documents(
    server: LangfuseServer, registry: LangfuseRegistry, projection: LangfuseProjection
) -> None:
    publish(registry, ONE)
    promote(registry, ONE)
    done = projection.write("support")
    assert done.labels == {"v1.0.0": 1, "production": 1} and done.changed == ("version 1", "production")
    assert serve(server) == "Hello 0, {{name}}!"
    publish(registry, TWO)
    promote(registry, TWO, "staging")
    promote(registry, TWO, "canary")
    promote(registry, TWO)
    assert projection.write("support").labels == {"v1.1.0": 2, "production": 2, "staging": 2, "canary": 2}
    assert serve(server) == "Hello 1, {{name}}!" == serve(server, "staging")
    roll_back_to(registry, ONE)
    assert projection.write("support").labels["production"] == 1
    assert serve(server) == "Hello 0, {{name}}!"
    assert [one["version"] for one in server.prompts.versions("support")] == [1, 2]
    assert inspect(registry, projection) == []


def test_what_is_right_is_not_written_again(
    server: LangfuseServer, registry: LangfuseRegistry, projection: LangfuseProjection
) -> None:
    publish(registry, ONE)
    promote(registry, ONE)
    projection.write("support")
    before = server.count("POST"), server.count("PATCH")
    assert projection.write("support").changed == ()
    assert (server.count("POST"), server.count("PATCH")) == before


def test_a_text_prompt_of_the_team_stays_one(
    server: LangfuseServer, registry: LangfuseRegistry, projection: LangfuseProjection
) -> None:
    server.prompts.create({"name": "support", "prompt": "Hi", "labels": ["production", "mine"]})
    publish(registry, replace(ONE, messages=ONE.messages[:1]))
    assert projection.write("support").labels == {"v1.0.0": 2}
    assert server.prompts.versions("support")[1]["prompt"] == "You are support."
    # the team's own label is not the document's
    assert inspect(registry, projection) == [] and server.prompts.holders("support", "production") == [1]
    publish(registry, TWO)
    with pytest.raises(InputError, match="support is a text prompt there"):
        projection.write("support")


@pytest.mark.parametrize("when", ["at once", "later"])
def test_a_label_that_a_save_takes_off_is_set_again(
    server: LangfuseServer,
    registry: LangfuseRegistry,
    projection: LangfuseProjection,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
) -> None:
    publish(registry, ONE)
    promote(registry, ONE)
    projection.write("support")
    publish(registry, TWO)
    promote(registry, TWO)

    def take_off(_: object = None) -> None:
        monkeypatch.setattr(langfuse_projection.time, "sleep", lambda seconds: None)
        for one in server.prompts.versions("support"):
            one["labels"] = [label for label in one["labels"] if label != "production"]

    if when == "later":
        monkeypatch.setattr(langfuse_projection.time, "sleep", take_off)
    else:
        real = server.prompts.move

        def move(name: str, number: int, labels: list[str]) -> dict[str, object]:
            server.prompts.move = real  # type: ignore[method-assign]
            answer = real(name, number, labels)
            take_off()
            return answer

        server.prompts.move = move  # type: ignore[method-assign]
    projection.write("support")
    assert server.prompts.holders("support", "production") == [2] and serve(server) == "Hello 1, {{name}}!"


def test_the_cache_of_the_server_is_emptied(
    server: LangfuseServer, registry: LangfuseRegistry, projection: LangfuseProjection
) -> None:
    publish(registry, ONE)
    promote(registry, ONE)
    projection.write("support")
    publish(registry, TWO)
    projection.write("support")
    assert serve(server) == "Hello 0, {{name}}!"
    promote(registry, TWO)
    server.prompts.stale_moves = 1
    projection.write("support")
    assert serve(server) == "Hello 1, {{name}}!"


def test_a_label_that_the_document_gave_up_is_on_the_version_in_production(
    server: LangfuseServer, registry: LangfuseRegistry, projection: LangfuseProjection
) -> None:
    publish(registry, ONE)
    promote(registry, ONE)
    publish(registry, TWO)
    promote(registry, TWO, "canary")
    projection.write("support")
    last = registry.read("support")
    assert last is not None
    given_up = replace(last.document, previous=last.digest, labels={"production": ONE.digest})
    registry.append(given_up)
    done = projection.write("support")
    assert done.labels["canary"] == done.labels["production"]
    assert serve(server, "canary") == "Hello 0, {{name}}!"


def test_labels_that_differ_are_told_apart(
    server: LangfuseServer, registry: LangfuseRegistry, projection: LangfuseProjection
) -> None:
    publish(registry, ONE)
    promote(registry, ONE)
    assert [(one.label, one.kind) for one in inspect(registry, projection)] == [
        ("v1.0.0", "lost"),
        ("production", "lost"),
    ]
    projection.write("support")
    number = save(server, labels=["staging"])
    assert inspect(registry, projection) == [LabelFinding(label="staging", kind="proposal", versions=(number,))]
    publish(registry, TWO)
    promote(registry, TWO, "staging")
    assert ("staging", "proposal") in [(one.label, one.kind) for one in inspect(registry, projection)]
    projection.write("support")
    server.prompts.move("support", number, ["production"])
    assert inspect(registry, projection) == [LabelFinding(label="production", kind="moved", versions=(number,))]
    projection.write("support")
    server.prompts.versions("support")[1]["labels"].append("production")
    assert inspect(registry, projection) == [LabelFinding(label="production", kind="doubled", versions=(1, 2))]
    projection.write("support")
    server.prompts.move("support", 1, ["staging"])
    assert inspect(registry, projection) == [LabelFinding(label="staging", kind="moved", versions=(1,))]
    projection.write("support")
    assert inspect(registry, projection) == []


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_lost_answer_makes_no_second_version(
    server: LangfuseServer, registry: LangfuseRegistry, projection: LangfuseProjection, lost: str
) -> None:
    publish(registry, ONE)
    server.fail("POST", lost=lost)
    projection.write("support")
    assert len(server.prompts.versions("support")) == 1


def test_a_release_in_between_is_written_as_well(
    server: LangfuseServer, registry: LangfuseRegistry, projection: LangfuseProjection
) -> None:
    publish(registry, ONE)
    promote(registry, ONE)
    publish(registry, TWO)
    done = False

    def between(method: str, name: str) -> None:
        nonlocal done
        if method == "PATCH" and not done:
            done = True
            last = registry.read("support")
            assert last is not None
            registry.append(promote_version(last, TWO, "production", make_actor("bob"), "good"))

    server.prompts.between = between
    assert projection.write("support").revision == 4
    assert serve(server) == "Hello 1, {{name}}!"


def test_a_person_who_moves_a_label_again_and_again_is_told(
    server: LangfuseServer, registry: LangfuseRegistry, projection: LangfuseProjection
) -> None:
    publish(registry, ONE)
    promote(registry, ONE)
    projection.write("support")
    other = save(server)
    real = server.prompts.move

    def move(name: str, number: int, labels: list[str]) -> dict[str, object]:
        answer = real(name, number, labels)
        real(name, other, ["production"])
        return answer

    real("support", other, ["production"])
    server.prompts.move = move  # type: ignore[method-assign]
    with pytest.raises(RegistryError, match="another writer moves production"):
        projection.write("support")


def test_errors_of_the_server_are_those_of_the_registry(
    server: LangfuseServer, registry: LangfuseRegistry, projection: LangfuseProjection
) -> None:
    publish(registry, THREE)
    server.fail("POST", status=503, count=9)
    with pytest.raises(RegistryError, match="the server answered 503"):
        projection.write("support")
    server.fail("GET", status=403, count=1, body='{"message": "no"}')
    with pytest.raises(RegistryError, match=r"refuses the keys \(403\): no"):
        inspect(registry, projection)


def test_other_registries_and_the_folder_of_documents_have_no_projection(
    registry: LangfuseRegistry, projection: LangfuseProjection, tmp_path: Path
) -> None:
    assert find_projection(SqliteRegistry(tmp_path / "x")) is None
    registry.append(make_document(ONE, name="evalgate/x"))
    with pytest.raises(InputError, match="is the folder of release documents"):
        projection.write("evalgate/x")
    with pytest.raises(InputError, match="has no prompt"):
        projection.write("other")
