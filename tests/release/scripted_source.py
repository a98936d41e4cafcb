"""A registry in a test's hands, and clients of it that are closed at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from evalgate.release.runtime.prompt_error import SourceError
from evalgate.release.runtime.refresher import Refresher

DOWN = SourceError("the registry is down")


class ScriptedSource:
    """A registry that answers with `answer`: bytes, or an error that it raises; `delay` is in seconds."""

    def __init__(self, answer: bytes | Exception) -> None:
        self.answer = answer
        self.delay = 0.0
        self.names: list[str] = []

    def read(self, name: str) -> bytes:
        self.names.append(name)
        time.sleep(self.delay)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def list_names(self) -> list[str]:
        return ["support"]


def wait_for(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "not within the time"
        time.sleep(0.005)


@contextmanager
def running(source: ScriptedSource, **settings: Any) -> Iterator[Refresher]:
    made = Refresher(source, **{"ttl": 300.0, **settings})
    try:
        yield made
    finally:
        made.close()
