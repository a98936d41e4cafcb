"""Tests of the action's commands `publish`, `promote` and `rollback`, on a registry in git."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from action.gated_pull_request import BRIEF, MAJOR
from action.merged_change import Released
from release.stories import make_actor

from evalgate.commands.release import project
from evalgate.commands.release.advance import advance
from evalgate.commands.release.promote import promote
from evalgate.commands.release.start import start
from evalgate.domain.rollout import RolloutRules, Stage
from evalgate.errors import EvalgateError, InputError
from evalgate.release import label_move
from evalgate.release.document import ReleaseDocument
from evalgate.release.ledger import verify
from evalgate.release.registry import Registry, RegistryError, StoredDocument

HOSTILE = "</td>::error::owned\n::set-output name=x::y [click](https://evil.test) \x1b[31m"


def test_a_merged_change_is_published_once_on_the_report_of_its_pull_request(released: Released) -> None:
    released.gate()
    ran = released.publish()
    assert ran.code == 0, ran.log
    assert released.calls == 0
    version = released.document.versions[released.document.entry.target or ""]
    assert (version.version, version.git_sha) == ("1.1.0", released.hub.head)
    assert json.loads(ran.outputs["published"]) == [
        {"name": "support", "version": "1.1.0", "digest": version.digest},
    ]
    assert ran.outputs["failed"] == "false"
    assert "### evalgate: publish" in ran.summary and "support: published 1.1.0" in ran.summary
    entry = released.document.entry
    assert (entry.who, entry.run_url) == ("ann", "https://github.test/acme/prompts/actions/runs/1/attempts/1")
    again = released.dispatch("publish")
    assert (again.code, again.outputs["published"], released.document.revision) == (0, "[]", 1)
    assert "nothing to do" in again.summary


def test_nothing_to_publish_is_a_success(released: Released) -> None:
    released.gate()
    assert released.publish().code == 0
    git = released.hub.world.repository.git
    before = git("rev-parse", "main")
    after = released.hub.world.repository.commit("words", **{"README.md": "hello"})
    event = {"ref": "refs/heads/main", "before": before, "after": after, "repository": {"default_branch": "main"}}
    asked = len(released.hub.server.requests)
    ran = released.hub.run("push", event, command="publish")
    assert (ran.code, ran.outputs["published"], released.document.revision) == (0, "[]", 1)
    assert len(released.hub.server.requests) == asked  # GitHub is not asked about what is published already


def test_without_a_token_for_github_the_gate_is_run(released: Released) -> None:
    released.gate()
    ran = released.publish(github_token="")
    assert (ran.code, released.calls > 0, released.document.revision) == (0, True, 1)


def test_a_failing_prompt_is_refused_with_an_annotation_and_in_the_summary(released: Released) -> None:
    released.hub.world.application = lambda system, user: "no" if BRIEF in system else json.dumps({"answer": user})
    released.gate()
    ran = released.publish()
    assert (ran.code, ran.outputs["published"], ran.outputs["failed"]) == (1, "[]", "true")
    assert "::error title=evalgate::support: the gate's verdict is FAIL" in ran.log
    assert "support: refused: " in ran.summary
    assert released.registry.read("support") is None
    assert released.calls == 0  # the verdict of the pull request is the stored one


def test_a_commit_that_is_not_merged_is_not_published(released: Released) -> None:
    released.gate()
    ran = released.dispatch("publish")
    assert ran.code == 2
    assert "is not on main: a version is published after the merge" in ran.log
    assert "* not done: " in ran.summary and ran.outputs["failed"] == "true"


def test_a_checkout_of_another_commit_than_the_event_is_refused(released: Released) -> None:
    released.gate()
    event = released.merge()
    released.hub.world.repository.commit("later")
    ran = released.hub.run("push", event, command="publish")
    assert ran.code == 2 and "and the event is about" in ran.log


def test_a_version_is_promoted_and_rolled_back(released: Released) -> None:
    released.gate()
    assert released.publish().code == 0
    ran = released.dispatch("promote", to="production", reason="the first one")
    assert ran.code == 0, ran.log
    assert "support: production is 1.1.0" in ran.log and "support: production is 1.1.0" in ran.summary
    first = released.document
    assert (ran.outputs["version"], ran.outputs["digest"]) == ("1.1.0", first.labels["production"])
    assert (first.entry.who, first.entry.why) == ("ann", "the first one")
    assert released.dispatch("promote", to="production").code == 0  # it is there already
    assert released.document == first

    released.hub.base = released.hub.world.repository.git("rev-parse", "main")
    released.hub.world.repository.git("switch", "--quiet", "--force-create", "work", "main")
    released.hub.commits.clear()
    released.gate("1.2.0", "Be wordy, always and everywhere, please.")
    assert released.publish().code == 0
    refused = released.dispatch("promote", to="production")
    assert refused.code == 1 and "::error title=evalgate::" in refused.log
    assert "refused: support: 1.2.0" in refused.summary and refused.outputs["failed"] == "true"
    assert "evalgate release start support --version 1.2.0" in refused.log
    rules = RolloutRules(scores={}, stages=(Stage(share=500, hours=24),), staging_hours=0)
    start(released.registry, "support", rules, make_actor(), "go")
    advance(released.registry, "support", make_actor(), "enough was seen")

    ran = released.dispatch("rollback", reason="complaints")
    assert ran.code == 0, ran.log
    assert released.document.labels["production"] == first.labels["production"]
    assert released.document.entry.verb == "rollback" and released.document.entry.why == "complaints"
    assert ran.outputs["version"] == "1.1.0" and "production is 1.1.0" in ran.summary
    assert released.dispatch("rollback", reason="still wrong").code == 2  # there is no older one
    assert verify(list(released.registry.history("support")), "support") is None


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (RegistryError("Langfuse is down"), 3, "the release is done, but its labels in Langfuse are not"),
        (InputError("it has a tool call"), 0, "it has a tool call"),
    ],
)
def test_labels_that_cannot_be_written_leave_the_release_done(
    released: Released, monkeypatch: pytest.MonkeyPatch, error: EvalgateError, code: int, told: str
) -> None:
    class Projection:
        def write(self, name: str) -> None:
            assert name == "support"
            raise error

    released.gate()
    monkeypatch.setattr(project, "find_projection", lambda registry: Projection())
    ran = released.publish()
    assert ran.code == code and told in ran.log and told in ran.summary
    assert json.loads(ran.outputs["published"])[0]["version"] == "1.1.0"
    ran = released.dispatch("promote", to="production")
    assert ran.code == code and told in ran.log and told in ran.summary
    assert ran.outputs["version"] == "1.1.0" and "production" in released.document.labels


def test_a_major_version_without_a_sign_off_is_published_and_refused_for_production(released: Released) -> None:
    released.gate("2.0.0", MAJOR)
    ran = released.publish()
    assert ran.code == 0, ran.log
    assert "::warning title=evalgate::support: 2.0.0" in ran.log
    assert "has no sign-off, which production needs" in ran.summary
    refused = released.dispatch("promote", to="production")
    assert refused.code == 1 and "sign-off" in refused.log


def test_the_loser_of_a_race_is_told_who_won(released: Released, monkeypatch: pytest.MonkeyPatch) -> None:
    released.gate()
    assert released.publish().code == 0
    append, raced = label_move.append_document, []

    def append_late(registry: Registry, document: ReleaseDocument) -> StoredDocument:
        if not raced:
            raced.append(1)
            promote(released.registry, "support", "canary", make_actor("zoe"), "mine")
        return append(registry, document)

    monkeypatch.setattr(label_move, "append_document", append_late)
    ran = released.dispatch("promote", to="staging")
    assert ran.code == 3 and "zoe was faster" in ran.log and "zoe was faster" in ran.summary
    assert set(released.document.labels) == {"canary"}


def test_a_reason_is_only_text(released: Released) -> None:
    released.gate()
    assert released.publish(reason=HOSTILE).code == 0
    ran = released.dispatch("promote", to="staging", reason=HOSTILE)
    assert ran.code == 0
    ran = released.dispatch("promote", to="staging", version=f"nope{HOSTILE}")
    assert ran.code == 2
    assert not [row for row in ran.log.splitlines() if row.startswith("::set-output") or row == "::error::owned"]
    assert "&#91;`click](https://evil.test`" in ran.summary  # neither an escaped bracket nor a code span is a link
    assert "\x1b" not in ran.summary + ran.log


@pytest.mark.parametrize("command", ["publish", "promote"])
def test_a_registry_that_cannot_be_reached_ends_with_3(released: Released, command: str) -> None:
    released.gate()
    event = released.merge()
    Path(released.url.removeprefix("git:")).rename(released.hub.temp / "gone")
    inputs = {"to": "staging", "prompt": "support"} if command == "promote" else {}
    ran = released.hub.run("push", event, command=command, **inputs)
    assert ran.code == 3 and "::error title=evalgate::" in ran.log
    assert "not done: " in ran.summary


def test_without_the_variable_of_the_token_nothing_is_written(released: Released) -> None:
    released.hub.configure('release: {registry: "', 'release: {token_env: REGISTRY_TOKEN, registry: "')
    ran = released.dispatch("promote", to="staging")
    assert ran.code == 2 and "the variable REGISTRY_TOKEN of release.token_env is not set" in ran.log


@pytest.mark.parametrize(
    ("mode", "code", "verdict"), [("fail", 2, "ERROR"), ("pending", 3, "PENDING"), ("replay", 3, "PENDING")]
)
def test_a_gate_without_the_registrys_secret_waits(
    released: Released, monkeypatch: pytest.MonkeyPatch, mode: str, code: int, verdict: str
) -> None:
    released.hub.configure('release: {registry: "', 'release: {token_env: REGISTRY_TOKEN, registry: "')
    monkeypatch.setenv("REGISTRY_TOKEN", "t")
    released.hub.push()
    assert released.hub.run().code == 0
    monkeypatch.delenv("REGISTRY_TOKEN")
    released.hub.push("1.2.0", BRIEF)
    ran = released.hub.run(missing_secrets=mode)
    assert (ran.code, ran.outputs["verdict"]) == (code, verdict)
    assert released.hub.statuses[-1][1] == verdict.lower()
    assert mode == "fail" or "REGISTRY_TOKEN" in released.hub.statuses[-1][2]


def test_a_gate_whose_registry_cannot_be_reached_is_an_error(released: Released) -> None:
    Path(released.url.removeprefix("git:")).rename(released.hub.temp / "gone")
    released.hub.push()
    ran = released.hub.run()
    assert (ran.code, ran.outputs["verdict"], released.hub.statuses[-1][1]) == (3, "ERROR", "error")
    assert released.calls == 0
