"""Runs of the command on a gated project: its configuration, scripted grades, and what was asked."""

from __future__ import annotations

import json
from pathlib import Path

from gated_project import CONFIG, World

BRIEF = "Be brief, always and everywhere, please."


def looking(world: World, *, judged_only: bool = True, **policy: str) -> None:
    """The same configuration on both sides, with the looks on; by default with no check that decides by itself."""
    config = CONFIG.format(url=world.server.url)
    if judged_only:
        config = config.replace("{type: is_json}", "{type: is_json, blocking: false}")
    settings = "".join(f", {key}: {value}" for key, value in policy.items())
    config = config[: config.index("policy:")] + f"policy: {{alpha: 0.05{settings}}}\n"
    world.repository.write("evalgate.yml", config)
    world.repository.git("add", "--", ":(exclude)prompts", ".")
    world.repository.git("commit", "--quiet", "--message", "configured")
    world.repository.git("branch", "--force", "main", "HEAD")


def run(world: World, *arguments: str) -> dict:
    world.ended = world.evalgate("run", "--output", "report.json", *arguments)
    return world.report()["gates"][0]


def asked(world: World, arm: str) -> int:
    brief = [
        BRIEF in r.body["messages"][0]["content"] for r in world.server.received if not r.body.get("response_format")
    ]
    return sum(brief) if arm == "candidate" else len(brief) - sum(brief)


def rate(world: World, candidate: dict[int, int], baseline: int = 5) -> None:
    """Grades by the number of the case: `candidate` holds those of the candidate that are not 5."""

    def grade(judged: str) -> int:
        number = int(judged.split("question ")[1].split(maxsplit=1)[0]) if "question " in judged else -1
        return candidate.get(number, 5) if "briefly" in judged else baseline

    world.application = lambda system, user: json.dumps({"answer": user + (" briefly" if BRIEF in system else "")})
    world.grade = grade


STORE = Path(".evalgate")


def configure(world: World, *edits: tuple[str, str]) -> None:
    """The same edits of the configuration on both sides."""
    text = CONFIG.format(url=world.server.url)
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    world.repository.write("evalgate.yml", text)
    world.repository.git("add", "--", ":(exclude)prompts", ".")
    world.repository.git("commit", "--quiet", "--allow-empty", "--message", "configured")
    world.repository.git("branch", "--force", "main", "HEAD")


def number(user: str) -> int:
    return int(user.split()[1])


def outputs(world: World, *, brief: bool) -> int:
    asked = [r for r in world.server.received if not r.body.get("response_format")]
    return sum((BRIEF in r.body["messages"][0]["content"]) is brief for r in asked)
