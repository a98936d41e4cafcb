r"""Text for a GitHub Actions job: its log, where a line can be a command, and the file that holds a step's outputs.

The rules are those of the runner's own parser (actions/runner: `ActionCommand.TryParseV2`, `TryParse`,
`FileCommandManager`): `::name::` counts after any Unicode white space, `##[name]` anywhere in a line, a line ends at
`\n`, `\r` or both, and its comparisons skip characters that have no weight in a collation, such as U+200B or U+FE0F.
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
    r"""The text for the log, line by line: nothing in it is a command, also when other such text stands around it.

    What would make a command of it is an escape then, `\x3a` for a colon, as are characters that cannot be seen.
    """
    return _inert(block(text))


def render_command(
    name: Literal["error", "warning", "notice", "debug", "group", "endgroup"],
    message: str = "",
    **properties: str | int | None,
) -> str:
    """One workflow command as a line without its end: `::error file=a.yml,line=3::message`.

    `properties` are those of the command (file, line, endLine, col, title); None leaves one out.
    """
    text = _data(visible(message, keep="\n"))
    given = ",".join(
        f"{key}={_property(visible(str(value)))}" for key, value in properties.items() if value not in (None, "")
    )
    return f"::{name}{' ' if given else ''}{given}::{text}"


def stop_commands(text: str, token: str) -> str:
    """A rendered report between `::stop-commands::` and its end; the escape sequences of its colours stay in it.

    So the text must have gone through `neutralise` before, as that of `terminal.render` has. `token` is 16 random
    letters and digits or more; raises ValueError for one that is no such word or that the text holds. Whoever knows
    the token could end the stop, so what could be a command is broken here all the same.
    """
    if not _TOKEN.fullmatch(token) or token.lower() in text.lower():
        raise ValueError("the token of stop-commands must be random, and no part of the text")
    shown = _inert(visible(text, keep="\n\t\x1b"))
    return f"::stop-commands::{token}\n{shown}\n::{token}::\n"


def escape_step(text: str) -> str:
    r"""Rendered lines of a step that is no action, in any format: nothing in them is a command.

    JSON says the same afterwards: there only a `[` within a string can be meant, and `\u005b` is the same there.
    """
    return _inert(text.replace("\r", "\\r"), _BROKEN_IN_JSON)


def render_outputs(values: Mapping[str, str], delimiter: Callable[[], str]) -> str:
    """Lines for the file GITHUB_OUTPUT: each value between two lines that hold a delimiter of its own.

    `delimiter` gives a new random word each time; one that the value holds is not used. Raises ValueError for a name
    that is none, and when `delimiter` gives no usable word in 10 tries.
    """
    return "".join(_output(name, value, delimiter) for name, value in values.items())


def _output(name: str, value: str, delimiter: Callable[[], str]) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of an output")
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
    # The next piece of text may begin with the rest of a "##[".
    return broken[: end - 1] + escapes["#"] + broken[end:] if broken[:end].endswith("#") else broken


def _line(line: str, escapes: Mapping[str, str]) -> str:
    """The line with its first shape broken if that is a colon, and each `[` that comes right after a `#`."""
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
    """Whether a comparison may skip the character: all that could be are controls, formats, unassigned, or marks."""
    return unicodedata.category(char)[0] in "CM"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
