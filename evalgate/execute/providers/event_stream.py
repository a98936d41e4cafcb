"""Server-sent events as a byte stream arrives, by the WHATWG HTML standard, section 9.2."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event: its type (empty if it has none) and its data, the lines of which are joined by newlines."""

    kind: str
    data: bytes


class EventParser:
    """A parser that takes the stream in parts of any size and returns the events that are complete.

    Comments and fields without a meaning for one response (`id`, `retry`) are ignored. The time is linear in the size
    of the stream.
    """

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._after_return = False
        self._started = False
        self._kind = ""
        self._data: list[bytes] = []

    def feed(self, part: bytes) -> Iterator[ServerSentEvent]:
        """Yield the events that end in this part of the stream."""
        for line in self._split(part):
            event = self._take(line)
            if event is not None:
                yield event

    def finish(self) -> Iterator[ServerSentEvent]:
        """Yield the event at the end of the stream. Some servers leave out the empty line after their last event."""
        for line in (b"".join(self._rest), b""):
            event = self._take(line)
            if event is not None:
                yield event
        self._rest = []

    def _split(self, part: bytes) -> Iterator[bytes]:
        """Yield the complete lines, which end with CRLF, LF or CR."""
        if self._after_return and part.startswith(b"\n"):
            part = part[1:]  # the second half of a CRLF
        if part:
            self._after_return = part.endswith(b"\r")
        *lines, last = part.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            yield b"".join([*self._rest, line])
            self._rest = []
        if last:
            self._rest.append(last)

    def _take(self, line: bytes) -> ServerSentEvent | None:
        if not self._started:
            self._started, line = True, line.removeprefix(_BOM)
        if not line:
            kind, data, self._kind, self._data = self._kind, self._data, "", []
            return ServerSentEvent(kind, b"\n".join(data)) if data else None
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"error":  # not in the standard; llama.cpp writes errors in this field
            self._kind = "error"
            self._data.append(value)
        elif name == b"event":
            self._kind = value.decode("utf-8", "replace")
        return None
