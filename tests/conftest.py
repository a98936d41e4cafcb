"""Rules for all tests: sockets connect only to loopback, and settings of the machine have no effect."""

from __future__ import annotations

import gc
import importlib.util
import ipaddress
import itertools
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from batch_server import BatchServer
from chat_server import ChatServer
from hypothesis import settings
from repository import Repository

pytest_plugins = ["gated_project", "pushing", "shop_project"]

# no deadline, so that a slow machine does not fail; deterministic, so that a failure can be reproduced
settings.register_profile("evalgate", deadline=None, derandomize=True, max_examples=30)
settings.register_profile("thorough", deadline=None, max_examples=500)
settings.load_profile("evalgate")

# a shell starts background jobs with Ctrl-C ignored, and child processes inherit that
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the combinations of a `matrix` as long, but for as few as have each value of each parameter."""
    matrices: dict[str, list[pytest.Function]] = {}
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("matrix"):
            matrices.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for combinations in matrices.values():
        given = [{name: id(value) for name, value in item.callspec.params.items()} for item in combinations]
        values = {name: list(dict.fromkeys(one[name] for one in given)) for name in given[0]}
        most = max(len(found) for found in values.values())
        kept = [{name: found[number % len(found)] for name, found in values.items()} for number in range(most)]
        for item, one in zip(combinations, given, strict=True):
            if one not in kept:
                item.add_marker(pytest.mark.long)


def pytest_collection_finish() -> None:
    """Leave the thousands of collected tests out of each later garbage collection: a sixteenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _is_loopback(address: object) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket
    try:
        return ipaddress.ip_address(str(address[0])).is_loopback
    except ValueError:
        return address[0] == "localhost"


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("connect", "connect_ex"):
        real = getattr(socket.socket, name)

        def guarded(self: socket.socket, address: object, real=real) -> object:
            if not _is_loopback(address):
                pytest.fail(f"a socket left loopback: {address}")
            return real(self, address)

        monkeypatch.setattr(socket.socket, name, guarded)
    yield


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return paths of new folders. pytest's own factory reads all earlier folders to number the next one."""
    root = tmp_path_factory.mktemp("homes")
    return (root / str(number) for number in itertools.count())


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, homes: Iterator[Path]) -> Path:
    """Make an empty folder of this test."""
    name = re.sub(r"\W", "_", request.node.name)[:30]
    number = next(homes)
    folder = number.with_name(f"{name}{number.name}")
    folder.mkdir()
    return folder.resolve()


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, homes: Iterator[Path]) -> None:
    empty = next(homes)
    empty.mkdir()
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "NO_COLOR", "FORCE_COLOR", "GITHUB_BASE_REF", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EVALGATE_HOME", str(empty))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(empty / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@example.invalid")


@pytest.fixture(scope="session")
def samples() -> ModuleType:
    """Return the module tests/report/samples.py."""
    spec = importlib.util.spec_from_file_location("report_samples", Path(__file__).parent / "report" / "samples.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def chat_server() -> Iterator[ChatServer]:
    server = ChatServer()
    yield server
    server.close()


@pytest.fixture
def batch_server() -> Iterator[BatchServer]:
    server = BatchServer()
    yield server
    server.close()


@pytest.fixture
def git_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Isolate git: no settings of the machine, a fixed author, and no repository above the temporary folder."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@example.invalid")


@pytest.fixture
def repository(tmp_path: Path, git_environment: None) -> Repository:
    """Make an empty repository whose initial branch is `main`."""
    root = tmp_path / "repository"
    root.mkdir()
    made = Repository(root.resolve())
    made.git("init", "--quiet", "--initial-branch", "main")
    return made
