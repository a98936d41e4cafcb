"""Tests of the harness for the action: every event arrives in GitHub's format, with a fake action."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from action import events
from action.events import Event
from action.harness import Machine
from action.hosted import PROMPT_PATH, Hosted, Pull, prompt

ACTION = {
    "name": "evalgate",
    "description": "fake",
    "inputs": {
        "command": {"description": "x", "default": "gate"},
        "config": {"description": "x", "default": "evalgate.yml"},
        "github-token": {"description": "x", "default": "${{ github.token }}"},
        "head-sha": {"description": "x"},
    },
    "outputs": {
        "seen": {"description": "x", "value": "${{ steps.it.outputs.seen }}"},
        "lines": {"description": "x", "value": "${{ steps.it.outputs.lines }}"},
    },
    "runs": {
        "using": "composite",
        "steps": [
            {
                "id": "it",
                "shell": "bash --noprofile --norc -euo pipefail {0}",
                "working-directory": "${{ runner.temp }}",
                "env": {"INPUTS": "${{ toJSON(inputs) }}", "API": "${{ github.api_url }}", "PLACE": "${{ github.action_path }}"},
                "run": 'python3 -I "$GITHUB_ACTION_PATH/told.py"\n',
            }
        ],
    },
}  # fmt: skip
TOLD = """\
import json, os, pathlib
names = ["GITHUB_SHA", "GITHUB_REF", "GITHUB_EVENT_NAME", "GITHUB_REPOSITORY", "GITHUB_REPOSITORY_ID", "GITHUB_API_URL",
         "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_ACTOR", "GITHUB_WORKFLOW", "GITHUB_JOB", "API", "OPENAI_API_KEY"]
inputs = json.loads(os.environ["INPUTS"])
token = inputs.pop("github-token")
seen = {name: os.environ.get(name) for name in names}
seen |= {"inputs": inputs, "event": json.loads(pathlib.Path(os.environ["GITHUB_EVENT_PATH"]).read_text()),
         "token": [len(token), token[:4]], "cwd": os.getcwd() == os.path.realpath(os.environ["RUNNER_TEMP"])}
if os.environ.get("OPENAI_API_KEY"):
    seen["OPENAI_API_KEY"] = len(os.environ["OPENAI_API_KEY"])
with open(os.environ["GITHUB_OUTPUT"], "a") as file:
    file.write(f"seen<<EOF\\n{json.dumps(seen)}\\nEOF\\nlines<<EOF\\none\\n\\ntwo\\nEOF\\n")
with open(os.environ["GITHUB_STEP_SUMMARY"], "a") as file:
    file.write("## told | once\\n")
print("::error file=prompts/a.yml,line=3,title=T::first%0Asecond")
print("::stop-commands::secret-word"); print("::error::not this"); print("::secret-word::")
"""
WORKFLOW = """\
name: prompts
on: [pull_request, pull_request_review, merge_group, workflow_run, schedule, push]
permissions:
  contents: read
jobs:
  evalgate:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2
        id: checkout
        with:
          fetch-depth: 0
          persist-credentials: false
      - id: evalgate
        uses: octo/evalgate@0123456789abcdef0123456789abcdef01234567
        with:
          head-sha: ${{ github.event.pull_request.head.sha }}
        env:
          OPENAI_API_KEY: ${{ secrets.OPENAI_API_KEY }}
      - id: git
        run: printf 'head=%s\\nconfig=%s\\n' "$(git rev-parse HEAD)" "$(git config --get-regexp extraheader || true)" >> "$GITHUB_OUTPUT"
"""


@pytest.fixture
def action(tmp_path: Path) -> Path:
    folder = tmp_path / "fake"
    folder.mkdir()
    (folder / "action.yml").write_text(yaml.safe_dump(ACTION, sort_keys=False), encoding="utf-8")
    (folder / "told.py").write_text(TOLD, encoding="utf-8")
    return folder


@pytest.fixture
def pull(hosted: Hosted) -> Pull:
    return hosted.pull_request(7, {PROMPT_PATH: prompt("1.0.1", "Be brief.")})


MAKE: dict[str, Callable[[Hosted, Pull], Event]] = {
    "pull_request": events.pull_request,
    "pull_request_review": lambda hosted, pull: events.pull_request_review(hosted, pull, by="grace"),
    "merge_group": events.merge_group,
    "workflow_run": lambda hosted, pull: events.workflow_run(hosted, pull, run=70),
    "schedule": lambda hosted, pull: events.schedule(hosted),
    "push": lambda hosted, pull: events.push(hosted, before=hosted.commit_to_main("more", {"README.md": "x"})),
}


@pytest.mark.parametrize("name", MAKE)
def test_an_event_arrives_as_it_was_sent(name: str, machine: Callable[..., Machine], hosted: Hosted, pull: Pull, action: Path) -> None:  # fmt: skip
    event = MAKE[name](hosted, pull)
    ran = machine(action=action, api_url="http://127.0.0.1:8099/api").run(
        event, WORKFLOW, token="ghs_12345678", secrets={"OPENAI_API_KEY": "sk-abcdefgh"}, run_id=42, attempt=3
    )
    assert ran.exit_code == 0, ran.log
    job = ran.job("evalgate")
    seen = json.loads(job.outputs["evalgate"]["seen"])
    assert seen == {
        "GITHUB_SHA": event.sha,
        "GITHUB_REF": event.ref,
        "GITHUB_EVENT_NAME": name,
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_REPOSITORY_ID": "1000",
        "GITHUB_API_URL": "http://127.0.0.1:8099/api",
        "GITHUB_RUN_ID": "42",
        "GITHUB_RUN_ATTEMPT": "3",
        "GITHUB_ACTOR": event.actor,
        "GITHUB_WORKFLOW": "prompts",
        "GITHUB_JOB": "evalgate",
        "API": "http://127.0.0.1:8099/api",
        "OPENAI_API_KEY": 11,
        "inputs": {"command": "gate", "config": "evalgate.yml", "head-sha": pull.head_sha if "pull_request" in event.payload else ""},
        "event": event.payload,
        "token": [12, "ghs_"],
        "cwd": True,
    }  # fmt: skip
    assert job.outputs["git"] == {"head": event.sha, "config": ""}
    assert job.outputs["evalgate"]["lines"] == "one\n\ntwo"
    assert ran.summary == "## told | once\n"
    errors = [command for command in job.commands if command.name == "error"]
    assert [(e.text, e.properties["line"]) for e in errors] == [("first\nsecond", "3")]
    assert "ghs_12345678" not in ran.log
    assert "sk-abcdefgh" not in ran.log


def test_a_fork_s_head_is_in_the_repository_and_its_branch_is_not(machine: Callable[..., Machine], hosted: Hosted, action: Path) -> None:  # fmt: skip
    pull = hosted.pull_request(8, {PROMPT_PATH: prompt("1.0.1", "Be brief.")}, fork="mallory/shop", author="mallory")
    event = events.pull_request(hosted, pull, "opened")
    assert event.payload["pull_request"]["head"]["repo"]["id"] == 1001
    assert events.workflow_run(hosted, pull, run=5).payload["workflow_run"]["pull_requests"] == []
    workflow = WORKFLOW.replace("printf 'head=%s", "git cat-file -e \"$PULL\" && ! git rev-parse origin/edit && printf 'head=%s")  # fmt: skip
    ran = machine(action=action).run(event, workflow, env={"PULL": pull.head_sha})
    assert ran.exit_code == 0, ran.log
    assert json.loads(ran.outputs["seen"])["OPENAI_API_KEY"] == ""  # a fork's run has no secrets


FAILING = """\
name: two
on: push
permissions: {}
jobs:
  part:
    runs-on: ubuntu-24.04
    strategy:
      fail-fast: false
      matrix:
        shard: [1, 2]
    outputs:
      word: ${{ steps.word.outputs.word }}
    steps:
      - uses: actions/cache/restore@v5
        id: restore
        with:
          path: answers
          key: answers-${{ github.run_id }}
          restore-keys: answers-
      - id: word
        run: |
          echo "word=$(cat answers/text 2> /dev/null || echo none)" >> "$GITHUB_OUTPUT"
          mkdir -p answers && echo "of $RUN" > answers/text
          [ "$SHARD" = 1 ]
        env:
          SHARD: ${{ matrix.shard }}
          RUN: ${{ github.run_id }}
      - if: always()
        uses: actions/upload-artifact@v5
        with:
          name: part-${{ matrix.shard }}
          path: answers/text
      - if: always() && matrix.shard == 1
        uses: actions/cache/save@v5
        with:
          path: answers
          key: answers-${{ github.run_id }}
  whole:
    needs: part
    if: always()
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/download-artifact@v6
        with:
          pattern: part-*
          path: parts
      - run: test "$RESULT" = failure && cat parts/part-1/text parts/part-2/text
        env:
          RESULT: ${{ needs.part.result }}
"""


def test_a_job_fails_alone_and_what_it_kept_is_found_again(machine: Callable[..., Machine], hosted: Hosted) -> None:
    runner = machine()
    event = events.push(hosted, before="0" * 40)
    first = runner.run(event, FAILING, run_id=1)
    assert first.exit_code == 1
    assert [first.job("part", shard=1).result, first.job("part", shard=2).result] == ["success", "failure"]
    assert first.job("whole").result == "success", first.log
    assert first.job("whole").printed == "of 1\nof 1\n"
    assert first.job("part", shard=1).outputs["word"] == {"word": "none"}
    second = runner.run(event, FAILING, run_id=2)
    assert second.job("part", shard=1).outputs["word"] == {"word": "of 1"}
    assert sorted(path.name for path in runner.artifacts.rglob("*.zip")) == ["part-1.zip", "part-1.zip", "part-2.zip", "part-2.zip"]  # fmt: skip


def test_a_cache_of_one_step_is_written_when_its_job_ends(machine: Callable[..., Machine], hosted: Hosted) -> None:
    workflow = """\
name: cached
on: push
jobs:
  it:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/cache@cdf6c1fa76f9f475f3d7449005a359c84ca0f306 # v5.0.3
        with: {path: answers, key: "k-${{ github.run_id }}", restore-keys: k-}
      - run: cat answers/text || true; mkdir -p answers; echo again >> answers/text
"""
    runner = machine()
    event = events.push(hosted, before="0" * 40)
    assert [runner.run(event, workflow, run_id=n).job("it").printed.count("again\n") for n in (1, 2, 3)] == [0, 1, 2]


def test_nothing_is_left_of_a_job(machine: Callable[..., Machine], hosted: Hosted) -> None:
    workflow = 'name: x\non: push\njobs:\n  it:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo x > here; echo x > "$RUNNER_TEMP/there"\n'
    runner = machine()
    ran = runner.run(events.push(hosted, before="0" * 40), workflow)
    assert ran.exit_code == 0, ran.log
    assert not [path for path in (runner.folder / "jobs").rglob("*") if path.name in ("here", "there")]


def test_a_secret_reaches_only_the_step_that_asks_for_it(machine: Callable[..., Machine], hosted: Hosted) -> None:
    workflow = """\
name: x
on: push
jobs:
  it:
    runs-on: ubuntu-24.04
    steps:
      - run: echo "none ${OPENAI_API_KEY-}${GITHUB_TOKEN-}."
      - run: echo "asked ${#KEY} ${#TOKEN}."
        env:
          KEY: ${{ secrets.OPENAI_API_KEY }}
          TOKEN: ${{ github.token }}
"""
    event = events.push(hosted, before="0" * 40)
    ran = machine().run(event, workflow, token="ghs_12345", secrets={"OPENAI_API_KEY": "sk-'= $x"})
    assert ran.job("it").printed == "none .\nasked 8 9.\n"


INSTALLING = """\
"$PYTHON" -I -m pip install --quiet --no-deps --only-binary :all: --require-hashes --target "$RUNNER_TEMP/uv" -r "$GITHUB_ACTION_PATH/lock.txt"
"$RUNNER_TEMP/uv/bin/uv" venv --quiet --no-config --python "$PYTHON" "$RUNNER_TEMP/env"
"$RUNNER_TEMP/uv/bin/uv" pip install --quiet --no-config --no-deps --only-binary :all: --require-hashes --python "$RUNNER_TEMP/env" -r "$GITHUB_ACTION_PATH/lock.txt"
find "$RUNNER_TEMP/env" -name site-packages -exec sh -c 'echo "$1" > "$0/own.pth"' {} "$GITHUB_ACTION_PATH" \\;
cd "$GITHUB_WORKSPACE" && "$RUNNER_TEMP/env/bin/python" -I -c 'import yaml, evalgate; print(evalgate.__file__)'
"""
INSTALL = {
    "name": "evalgate",
    "description": "fake",
    "runs": {"using": "composite", "steps": [{"shell": "bash", "env": {"PYTHON": "python3"}, "run": INSTALLING}]},
}


@pytest.mark.parametrize(("left_out", "said"), [("", "evalgate/__init__.py\n"), ("--require-hashes ", "without --require-hashes"), ("--no-config ", "without --no-config"), ("-I -m", "pip without -I")])  # fmt: skip
def test_what_is_installed_is_there_already_and_only_a_safe_order_gets_it(left_out: str, said: str, machine: Callable[..., Machine], hosted: Hosted, tmp_path: Path) -> None:  # fmt: skip
    """Install the packages of this environment, and the package from the action's folder."""
    folder = tmp_path / "installing"
    (folder / "evalgate").mkdir(parents=True)
    (folder / "evalgate/__init__.py").write_text("", encoding="utf-8")
    (folder / "lock.txt").write_text("uv==1.0 --hash=sha256:" + "0" * 64, encoding="utf-8")
    action = {**INSTALL, "runs": json.loads(json.dumps(INSTALL["runs"]))}
    step = action["runs"]["steps"][0]
    step["run"] = step["run"].replace(left_out, "-m" if left_out == "-I -m" else "") if left_out else step["run"]
    (folder / "action.yml").write_text(yaml.safe_dump(action), encoding="utf-8")
    workflow = (
        "name: x\non: push\njobs:\n  it:\n    runs-on: ubuntu-24.04\n    steps:\n      - uses: octo/evalgate@v1\n"
    )
    ran = machine(action=folder).run(events.push(hosted, before="0" * 40), workflow)
    assert said in ran.job("it").printed, ran.log
    assert (ran.exit_code == 0) is (not left_out), ran.log
    if not left_out:
        assert str(tmp_path / "machine" / "jobs") in ran.job("it").printed
