"""Readers that serve a prompt all the time: the Python client, Node.js and C#, as applications use them."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

from release import redis_server
from release.readers.children import HERE, compile_csharp

from evalgate.release.runtime import PromptClient, UnknownLabelError
from evalgate.release.runtime.served import Served

TTL = 0.5
REDIS_ROUND = 5.0
DEADLINE = 60.0
VARIABLES = {"query": "Where is my parcel? 📦 $& {{query}}"}

Messages = list[dict[str, Any]]
Dealt = list[tuple[str, str, str]]
"""What each of some keys gets: the variant, the semantic version and the digest."""


class ServingReader(Protocol):
    """A reader that serves `support`.

    `ask` returns the semantic version and the messages of what is in production, `deal` what some keys get. The reader
    `refuses` if the registry has a bad document.
    """

    @property
    def refuses(self) -> bool: ...

    def ask(self) -> tuple[str, Messages]: ...

    def deal(self, keys: Sequence[str]) -> Dealt: ...


class PythonReader:
    """The client in this process, which asks the registry at least every `interval` seconds."""

    def __init__(self, client: PromptClient, interval: float) -> None:
        self.client = client
        self._interval = interval

    @property
    def refuses(self) -> bool:
        """Whether the document was not confirmed for longer than the interval, with a margin for a busy machine."""
        return self.client.get("support").stale_seconds > 2 * self._interval

    def ask(self) -> tuple[str, Messages]:
        served = self.client.get("support")
        return served.version, served.messages(**VARIABLES)

    def deal(self, keys: Sequence[str]) -> Dealt:
        found = (self.client.choose("support", key) for key in keys)
        return [(one.variant, one.version, one.digest) for one in found]


class ChildReader:
    """A reader in a process of its own. `refuses` tells whether it had refused a document at the last question."""

    def __init__(self, command: list[str]) -> None:
        self.refuses = False
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self) -> tuple[str, Messages]:
        told = self._answer(variables=VARIABLES)
        self.refuses = told["refusals"] > 0
        return told["version"], told["messages"]

    def deal(self, keys: Sequence[str]) -> Dealt:
        return [(variant, version, digest) for variant, version, digest in self._answer(keys=list(keys))]

    def _answer(self, **question: Any) -> Any:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({"name": "support", **question}).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the reader has ended"
        return json.loads(line)

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        assert self._process.wait(timeout=20) == 0


def read_sqlite(path: Path, name: str) -> bytes | None:
    """Return the last document of a prompt as the file has it, unchecked."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=10)
    try:
        query = "SELECT data FROM documents WHERE name = ? ORDER BY revision DESC LIMIT 1"
        row = connection.execute(query, (name,)).fetchone()
    finally:
        connection.close()
    return None if row is None else bytes(row[0])


def read_branch(repository: Path, name: str) -> bytes | None:
    """Return the file of a prompt at the tip of the registry's branch, unchecked."""
    order = ["git", "-C", str(repository), "cat-file", "blob", f"evalgate/releases:{name}.json"]
    done = subprocess.run(order, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


@contextmanager
def serve_raw(read: Callable[[str], bytes | None]) -> Iterator[str]:
    """Serve the last documents by HTTP, as a git host serves the raw files of a branch, and yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = read(self.path.removeprefix("/").removesuffix(".json"))
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def _wait_for_resignation(database: Any) -> None:
    """Wait until the client, which is closed, has given its lease back: its thread opens a connection for that."""
    end = time.monotonic() + 10
    while database.keys("*::lease") and time.monotonic() < end:
        time.sleep(0.05)


class Readers:
    """All readers that can run here, by name, and why the others cannot."""

    def __init__(
        self, stack: ExitStack, client_url: str, address: str, sources: Path, *, keys: tuple[str, str] | None = None
    ) -> None:
        """`sources` has the readers that `evalgate release reader` wrote; `client_url` is what the Python client reads.

        `keys` open it, if it is in Langfuse.
        """
        self.by_name: dict[str, ServingReader] = {}
        self.missing: dict[str, str] = {}
        self.by_name["python"] = PythonReader(stack.enter_context(PromptClient(client_url, ttl=TTL, keys=keys)), TTL)
        if redis_server.PROGRAM is None:
            self.missing["python with redis"] = "redis-server is not installed"
        else:
            import redis

            port = stack.enter_context(redis_server.run_redis())
            database = redis.Redis(port=port)
            stack.callback(database.close)
            stack.callback(_wait_for_resignation, database)
            client = stack.enter_context(PromptClient(client_url, redis=database, keys=keys))
            self.by_name["python with redis"] = PythonReader(client, REDIS_ROUND)
        node = shutil.which("node")
        assert node, "the tests of the readers need Node.js"
        script = [node, str(HERE / "serving.mjs"), str(sources / "evalgate_reader.mjs"), address, str(TTL)]
        self._start("node", stack, script)
        if shutil.which("mcs") and shutil.which("mono"):
            made = compile_csharp(sources, HERE / "Serving.cs", reader=sources / "EvalgateReader.cs")
            self._start("csharp", stack, ["mono", str(made), address, str(TTL)])
        else:
            self.missing["csharp"] = "mcs and mono are not installed"

    def _start(self, name: str, stack: ExitStack, command: list[str]) -> None:
        child = ChildReader(command)
        stack.callback(child.close)
        self.by_name[name] = child

    def wait_for(self, version: str) -> dict[str, float]:
        """Ask until each reader serves a version, and return after how many seconds each did."""
        began = time.monotonic()
        seconds: dict[str, float] = {}
        while len(seconds) < len(self.by_name):
            for name, reader in self.by_name.items():
                if name not in seconds and reader.ask()[0] == version:
                    seconds[name] = time.monotonic() - began
            assert time.monotonic() - began < DEADLINE, f"only {sorted(seconds)} serve {version}"
            time.sleep(0.05)
        return seconds

    def ask_all(self) -> Mapping[str, tuple[str, Messages]]:
        """Return what each reader serves now."""
        return {name: reader.ask() for name, reader in self.by_name.items()}

    def wait_for_label(self, label: str, version: str) -> Served:
        """Ask the client until it serves a version by its label, and return what it serves."""
        python, end = self.by_name["python"], time.monotonic() + DEADLINE
        assert isinstance(python, PythonReader)
        while True:
            with suppress(UnknownLabelError):
                found = python.client.get("support", label)
                if found.version == version:
                    return found
            assert time.monotonic() < end, f"{label} is not {version}"
            time.sleep(0.05)

    def wait_for_deal(self, keys: Sequence[str], expected: Dealt) -> None:
        """Ask until each reader gives each key exactly what is expected."""
        waiting, end = dict(self.by_name), time.monotonic() + DEADLINE
        while waiting:
            for name, reader in list(waiting.items()):
                if reader.deal(keys) == expected:
                    del waiting[name]
            assert time.monotonic() < end, f"{sorted(waiting)} deal the keys otherwise"
            time.sleep(0.1 if waiting else 0)

    def wait_for_refusals(self) -> None:
        """Ask until each reader has refused a document."""
        end = time.monotonic() + DEADLINE
        while not all(reader.refuses for reader in self.by_name.values()):
            assert time.monotonic() < end, "a reader accepts the document"
            time.sleep(0.1)
            self.ask_all()
