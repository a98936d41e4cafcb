"""Make the registry of the demo, golden/releases.sqlite3, and golden/served.jsonl, the rows of its rollout.

    python golden/make_releases.py [FILE]

A repository in a temporary folder has the history that the ledger tells: its first release is the demo's baseline, and
its second one is the demo's prompt. The gates run on the recordings, so that verdicts and scores are real. The people,
their words on the rollout, the rollback and all times are made up: commands and commits get the time of the story.

Three days later a second rollout of 1.1.0 starts, at 5 % of the users. Its rows are made up too, and stand beside FILE:
those of the hour before the start and of the hours after it. In them 1.1.0 gets many more facts wrong, so that a tick
after the last row rolls it back, whenever it runs.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).resolve().parent
FILE = "releases.sqlite3"
ROWS = "served.jsonl"
PEOPLE = {"ada": "Ada Author <ada@fernhill.example>", "release": "Release workflow", "olga": "Olga On-call"}
SECOND_ROLLOUT = "2026-11-30T03:09:25Z"
RUN = """\
import datetime

class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromisoformat("{at}")

datetime.datetime = Clock
from evalgate.cli import main
main()
"""
"""The program of a command: the clock stands at the time of the story."""
CHECKS_ONLY = ("baseline: ", "judges:", "{rubric: ", "faithfulness: ")
"""The beginnings of the lines that the first configuration lacks: the first release has nothing to be compared with."""


def main() -> None:
    wanted = Path(sys.argv[1] if len(sys.argv) > 1 else GOLDEN / FILE).resolve()
    with tempfile.TemporaryDirectory() as folder:
        made = make(Path(folder))
        start_again(made, wanted.with_name(ROWS))
        settle(made)
        shutil.copyfile(made, wanted)


def make(folder: Path) -> Path:
    """Make the registry in a new repository, and return its file."""
    project = folder / "golden"
    shutil.copytree(GOLDEN, project, ignore=shutil.ignore_patterns(".evalgate", "__pycache__", f"{FILE}*"))
    config, prompt = project / "evalgate.yml", project / "prompts/support.prompt.yml"
    without_rollout = re.sub(r"^  rollout:\n(    .*\n)+", "", config.read_text(), flags=re.MULTILINE)
    second, edited = without_rollout.encode(), prompt.read_bytes()
    lines = without_rollout.splitlines(keepends=True)
    lines = [line for line in lines if not line.strip().lstrip("- ").startswith(CHECKS_ONLY)]
    config.write_text("".join(lines).replace("facts: {max_drop: 0.05}", "facts: {min: 0.7}"))
    shutil.copyfile(project / "prompts/variants/baseline-1.0.0.prompt.yml", prompt)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder, "Add the support prompt", at="2026-11-19T08:50:00Z")
    answer_as_candidate(folder)
    git(folder, "commit", "--quiet", "--all", "--amend", "--no-edit", at="2026-11-19T09:05:00Z")
    release(folder, "ada", "publish", at="2026-11-19T09:12:31Z")
    options = ("--to", "production", "--version", "1.0.0", "--reason", "the first release")
    release(folder, "release", "promote", "support", *options, at="2026-11-19T09:30:08Z")

    shutil.copyfile(GOLDEN / "recordings.jsonl", project / "recordings.jsonl")
    config.write_bytes(second)
    prompt.write_bytes(edited)
    commit(folder, "Keep amounts, dates and exceptions in answers", at="2026-11-23T09:40:00Z")
    release(folder, "ada", "publish", at="2026-11-23T10:05:47Z")
    why = "the weekly review of answers, then 5 % of the chats for two days"
    options = ("--version", "1.1.0", "--stages", "5", "--reason", why)
    release(folder, "release", "start", "support", *options, at="2026-11-23T10:20:14Z")
    why = "the team read its answers on staging"
    release(folder, "release", "advance", "support", "--reason", why, at="2026-11-24T09:41:36Z")
    why = "the canary had no more complaints than 1.0.0"
    release(folder, "release", "advance", "support", "--reason", why, at="2026-11-26T10:32:19Z")
    why = "the help centre quotes old prices, and answers copy them now; back until it is corrected"
    release(folder, "olga", "rollback", "support", "--reason", why, at="2026-11-27T16:45:52Z")
    return project / FILE


def start_again(file: Path, rows: Path) -> None:
    """Start the second rollout of 1.1.0, and write the rows around its start.

    The rows depend on its salt, which follows from the id of its entry: both are the same each time.
    """
    from evalgate.commands.release.start import start
    from evalgate.gate.configured_registry import read_rollout_settings
    from evalgate.release.promotion import Actor
    from evalgate.release.rollout.state import parse_state
    from evalgate.release.sqlite_registry import SqliteRegistry

    registry = SqliteRegistry(file)
    begin = datetime.fromisoformat(SECOND_ROLLOUT)
    by = Actor(id="golden-second-rollout", who=PEOPLE["release"], at=SECOND_ROLLOUT)
    why = "the help centre has the new prices, and each stage has to prove itself now"
    before = [json.dumps(row) for row in make_rows(begin, -40, 0, 0.0, "")]
    rules = read_rollout_settings(GOLDEN / "evalgate.yml").rules
    lines = [line.encode() for line in before]
    done = start(registry, "support", rules, by, why, version="1.1.0", rows=lines)
    state = parse_state(done.document)
    assert state is not None
    after = [json.dumps(row) for row in make_rows(begin, 0, 150, state.share / 10_000, state.salt)]
    rows.write_text("".join(f"{line}\n" for line in [*before, *after]))


def make_rows(begin: datetime, since: int, until: int, share: float, salt: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of the answers between two minutes, from the beginning of the rollout. `share` is the canary's.

    All answers of the canary are scored, and a third of the others. One user in twelve was there before.
    """
    from evalgate.release.bucket import is_candidate

    rng = random.Random(since)
    seen = [f"chat-{until}-0"]
    at = 60.0 * since
    while (at := at + rng.expovariate(1 / 16)) < 60 * until:
        key = rng.choice(seen) if rng.random() < 1 / 12 else f"chat-{until}-{len(seen)}"
        seen.append(key)
        canary = is_candidate(salt, key, round(10_000 * share))
        failed, sampled = rng.random() < 0.01, canary or rng.random() < 1 / 3
        row = {
            "id": f"{until}-{len(seen)}",
            "at": (begin + timedelta(seconds=round(at))).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "prompt": "support",
            "version": "1.1.0" if canary else "1.0.0",
            "variant": "candidate" if canary else "production",
            "key": key,
            "seconds": round(rng.lognormvariate(0.2, 0.4), 2),
            "sampled": sampled,
        }
        if failed:
            row["error"] = "timeout"
        elif sampled:
            facts = rng.random() < (0.3 if canary else 0.84)
            row["scores"] = {"facts": int(facts), "faithfulness": rng.choice((0.4, 0.6, 0.6, 0.8))}
        yield row


def answer_as_candidate(folder: Path) -> None:
    """Record the answers of the baseline for the candidate too: the first release asks the same model the same things.

    A baseline has a series of samples of its own, so that its recordings have other keys.
    """
    from evalgate.domain import Arm
    from evalgate.gate.options import CallMode, Selection, open_for_run
    from evalgate.gate.plans import make_plans, select_gates
    from evalgate.store.store import Store

    selection = Selection(head="HEAD", first=True)
    workspace = open_for_run(folder / "golden/evalgate.yml", selection, environment={})
    gates = select_gates(workspace, selection)
    (plan,) = make_plans(workspace, gates, selection, CallMode(), Store(root=folder / ".evalgate"))
    recordings = folder / "golden/recordings.jsonl"
    known = {row["key"]: row for row in map(json.loads, recordings.read_text().splitlines())}
    with recordings.open("a") as file:
        for trial in (one for one in plan.trials if one.arm is Arm.CANDIDATE):
            row = known[replace(trial.request, stream="baseline").key]
            file.write(json.dumps({**row, "key": trial.request.key}) + "\n")


def release(folder: Path, person: str, verb: str, *arguments: str, at: str) -> None:
    program = [sys.executable, "-c", RUN.format(at=at), "release", verb, *arguments]
    place = ["--registry", f"sqlite:golden/{FILE}"] if verb == "rollback" else ["--config", "golden/evalgate.yml"]
    subprocess.run([*program, *place, "--by", PEOPLE[person]], cwd=folder, env=_make_environment(at), check=True)


def commit(folder: Path, subject: str, *, at: str) -> None:
    git(folder, "add", "--all", at=at)
    git(folder, "commit", "--quiet", "-m", subject, at=at)


def git(folder: Path, *arguments: str, at: str = SECOND_ROLLOUT) -> None:
    subprocess.run(["git", *arguments], cwd=folder, env=_make_environment(at), check=True)


def settle(file: Path) -> None:
    """Take the write-ahead log from a file, so that reading it leaves no other files in a checkout."""
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    connection.execute("VACUUM")
    connection.close()


def _make_environment(at: str) -> dict[str, str]:
    name, _, address = PEOPLE["ada"].partition(" <")
    roles = {
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in (("NAME", name), ("EMAIL", address.rstrip(">")), ("DATE", at))
    }
    return {**os.environ, **roles, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


if __name__ == "__main__":
    main()
