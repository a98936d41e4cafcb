"""A gated project with a registry in git, whose pull request #7 is merged and published by the action."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from action.gated_pull_request import BRIEF, Hub, Ran

from evalgate.release.document import ReleaseDocument
from evalgate.release.registry import Registry
from evalgate.release.registry_access import open_registry

DISPATCH = {"repository": {"default_branch": "main"}}


class Released:
    """The project of `hub`, and the registry in a bare repository. #7 is by ann; bob may approve it."""

    def __init__(self, hub: Hub, registry: Path) -> None:
        self.hub = hub
        self.url = f"git:{registry}"

    @property
    def calls(self) -> int:
        return len(self.hub.world.server.received)

    @property
    def registry(self) -> Registry:
        return open_registry(self.url, self.hub.temp)

    @property
    def document(self) -> ReleaseDocument:
        stored = self.registry.read("support")
        assert stored is not None
        return stored.document

    def gate(self, version: str = "1.1.0", manner: str = BRIEF, *, signed: bool = False, **files: str) -> Ran:
        """Push a change, and let the pull request's workflow judge it and upload its report."""
        self.hub.push(version, manner, **files)
        ran = self.hub.run()
        if signed:
            self.approve()
            ran = self.hub.run("pull_request_review", self.hub.pull() | {"review": {"state": "approved"}})
        self.hub.upload(ran)
        return ran

    def approve(self, at: str = "2099-01-01T00:00:00Z", by: str = "bob") -> None:
        self.hub.server.add_person(by, "write")
        self.hub.server.add_review(7, by, "APPROVED", at=at)

    def merge(self, *, squash: bool = False) -> dict[str, Any]:
        """Merge the pull request on a machine that knows no answer yet; return the event."""
        git = self.hub.world.repository.git
        before = git("rev-parse", "main")
        git("switch", "--quiet", "main")
        if squash:
            git("merge", "--quiet", "--squash", "work")
            git("commit", "--quiet", "-m", "Squash #7")
            git("branch", "--quiet", "-D", "work")
        else:
            git("merge", "--quiet", "--no-ff", "-m", "Merge #7", "work")
        after = git("rev-parse", "main")
        self.hub.server.state["pulls"]["7"] |= {"state": "closed", "merged_as": [after]}
        self.forget()
        return {"ref": "refs/heads/main", "before": before, "after": after, **DISPATCH}

    def forget(self) -> None:
        shutil.rmtree(self.hub.world.root / ".evalgate", ignore_errors=True)
        self.hub.world.server.received.clear()

    def publish(self, **inputs: str) -> Ran:
        return self.hub.run("push", self.merge(), command="publish", **inputs)

    def dispatch(self, command: str, **inputs: str) -> Ran:
        return self.hub.run("workflow_dispatch", DISPATCH, command=command, prompt="support", **inputs)


@pytest.fixture
def released(hub: Hub, tmp_path: Path) -> Released:
    registry = tmp_path / "registry.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(registry)], check=True)
    hub.add_workflow()
    hub.configure("run: {attempts: 2}", f'run: {{attempts: 2}}\nrelease: {{registry: "git:{registry}"}}')
    return Released(hub, registry)
