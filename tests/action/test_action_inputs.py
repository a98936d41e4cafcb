"""Tests of the action's inputs and the event's payload: types, and all faults at once."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evalgate.action.action_inputs import comment_key, is_same_context, read_settings, refuse_redraw, status_context
from evalgate.action.event import read_event
from evalgate.errors import InputError

ROOT = Path(__file__).parents[2]
HEAD, BASE, ZEROS = "a" * 40, "b" * 40, "0" * 40


def settings(**given: Any) -> Any:
    return read_settings(json.dumps({name.replace("_", "-"): value for name, value in given.items()}), "null")


def test_the_defaults_of_the_action_are_those_of_the_reader() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    declared = {name: value.get("default", "") for name, value in action["inputs"].items()}
    own = dict.fromkeys(declared, "") | {"github-token": declared["github-token"]}
    ours = set(declared) - {"python"}
    assert {name.replace("_", "-") for name in type(settings()).__slots__} - {"matrix"} == ours
    assert read_settings(json.dumps(declared), "null") == read_settings(json.dumps(own), "null")


def test_every_fault_is_told_with_what_is_allowed() -> None:
    with pytest.raises(InputError) as caught:
        settings(fail_on="inconclusiv", changed_only="yes", max_cost_usd="nan", max_concurrency="0", head_sha="main")
    messages = [fault.message for fault in caught.value.faults]
    assert messages == [
        'input changed-only: "yes" is not true or false',
        'input head-sha: "main" is not a whole commit id (40 hexadecimal digits)',
        'input fail-on: "inconclusiv" is not one of inconclusive, fail, never; did you mean "inconclusive"?',
        'input max-cost-usd: "nan" is not a number, at least 0',
        'input max-concurrency: "0" is not a number, at least 1',
    ]


def test_a_review_needs_the_comment_that_tells_when_the_report_was_there() -> None:
    for mode in ("review", "label"):
        with pytest.raises(InputError, match="needs the comment"):
            settings(comment="off", sign_off=mode)
    assert settings(comment="off", sign_off="none").comment == "off"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"command": "promote", "to": "staging"}, "input prompt: command: promote needs it"),
        ({"command": "promote", "prompt": "a"}, "input to: command: promote needs it"),
        ({"command": "promote", "prompt": "a", "to": "live"}, 'input to: "live" is not one of staging, canary, produc'),
        ({"command": "rollback", "prompt": "a"}, "input reason: command: rollback needs it"),
        ({"command": "rollback", "prompt": "a", "reason": " "}, "input reason: command: rollback needs it"),
        ({"command": "rollback", "prompt": "a", "reason": "x", "to": "staging"}, "input to: is for command: promote"),
        ({"command": "publish", "version": "1.0.0"}, "input version: is for command: promote, rollback"),
        ({"command": "tick", "reason": "x"}, "input reason: is for command: publish, promote, rollback"),
        ({"command": "publish", "reason": "x" * 1001}, "input reason: has more than 1,000 characters"),
        ({"source": "langfuse:a@1"}, "input source: is for command: publish"),
        ({"prompt": "a"}, "input prompt: is for command: publish, promote, rollback, tick"),
        ({"command": "drift", "langfuse_webhook_secret": "x"}, "input langfuse-webhook-secret: is for command: gate"),
    ],
)
def test_inputs_of_the_registry_belong_to_their_commands(given: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        settings(**given)
    assert [fault.message[: len(message)] for fault in caught.value.faults] == [message]


def test_a_command_takes_its_inputs_of_the_registry() -> None:
    found = settings(command="promote", prompt="a", to="canary", version="1.0.0")
    assert (found.prompt, found.to, found.version, found.reason) == ("a", "canary", "1.0.0", None)
    assert settings(command="rollback", prompt="a", reason=" why ").reason == "why"
    assert settings(command="publish", prompt="a").prompt == "a"


@pytest.mark.parametrize(
    ("name", "value"),
    [("redraw", "all"), ("redraw", "failed"), ("no-cache", "true"), ("live", "true"), ("args", "--redraw=broken")],
)
def test_a_second_draw_is_refused(name: str, value: str) -> None:
    with pytest.raises(InputError, match="second chance to pass"):
        read_settings(json.dumps({name: value}), "null")
    assert read_settings(json.dumps({"no-cache": "false", "redraw": ""}), "null")


def test_a_second_draw_is_refused_on_the_command_line() -> None:
    refuse_redraw(["--verbose"])
    with pytest.raises(InputError, match="second chance to pass"):
        refuse_redraw(["--no-cache"])


def test_approvers_are_separated_by_commas_or_spaces() -> None:
    assert settings(approvers="ann, org/team\n  bob").approvers == ("ann", "org/team", "bob")
    assert settings(approvers="@ann @org/team").approvers == ("ann", "org/team")
    assert settings(approvers=" ").approvers == ()


@pytest.mark.parametrize("text", ["[1]", "{", '"x"'])
def test_inputs_that_are_no_object_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        read_settings(text, "null")


def test_legs_of_a_matrix_have_a_comment_and_a_status_of_their_own() -> None:
    one = comment_key(None, workflow="prompts", job="gate", matrix=("faq", "3.12"))
    other = comment_key(None, workflow="prompts", job="gate", matrix=("search", "3.12"))
    assert one != other
    assert status_context(None, ("faq",)) == "evalgate (faq)"
    assert status_context(None, ()) == "evalgate"
    assert (
        status_context("prompts", ("faq",)) == "prompts (faq)"
    )  # else the last leg's status would overwrite the others


def test_each_configuration_of_a_job_has_a_comment_of_its_own() -> None:
    keys = [
        comment_key(None, workflow="prompts", job="gate", matrix=matrix, config=config)
        for matrix in ((), ("legal.yml",), ("legal.yml", "3.12"))
        for config in ("evalgate.yml", "legal.yml", "shop/evalgate.yml", "3.12")
    ]
    assert len(set(keys)) == len(keys)
    # comments that exist keep their key
    assert keys[0] == comment_key(None, workflow="prompts", job="gate", matrix=()) == "prompts-gate-0d05f59aaed8"
    assert comment_key("mine", workflow="prompts", job="gate", matrix=(), config="legal.yml") == "mine"


def test_a_status_never_has_the_name_of_another() -> None:
    """Use a branch name that imitates the format; branch names have no spaces."""
    names = [
        status_context(given, matrix, config=config, to=to)
        for given in (None, "prompts")
        for matrix in ((), ("faq",), ("faq", "3.12"))
        for config in ("evalgate.yml", "shop/evalgate.yml")
        for to in ("", "faq", "(faq)", "shop/evalgate.yml")
        if given is None or config == "evalgate.yml"
    ]
    assert len(set(names)) == len(names)


LETTERS = st.text(st.sampled_from("aAbBzZ\u00e9\u00c9\u00df\u017f\u212akKsS-/.1"), min_size=1, max_size=12)


@given(LETTERS, st.lists(st.booleans(), min_size=12, max_size=12), st.sampled_from(["NFC", "NFD"]))
def test_branches_that_differ_in_capitals_alone_have_statuses_of_their_own(
    name: str, swaps: list[bool], form: Any
) -> None:
    """GitHub does not tell capitals apart in the name of a status: a pass by one branch's rules would be the other's."""
    other = "".join(c.swapcase() if swap else c for c, swap in zip(name, swaps, strict=False))
    other = unicodedata.normalize(form, other)
    one, two = status_context(None, (), to=name), status_context(None, (), to=other)
    assert is_same_context(one, two) == (name == other), (one, two)
    assert is_same_context(one, one.upper())


@pytest.mark.parametrize("branch", ["dev", "release/2.0", "a_b", "\u7248\u672c", "caf\u00e9", "(x)", "~"])
def test_a_branch_without_capitals_keeps_the_name_of_its_status(branch: str) -> None:
    assert status_context(None, (), to=branch) == f"evalgate (to {branch})"


def test_no_branch_can_be_named_like_the_digest_of_another() -> None:
    named = status_context(None, (), to="Release")
    assert named == "evalgate (to Release~e020e3c67bd0)", "a branch cannot have a tilde (git check-ref-format)"


ANY = st.text(st.sampled_from("aZ~\\/ .\U0001f680\U0001f40d\u00e9"), max_size=8)
LONG = st.builds(lambda text, times: (text * times)[:250], ANY, st.sampled_from([1, 1, 60]))
BRANCHES = LONG.map(lambda text: text.replace(" ", "-"))


@given(st.none() | LONG, st.lists(LONG, max_size=3), LONG.filter(bool), BRANCHES)
def test_github_takes_the_name_of_a_status(given: str | None, matrix: list[str], config: str, to: str) -> None:
    """GitHub refuses names of more than 255 characters, and characters above U+FFFF: there would be no status."""
    name = status_context(given, tuple(matrix), config=config, to=to)
    assert len(name) <= 255
    assert max(name) <= "\uffff"
    own = status_context(given, tuple(matrix), config=config)
    assert name == own or re.fullmatch(rf"{re.escape(own)} \(to [^ ]+\)", name), "heads.list_statuses_to_any finds it"


@given(BRANCHES, BRANCHES)
def test_branches_with_long_names_have_statuses_of_their_own(one: str, other: str) -> None:
    same = is_same_context(status_context(None, (), to=one), status_context(None, (), to=other))
    assert same == (one == other)


@given(LONG, LONG)
def test_legs_with_long_values_have_statuses_of_their_own(one: str, other: str) -> None:
    assert (status_context(None, (one,)) == status_context(None, (other,))) == (one == other)


@pytest.mark.parametrize("key", ["--><script>", "a--b", "ü", "x" * 200, "a b", "-", "a-"])
def test_a_key_cannot_end_the_marker_it_stands_in(key: str) -> None:
    slug = comment_key(key, workflow="", job="", matrix=())
    assert "--" not in slug
    assert not set(slug) & set("<>! \n")
    assert slug != comment_key(key + "x", workflow="", job="", matrix=())


def pull(**change: Any) -> dict[str, Any]:
    repo = {"id": 7}
    found: dict[str, Any] = {
        "number": 12,
        "user": {"login": "ann"},
        "head": {"sha": HEAD, "repo": dict(repo)},
        "base": {"sha": BASE, "ref": "main", "repo": dict(repo)},
    }
    return {"pull_request": found | change, "repository": {"default_branch": "trunk"}}


def event(name: str, payload: Any) -> Any:
    return read_event(name, json.dumps(payload), repository="o/r", sha="c" * 40)


@pytest.mark.parametrize("name", ["pull_request", "pull_request_target", "pull_request_review"])
def test_the_commit_is_the_head_of_the_pull_request_and_never_the_merge(name: str) -> None:
    found = event(name, pull())
    assert (found.head, found.base, found.pull) == (HEAD, BASE, 12)
    assert (found.branch, found.default_branch) == ("main", "trunk")
    assert found.of_pull_request


def test_a_fork_that_was_deleted_is_still_a_head() -> None:
    assert event("pull_request", pull(head={"sha": HEAD, "repo": None})).head == HEAD


def test_a_merge_group_names_its_pull_request() -> None:
    group = {"head_sha": HEAD, "base_sha": BASE, "head_ref": f"refs/heads/gh-readonly-queue/main/pr-12-{BASE}"}
    found = event("merge_group", {"merge_group": {**group, "base_ref": "refs/heads/main"}})
    assert (found.branch, found.default_branch) == ("main", "")
    assert (found.head, found.base, found.pull, found.of_pull_request) == (HEAD, BASE, 12, False)


def test_a_push_of_a_new_branch_has_no_commit_before_it() -> None:
    found = event("push", {"ref": "refs/heads/a/b", "before": ZEROS, "after": HEAD})
    assert (found.head, found.base, found.branch) == (HEAD, None, "a/b")


def test_a_workflow_run_tells_of_another_run() -> None:
    run = {
        "id": 3,
        "event": "pull_request",
        "head_sha": HEAD,
        "head_branch": "patch",
        "head_repository": {"id": 8, "owner": {"login": "eve"}},
    }
    other = event("workflow_run", {"workflow_run": run, "repository": {"id": 7}}).other
    assert other.fork
    assert (other.id, other.event, other.head, other.repository_id, other.owner) == (3, "pull_request", HEAD, 8, "eve")


def test_other_events_judge_the_workflows_own_commit() -> None:
    assert event("schedule", {}).head == "c" * 40


@pytest.mark.parametrize("payload", ["", "[]", "{}", '{"repository": 1}', '{"pull_request": {"number": 1}}'])
def test_a_payload_that_is_not_githubs_is_refused(payload: str) -> None:
    with pytest.raises(InputError, match="not what GitHub sends"):
        read_event("pull_request", payload, repository="o/r", sha=HEAD)


@pytest.mark.parametrize("sha", ["main", "", None, "--upload-pack=x", "A" * 40])
def test_a_commit_is_a_whole_commit_id(sha: Any) -> None:
    with pytest.raises(InputError, match="not what GitHub sends"):
        event("pull_request", pull(head={"sha": sha, "repo": {"id": 7}}))
