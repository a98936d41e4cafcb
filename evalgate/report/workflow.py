r"""Escape text for a GitHub Actions job: for its log, where a line can be a command, and for a step's outputs.

The rules are those of the runner's parser (actions/runner: `ActionCommand.TryParseV2`, `TryParse`,
`FileCommandManager`). `::name::` is a command after any Unicode white space, `##[name]` anywhere in a line. A line ends
at `\n`, `\r` or both. Comparisons skip characters that have no weight in a collation, such as U+200B or U+FE0F.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Literal

from evalgate.report.escape import block, visible

_TOKEN = re.compile(r"[A-Za-z0-9-]{16,100}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_BROKEN = {":": "\\x3a", "[": "\\x5b", "#": "\\x23"}
_BROKEN_IN_JSON = {**_BROKEN, "[": "\\u005b"}


def escape_log(text: str) -> str:
    r"""Return the text for the log without commands, also if other escaped text comes before or after it.

    Characters that would form a command become escapes, such as `\x3a` for a colon, and so do invisible characters.
    """
    return _inert(block(text))


def render_command(
    name: Literal["error", "warning", "notice", "debug", "group", "endgroup"],
    message: str = "",
    **properties: str | int | None,
) -> str:
    """Return one workflow command as a line without its end: `::error file=a.yml,line=3::message`.

    `properties` are those of the command (file, line, endLine, col, title); one that is None is left out.
    """
    text = _data(visible(message, keep="\n"))
    given = ",".join(
        f"{key}={_property(visible(str(value)))}" for key, value in properties.items() if value not in (None, "")
    )
    return f"::{name}{' ' if given else ''}{given}::{text}"


def stop_commands(text: str, token: str) -> str:
    """Return a rendered report between `::stop-commands::` and its end; the escape sequences of its colours stay.

    So the text must have been escaped before, as the result of `terminal.render` is. `token` has 16 or more random
    letters and digits. Raises ValueError for another token, or for one that the text contains. Commands in the text are
    escaped as well, in case the author of the text knows the token.
    """
    if not _TOKEN.fullmatch(token) or token.lower() in text.lower():
        raise ValueError("the token of stop-commands must be random, and no part of the text")
    shown = _inert(visible(text, keep="\n\t\x1b"))
    return f"::stop-commands::{token}\n{shown}\n::{token}::\n"


def escape_step(text: str) -> str:
    r"""Return rendered lines, in any format, without commands, for a step that does not use the action.

    JSON keeps its meaning: only a `[` inside a string is escaped there, and `\u005b` is the same character.
    """
    return _inert(text.replace("\r", "\\r"), _BROKEN_IN_JSON)


def render_outputs(values: Mapping[str, str], delimiter: Callable[[], str]) -> str:
    """Return lines for the file GITHUB_OUTPUT: each value between two lines with its own delimiter.

    `delimiter` returns a new random word at each call; one that the value contains is not used. Raises ValueError for
    an invalid name, and if `delimiter` returns no usable word in 10 tries.
    """
    return "".join(_output(name, value, delimiter) for name, value in values.items())


def _output(name: str, value: str, delimiter: Callable[[], str]) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name of an output")
    text = "".join("\ufffd" if unicodedata.category(char) == "Cs" else char for char in value)
    for _ in range(10):
        word = delimiter()
        if _TOKEN.fullmatch(word) and word not in text:
            return f"{name}<<{word}\n{text}\n{word}\n"
    raise ValueError("the delimiter of an output must be random, and no part of the value")


def _inert(text: str, escapes: Mapping[str, str] = _BROKEN) -> str:
    broken = "\n".join(_line(line, escapes) for line in text.split("\n"))
    end = len(broken)
    while end and broken[end - 1] != "\n" and _is_weightless(broken[end - 1]):
        end -= 1
    # The next text may begin with the rest of a "##[".
    return broken[: end - 1] + escapes["#"] + broken[end:] if broken[:end].endswith("#") else broken


def _line(line: str, escapes: Mapping[str, str]) -> str:
    """Return the line with its first visible character escaped if it is a colon, and each `[` after a `#` escaped."""
    if ":" not in line and "[" not in line:
        return line
    found = []
    before = ""
    for char in line:
        is_command = (char == ":" and not before) or (char == "[" and before == "#")
        found.append(escapes[char] if is_command else char)
        if not (_is_weightless(char) or (char.isspace() and not before)):
            before = char
    return "".join(found)


def _is_weightless(char: str) -> bool:
    """Return whether a comparison may skip the character: a control, format or unassigned character, or a mark."""
    return unicodedata.category(char)[0] in "CM"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
