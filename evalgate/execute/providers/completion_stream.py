"""Streamed chat completions: the chunks of a reply become the completion that a call without streaming returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalgate.domain import find_error, read_finish_reason
from evalgate.domain.finish_reasons import is_early_end
from evalgate.execute.providers import chat_completions
from evalgate.execute.providers.event_stream import EventParser, ServerSentEvent

USAGE_OPTION = {"include_usage": True}
"""The `stream_options` with which an endpoint adds a last chunk with the usage."""

_END = b"[DONE]"
_WHOLE = frozenset({"role", "type", "id", "index", "object"})
"""Keys of a message whose texts are whole in each chunk. All other texts are continued from chunk to chunk."""
_JSON_STARTS = (b"{", b"[", b"<")


class StreamError(ValueError):
    """Raised when the events are not those of a chat completion, or end before it is complete."""


class CompletionStream:
    """The reader of one streamed reply.

    Feed it the bytes as they arrive. A reply that is not a stream of events (some endpoints ignore `stream`) is left
    alone: `is_stream` stays False. The chunks of each choice are joined: texts are continued, lists are extended, and
    the pieces of a tool call are joined by its index. Everything else is that of the last chunk.
    """

    def __init__(self) -> None:
        self.is_stream = False
        self._seen = False
        self._parser = EventParser()
        self._ended = False
        self._top: dict[str, Any] = {}
        self._choices: dict[int, _Choice] = {}
        self._error: Any = None

    def feed(self, part: bytes) -> bool:
        """Take a part of the reply. Return True if the completion has ended, whatever the server still sends.

        Raise StreamError for a malformed event.
        """
        if not self._seen and part.strip():
            self._seen, self.is_stream = True, not part.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_JSON_STARTS)
        if not self.is_stream:
            return False
        for event in self._parser.feed(part):
            self._take(event)
        return self._ended

    def build_completion(self) -> dict[str, Any]:
        """Return the completion as plain data. Raise StreamError if the stream ended before it was complete.

        An error in the middle of the stream becomes the `error` of the completion. An answer without a finish reason is
        not complete, because a proxy may end a broken stream in the usual way. If the answer went on after one, the
        mark of the stream's end is needed.
        """
        if not self._ended:
            try:
                for event in self._parser.finish():
                    self._take(event)
            except StreamError as error:
                raise StreamError("the stream ended in the middle of an event") from error
        if self._error is not None:
            return {**self._top, "choices": [], "error": self._error}
        choices = [self._choices[index].build() for index in sorted(self._choices)]
        if not choices and self._ended and self._top:  # a blocked prompt has chunks, but no choice
            return {**self._top, "choices": []}
        first = choices[0] if choices else {}
        if read_finish_reason(first, "", first.get("message", {}), self._top) in ("", "null"):
            raise StreamError("the stream ended before the answer was complete: it has no finish reason")
        if not self._ended and any(choice.goes_on for choice in self._choices.values()):
            raise StreamError("the stream ended before the answer was complete: each chunk has a finish reason")
        return {**self._top, "choices": choices}

    def _take(self, event: ServerSentEvent) -> None:
        data = event.data.strip()
        if self._ended or not data:
            return
        if data == _END:
            self._ended = True
            return
        try:
            chunk = chat_completions.decode(data)
        except ValueError as error:
            if event.kind == "error":
                self._fail({"message": data.decode("utf-8", "replace")})
                return
            raise StreamError(f"an event of the stream is malformed: {_explain(error)}") from error
        if not isinstance(chunk, dict):
            if event.kind != "error":
                raise StreamError("an event of the stream is not an object")
            chunk = {"message": str(chunk)}
        told = find_error(chunk, *chat_completions.list_extensions(chunk))
        if told is not None:
            self._fail(told)
        elif event.kind == "error" or (chunk.get("object") == "error" and "choices" not in chunk):
            self._fail(chunk)
        else:
            self._merge(chunk)

    def _fail(self, error: Any) -> None:
        self._error, self._ended = error, True

    def _merge(self, chunk: Mapping[str, Any]) -> None:
        for key, value in chunk.items():
            if key == "choices":
                continue
            if value is not None and not (key in self._top and value in ("", [], {})):
                self._top[key] = value
        if not self._top.get("usage"):
            own = chunk.get("x_groq")
            if isinstance(own, dict) and own.get("usage"):
                self._top["usage"] = own["usage"]
        choices = chunk.get("choices") or []
        if not isinstance(choices, list):
            raise StreamError("a chunk of the stream has no list of choices")
        for place, choice in enumerate(choices):
            if not isinstance(choice, dict):
                raise StreamError("a choice of the stream is not an object")
            index = choice.get("index", place)
            if type(index) is not int:
                raise StreamError("a choice of the stream has no index")
            self._choices.setdefault(index, _Choice()).merge(choice)


class _Text(list[str]):
    """The pieces of a text. They are joined once, because repeated concatenation takes quadratic time."""


class _Calls:
    """The tool calls of a message, from their pieces."""

    def __init__(self) -> None:
        self._calls: list[dict[str, Any]] = []
        self._places: dict[int, int] = {}

    def add(self, pieces: list[Any]) -> None:
        for piece in pieces:
            if not isinstance(piece, dict):
                raise StreamError("a tool call of the stream is not an object")
            _merge_into(self._find(piece), {key: value for key, value in piece.items() if key != "index"})

    def _find(self, piece: Mapping[str, Any]) -> dict[str, Any]:
        """Return the call that a piece continues.

        It is that of the same index. An endpoint without indexes, or with one index for all, starts a call with a new
        id; without an id, with a name.
        """
        index, own = piece.get("index"), piece.get("id")
        index = index if type(index) is int else None
        place = self._places.get(index) if index is not None else len(self._calls) - 1 if self._calls else None
        if place is not None and self._starts_anew(self._calls[place], piece, own, indexed=index is not None):
            place = None
        if place is None:
            place = len(self._calls)
            self._calls.append({})
        if index is not None:
            self._places[index] = place
        return self._calls[place]

    @staticmethod
    def _starts_anew(call: Mapping[str, Any], piece: Mapping[str, Any], own: Any, *, indexed: bool) -> bool:
        if own and call.get("id"):
            return bool(own != call["id"])
        function = piece.get("function")
        return not indexed and not own and isinstance(function, dict) and bool(function.get("name"))

    def build(self) -> list[Any]:
        return [_build(call) for call in self._calls]


class _Choice:
    """One choice, from its chunks. Some endpoints end with a chunk that has the whole `message`.

    `goes_on` is True if a text came after a finish reason: some endpoints give one in each chunk.
    """

    def __init__(self) -> None:
        self.goes_on = False
        self._own: dict[str, Any] = {}
        self._message: dict[str, Any] = {}
        self._whole: dict[str, Any] = {}

    def merge(self, choice: Mapping[str, Any]) -> None:
        told = read_finish_reason(self._own, "") not in ("", "null")
        own = {key: value for key, value in choice.items() if key not in ("delta", "message") and not self._is_cut(key)}
        _merge_into(self._own, own, continued=False)
        for key in ("delta", "message"):
            value = choice.get(key)
            if value is not None and not isinstance(value, dict):
                raise StreamError(f"the {key} of a choice is not an object")
        delta = choice.get("delta") or {}
        self.goes_on = self.goes_on or (told and bool(delta.get("content") or delta.get("tool_calls")))
        _merge_into(self._message, delta)
        whole = choice.get("message") or {}
        self._whole.update({key: value for key, value in whole.items() if value not in (None, "", [])})

    def _is_cut(self, key: str) -> bool:
        """Return True if a reason is known that says that the answer ended early: no later one replaces it."""
        known = self._own.get(key)
        return key.endswith("reason") and isinstance(known, str) and is_early_end(known)

    def build(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": None, **_build(self._message), **self._whole}
        return {"index": 0, "finish_reason": None, **_build(self._own), "message": message}


def _merge_into(found: dict[str, Any], piece: Mapping[str, Any], *, continued: bool = True) -> None:
    """Add the values of a chunk to those that were found so far. Texts are continued, or replaced."""
    for key, value in piece.items():
        known = found.get(key)
        if value is None:
            found.setdefault(key, None)
        elif key == "tool_calls" and isinstance(value, list):
            if not isinstance(known, _Calls):
                known = found[key] = _Calls()
            known.add(value)
        elif isinstance(value, str):
            if continued and key not in _WHOLE:
                found[key] = _continue_text(known, value, key)
            elif value:
                found[key] = value
        elif isinstance(value, dict):
            if not isinstance(known, dict):
                known = found[key] = {}
            _merge_into(known, value, continued=continued)
        elif isinstance(value, list):
            found[key] = _extend(known, value)
        elif not (value is False and known is True):  # `filtered` in any chunk counts
            found[key] = value


def _continue_text(known: Any, value: str, key: str) -> Any:
    if isinstance(known, list) and not isinstance(known, _Text):  # content in parts
        known.append({"type": "text", "text": value})
        return known
    if not isinstance(known, _Text):
        known = _Text()
    if key != "name" or "".join(known) != value:  # some endpoints repeat the whole name of a function
        known.append(value)
    return known


def _extend(known: Any, value: list[Any]) -> list[Any]:
    if isinstance(known, _Text):
        return [{"type": "text", "text": "".join(known)}, *value]
    if not isinstance(known, list):
        return list(value)
    known.extend(value)
    return known


def _build(value: Any) -> Any:
    if isinstance(value, _Text):
        return "".join(value)
    if isinstance(value, _Calls):
        return value.build()
    if isinstance(value, dict):
        return {key: _build(item) for key, item in value.items()}
    return value


def _explain(error: ValueError) -> str:
    return str(error) if isinstance(error, chat_completions.DeepReplyError) else "it is not JSON"
