"""The verbs of `evalgate release` with a registry in Langfuse: keys, labels besides the documents, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gated_project import Ended
from langfuse_server import PUBLIC, SECRET, LangfuseServer
from release.documents import make_version
from release.stories import ONE, TWO, publish

from evalgate.release import langfuse_projection
from evalgate.release.document import PublishedMessage
from evalgate.release.registry import Registry
from evalgate.release.registry_access import open_registry
from evalgate.services.langfuse import LangfuseKeys

Run = Callable[..., Ended]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LangfuseServer]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(langfuse_projection, "READ_BACK_SECONDS", 0.0)
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", PUBLIC)
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", SECRET)
    with LangfuseServer() as made:
        yield made
        assert made.violations == []


@pytest.fixture
def registry(server: LangfuseServer, tmp_path: Path) -> Registry:
    return open_registry(f"langfuse:{server.url}", tmp_path, keys=LangfuseKeys(public=PUBLIC, secret=SECRET))


def serve(server: LangfuseServer) -> str:
    found = server.prompts.get("support", version=None, label="production", resolve=True)
    return str(found["prompt"][-1]["content"])


def test_a_story_moves_the_labels_of_applications(server: LangfuseServer, registry: Registry, evalgate: Run) -> None:
    on = ("--registry", registry.url)
    for version in (ONE, TWO):
        publish(registry, version)
        evalgate("release", "promote", "support", "--to", "canary", *on)
        told = evalgate("release", "promote", "support", "--to", "production", *on)
        assert (told.code, told.err) == (0, ""), told.err
    assert serve(server) == "Hello 1, {{name}}!"
    told = evalgate("release", "rollback", "support", "--reason", "bad", *on)
    assert (told.code, told.err) == (0, "") and serve(server) == "Hello 0, {{name}}!"
    told = evalgate("release", "verify", *on)
    assert told.code == 0 and "the ledger is whole" in told.out
    told = evalgate("release", "show", *on)
    assert told.code == 0 and told.out.startswith("support: canary 1.1.0, production 1.0.0")


def test_a_label_that_was_moved_by_hand_is_told_and_taken_back(
    server: LangfuseServer, registry: Registry, evalgate: Run
) -> None:
    on = ("--registry", registry.url)
    publish(registry, ONE)
    assert evalgate("release", "promote", "support", "--to", "staging", *on).code == 0
    body = {"name": "support", "type": "chat", "prompt": [{"role": "user", "content": "mine"}]}
    server.prompts.create({**body, "labels": ["staging"]})
    told = evalgate("release", "show", "support", *on)
    assert told.code == 0 and "staging: version 2 is a proposal that was not published" in told.out
    server.prompts.move("support", 2, ["v1.0.0"])
    told = evalgate("release", "show", "support", *on)
    assert told.code == 4 and "v1.0.0: moved by hand to version 2" in told.out
    told = evalgate("release", "show", "support", "--format", "json", *on)
    findings = json.loads(told.out)["findings"]
    assert told.code == 4 and {"label": "v1.0.0", "kind": "moved", "versions": [2]} in findings
    told = evalgate("release", "project", "support", *on)
    assert told.code == 0 and "staging is version 1" in told.out and "wrote" in told.out
    told = evalgate("release", "show", "support", *on)
    assert told.code == 0 and "in Langfuse" not in told.out
    assert "nothing to do" in evalgate("release", "project", "support", *on).out


def test_a_release_whose_labels_cannot_be_written_is_done_and_says_so(
    server: LangfuseServer, registry: Registry, evalgate: Run
) -> None:
    on = ("--registry", registry.url)
    publish(registry, ONE)
    server.fail("PATCH", status=503, count=99)
    told = evalgate("release", "promote", "support", "--to", "staging", *on)
    assert told.code == 3 and "staging is 1.0.0" in told.out
    assert "the release is done, but its labels in Langfuse are not" in told.err
    assert "evalgate release project support" in told.err
    server.faults.clear()
    told = evalgate("release", "promote", "support", "--to", "staging", *on)
    assert told.code == 0 and "nothing to do" in told.out and server.prompts.holders("support", "staging") == [1]


def test_contents_without_a_form_are_a_warning(server: LangfuseServer, registry: Registry, evalgate: Run) -> None:
    call = PublishedMessage(role="assistant", parts=None, extra={"tool_calls": []})
    publish(registry, make_version(messages=(call,)))
    told = evalgate("release", "promote", "support", "--to", "staging", "--registry", registry.url)
    assert told.code == 0 and "warning: support: 1.0.0" in told.err and "a tool call" in told.err
    assert server.prompts.versions("support") == []


def test_a_dry_run_writes_nothing(server: LangfuseServer, registry: Registry, evalgate: Run) -> None:
    publish(registry, ONE)
    before = server.count("POST")
    told = evalgate("release", "promote", "support", "--to", "staging", "--dry-run", "--registry", registry.url)
    assert told.code == 0 and server.count("POST") == before and server.count("PATCH") == 0


def test_the_keys_are_named_where_they_are_missing(
    server: LangfuseServer, registry: Registry, evalgate: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publish(registry, ONE)
    (tmp_path / "evalgate.yml").write_text(
        f"release: {{registry: 'langfuse:{server.url}', public_key_env: PUB, secret_key_env: SEC}}\n"
    )
    told = evalgate("release", "show", "--config", "evalgate.yml")
    assert told.code == 2 and "the variable PUB is not set" in told.err
    monkeypatch.setenv("PUB", PUBLIC)
    monkeypatch.setenv("SEC", SECRET)
    assert evalgate("release", "show", "support", "--config", "evalgate.yml").code == 0
    monkeypatch.setenv("SEC", "sk-lf-hidden")
    told = evalgate("release", "show", "--config", "evalgate.yml")
    assert told.code == 3 and "refuses the keys" in told.err and "hidden" not in told.err + told.out


def test_other_registries_have_no_labels_to_project(evalgate: Run, tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'releases.sqlite3'}"
    publish(open_registry(url, tmp_path), ONE)
    told = evalgate("release", "project", "support", "--registry", url)
    assert told.code == 2 and "has no labels besides its documents" in told.err
