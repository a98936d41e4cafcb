from __future__ import annotations

import gc
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from repository import Repository

from evalgate.errors import GitError
from evalgate.services import git_remote
from evalgate.services.git_branch import RemoteBranch
from evalgate.services.git_remote import hide_users, open_remote

pytestmark = pytest.mark.usefixtures("git_environment")


def test_a_remote_of_the_repository_goes_by_its_name(repository: Repository) -> None:
    repository.git("remote", "add", "origin", "https://example.invalid/acme.git")
    repository.git("remote", "set-url", "--push", "origin", "ssh://git@example.invalid/acme.git")
    found = open_remote("origin", repository.root)
    assert found.folder == repository.root
    assert (found.address, found.push_address) == ("origin", "ssh://git@example.invalid/acme.git")


@pytest.mark.parametrize("address", ["https://example.invalid/a.git", "ssh://git@example.invalid/a.git",
                                     "git@example.invalid:acme/a.git", "file:///a/b"])  # fmt: skip
def test_an_address_stays_as_it_is(repository: Repository, tmp_path: Path, address: str) -> None:
    for folder in (repository.root, tmp_path):
        found = open_remote(address, folder)
        assert found.address == found.push_address == address


def test_a_path_starts_at_the_folder(repository: Repository, tmp_path: Path) -> None:
    assert open_remote("../a:b/remote.git", repository.root).address == str(repository.root / "../a:b/remote.git")
    assert open_remote("/a/b", tmp_path).address == "/a/b"
    # without a repository a name is a path as well
    assert open_remote("origin", tmp_path).address == str(tmp_path / "origin")


def test_an_option_is_no_remote(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="is not a remote"):
        open_remote("--upload-pack=touch pwned", tmp_path)


def test_a_repository_that_is_made_for_git_is_removed(tmp_path: Path) -> None:
    found = open_remote("/a/b", tmp_path / "missing")
    place = found.folder
    assert (place / "objects").is_dir() and not (place / ".git").exists()
    del found
    gc.collect()
    assert not place.exists()


def test_a_repository_of_another_user_is_told(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(GitError, match="dubious ownership"):
        open_remote("origin", repository.root)


def test_variables_of_a_calling_git_name_no_other_repository(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(repository.root / ".git" / "objects"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(repository.root / ".git" / "index"))
    found = open_remote("/a/b", tmp_path)
    assert not {"GIT_OBJECT_DIRECTORY", "GIT_INDEX_FILE", "GIT_DIR"} & found.environment.keys()
    assert found.environment["GIT_TERMINAL_PROMPT"] == "0"


def test_users_and_passwords_of_addresses_are_hidden(tmp_path: Path) -> None:
    assert hide_users("cannot read https://ada:p@w@a.example/x or https://token@b and ssh://git:pw@c/@d") == (
        "cannot read https://a.example/x or https://b and ssh://git@c/@d"
    )
    found = open_remote("https://ada:pw@a.example/x", tmp_path, token="t0ken")
    assert found.hide_secrets("t0ken https://ada:pw@a.example/x") == "*** https://a.example/x"
    assert "t0ken" not in repr(found) and "AUTHORIZATION" not in repr(found)


@pytest.fixture
def host() -> Iterator[tuple[str, list[list[str]]]]:
    """A host on loopback that refuses every user: its URL, and the Authorization headers of each request."""
    seen: list[list[str]] = []

    class Host(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get_all("Authorization") or [])
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("is_named", [True, False])
def test_the_token_replaces_the_header_of_a_checkout_and_is_never_shown(
    repository: Repository, host: tuple[str, list[list[str]]], is_named: bool
) -> None:
    url, seen = host
    repository.git("config", f"http.{url}/.extraheader", "AUTHORIZATION: basic b2xk")
    repository.git("remote", "add", "origin", f"{url}/acme/shop")
    remote = open_remote("origin" if is_named else f"{url}/acme/shop", repository.root, token="s3cret")
    with pytest.raises(GitError, match="git ls-remote failed: ") as refused:
        RemoteBranch(remote, "evalgate/releases").fetch()
    assert seen[0] == [f"basic {b64encode(b'x-access-token:s3cret').decode()}"]
    assert "s3cret" not in str(refused.value)


def test_the_token_is_not_sent_in_plain_text(tmp_path: Path) -> None:
    def has_token(address: str) -> bool:
        values = open_remote(address, tmp_path, token="s3cret").environment.values()
        return any("AUTHORIZATION" in value for value in values)

    assert has_token("https://a.example/x") and has_token("http://localhost:80/x")
    assert not has_token("http://a.example/x") and not has_token("http://localhost.a.example/x")
    assert not has_token("git://a.example/x") and not has_token("ssh://a.example/x")


def test_git_that_is_not_installed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="git is not installed"):
        git_remote.open_remote("origin", tmp_path)


@pytest.mark.parametrize(("address", "shown"), [
    ("https://user:s3cret@a.example/x", "https://a.example/x"),
    ("ssh://git:s3cret@a.example/x", "ssh://git@a.example/x"),
    ("https://a.example/x?token=s3cret&b=1#c", "https://a.example/x?***#c"),
    ("foo:s3cret@a.example", "foo:a.example"),
    ("sqlite:releases.sqlite3", "sqlite:releases.sqlite3"),
    ("git:origin", "git:origin"),
])  # fmt: skip
def test_an_address_is_shown_without_what_may_be_a_token(address: str, shown: str) -> None:
    assert git_remote.hide_address(address) == shown
