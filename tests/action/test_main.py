"""Tests of the action for each event, with a real repository, a scripted endpoint and a fake GitHub on loopback."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from action.gated_pull_request import BRIEF, MAJOR, Hub, Ran, worse
from chat_server import Reply
from gated_project import prompt

# Verdicts


def test_a_pass_is_a_success_of_the_head_with_a_comment_a_summary_and_outputs(hub: Hub) -> None:
    head = hub.push()
    ran = hub.run()
    assert ran.code == 0, ran.log
    assert [(sha, state) for sha, state, _ in hub.statuses] == [(head, "pending"), (head, "success")]
    assert hub.statuses[-1][2].startswith("PASS: ")
    (comment,) = hub.comments
    assert "PASS" in comment.splitlines()[2]
    assert "PASS" in ran.summary
    assert ran.outputs["verdict"] == "PASS"
    assert ran.outputs["failed"] == "false"
    assert ran.outputs["level"] == "MINOR"
    assert ran.outputs["regressions"] == "0"
    assert ran.outputs["baseline-sha"] == hub.base
    assert ran.outputs["comment-url"].endswith("#issuecomment-1001")
    assert float(ran.outputs["cost-usd"]) > 0
    assert json.loads(Path(ran.outputs["report-json"]).read_text())["decision"] == "PASS"
    assert "PASS" in Path(ran.outputs["report-markdown"]).read_text()


def test_a_regression_blocks_and_its_fix_updates_the_same_comment(hub: Hub) -> None:
    hub.world.application = worse
    hub.push()
    ran = hub.run()
    assert ran.code == 1
    assert hub.statuses[-1][:2] == (hub.head, "failure")
    assert int(ran.outputs["regressions"]) > 0
    (comment,) = hub.comments
    assert "FAIL" in comment.splitlines()[2]
    errors = [line for line in ran.log.splitlines() if line.startswith("::error ")]
    assert 1 < len(errors) <= 10
    assert "file=prompts/support.prompt.yml,line=2," in errors[0]
    assert "file=cases.jsonl,line=" in errors[1]

    hub.push("1.1.1", "Be exact, and friendly.")
    assert hub.run().code == 0
    (fixed,) = hub.comments
    assert "PASS" in fixed.splitlines()[2]
    assert "Earlier runs" in fixed
    assert hub.statuses[-1][:2] == (hub.head, "success")


def test_nothing_gated_changed_is_a_success_without_a_call_or_a_comment(hub: Hub) -> None:
    hub.push("", **{"README.md": "hello"})
    ran = hub.run()
    assert (ran.code, ran.outputs["verdict"], ran.outputs["level"]) == (0, "PASS", "")
    assert hub.statuses[-1][1:] == ("success", "PASS: No gated prompt has changed.")
    assert hub.comments == []
    assert hub.world.server.received == []


def test_an_endpoint_that_is_down_is_an_error_and_the_comment_says_so(hub: Hub) -> None:
    hub.push()
    hub.run()
    hub.world.application = lambda system, user: Reply(status=401, body={"error": {"message": "no"}})
    hub.push("1.2.0", MAJOR)
    ran = hub.run()
    assert ran.code == 3
    assert hub.statuses[-1][1] == "error"
    assert ran.outputs["verdict"] == "ERROR"
    assert "::error" in ran.log
    (comment,) = hub.comments
    assert "PASS" not in comment.splitlines()[2]


def test_a_file_that_may_be_missing_is_not_missing_where_it_is_a_link(hub: Hub) -> None:
    text = prompt(manner="{% include 'extra.txt' ignore missing %}")
    hub.configure("prompt: prompts/support.prompt.yml", "prompt: prompts/support.prompt.yml\n    template: jinja")
    hub.world.repository.git("switch", "--quiet", "main")
    hub.base = hub.world.repository.commit("jinja", **{"prompts/support.prompt.yml": text, "docs/rude.txt": BRIEF})
    hub.world.repository.git("switch", "--quiet", "work")
    hub.world.repository.git("merge", "--quiet", "--ff-only", "main")
    (hub.world.root / "prompts" / "extra.txt").symlink_to("../docs/rude.txt")
    hub.push("")
    ran = hub.run()
    assert ran.code == 2
    assert hub.statuses[-1][1] == "error"
    assert "prompts/extra.txt is a symbolic link" in ran.log


def test_a_broken_prompt_is_an_error_at_its_place(hub: Hub) -> None:
    hub.push("", **{"prompts/support.prompt.yml": "messages: [\n"})
    ran = hub.run()
    assert ran.code == 2
    assert hub.statuses[-1][1] == "error"
    assert re.search(r"^::error .*file=prompts/support.prompt.yml,line=\d", ran.log, re.MULTILINE)


@pytest.mark.parametrize(("rule", "code"), [("inconclusive", 1), ("fail", 1), ("never", 0)])
def test_fail_on_says_when_the_job_fails(hub: Hub, rule: str, code: int) -> None:
    hub.world.application = worse
    hub.push()
    assert hub.run(fail_on=rule).code == code
    assert hub.statuses[-1][1] == "failure"


@pytest.mark.parametrize("inputs", [{"fail_on": "sometimes"}, {"config": "../elsewhere.yml"}, {"command": "report"}])
def test_inputs_that_cannot_be_are_a_usage_error(hub: Hub, inputs: dict[str, str]) -> None:
    hub.push()
    ran = hub.run(**inputs)
    assert ran.code == 2
    assert "::error title=evalgate" in ran.log


# Policy of the base


def test_a_change_is_judged_by_the_rules_of_the_base_and_never_by_its_own(hub: Hub) -> None:
    hub.world.application = worse
    config = yaml.safe_load((hub.world.root / "evalgate.yml").read_text())
    config["gates"][0]["checks"] = [{"type": "length", "min_chars": 1}]
    config["gates"][0]["judges"] = []
    hub.push(**{"evalgate.yml": yaml.safe_dump(config), "cases.jsonl": '{"id": "one", "query": "", "context": ""}\n'})
    ran = hub.run()
    assert ran.code == 1
    assert ran.outputs["level"] == "MAJOR"
    (comment,) = hub.comments
    before, _, _ = comment.partition("\n## ")
    assert "cases.jsonl and 1 more file" in before
    assert "judged by the base's version" in before


def test_a_change_of_the_rules_alone_waits_for_a_person(hub: Hub) -> None:
    config = (hub.world.root / "evalgate.yml").read_text().replace("attempts: 2", "attempts: 3")
    hub.push("", **{"evalgate.yml": config})
    ran = hub.run()
    assert (ran.code, ran.outputs["verdict"]) == (5, "PENDING")
    assert hub.statuses[-1][1] == "pending"
    assert hub.statuses[-1][2].startswith("MAJOR: needs approval by a person")

    hub.server.add_person("bob", "write")
    hub.server.add_review(7, "bob", "APPROVED", at="2099-01-01T00:00:00Z")
    ran = hub.run("pull_request_review")
    assert (ran.code, ran.outputs["verdict"]) == (0, "PASS")
    assert hub.statuses[-1][1] == "success"
    assert re.search("[Ss]igned off.*bob", hub.comments[0])
    assert json.loads(Path(ran.outputs["report-json"]).read_text())["sign_off"]["by"] == "bob"

    before = len(hub.world.server.received)
    ran = hub.run("merge_group", hub.group())
    assert (ran.code, hub.statuses[-1][1:]) == (0, ("success", "PASS: MAJOR, signed off in #7"))
    assert len(hub.world.server.received) == before


def test_a_queue_refuses_a_change_without_a_sign_off(hub: Hub) -> None:
    config = (hub.world.root / "evalgate.yml").read_text().replace("attempts: 2", "attempts: 3")
    hub.push("", **{"evalgate.yml": config})
    hub.run()
    ran = hub.run("merge_group", hub.group())
    assert ran.code == 5
    assert hub.statuses[-1][1] == "failure"


def test_a_queue_does_not_believe_the_comment(hub: Hub) -> None:
    config = (hub.world.root / "evalgate.yml").read_text().replace("attempts: 2", "attempts: 3")
    hub.push("", **{"evalgate.yml": config})
    hub.run()
    (shown,) = hub.server.state["comments"]
    shown["body"] = shown["body"].replace('"sign_off":"asked"', '"sign_off":"given"')
    assert '"sign_off":"given"' in shown["body"]
    ran = hub.run("merge_group", hub.group())
    assert (ran.code, hub.statuses[-1][1]) == (5, "failure")
    assert "#7: needs approval by a person" in ran.log


@pytest.mark.parametrize("mode", ["review", "label"])
def test_no_edit_of_the_comment_makes_an_early_approval_a_sign_off(hub: Hub, mode: str) -> None:
    """The time in the comment is text that people with write permission may edit; a status' time is GitHub's."""
    inputs = {"sign_off": mode}
    config = (hub.world.root / "evalgate.yml").read_text().replace("attempts: 2", "attempts: 3")
    before, after = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
    hub.push("", **{"evalgate.yml": config})
    hub.run(**inputs)
    hub.server.add_person("bob", "write")
    (shown,) = hub.server.state["comments"]
    first = min(one["created_at"] for one in hub.server.state["statuses"] if one["description"] != "being evaluated")
    shown["created_at"] = before
    shown["body"] = re.sub(r'"at":"[^"]*"', f'"at":"{before}"', shown["body"])

    def approve(at: str) -> None:
        if mode == "label":
            hub.server.add_label(7, "evalgate-approved", actor="bob", at=at)
        else:
            hub.server.add_review(7, "bob", "APPROVED", at=at)

    approve(first)
    ran = hub.run("pull_request_review", **inputs)
    assert (ran.code, hub.statuses[-1][1]) == (5, "pending")
    assert "before the report was published" in hub.statuses[-1][2]
    approve(after)
    assert hub.run("pull_request_review", **inputs).code == 0
    assert hub.run("merge_group", hub.group(), **inputs).code == 0
    for status in hub.server.state["statuses"]:
        status["creator"] = "eve"
    ran = hub.run("merge_group", hub.group(), **inputs)
    assert (ran.code, hub.statuses[-1][1]) == (5, "failure")


def test_a_queue_whose_branch_names_no_pull_request_looks_for_it(hub: Hub) -> None:
    config = (hub.world.root / "evalgate.yml").read_text().replace("attempts: 2", "attempts: 3")
    hub.push("", **{"evalgate.yml": config})
    hub.run()
    payload = hub.group()
    payload["merge_group"]["head_ref"] = "refs/heads/queue/main"
    assert hub.run("merge_group", payload).code == 5
    hub.server.add_person("bob", "write")
    hub.server.add_review(7, "bob", "APPROVED", at="2099-01-01T00:00:00Z")
    ran = hub.run("merge_group", payload)  # the gate did not run again: the comment still asks for a sign-off
    assert (ran.code, hub.statuses[-1][1:]) == (0, ("success", "PASS: MAJOR, signed off in #7"))


def test_a_pass_that_took_no_sign_off_is_none_in_the_queue(hub: Hub) -> None:
    """Require a sign-off in the queue if the change is small for the pull request, but large for the queue's base."""
    small, large = prompt("1.1.0", BRIEF), prompt("0.9.0", MAJOR)
    hub.push("", **{"prompts/support.prompt.yml": small})
    assert hub.run().outputs["level"] == "MINOR"
    queued = hub.head
    hub.world.repository.git("switch", "--quiet", "main")
    hub.world.repository.commit("other", **{"prompts/support.prompt.yml": large})
    base = hub.world.repository.git("rev-parse", "HEAD")
    group = hub.world.repository.commit("queued", **{"prompts/support.prompt.yml": small})
    assert queued != group
    payload = hub.group()
    payload["merge_group"] |= {"head_sha": group, "base_sha": base}
    ran = hub.run("merge_group", payload)
    assert ran.outputs["level"] == "MAJOR", ran.log
    assert (ran.code, hub.statuses[-1][1]) == (5, "failure"), ran.log


def test_a_push_after_the_sign_off_voids_it(hub: Hub) -> None:
    text = (hub.world.root / "evalgate.yml").read_text()
    hub.push("", **{"evalgate.yml": text.replace("attempts: 2", "attempts: 3")})
    hub.run()
    hub.server.add_person("bob", "write")
    hub.server.add_review(7, "bob", "APPROVED", at="2099-01-01T00:00:00Z")
    assert hub.run().code == 0
    reviews = hub.server.state["pulls"]["7"]["reviews"]
    hub.push("", **{"evalgate.yml": text.replace("attempts: 2", "attempts: 4")})
    hub.server.state["pulls"]["7"]["reviews"] = reviews
    ran = hub.run()
    assert (ran.code, hub.statuses[-1][1]) == (5, "pending")


def test_a_merge_group_takes_the_verdict_that_is_there(hub: Hub) -> None:
    hub.push()
    hub.run()
    before = len(hub.world.server.received)
    ran = hub.run("merge_group", hub.group())
    assert (ran.code, ran.outputs["verdict"]) == (0, "PASS")
    assert len(hub.world.server.received) == before
    assert len(hub.comments) == 1


# Branches, and when they move


def _weak(hub: Hub) -> str:
    """Make a branch with a policy that requires nothing, as any author can."""
    config = yaml.safe_load((hub.world.root / "evalgate.yml").read_text())
    config["gates"][0]["checks"] = [{"type": "length", "min_chars": 1}]
    config["gates"][0]["judges"] = []
    hub.world.repository.git("switch", "--quiet", "--create", "weak", "main")
    tip = hub.world.repository.commit("weak", **{"evalgate.yml": yaml.safe_dump(config)})
    hub.world.repository.git("switch", "--quiet", "work")
    hub.server.state["branches"]["weak"] = tip
    return tip


def _contexts(hub: Hub) -> dict[str, str]:
    """Return the state of each status of the head."""
    return {one["context"]: one["state"] for one in hub.server.state["statuses"] if one["sha"] == hub.head}


def test_what_passes_on_its_way_to_another_branch_has_not_passed_for_the_default_one(hub: Hub) -> None:
    """Give each target branch its own status: a status belongs to a commit, which two pull requests can share."""
    hub.world.application = worse
    tip = _weak(hub)
    hub.push()
    assert hub.run().code == 1
    to_weak = hub.pull(number=8, base={"sha": tip, "ref": "weak", "repo": {"id": 1}})
    hub.server.add_pull(8, head=hub.head, base=tip, ref="work")
    assert hub.run(payload=to_weak).code == 0
    assert _contexts(hub) == {"evalgate": "failure", "evalgate (to weak)": "success"}
    hub.run("push", {"ref": "refs/heads/work", "before": tip, "after": hub.head, **_repository()})
    assert _contexts(hub)["evalgate"] == "failure"


def test_what_a_forks_run_says_is_shown_where_each_pull_request_goes_to(hub: Hub) -> None:
    hub.push()
    hub.server.add_pull(8, head=hub.head, author="eve", fork=("eve/prompts", 8), ref="work")
    other = hub.server.add_pull(9, head=hub.head, author="eve", fork=("eve/prompts", 8), ref="work")
    other["base"]["ref"] = "weak"
    run: dict[str, Any] = {"id": 3, "event": "pull_request", "head_sha": hub.head, "head_branch": "work"}
    run["head_repository"] = {"id": 8, "owner": {"login": "eve"}}
    hub.server.add_artifact(3, 30, "evalgate-report", b"no zip")
    payload = {"workflow_run": run, "repository": {"id": 1, "default_branch": "main"}}
    assert hub.run("workflow_run", payload, command="report").code == 2
    assert _contexts(hub) == {"evalgate": "error", "evalgate (to weak)": "error"}


def _repository() -> dict[str, Any]:
    return {"repository": {"default_branch": "main"}}


def test_two_configurations_of_a_repository_do_not_speak_for_each_other(hub: Hub) -> None:
    hub.push()
    assert hub.run(working_directory="shop").code != 0  # there is no configuration
    assert hub.run(config="./evalgate.yml").code == 0
    assert _contexts(hub) == {"evalgate (shop/evalgate.yml)": "error", "evalgate": "success"}


def test_the_rules_are_those_that_the_branch_has_now_whenever_the_event_was(hub: Hub) -> None:
    """Repeat a run, whose payload is old; GitHub does not update base.sha."""
    hub.push()
    assert hub.run().code == 0
    old = hub.pull()
    hub.world.repository.git("switch", "--quiet", "main")
    config = (hub.world.root / "evalgate.yml").read_text()
    strict = config.replace("- {type: is_json}", "- {type: is_json}\n      - {type: length, min_chars: 9999}")
    hub.server.state["branches"]["main"] = hub.world.repository.commit("strict", **{"evalgate.yml": strict})
    hub.world.repository.git("switch", "--quiet", "work")
    ran = hub.run(payload=old)
    assert (ran.code, hub.statuses[-1][1]) == (4, "failure"), ran.log
    assert "length: holds in no draw of either version" in ran.log


def test_where_the_branch_stands_now_cannot_be_told_nothing_passes(hub: Hub) -> None:
    hub.push()
    hub.server.fault("/git/ref/", status=404, times=9, message="Not Found")
    ran = hub.run()
    assert (ran.code, hub.statuses[-1][1]) == (3, "error"), ran.log


def test_what_has_no_base_of_its_own_is_judged_by_the_default_branch(hub: Hub) -> None:
    """Use the default branch of the event, even if there is another branch called main."""
    hub.world.application = worse
    hub.world.repository.git("branch", "trunk", "main")
    hub.server.state["branches"]["trunk"] = hub.base
    hub.push()
    hub.world.repository.git("branch", "--force", "main", hub.head)
    ran = hub.run("workflow_dispatch", {"repository": {"default_branch": "trunk"}})
    assert ran.code == 1, ran.log


@pytest.mark.parametrize("is_stale_main_there", [False, True])
def test_a_watch_asks_the_default_branch_of_the_event(hub: Hub, is_stale_main_there: bool) -> None:
    git = hub.world.repository.git
    hub.push("1.1.0")
    git("branch", "trunk", hub.head)
    if not is_stale_main_there:
        git("branch", "-D", "main")
    ran = hub.run("schedule", {"repository": {"default_branch": "trunk"}}, command="drift")
    assert ran.code == 3, ran.log
    assert "no samples of support 1.1.0" in ran.log


# Attempts

NOISY = "Be noisy, always and everywhere, please."


def mixed(hub: Hub) -> None:
    """Answer badly to a brief prompt. Answer a noisy one with the baseline's mean, but other scores per case."""

    def application(system: str, user: str) -> str:
        return "I do not know" if BRIEF in system else json.dumps({"answer": user, "noisy": NOISY in system})

    def grade(judged: str) -> int:
        number = re.search(r"question (\d+)", judged)
        assert number is not None
        return 5 if (int(number.group(1)) % 2 == 0) == ("true" in judged) else 3

    hub.world.application, hub.world.grade = application, grade


def _attempts(ran: Ran) -> tuple[int | None, bool] | None:
    found = json.loads(Path(ran.outputs["report-json"]).read_text())["attempts"]
    return found and (found["number"], found["blocked_before"])


def _keys(hub: Hub) -> list[str]:
    """Return the keys of the verdicts in the statuses, oldest first."""
    urls = [one["target_url"] for one in hub.server.state["statuses"]]
    return [url.partition("#evalgate-key=")[2] for url in urls if "#" in url]


def test_other_content_is_another_attempt_and_the_same_is_none(hub: Hub) -> None:
    mixed(hub)
    hub.push()
    ran = hub.run()
    assert (ran.code, _attempts(ran)) == (1, (1, False))
    assert "Attempts" not in hub.comments[0]
    ran = hub.run()  # the same commit again
    assert (ran.code, _attempts(ran)) == (1, (1, False))
    hub.push("1.1.1", BRIEF + "  \u200b ")  # white space and invisible characters
    ran = hub.run()
    assert (ran.code, _attempts(ran)) == (1, (1, False))
    assert len(_keys(hub)) == 3
    assert len(set(_keys(hub))) == 1

    hub.push("1.1.2", BRIEF + " Now.")
    assert _attempts(hub.run()) == (2, True)
    hub.push("1.1.3", NOISY)
    ran = hub.run()
    assert (ran.code, ran.outputs["verdict"], _attempts(ran)) == (0, "INCONCLUSIVE", (3, True))
    assert (
        "attempt 3: by chance alone, a drop of 0.05 would pass at least one of these with a probability of 14 %"
        in hub.comments[0]
    )
    assert len(set(_keys(hub))) == 3
    ran = hub.run("merge_group", hub.group())
    assert (ran.code, _attempts(ran)) == (0, (3, True))


def test_strict_an_inconclusive_blocks_after_a_fail_and_a_fourth_pass_needs_a_person(hub: Hub) -> None:
    hub.rule(attempts="strict")
    mixed(hub)
    hub.push("1.1.0", NOISY)
    ran = hub.run()
    assert (ran.code, ran.outputs["verdict"], _attempts(ran)) == (0, "INCONCLUSIVE", (1, False))
    hub.push("1.2.0", BRIEF)
    assert hub.run().code == 1
    hub.push("1.3.0", NOISY + " Now.")
    ran = hub.run()
    assert (ran.code, _attempts(ran)) == (4, (3, True)), ran.log
    assert hub.statuses[-1][1] == "failure"
    assert "An earlier verdict in this pull request blocked" in hub.statuses[-1][2]

    hub.push("1.4.0", "Be exact, and friendly.")
    ran = hub.run()
    assert (ran.code, ran.outputs["level"], _attempts(ran)) == (5, "MINOR", (4, True)), ran.log
    assert hub.statuses[-1][1] == "pending"
    assert hub.statuses[-1][2].startswith("MINOR: needs approval by a person")
    assert hub.run("merge_group", hub.group()).code == 5
    hub.server.add_person("bob", "write")
    hub.server.add_review(7, "bob", "APPROVED", at="2099-01-01T00:00:00Z")
    ran = hub.run("pull_request_review")
    assert (ran.code, ran.outputs["verdict"], _attempts(ran)) == (0, "PASS", (4, True))
    stored, again = Path(ran.outputs["report-json"]), hub.world.root / "again.json"
    ended = hub.world.evalgate("decide", str(stored), "--format", "json", "--output", str(again))
    assert (ended.code, again.read_bytes()) == (0, stored.read_bytes())
    assert hub.run("merge_group", hub.group()).code == 0


@pytest.mark.parametrize("fault", ["/graphql", "/pulls/7/commits", "/statuses/"])
@pytest.mark.parametrize(("mode", "code"), [("note", 0), ("strict", 5)])
def test_attempts_that_cannot_be_counted_are_not_known_and_strict_takes_them_for_four(
    hub: Hub, fault: str, mode: str, code: int
) -> None:
    hub.rule(attempts=mode)
    hub.push()
    hub.server.fault(fault, method="POST" if fault == "/graphql" else "GET", status=404, times=9, message="Not Found")
    ran = hub.run(sign_off="none")
    assert (ran.code, _attempts(ran)) == (code, (None, True)), ran.log
    assert "::warning title=evalgate::attempts: GitHub did not" in ran.log
    assert "attempts  unknown" in ran.log
    assert "unknown, so this may not be the first attempt" in hub.comments[0]


def test_without_a_token_attempts_are_not_known(hub: Hub) -> None:
    hub.rule(attempts="strict")
    hub.push()
    ran = hub.run(github_token="")
    assert (ran.code, _attempts(ran)) == (5, (None, True)), ran.log


def test_where_no_status_can_be_set_attempts_are_not_known(hub: Hub) -> None:
    hub.server.state["read_only"] = True
    hub.push()
    ran = hub.run()
    assert (ran.code, _attempts(ran)) == (0, (None, True))


def test_what_was_pushed_over_by_force_still_counts(hub: Hub) -> None:
    mixed(hub)
    for number in (1, 2):
        hub.push(f"1.{number}.0", BRIEF + " Now." * number)
        assert hub.run().code == 1
    hub.world.repository.git("reset", "--quiet", "--hard", hub.base)
    hub.world.edit("1.3.0", "Be exact, and friendly.")
    hub.head = hub.world.repository.commit("edit")
    hub.server.force_push(7, hub.head)
    assert _attempts(hub.run()) == (3, True)


def test_only_what_the_bot_itself_has_set_counts(hub: Hub) -> None:
    """Ignore statuses by people with write permission, who can set any name."""
    hub.push()
    url = "https://github.test/acme/prompts/actions/runs/1/attempts/1#evalgate-key="
    own = {"sha": hub.head, "state": "failure", "description": "d", "created_at": "2026-05-01T12:00:00Z"}
    for number, (creator, context) in enumerate([("ann", "evalgate"), ("github-actions[bot]", "evalgate (to weak)")]):
        facts = {"id": 90 + number, "creator": creator, "context": context, "target_url": url + "a" * 32}
        hub.server.state["statuses"].append({**own, **facts})
    assert _attempts(hub.run()) == (1, False)
    hub.server.state["statuses"].append(
        {**own, "id": 99, "creator": "github-actions[bot]", "context": "evalgate", "target_url": url + "b" * 32}
    )
    assert _attempts(hub.run()) == (2, True)


def test_a_forks_artifact_neither_counts_nor_tells_of_attempts(hub: Hub) -> None:
    hub.world.application = worse
    hub.push()
    ran = hub.run()
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.write(ran.outputs["report-json"], "report.json")
    hub.server.state["statuses"].clear()
    hub.server.add_pull(8, head=hub.head, author="eve", fork=("eve/prompts", 8), ref="work")
    run: dict[str, Any] = {"id": 3, "event": "pull_request", "head_sha": hub.head, "head_branch": "work"}
    run["head_repository"] = {"id": 8, "owner": {"login": "eve"}}
    hub.server.add_artifact(3, 30, "evalgate-report", zipped.getvalue())
    payload = {"workflow_run": run, "repository": {"id": 1, "default_branch": "main"}}
    ran = hub.run("workflow_run", payload, command="report")
    assert (ran.code, _attempts(ran), _keys(hub)) == (1, None, [])
    assert [state for _, state, _ in hub.statuses] == ["failure"]


def test_what_is_no_pull_request_has_no_attempts_and_is_one_of_those_that_it_becomes(hub: Hub) -> None:
    mixed(hub)
    hub.push()
    ran = hub.run("workflow_dispatch", _repository())
    assert (ran.code, _attempts(ran)) == (1, None)
    hub.push("1.2.0", NOISY)
    assert _attempts(hub.run()) == (2, True)


# Without secrets


@pytest.mark.parametrize(
    ("mode", "code", "verdict"), [("fail", 2, "ERROR"), ("pending", 3, "PENDING"), ("replay", 3, "PENDING")]
)
def test_without_the_providers_key_nothing_passes(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, mode: str, code: int, verdict: str
) -> None:
    hub.push()
    hub.run()  # even if all answers are cached by now
    monkeypatch.delenv("API_KEY")
    for version, manner in (("1.1.0", BRIEF), ("1.2.0", MAJOR)):
        hub.push(version, manner)
        ran = hub.run(missing_secrets=mode)
        assert (ran.outputs["verdict"], hub.statuses[-1][1]) == (verdict, verdict.lower())
        assert ran.code == code


@pytest.mark.parametrize(
    ("mode", "code", "verdict"), [("fail", 2, "ERROR"), ("pending", 3, "PENDING"), ("replay", 3, "PENDING")]
)
def test_without_a_variable_of_the_target_only_a_change_of_a_prompt_waits(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, mode: str, code: int, verdict: str
) -> None:
    hub.configure("model: m,", 'model: "${CHAT_MODEL}",')
    monkeypatch.setenv("CHAT_MODEL", "of-the-variable")
    hub.push()
    assert hub.run().code == 0
    assert {one.body["model"] for one in hub.world.server.received} == {"of-the-variable"}
    monkeypatch.delenv("CHAT_MODEL")
    hub.push("1.2.0", BRIEF)
    ran = hub.run(missing_secrets=mode)
    assert (ran.code, ran.outputs["verdict"]) == (code, verdict)
    hub.push("1.1.0", MAJOR)
    assert hub.run(missing_secrets="replay").outputs["verdict"] == "FAIL"


def test_without_the_providers_key_what_is_proven_wrong_fails(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("API_KEY")
    hub.push("1.0.0", MAJOR)
    ran = hub.run(missing_secrets="replay")
    assert (ran.code, ran.outputs["verdict"]) == (1, "FAIL")
    assert "without a new version" in hub.statuses[-1][2]


def test_nothing_changed_passes_without_a_key(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("API_KEY")
    hub.push("", **{"README.md": "hello"})
    assert hub.run().code == 0


def test_nothing_changed_passes_without_a_variable_of_the_target(hub: Hub) -> None:
    hub.configure("model: m,", 'model: "${CHAT_MODEL}",')
    hub.push("", **{"README.md": "hello"})
    assert hub.run().code == 0


def test_two_configurations_in_one_job_do_not_write_the_same_comment(hub: Hub) -> None:
    config = (hub.world.root / "evalgate.yml").read_text().replace("support", "legal")
    hub.world.repository.git("switch", "--quiet", "main")
    hub.base = hub.world.repository.commit("legal", **{"legal.yml": config, "prompts/legal.prompt.yml": prompt()})
    hub.world.repository.git("switch", "--quiet", "work")
    hub.world.repository.git("merge", "--quiet", "--ff-only", "main")
    hub.server.add_person("bob", "write")
    hub.push("2.0.0", MAJOR, **{"prompts/legal.prompt.yml": prompt("2.0.0", MAJOR)})
    for code in (5, 0):
        assert [hub.run(config=config).code for config in ("evalgate.yml", "legal.yml")] == [code, code]
        assert len(hub.comments) == 2
        hub.server.add_review(7, "bob", "APPROVED", at="2099-01-01T00:00:00Z")
    hub.world.application = lambda system, user: "I do not know" if BRIEF in system else json.dumps({"answer": user})
    hub.push("2.0.1", BRIEF)
    first, _ = (hub.run(config=config).code for config in ("evalgate.yml", "legal.yml"))
    assert first == 1
    assert sum("FAIL" in comment.splitlines()[2] for comment in hub.comments) == 1


# Paths of a run


@pytest.mark.parametrize("path", [".evalgate/verdicts/x.json", ".EvalGate/x.json", "store/answers"])
def test_a_change_that_commits_the_store_is_refused_and_so_is_no_other(hub: Hub, path: str) -> None:
    git, inputs = hub.world.repository.git, {"cache_path": "store"} if path.startswith("store") else {}
    hub.world.repository.write(path, "{}")
    git("add", "--force", path)
    hub.push("")
    assert hub.run(**inputs).code == 2
    assert "puts the store under version control" in hub.statuses[-1][2]
    git("rm", "-r", "--quiet", path.split("/", maxsplit=1)[0])
    hub.push()
    assert hub.run(**inputs).code == 0


def test_a_link_in_the_workspace_leads_nowhere(hub: Hub, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (hub.world.root / ".evalgate").symlink_to(elsewhere)
    hub.push()
    ran = hub.run()
    assert ran.code == 2
    assert "goes through a symbolic link" in ran.log


@pytest.mark.parametrize("name", ["report_dir", "cache_path"])
def test_a_whole_path_into_the_workspace_leads_through_no_link_either(hub: Hub, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (hub.world.root / "link").symlink_to(elsewhere)
    hub.push()
    ran = hub.run(**{name: str(hub.world.root / "link" / "x")})
    assert "goes through a symbolic link" in ran.log
    assert list(elsewhere.iterdir()) == []


def test_limits_of_the_workflow_go_before_those_of_the_configuration(hub: Hub) -> None:
    hub.push()
    ran = hub.run(max_cost_usd="0")
    assert ran.outputs["verdict"] in ("ERROR", "INCONCLUSIVE")
    assert ran.code != 0
    hub.world.server.most_at_once = 0
    hub.push("1.2.0", BRIEF)
    hub.run(max_concurrency="2")
    assert 1 <= hub.world.server.most_at_once <= 2


def test_a_commit_that_the_checkout_lacks_is_fetched(hub: Hub, tmp_path: Path) -> None:
    hub.push()
    hub.world.repository.git("switch", "--quiet", "main")
    remote = tmp_path / "acme" / "prompts"
    remote.parent.mkdir()
    hub.world.repository.git("clone", "--quiet", "--bare", str(hub.world.root), str(remote))
    hub.world.repository.git("branch", "-D", "work")
    hub.world.repository.git("reflog", "expire", "--expire=now", "--all")
    hub.world.repository.git("gc", "--quiet", "--prune=now")
    git = (remote / "config").read_text()
    (remote / "config").write_text(git + "[uploadpack]\n\tallowAnySHA1InWant = true\n")
    hub._patch.setattr("evalgate.action.job.Job.repository_url", property(lambda self: remote.as_uri()))
    ran = hub.run()
    assert (ran.code, ran.outputs["verdict"]) == (0, "PASS"), ran.log


# Untrusted text


def test_prompts_of_the_head_are_read_from_git_whatever_lies_in_the_workspace(hub: Hub) -> None:
    hub.push()
    (hub.world.root / "prompts/support.prompt.yml").write_text(prompt("9.9.9", MAJOR))
    (hub.world.root / "logging.py").write_text("raise SystemExit('imported')")
    assert hub.run().code == 0


def test_a_run_that_speaks_for_itself_is_not_reported_on(hub: Hub) -> None:
    hub.push()
    source = {"id": 1, "owner": {"login": "acme"}}
    run = {"id": 3, "event": "pull_request", "head_sha": hub.head, "head_branch": "work", "head_repository": source}
    ran = hub.run("workflow_run", {"workflow_run": run, "repository": {"id": 1}}, command="report")
    assert (ran.code, ran.outputs, ran.summary, hub.statuses, hub.comments) == (0, {}, "", [], [])
