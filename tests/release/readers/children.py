"""The readers of Node.js and C# in processes of their own, which answer requests of one line each."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalgate.release.document import DocumentError, parse_document

HERE = Path(__file__).parent
READERS = Path(__file__).parents[3] / "evalgate" / "release" / "readers"
NODE_READER = READERS / "evalgate_reader.mjs"
CSHARP_READER = READERS / "EvalgateReader.cs"


class RefusalError(Exception):
    """The error that a reader answered with."""


class Child:
    """A reader in a process of its own. `refusal` is the name of its own errors; any other is a bug."""

    def __init__(self, command: list[str], refusal: str) -> None:
        self._refusal = refusal
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        assert self._process.wait(timeout=20) == 0

    def ask(self, op: str, **given: Any) -> Any:
        """Return the answer to a request. Raises RefusalError."""
        assert self._process.stdin and self._process.stdout
        if isinstance(given.get("document"), bytes):
            given["document"] = base64.b64encode(given["document"]).decode()
        self._process.stdin.write(json.dumps({"op": op, **given}).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the process has ended"
        told = json.loads(line)
        if "error" in told:
            assert told["kind"] == self._refusal, f"{told['kind']}: {told['error']}"
            raise RefusalError(told["error"])
        return told["ok"]

    def judge(self, document: bytes) -> str | None:
        """Return why a document is refused; None if it is accepted."""
        try:
            self.ask("parse", document=document)
        except RefusalError as error:
            return str(error)
        return None


def judge(document: bytes) -> str | None:
    """Return why the parser in Python refuses a document; None if it accepts it."""
    try:
        parse_document(document)
    except DocumentError as error:
        return str(error)
    return None


def require_same(mine: str | None, theirs: str | None) -> None:
    """Require the same refusal, but for what is not JSON or too deep, which each reader says in its own words."""
    for prefix in ("not JSON", "bytes", " levels"):
        if mine is not None and prefix in mine:
            assert theirs is not None and prefix in theirs, (mine, theirs)
            return
    assert theirs == mine


def start_node() -> Child:
    node = shutil.which("node")
    assert node, "the tests of the readers need Node.js"
    return Child([node, str(HERE / "driver.mjs"), str(NODE_READER)], "ReleaseError")


def compile_csharp(folder: Path, *sources: Path, options: tuple[str, ...] = (), reader: Path = CSHARP_READER) -> Path:
    """Compile C# with the reader, without a warning, and return the program or library."""
    made = folder / "program.exe"
    command = ["mcs", "-nologo", "-warn:4", "-warnaserror", "-r:System.Numerics.dll", f"-out:{made}", *options]
    done = subprocess.run(
        [*command, str(reader), *map(str, sources)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def start_csharp(folder: Path) -> Child:
    return Child(["mono", str(compile_csharp(folder, HERE / "Driver.cs"))], "ReleaseException")


def list_variables(variables: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    """Return variables in the form of the drivers: name, kind and value."""
    kinds = {str: "text", int: "int", list: "history"}
    return [(name, kinds[type(one)], str(one) if type(one) is int else one) for name, one in variables.items()]
