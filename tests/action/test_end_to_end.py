"""Tests of the workflows in README and docs/ with the real action, run by act with a fake GitHub on loopback."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from action import events, workflows
from action.harness import Machine, Ran
from action.hosted import CASES, CONFIG, PROMPT_PATH, Hosted, Pull, dataset, prompt
from chat_server import ChatServer, Received, Reply, completion
from github_server import GitHubServer
from release.rollout.lives import NOON, RULES, Life, by

from evalgate.commands.release.start import start
from evalgate.domain.rollout import Stage
from evalgate.release.document import ReleaseDocument
from evalgate.release.registry_access import open_registry

TOKEN = "ghs_of_the_job"
SECRETS = {"OPENAI_API_KEY": "sk-of-a-test"}
DOCS = workflows.of_docs()
BRIEF = {PROMPT_PATH: prompt("1.0.1", "Be brief.")}
WORSE = {PROMPT_PATH: prompt("1.0.2", "Be wrong.")}
FIXED = {PROMPT_PATH: prompt("1.0.3", "Be right.")}


class Team:
    """A repository, its fake GitHub, and a runner that has the action."""

    def __init__(self, hosted: Hosted, github: GitHubServer, machine: Machine, chat: ChatServer) -> None:
        self.hosted = hosted
        self.github = github
        self.machine = machine
        self.chat = chat
        self.runs = 0
        self.answer: Callable[[str], str] = lambda system: "nothing of it" if "Be wrong." in system else "all is fine"
        chat.script = self._reply

    def _reply(self, received: Received, number: int) -> Reply:
        return Reply(body=completion(self.answer(received.body["messages"][0]["content"])))

    def open(self, files: dict[str, str], **more: Any) -> Pull:
        return self._show(self.hosted.pull_request(7, files, **more))

    def push(self, pull: Pull, files: dict[str, str]) -> Pull:
        return self._show(self.hosted.push(pull, files))

    def _show(self, pull: Pull) -> Pull:
        fork = (pull.head_repository, pull.head_repository_id) if pull.fork else None
        before = self.github.state["pulls"].get("7", {})
        facts = self.github.add_pull(
            7, head=pull.head_sha, base=pull.base_sha, ref=pull.head_ref, author=pull.author, fork=fork
        )
        facts["reviews"] = before.get("reviews", [])
        facts["commits"] = [*before.get("commits", []), *facts["commits"]]
        return pull

    def run(self, event: events.Event, workflow: str = "prompts", **more: Any) -> Ran:
        self.runs += 1
        given = {"secrets": SECRETS, "token": TOKEN, "run_id": self.runs, **more}
        return self.machine.run(event, DOCS[workflow], **given)

    def trust_origin(self) -> None:
        """Let the action's own fetches find the repository."""
        there = f'[url "file://{self.hosted.origin}"]\n\tinsteadOf = https://github.com/{self.hosted.name}\n'
        (self.machine.folder / "home" / ".gitconfig").write_text(there, encoding="utf-8")

    def forget_caches(self) -> None:
        """Remove the caches, which a run of another ref does not see."""
        shutil.rmtree(self.machine.cache)
        self.machine.cache.mkdir()

    def statuses(self, sha: str) -> list[tuple[str, str]]:
        return [(one["state"], one["description"]) for one in self.github.state["statuses"] if one["sha"] == sha]

    @property
    def comments(self) -> list[str]:
        return [one["body"] for one in self.github.state["comments"] if one["author"] == "github-actions[bot]"]

    @property
    def verdict(self) -> str:
        """Return the headline of the only comment."""
        (body,) = self.comments
        return re.findall(r"^## \S+ (.*)$", body, re.MULTILINE)[0]


@pytest.fixture
def team(hosted: Hosted, machine: Callable[..., Machine], chat_server: ChatServer, tmp_path: Path) -> Iterator[Team]:
    github = GitHubServer({"repository": hosted.name, "repository_id": hosted.number, "token": TOKEN})
    runner = machine(action=workflows.installed_action(tmp_path / "installed"), api_url=github.url)
    yield Team(hosted, github, runner, chat_server)
    github.close()
    assert github.violations == []


def test_a_change_passes_a_regression_blocks_and_its_fix_updates_the_same_comment(team: Team) -> None:
    pull = team.open(BRIEF)
    ran = team.run(events.pull_request(team.hosted, pull, "opened"))
    assert ran.exit_code == 0, ran.log
    assert [state for state, _ in team.statuses(pull.head_sha)] == ["pending", "success"]
    assert team.statuses(pull.merge_sha) == []
    assert team.verdict == "PASS: `support`"
    assert "PASS" in ran.summary
    outputs = ran.job("judge").outputs["evalgate"]
    assert (outputs["verdict"], outputs["failed"], outputs["level"]) == ("PASS", "false", "PATCH")
    assert outputs["baseline-sha"] == pull.base_sha
    assert outputs["comment-url"]
    assert len(team.chat.received) == 2 * CASES

    worse = team.push(pull, WORSE)
    ran = team.run(events.pull_request(team.hosted, worse))
    assert ran.exit_code != 0
    assert ran.job("judge").result == "failure"
    state, description = team.statuses(worse.head_sha)[-1]
    assert (state, description[:5]) == ("failure", "FAIL:")
    assert team.verdict == "FAIL: `support`"
    assert "nothing of it" in team.comments[0]
    marks = [command for command in ran.job("judge").commands if command.name == "error"]
    assert 1 < len(marks) <= 10
    assert {mark.properties["file"] for mark in marks} == {PROMPT_PATH, "golden/support.jsonl"}
    assert ran.job("judge").outputs["evalgate"]["regressions"] == str(CASES)

    asked = len(team.chat.received)
    again = team.run(events.pull_request(team.hosted, worse))  # the verdict of the failed run is reused without a call
    assert again.exit_code != 0
    assert len(team.chat.received) == asked

    fixed = team.push(worse, FIXED)
    ran = team.run(events.pull_request(team.hosted, fixed))
    assert ran.exit_code == 0, ran.log
    assert team.statuses(fixed.head_sha)[-1][0] == "success"
    assert team.verdict == "PASS: `support`"
    assert "Earlier runs" in team.comments[0]
    assert "attempt 3: by chance alone" in team.comments[0]
    assert SECRETS["OPENAI_API_KEY"] not in ran.log
    assert TOKEN not in ran.log


def test_where_no_prompt_has_changed_nothing_is_asked(team: Team) -> None:
    pull = team.open({"README.md": "hello"})
    ran = team.run(events.pull_request(team.hosted, pull), secrets={})
    assert ran.exit_code == 0, ran.log
    assert team.statuses(pull.head_sha)[-1] == ("success", "PASS: No gated prompt has changed.")
    assert team.comments == []
    assert team.chat.received == []


@pytest.mark.long
def test_a_major_change_waits_for_a_review_and_passes_the_queue(team: Team) -> None:
    config = CONFIG.format(url=team.chat.url).replace("attempts: 1", "attempts: 2")
    pull = team.open({"evalgate.yml": config})
    assert team.run(events.pull_request(team.hosted, pull)).exit_code != 0
    state, description = team.statuses(pull.head_sha)[-1]
    assert (state, description[:21]) == ("pending", "MAJOR: needs approval")
    team.github.add_person("grace", "write")
    team.github.add_review(7, "grace", "APPROVED", at="2099-01-01T00:00:00Z")
    ran = team.run(events.pull_request_review(team.hosted, pull, by="grace"))
    assert ran.exit_code == 0, ran.log
    assert team.statuses(pull.head_sha)[-1][0] == "success"
    assert "grace" in team.comments[0]
    ran = team.run(events.merge_group(team.hosted, pull))
    assert ran.exit_code == 0, ran.log
    assert team.statuses(pull.merge_sha)[-1] == ("success", "PASS: MAJOR, signed off in #7")
    newer = team.push(pull, {"evalgate.yml": config.replace("attempts: 2", "attempts: 3")})
    assert team.run(events.pull_request(team.hosted, newer)).exit_code != 0
    assert team.statuses(newer.head_sha)[-1][0] == "pending"


def test_a_queue_uses_the_verdict_of_its_pull_request(team: Team) -> None:
    path = ".github/workflows/prompts.yml"
    team.hosted.commit_to_main("workflow", {path: DOCS["prompts"]})
    pull = team.open(BRIEF)
    assert team.run(events.pull_request(team.hosted, pull, "opened")).exit_code == 0
    artifact = (team.machine.artifacts / str(team.runs) / "evalgate-report.zip").read_bytes()
    team.github.add_artifact(team.runs, 1, "evalgate-report", artifact)
    team.github.state["runs"][str(team.runs)]["facts"] = {"path": path, "head_sha": pull.head_sha}
    asked = len(team.chat.received)
    team.forget_caches()
    ran = team.run(events.merge_group(team.hosted, pull), env={"GITHUB_WORKFLOW_REF": f"acme/shop/{path}@refs/heads/x"})
    assert ran.exit_code == 0, ran.log
    assert team.statuses(pull.merge_sha)[-1][0] == "success"
    assert len(team.chat.received) == asked


@pytest.mark.long
def test_a_revert_passes_and_says_what_it_is(team: Team) -> None:
    team.hosted.commit_to_main("bad", WORSE)
    pull = team.open({PROMPT_PATH: prompt()}, branch="revert")
    ran = team.run(events.pull_request(team.hosted, pull, "opened"))
    assert ran.exit_code == 0, ran.log
    assert team.statuses(pull.head_sha)[-1][0] == "success"
    assert "goes back to 1.0.0" in team.comments[0]


@pytest.mark.long
def test_an_apps_token_writes_one_comment(team: Team) -> None:
    team.github.state |= {"actor": "shop-ci[bot]", "viewer": "shop-ci[bot]"}
    pull = team.open(BRIEF)
    for _ in range(2):
        assert team.run(events.pull_request(team.hosted, pull)).exit_code == 0
    assert [one["author"] for one in team.github.state["comments"]] == ["shop-ci[bot]"]
    assert [state for state, _ in team.statuses(pull.head_sha)] == ["pending", "success", "success"]


@pytest.mark.long
def test_two_configurations_have_a_status_and_a_comment_each(team: Team) -> None:
    other = CONFIG.format(url=team.chat.url).replace("{type: contains, name: fact, from: expected}", "{type: is_json}")
    team.hosted.commit_to_main("second", {"strict.yml": other})
    workflow = (
        DOCS["prompts"]
        .replace("    runs-on: ubuntu-24.04\n", "    strategy:\n      matrix:\n        config: [evalgate.yml, strict.yml]\n    runs-on: ubuntu-24.04\n")
        .replace("comment-key: prompts", "comment-key: ${{ matrix.config }}\n          config: ${{ matrix.config }}")
        .replace("name: evalgate-report", "name: evalgate-report-${{ matrix.config }}")
    )  # fmt: skip
    pull = team.open(BRIEF)
    ran = team.machine.run(
        events.pull_request(team.hosted, pull), workflow, secrets=SECRETS, token=TOKEN, run_id=1, attempt=1
    )
    last = {one["context"]: one["state"] for one in team.github.state["statuses"]}
    assert last == {"evalgate": "success", "evalgate (strict.yml)": "failure"}, ran.log
    assert len(team.comments) == 2


@pytest.mark.long
def test_a_forks_change_of_the_docs_succeeds_without_a_key(team: Team) -> None:
    team.trust_origin()
    pull = team.open({"README.md": "a typing error is gone"}, fork="eve/shop", author="eve")
    team.github.state["pulls"]["7"]["files"] = ["README.md"]
    ran = team.run(events.workflow_run(team.hosted, pull, run=70), "prompts-of-forks", secrets={})
    assert ran.exit_code == 0, ran.log
    assert team.statuses(pull.head_sha) == [("success", "PASS: No gated prompt has changed.")]
    assert team.comments == []


@pytest.mark.long
def test_a_forks_run_is_shown_by_the_reporter_and_passes_only_with_a_key(team: Team) -> None:
    team.trust_origin()
    pull = team.open(BRIEF, fork="eve/shop", author="eve")
    team.github.state["pulls"]["7"]["files"] = [PROMPT_PATH]
    team.github.state["read_only"] = True
    ran = team.run(events.pull_request(team.hosted, pull, "opened"), secrets={})
    assert ran.exit_code != 0
    assert ran.job("judge").outputs["evalgate"]["verdict"] == "PENDING"
    assert team.statuses(pull.head_sha) == []
    assert team.chat.received == []

    team.github.state["read_only"] = False
    artifact = (team.machine.artifacts / str(team.runs) / "evalgate-report.zip").read_bytes()
    team.github.add_artifact(70, 1, "evalgate-report", artifact)
    ran = team.run(events.workflow_run(team.hosted, pull, run=70), "prompts-of-forks", secrets={})
    state, description = team.statuses(pull.head_sha)[-1]
    assert state == "pending", ran.log
    assert "run without secrets" in description
    assert "PASS" not in team.verdict

    event = events.pull_request(team.hosted, pull, "opened")
    main = team.hosted.work.git("rev-parse", "main")
    target = replace(event, name="pull_request_target", sha=main, ref="refs/heads/main")
    ran = team.run(target, "prompts-approved")
    assert ran.exit_code == 0, ran.log
    assert team.statuses(pull.head_sha)[-1][0] == "success"
    assert team.verdict == "PASS: `support`"


@pytest.mark.parametrize("artifact", [b"no zip", b""])
def test_a_forged_artifact_is_an_error_and_never_a_pass(team: Team, artifact: bytes) -> None:
    team.trust_origin()
    pull = team.open(BRIEF, fork="eve/shop", author="eve")
    team.github.state["pulls"]["7"]["files"] = [PROMPT_PATH]
    team.github.add_artifact(70, 1, "evalgate-report", artifact)
    ran = team.run(events.workflow_run(team.hosted, pull, run=70), "prompts-of-forks", secrets={})
    assert ran.exit_code != 0
    assert [state for state, _ in team.statuses(pull.head_sha)] == ["error"]


@pytest.mark.long
def test_nothing_in_the_workspace_is_imported_or_configures_the_installer(team: Team) -> None:
    trap = "import pathlib, os; pathlib.Path(os.environ['GITHUB_WORKSPACE'], 'caught').write_text('x'); raise SystemExit(9)\n"
    names = ("logging.py", "sitecustomize.py", "evalgate/__init__.py", "pip/__init__.py", "click.py")
    planted = dict.fromkeys(names, trap)
    planted["uv.toml"] = 'index-url = "http://127.0.0.1:9/"\n'
    planted["pyproject.toml"] = '[tool.uv]\nindex-url = "http://127.0.0.1:9/"\n'
    planted["pip.conf"] = "[global]\nindex-url = http://127.0.0.1:9/\n"
    pull = team.open(BRIEF | planted)
    ran = team.run(events.pull_request(team.hosted, pull))
    assert ran.exit_code == 0, ran.log
    assert team.statuses(pull.head_sha)[-1][0] == "success"


def test_a_prompt_that_is_a_link_is_no_prompt(team: Team) -> None:
    pull = team.open({"elsewhere.yml": prompt("1.0.1", "Be brief.")})
    link = team.hosted.work.root / PROMPT_PATH
    team.hosted.work.git("checkout", "--quiet", pull.head_ref)
    link.unlink()
    link.symlink_to("../elsewhere.yml")
    pull = team.push(pull, {})
    ran = team.run(events.pull_request(team.hosted, pull))
    assert ran.exit_code != 0
    state, description = team.statuses(pull.head_sha)[-1]
    assert state == "error"
    assert "link" in description


def test_rules_of_the_change_do_not_judge_it(team: Team) -> None:
    config = CONFIG.format(url=team.chat.url).replace(
        "{type: contains, name: fact, from: expected}", "{type: length, min_chars: 1}"
    )
    pull = team.open(WORSE | {"evalgate.yml": config, "golden/support.jsonl": dataset(1)})
    ran = team.run(events.pull_request(team.hosted, pull))
    assert ran.exit_code != 0
    assert team.statuses(pull.head_sha)[-1][0] == "failure"
    assert ran.job("judge").outputs["evalgate"]["level"] == "MAJOR"
    assert "judged by the base" in team.comments[0]


@pytest.mark.long
def test_the_comment_is_found_among_many_and_a_forged_one_is_left_alone(team: Team) -> None:
    pull = team.open(WORSE)
    team.run(events.pull_request(team.hosted, pull))
    (body,) = team.comments
    team.github.state["comments"].clear()
    team.github.add_comment(7, body, author="eve")
    for number in range(130):
        team.github.add_comment(7, f"comment {number}", author="ada")
    team.run(events.pull_request(team.hosted, pull))
    assert len(team.github.state["comments"]) == 132
    fixed = team.push(pull, FIXED)
    team.run(events.pull_request(team.hosted, fixed))
    assert len(team.github.state["comments"]) == 132
    assert team.verdict == "PASS: `support`"
    assert [one["body"] for one in team.github.state["comments"] if one["author"] == "eve"] == [body]


@pytest.mark.long
def test_the_baseline_is_sampled_after_a_merge_and_watched_for_drift(team: Team) -> None:
    before = team.hosted.work.git("rev-parse", "main")
    team.hosted.commit_to_main("edit", BRIEF)
    ran = team.run(events.push(team.hosted, before=before), "sample-the-baseline")
    assert ran.exit_code == 0, ran.log
    assert len(team.chat.received) == CASES
    pull = team.open({PROMPT_PATH: prompt("1.0.2", "Be quick.")})
    ran = team.run(events.pull_request(team.hosted, pull))
    assert ran.exit_code == 0, ran.log
    assert len(team.chat.received) == 2 * CASES  # only the candidate's: the baseline's samples came from the cache
    ran = team.run(events.schedule(team.hosted), "prompts-drift")
    assert "INCONCLUSIVE" in ran.summary  # nothing has drifted, but there are too few cases to prove it
    assert team.github.state["issues"] == {}
    team.answer = lambda system: "something else"
    ran = team.run(events.schedule(team.hosted), "prompts-drift")
    assert ran.exit_code != 0
    (issue,) = team.github.state["issues"].values()
    assert issue["title"].startswith("Drift: support answers worse")
    team.run(events.schedule(team.hosted), "prompts-drift")
    assert len(team.github.state["issues"]) == 1


@pytest.mark.long
def test_a_merged_change_is_published_promoted_and_rolled_back(team: Team) -> None:
    git = team.hosted.work.git
    team.trust_origin()
    config = CONFIG.format(url=team.chat.url) + "release: {registry: 'git:origin', token_env: GITHUB_TOKEN}\n"
    before = team.hosted.commit_to_main("registry", {"evalgate.yml": config})

    def read() -> ReleaseDocument:
        stored = open_registry(f"git:{team.hosted.origin}", team.machine.folder).read("support")
        assert stored is not None
        return stored.document

    def dispatch(command: str, **inputs: str) -> Ran:
        event = events.workflow_dispatch(team.hosted, inputs={"prompt": "support", **inputs}, actor="zoe")
        return team.run(event, f"prompts-{command}", secrets={})

    ran = team.run(events.push(team.hosted, before=before), "prompts-publish")
    assert ran.exit_code == 0, ran.log
    assert read().versions[read().entry.target or ""].version == "1.0.0"
    ran = dispatch("promote", to="production", version="", reason="")
    assert ran.exit_code == 0, ran.log
    first = read().labels["production"]

    git("checkout", "--quiet", "-B", "edit", "main")
    team.hosted.commit_to_main("edit", BRIEF)
    ran = team.run(events.push(team.hosted, before=before), "prompts-publish")
    assert ran.exit_code == 0, ran.log
    ran = dispatch("promote", to="production", version="1.0.1", reason="shorter")
    assert ran.exit_code == 0, ran.log
    assert "support: production is 1.0.1" in ran.summary
    assert (read().entry.who, read().entry.why) == ("zoe", "shorter")
    assert read().labels["production"] != first
    ran = dispatch("rollback", version="", reason="too short")
    assert ran.exit_code == 0, ran.log
    assert (read().labels["production"], read().entry.verb) == (first, "rollback")
    assert TOKEN not in ran.log
    assert git("-C", str(team.hosted.origin), "log", "--format=%s", "evalgate/releases").count("\n") == 4


@pytest.mark.long
def test_a_rollout_that_gets_worse_is_rolled_back_by_the_schedule_with_one_issue(team: Team) -> None:
    team.trust_origin()
    registry = open_registry(f"git:{team.hosted.origin}", team.machine.folder)
    life = Life(registry=registry)
    rules = replace(RULES, stages=(Stage(share=5000, hours=24),))
    began = datetime.now(UTC) - timedelta(hours=3)
    start(registry, "support", rules, replace(by(), at=began.strftime("%Y-%m-%dT%H:%M:%SZ")), "go")
    hours = (began - NOON) / timedelta(hours=1)
    rows = "".join(json.dumps(row) + "\n" for row in life.make_rows(400, hours + 0.5, hours + 2, drop=0.5))
    config = CONFIG.format(url=team.chat.url)
    config += "release: {registry: 'git:origin', token_env: GITHUB_TOKEN, rollout: {rows: rows/*.jsonl}}\n"
    team.hosted.commit_to_main("rows", {"evalgate.yml": config, "rows/today.jsonl": rows})

    ran = team.run(events.schedule(team.hosted), "prompts-tick", secrets={})
    job = ran.job("tick", prompt="support")
    assert job.result == "failure", ran.log
    outputs = job.outputs["evalgate"]
    assert (outputs["decision"], outputs["exit-code"], outputs["failed"]) == ("roll_back", "1", "true"), ran.log
    assert "support: 1.1.0 is rolled back: all users get 1.0.0" in ran.summary
    assert (life.document.entry.verb, life.document.entry.who) == ("rollback", "ada")
    (issue,) = team.github.state["issues"].values()
    assert issue["title"] == "evalgate: support was rolled back" and "actions/runs/1/attempts/1" in issue["body"]
    again = team.run(events.schedule(team.hosted), "prompts-tick-all", secrets={})
    assert again.exit_code == 0, again.log
    assert len(team.github.state["issues"]) == 1 and team.github.state["comments"] == []
    assert TOKEN not in ran.log + again.log
