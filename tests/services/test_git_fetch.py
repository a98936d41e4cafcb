"""A commit that the checkout lacks is fetched, and nothing else changes."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from evalgate.errors import GitError
from evalgate.services import git_fetch
from evalgate.services.git import Git


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    there = tmp_path / "remote"
    there.mkdir()
    git(there, "init", "-q", "-b", "main")
    git(there, "commit", "-q", "--allow-empty", "-m", "one")
    return there


def test_a_commit_behind_a_ref_that_no_clone_takes(tmp_path: Path, remote: Path) -> None:
    here = tmp_path / "here"
    git(tmp_path, "clone", "-q", str(remote), str(here))
    git(remote, "commit", "-q", "--allow-empty", "-m", "from a fork")
    head = git(remote, "rev-parse", "HEAD")
    git(remote, "update-ref", "refs/pull/12/head", head)
    git(remote, "reset", "-q", "--hard", "HEAD~1")
    before = git(here, "for-each-ref")
    assert not Git.open(here).knows(head)

    git_fetch.fetch(here, remote.as_uri(), ["refs/pull/12/head"], token="s3cret")

    assert Git.open(here).knows(head)
    assert git(here, "for-each-ref") == before
    assert git(here, "status", "--porcelain") == ""
    assert "s3cret" not in (here / ".git/config").read_text()


def test_what_is_not_there_is_said_without_the_token(tmp_path: Path, remote: Path) -> None:
    with pytest.raises(GitError, match="cannot fetch refs/pull/13/head") as caught:
        git_fetch.fetch(remote, remote.as_uri(), ["refs/pull/13/head"], token="s3cret")
    assert "s3cret" not in str(caught.value)


def test_only_the_usual_transports_are_used(remote: Path) -> None:
    with pytest.raises(GitError):
        git_fetch.fetch(remote, "ext::sh -c touch%20pwned", ["HEAD"])
    assert not (remote / "pwned").exists()


@pytest.fixture
def host() -> Iterator[tuple[str, list[list[str]]]]:
    """A host on loopback that has no repository: its URL, and the Authorization headers of each request."""
    seen: list[list[str]] = []

    class Host(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get_all("Authorization") or [])
            self.send_response(404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("kept", ["in the configuration", "in an included file", "of the repository", "of every host"])
def test_the_header_that_a_checkout_keeps_is_replaced(
    tmp_path: Path, remote: Path, host: tuple[str, list[list[str]]], kept: str
) -> None:
    url, seen = host
    where = {"of the repository": f"http.{url}/acme/shop.extraheader", "of every host": "http.extraheader"}
    name, header = where.get(kept, f"http.{url}/.extraheader"), "AUTHORIZATION: basic b2xk"
    if kept == "in an included file":
        included = tmp_path / "credentials.config"
        git(remote, "config", "--file", str(included), name, header)
        git(remote, "config", f"includeIf.gitdir:{(remote / '.git').as_posix()}.path", str(included))
    else:
        git(remote, "config", name, header)
    with pytest.raises(GitError):
        git_fetch.fetch(remote, f"{url}/acme/shop", ["main"], token="s3cret")
    assert seen
    assert all(len(headers) == 1 and headers != ["basic b2xk"] for headers in seen)


def test_a_commit_is_fetched_into_a_new_repository(tmp_path: Path, remote: Path) -> None:
    here = tmp_path / "new" / "folder"
    git_fetch.create(here)
    git(remote, "commit", "-q", "--allow-empty", "-m", "two")
    tip = git(remote, "rev-parse", "main")
    git_fetch.fetch(here, remote.as_uri(), [tip], depth=1)
    found = Git.open(here)
    assert found.knows(tip)
    assert found.shallow
