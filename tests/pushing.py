"""A gated project with a remote, the hook in it, and pushes by git itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from gated_project import Ended, World

BRIEF = "Be brief, always and everywhere, please."


class Pushing:
    """A project whose main was pushed to a bare `origin`, with the hook installed."""

    def __init__(self, world: World, remote: Path) -> None:
        self.world = world
        self.remote = remote
        self.repository = world.repository
        self.git("init", "--quiet", "--bare", str(remote))
        self.git("remote", "add", "origin", str(remote))
        self.git("push", "--quiet", "origin", "main")

    def git(self, *arguments: str) -> str:
        return self.repository.git(*arguments)

    def install(self, *arguments: str) -> Ended:
        ended = self.world.evalgate("hook", "install", *arguments)
        assert ended.code == 0, ended.err
        return ended

    def push(self, *refs: str, folder: Path | None = None, **environment: str) -> Ended:
        done = subprocess.run(
            ["git", "-C", str(folder or self.world.root), "push", "--quiet", "origin", *refs],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return Ended(code=done.returncode, out=done.stdout, err=done.stderr)

    def has(self, ref: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.remote), "rev-parse", "--verify", "--quiet", ref],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip()

    def commit(self, version: str, manner: str = BRIEF) -> str:
        self.world.edit(version, manner)
        return self.repository.commit()

    @property
    def hook(self) -> Path:
        return self.world.root / ".git/hooks/pre-push"


@pytest.fixture
def pushing(world: World, tmp_path: Path) -> Pushing:
    return Pushing(world, tmp_path / "remote.git")


def stopped(ended: Ended, *sentences: str) -> None:
    assert ended.code != 0
    for sentence in sentences:
        assert sentence in ended.err
    assert "git push --no-verify" in ended.err


def passed(ended: Ended, *sentences: str) -> None:
    assert ended.code == 0, ended.err
    for sentence in sentences:
        assert sentence in ended.err
