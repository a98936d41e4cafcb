"""A gated project whose prompt is in a fake Langfuse, and the action as a job that its events start."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from action.gated_pull_request import Hub, Ran
from gated_project import prompt
from langfuse_deliveries import make_payload
from langfuse_server import PUBLIC, SECRET, LangfuseServer

NAME = "support"
EXACT = "Be exact."
BRIEF = "Be brief, always and everywhere, please."
WRONG = "Guess what you do not know."
MAJOR = (
    "Answer in German, and only in German, whatever language the question is in; never name a price, a date or a name."
)
_TEXT = prompt(manner="@").split("content: ")[1].split("\n")[0]


def make_messages(manner: str, user: str = "{{query}}\n{{context}}") -> list[dict[str, str]]:
    """Return the messages of the gated prompt, in a manner."""
    return [{"role": "system", "content": _TEXT.replace("@", manner)}, {"role": "user", "content": user}]


class LangfuseHub:
    """The project of `hub` on its default branch, with the prompt `support` in Langfuse: version 1 in production.

    `user` is the message of the user in all versions, and `more` is added to the configuration.
    """

    def __init__(
        self, hub: Hub, server: LangfuseServer, *, user: str = "{{query}}\n{{context}}", more: str = ""
    ) -> None:
        self.user = user
        self.hub = hub
        self.server = server
        hub.configure("prompt: prompts/support.prompt.yml", "prompt: langfuse:support@staging")
        hub.configure("run: {attempts: 2}", f'run: {{attempts: 2}}\nlangfuse: {{host: "{server.url}"}}{more}')
        hub.world.repository.git("switch", "--quiet", "main")
        hub.world.application = self.answer
        self.save(EXACT, labels=["production"], config={"version": "1.0.0"})

    @staticmethod
    def answer(system: str, user: str) -> str:
        """Answer correctly, unless the prompt asks to guess."""
        return "a guess" if WRONG in system else json.dumps({"answer": user})

    @property
    def calls(self) -> int:
        return len(self.hub.world.server.received)

    @property
    def head(self) -> str:
        return self.hub.world.repository.git("rev-parse", "main")

    def save(self, manner: str, *, labels: list[str] | None = None, **facts: Any) -> dict[str, Any]:
        """Save a version, as the UI does."""
        labels = ["staging"] if labels is None else labels
        return self.server.prompts.create(
            {"name": NAME, "type": "chat", "prompt": make_messages(manner, self.user), "labels": labels, **facts}
        )

    def send(self, payload: dict[str, Any], **inputs: str) -> Ran:
        """Run the job that an event starts. `payload` is what its sender made."""
        event = {"action": "langfuse-prompt-update", "branch": "main", "client_payload": payload}
        return self.hub.run("repository_dispatch", event | {"repository": {"default_branch": "main"}}, **inputs)

    def tell(self, version: dict[str, Any], action: str = "created", **inputs: str) -> Ran:
        """Run the job that Langfuse starts when a person has saved a version."""
        return self.send(make_payload(version, action), **inputs)

    def tick(self, **inputs: str) -> Ran:
        """Run the job that a schedule starts."""
        event = {"schedule": "17 * * * *", "repository": {"default_branch": "main"}}
        return self.hub.run("schedule", event, **inputs)

    def forget(self) -> None:
        """Lose the store, as a runner without a cache does."""
        shutil.rmtree(self.hub.world.root / ".evalgate", ignore_errors=True)

    def commit(self, **files: str) -> str:
        return self.hub.world.repository.commit("edit", **files)

    def find_labels(self, number: int) -> set[str]:
        """Return the labels that evalgate gave to a version."""
        found = self.server.prompts.find(NAME, number)
        return set() if found is None else {label for label in found["labels"] if label.startswith("evalgate-")}

    @property
    def statuses(self) -> list[tuple[str, str, str]]:
        """Return (sha, context, state) of each status, oldest first."""
        return [(one["sha"], one["context"], one["state"]) for one in self.hub.server.state["statuses"]]

    @property
    def last(self) -> dict[str, Any]:
        """Return the last status."""
        return dict(self.hub.server.state["statuses"][-1])

    def read_report(self, ran: Ran) -> dict[str, Any]:
        return dict(json.loads(Path(ran.outputs["report-json"]).read_text(encoding="utf-8")))


@pytest.fixture
def langfuse_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[LangfuseHub]:
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", PUBLIC)
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", SECRET)
    with LangfuseServer() as server:
        yield LangfuseHub(hub, server)
        assert server.violations == []
