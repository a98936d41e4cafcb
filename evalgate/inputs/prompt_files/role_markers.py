"""Texts with role markers: lines such as `system:` and `# user:`, each of which begins a message."""

from __future__ import annotations

import re

from evalgate.domain import Message, TextStart
from evalgate.domain.messages import make_history
from evalgate.inputs.formats.nodes import Node
from evalgate.inputs.schema_check import SchemaCheck

ROLES = ("system", "user", "assistant", "developer")
_MARKER = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]*)?(system|user|assistant|developer|function|tool)(\[[^\]\n]*\])?[ \t]*:[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
# the loop that inserts a conversation: for item in history, its role as a marker, its content
_HISTORY = re.compile(
    r"""\{%-?\s*for\s+(\w+)\s+in\s+(\w+)\s*-?%\}\s*(?:\#{1,6}[ \t]*)?
    \{\{-?\s*\1(?:\.role|\[.role.\])\s*-?\}\}\s*:\s*\{\{-?\s*\1(?:\.content|\[.content.\])\s*-?\}\}\s*
    \{%-?\s*endfor\s*-?%\}""",
    re.VERBOSE,
)
_IMAGE = re.compile(r"!\[[^\]\n]{0,200}\]\([^)\n]{1,500}\)")


def find_first_marker(text: str) -> bool:
    """Return whether the first line of a text that is not blank is a role marker."""
    found = _MARKER.search(text)
    return found is not None and not text[: found.start()].strip()


def split_roles(
    text: str, line: int, checker: SchemaCheck, *, with_images: bool = False
) -> tuple[tuple[Message, ...], tuple[TextStart | None, ...]]:
    """Return the messages of a text, and where they begin. `line` is the text's first line in the file.

    Text before the first marker is a system message. A loop that inserts the messages of a field, with their own
    roles, becomes a history. With `with_images`, an image in Markdown is a fault, because the format sends it as one.
    """
    marks = list(_MARKER.finditer(text))
    heads = [("system", 0), *((mark[1].lower(), mark.end()) for mark in marks)]
    ends = [*(mark.start() for mark in marks), len(text)]
    messages: list[Message] = []
    starts: list[TextStart | None] = []
    count = _LineCounter(text)
    for position, ((role, start), end) in enumerate(zip(heads, ends, strict=True)):
        at = count.upto(start)
        if role not in ROLES:
            problem = f'a message of the role {role} needs the call that it answers, which "{role}:" does not name'
            checker.add_fault(Node(data=None, line=line + at, column=1), problem, "write the prompt as a .prompt.yml")
        pieces = _split_histories(text, start, end)
        for content, begin, field in pieces:
            if field is not None:
                messages.append(make_history(field))
                starts.append(None)
            elif content.strip() or (position and len(pieces) == 1 and not (role == "assistant" and end == len(text))):
                first = begin + len(content) - len(content.lstrip())
                found = TextStart(line=line + count.upto(first), column=_find_column(text, first))
                _check_message(content, found, checker, with_images=with_images)
                messages.append(Message(role=role, content=content.strip()))
                starts.append(found)
    return tuple(messages), tuple(starts)


class _LineCounter:
    """Counts the line ends before positions that do not decrease: it reads a text only once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._lines = 0

    def upto(self, position: int) -> int:
        self._lines += self._text.count("\n", self._position, position)
        self._position = position
        return self._lines


def _check_message(content: str, start: TextStart, checker: SchemaCheck, *, with_images: bool) -> None:
    image = _IMAGE.search(content) if with_images else None
    if not content.strip():
        checker.add_fault(Node(data=None, line=start.line, column=1), "the message is empty")
    elif image is not None:
        line, column = start.locate(content.lstrip(), image.start() - (len(content) - len(content.lstrip())))
        problem = "an image in Markdown would be sent as text"
        hint = "write the prompt as a .prompt.yml, with a part {type: image, image: FILE}"
        checker.add_fault(Node(data=None, line=line, column=column), problem, hint)


def _split_histories(text: str, start: int, end: int) -> list[tuple[str, int, str | None]]:
    """Split a part of a text at its histories, into (text, position, field of the history)."""
    found: list[tuple[str, int, str | None]] = []
    done = start
    for hit in _HISTORY.finditer(text, start, end):
        found += [(text[done : hit.start()], done, None), ("", hit.start(), hit[2])]
        done = hit.end()
    return [*found, (text[done:end], done, None)]


def _find_column(text: str, position: int) -> int:
    return position - text.rfind("\n", 0, position)
