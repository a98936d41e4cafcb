"""The errors of the runtime, and its warnings in the log. Texts of registries are made printable."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Iterator
from urllib.parse import quote

_LONGEST = 500
_SHORTEST_SECRET = 8


class PromptError(Exception):
    """An expected error of the runtime: what is wrong and where, and in `hint` how to mend it; both are printable."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = _escape(message)
        self.hint = _escape(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class SourceError(PromptError):
    """A registry did not answer, or has no document of the name."""


class PromptUnavailableError(PromptError):
    """Neither the registry nor any copy has a document of the name, so that there is nothing to serve."""


class UnknownLabelError(PromptError):
    """No version of the prompt has the label."""


class VariableError(PromptError, TypeError):
    """A variable that is missing, that the version does not use, or that is neither text nor data of JSON."""


def hide_secrets(text: str, values: Iterable[str]) -> str:
    """Return a text of a server without the values of a request, such as a token, as they are and decoded.

    A value with a scheme, as in `Bearer TOKEN`, is hidden without the scheme too. Those of a few characters stay.
    """
    forms = {form for value in values for form in _list_forms(value) if len(form) >= _SHORTEST_SECRET}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def _list_forms(value: str) -> Iterator[str]:
    for one in (value.strip(), value.strip().partition(" ")[2]):
        yield from (one, quote(one, safe=""))
    scheme, _, key = value.strip().partition(" ")
    if scheme.lower() == "basic":
        try:
            pair = b64decode(key, validate=True).decode()
        except ValueError:
            return
        for one in (pair, pair.partition(":")[2]):
            yield from (one, quote(one, safe=""))


def make_printable(text: object) -> str:
    """Return a text without characters that can forge a line of a log or an escape sequence, and not too long."""
    shown = _escape(str(text)[:_LONGEST])
    return shown if len(str(text)) <= _LONGEST else f"{shown}..."


def _escape(text: str) -> str:
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def warn(message: str) -> None:
    """Write a warning to the log of the runtime, `evalgate.release.runtime`."""
    import logging  # it takes a tenth of the time in which the runtime has to be imported

    logging.getLogger("evalgate.release.runtime").warning("%s", message)
