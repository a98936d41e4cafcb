"""Masking of secrets: a key that another program echoes is replaced before a text is stored or shown."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from html import escape
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

SHORTEST_SECRET = 8
"""Characters. A shorter value is not masked, because it may be a part of ordinary words."""

HIDDEN = "***"
_SECRET_NAME = re.compile(
    r"key|token|secret|passw|(?<!by)(?<!com)pass(?:code|phrase)?$|pwd|cred|jwt|auth(?!or(?!i))|^sig|^code$|bearer"
    r"|cookie|webhook|dsn$|connection_?string|(?:^|_)pat$",
    re.IGNORECASE,
)
_ESCAPES = re.compile(r"\\|%|&#")
"""What a character may be escaped with; without any, no secret is spelt in escapes."""
_SCHEMES = ("bearer", "basic", "token")
_RUN = re.compile(r"[A-Za-z0-9]{16,}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_T = TypeVar("_T")


class Mask:
    """Replaces each whole secret by `***`, also if it is URL-encoded or written in base64, hexadecimal, JSON or HTML.

    Any of its characters may be escaped by itself: a reader of JSON or HTML would restore the secret from that.

    A mask is false if it has nothing to mask. Secrets shorter than 8 characters are not masked.
    """

    def __init__(self, secrets: Iterable[str | None]) -> None:
        given = [secret for secret in secrets if secret]
        values = {text for secret in given for text in (secret, secret.strip(), *_list_parts(secret.strip()))}
        found = {form for value in values if len(value) >= SHORTEST_SECRET for form in _list_forms(value)}
        # the longest first: one form may be a part of another
        self._forms = sorted(found, key=lambda form: (-len(form), form))
        # of a key in several lines each line counts: a pattern of the whole takes a second to compile
        whole = sorted((v for v in values if len(v) >= SHORTEST_SECRET and "\n" not in v), key=len, reverse=True)
        self._escaped = [re.compile("".join(map(_spell_character, value))) for value in whole]

    def __bool__(self) -> bool:
        return bool(self._forms)

    def text(self, text: str) -> str:
        """Return the text with the secrets masked."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, HIDDEN)
        if self._escaped and _ESCAPES.search(text):
            for pattern in self._escaped:
                text = pattern.sub(HIDDEN, text)
        return text

    def count_open(self, text: str) -> int:
        """Return how many characters at the text's end may begin a secret whose rest comes later."""
        found = 0
        for form in self._forms:
            longest = min(len(form) - 1, len(text))
            found = max(found, next((size for size in range(longest, found, -1) if text.endswith(form[:size])), 0))
        return found

    def value(self, value: _T) -> _T:
        """Return a domain value, or plain data, with all texts masked; the same object if there are no secrets."""
        return self._value(value) if self._forms else value

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            changed = {self._value(name): self._value(item) for name, item in value.items()}
            return value if changed == value else changed
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if isinstance(value, tuple):
            items = tuple(self._value(item) for item in value)
            return value if items == value else items
        if is_dataclass(value) and not isinstance(value, type):
            return self._dataclass(value)
        return value

    def _dataclass(self, value: Any) -> Any:
        changed = {}
        for field in fields(value):
            before = getattr(value, field.name)
            after = self._value(before)
            if after != before:
                changed[field.name] = after
        return replace(value, **changed) if changed else value

    def through(self, note: Callable[[str], None]) -> Callable[[str], None]:
        """Return a wrapper of the callback `note` that masks each sentence."""
        return lambda sentence: note(self.text(sentence))

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Mask the secrets in any exception that leaves the block."""
        try:
            yield
        except Exception as error:
            self.error(error)
            raise

    def error(self, error: BaseException) -> None:
        """Mask the texts of an exception in place, and those of its causes, because a traceback shows them all."""
        seen: set[int] = set()
        waiting: list[BaseException | None] = [error]
        while waiting:
            one = waiting.pop()
            if one is None or id(one) in seen:
                continue
            seen.add(id(one))
            one.args = self.value(one.args)
            for name in [*vars(one), *_list_slots(type(one))]:
                with contextlib.suppress(Exception):  # a third-party class may forbid either
                    held = getattr(one, name)
                    if isinstance(held, str | list | tuple | dict) and (masked := self.value(held)) != held:
                        setattr(one, name, masked)
            waiting += [one.__cause__, one.__context__]
            if isinstance(one, BaseExceptionGroup):
                waiting += one.exceptions


def is_secret_name(name: str) -> bool:
    """Return True if the value of this variable or URL parameter is a secret, by its name."""
    return _SECRET_NAME.search(name) is not None


def find_url_secrets(url: str) -> Iterator[str]:
    """Yield the password of a URL, and the values of its query that are keys by their names or look like keys."""
    if "://" not in url:
        return
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        yield from (text for text in (parts.password, unquote(parts.password or "")) if text)
        yield from (value for name, value in parse_qsl(parts.query) if is_secret_name(name) or looks_random(value))


def is_secret_variable(name: str, value: str) -> bool:
    """Return True if the value of a variable in a URL is a secret, by its name or because it looks like a key."""
    return is_secret_name(name) or looks_random(value)


def find_environment_keys(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the values of variables that are secrets by their names and look like keys, and the passwords of URLs.

    A word such as the password `postgres` is none, also in a URL, nor is the name of a model in a variable such as
    `TOKENIZER`: they would be masked in every answer that has them. Some keys are UUIDs, whose parts are short.
    """
    for name, value in environment.items():
        if "://" in value:
            yield from (secret for secret in find_url_secrets(value) if not secret.isalpha())
        elif is_secret_name(name) and (looks_random(value) or _UUID.search(value)):
            yield value


def find_path_secrets(url: str) -> Iterator[str]:
    """Yield the parts of a URL's path that look like keys."""
    if "://" in url:
        with contextlib.suppress(ValueError):
            yield from filter(looks_random, urlsplit(url).path.split("/"))


def looks_random(value: str) -> bool:
    """Return True if a value has 16 letters and digits in a row, both among them, as keys have and words do not."""
    return any(not run.isalpha() and not run.isdigit() for run in _RUN.findall(value))


def _list_slots(kind: type[BaseException]) -> Iterator[str]:
    """Yield the attributes of an exception class that are not in its instances' `__dict__`, such as a file's name."""
    kinds = (GetSetDescriptorType, MemberDescriptorType)
    for base in kind.__mro__:
        yield from (name for name, held in vars(base).items() if isinstance(held, kinds) and not name.startswith("__"))


def _list_parts(secret: str) -> Iterator[str]:
    """Yield the parts of a variable's value that are secrets by themselves.

    A header has its key after a scheme such as `Bearer`, after `Basic` a user and a password in base64, and in a cookie
    pairs of name and value. A URL has a password. A key in several lines may be told line by line, and the key file of
    a service account has its key under a name.
    """
    if "\n" in secret:
        yield from filter(looks_random, map(str.strip, secret.splitlines()))
    if secret.startswith("{"):
        with contextlib.suppress(ValueError, RecursionError):
            held = json.loads(secret)
            named = [value for name, value in held.items() if isinstance(value, str) and is_secret_name(name)]
            yield from (text for value in named for text in (value, *filter(looks_random, value.splitlines())))
    scheme, _, key = secret.partition(" ")
    if scheme.lower() in _SCHEMES:
        yield key.strip()
    if scheme.lower() == "basic":
        with contextlib.suppress(binascii.Error, ValueError):
            pair = base64.b64decode(key.strip(), validate=True).decode()
            yield from (pair, pair.partition(":")[2])
    for part in secret.split(";") if "=" in secret else ():
        name, _, value = part.strip().partition("=")
        if is_secret_name(name) or looks_random(value):
            yield value.strip()
    yield from find_url_secrets(secret)


def _list_forms(secret: str) -> Iterator[str]:
    """Yield a secret in all encodings in which another program may write it."""
    raw = secret.encode("utf-8", "surrogatepass")
    quoted = quote(raw, safe="")
    yield from (secret, quoted, quote(raw), quote_plus(raw), quote(quoted, safe=""), escape(secret))
    yield from {_lower_percents(text) for text in (quoted, quote(raw), quote_plus(raw))}
    yield from (raw.hex(), raw.hex().upper())
    for ascii_only in (True, False):
        written = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        for once in (written, written.replace("/", "\\/")):
            yield from (once, json.dumps(once)[1:-1])  # JSON inside a JSON string, such as a judge's reply
    yield repr(secret)[1:-1]
    yield from _list_base64(raw)


def _spell_character(char: str) -> str:
    """Return a pattern for a character, as it is or escaped in JSON, Python, HTML or a URL.

    Repetitions are bounded, and a way that matched is not left again: no text takes long.
    """
    number = ord(char)
    units = char.encode("utf-16-be", "surrogatepass").hex()
    ways = ["".join(rf"\\{{1,8}}u(?i:{units[at : at + 4]})" for at in range(0, len(units), 4))]
    ways += [rf"\\{{1,8}}x(?i:{number:02x})"] if number < 256 else []
    ways += ["".join(f"%(?:25){{0,4}}(?i:{byte:02x})" for byte in char.encode("utf-8", "surrogatepass"))]
    ways += [f"&#0{{0,8}}{number};", f"&#[xX]0{{0,8}}(?i:{number:x});"]
    # any punctuation: Markdown and shells escape more than JSON does
    ways += [r"\\\\"] if char == "\\" else [] if char.isalnum() else [rf"\\{{1,8}}{re.escape(char)}"]
    return f"(?>{'|'.join(ways)}|{re.escape(char)})"


def _lower_percents(quoted: str) -> str:
    """Return a percent-encoded text with lower-case hexadecimal digits: %2f for %2F."""
    first, *others = quoted.split("%")
    return "%".join([first, *(part[:2].lower() + part[2:] for part in others)])


def _list_base64(raw: bytes) -> Iterator[str]:
    """Yield the base64 forms of a secret, alone and as a part of a longer text such as `user:key`.

    Inside a longer text, the secret has one of three alignments to the groups of three bytes.
    """
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(raw).decode()
        yield from (whole, whole.rstrip("="))
        for before in range(3):
            # each character encodes six bits: keep the characters that encode only bits of the secret
            first, last = -(-8 * before // 6), 8 * (before + len(raw)) // 6
            yield encode(b"\0" * before + raw).decode()[first:last]
