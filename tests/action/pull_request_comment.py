"""The pull request #7 on a fake GitHub, and the comment of a gate on it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from github_server import GitHubServer

from evalgate.action import posted_comment as publish
from evalgate.action.posted_comment import Sticky
from evalgate.domain import PolicyChange, Report
from evalgate.report import comment
from evalgate.report.status import make_status
from evalgate.services.github import GitHub

HEAD, NEWER = "a" * 40, "d" * 40
EDITED = (PolicyChange(path="evalgate.yml", digest="0" * 64),)
LINKS = comment.Links(run="https://github.test/acme/prompts/actions/runs/1/attempts/1")
START = datetime(2026, 5, 1, 12, tzinfo=UTC)


def sticky(github: GitHub, key: str = "prompts-gate", number: int = 7) -> Sticky:
    return Sticky(github=github, number=number, key=key, author=None)


def show(
    github: GitHub, report: Report, *, key: str = "prompts-gate", when: Any = "auto", head: str = HEAD, **more: Any
) -> str:
    now = more.pop("now", "2026-05-01T12:30:00+00:00")
    links = more.pop("links", LINKS)
    status = more.pop("status", make_status(report))
    return publish.update_comment(sticky(github, key), report, status, when=when, head=head, links=links, now=now)


def bodies(server: GitHubServer, author: str = "github-actions[bot]") -> list[str]:
    return [found["body"] for found in server.state["comments"] if found["author"] == author]


def writes(server: GitHubServer) -> list[str]:
    return [call for call in server.calls() if not call.startswith("GET")]
