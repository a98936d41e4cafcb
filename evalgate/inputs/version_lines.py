"""Write the version and the reason of the change into a prompt file; every other byte stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from evalgate.domain import NO_SETTINGS, PromptSettings, PromptVersion
from evalgate.domain.langfuse_reference import is_langfuse
from evalgate.errors import InputError
from evalgate.inputs.formats.data_file import decode
from evalgate.inputs.formats.json import dump
from evalgate.inputs.formats.nodes import refuse
from evalgate.inputs.formats.yaml import MappingText, locate_keys
from evalgate.inputs.prompt_files.jinja_files import ReadFile
from evalgate.inputs.prompts import find_suffix, parse_prompt

_BOM = "\ufeff"
_WHOLE = (".prompt.yml", ".prompt.yaml", ".prompt.json", ".yml", ".yaml", ".json")
_FRONT_MATTER = re.compile(r"(?:\s*`{3,}[\w-]+[ \t]*\r?\n)?---[ \t]*\r?\n")
_CLOSING = re.compile(r"^---[ \t]*\r?$", re.MULTILINE)
_PLAIN = re.compile(r"[A-Za-z][\w ,.()/%+-]*[\w.)%]")
_BEFORE = ("name", "description")
_BY_HAND = "edit the line by hand"


def write_version(
    data: bytes,
    path: str,
    *,
    version: str,
    change: str | None = None,
    settings: PromptSettings = NO_SETTINGS,
    read: ReadFile | None = None,
    add_front_matter: bool = False,
) -> bytes:
    """Return a prompt file with `version`, and with `change` unless it is None.

    Only these two values differ; keys that are missing are added. The result is read again before it is returned, and
    its content is that of the file. `add_front_matter` allows to add front matter to a text without any. `read` returns
    the files that a jinja prompt includes.

    Raises InputError for a prompt whose format has no place for a version, and for a file that cannot be edited safely.
    """
    before = parse_prompt(data, path, path, settings, read=read)
    decode(data, path)  # refuses what is not UTF-8
    text = data.decode()
    mark, text = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
    start, end = _find_mapping(text, path, add_front_matter=add_front_matter)
    wanted = {"version": version, **({} if change is None else {"change": change})}
    if start is None:
        newline = _find_newline(text)
        lines = "".join(f"{key}: {_quote(value, key)}{newline}" for key, value in wanted.items())
        text = f"---{newline}{lines}---{newline}{text}"
    else:
        text = text[:start] + _edit(text[start:end], wanted, path, _find_newline(text)) + text[end:]
    written = f"{mark}{text}".encode()
    _verify(written, before, wanted, path, settings=settings, read=read)
    return written


def _find_mapping(text: str, path: str, *, add_front_matter: bool) -> tuple[int | None, int]:
    """Return where the text of the keys begins and ends in a file; no start if front matter has to be added."""
    suffix = find_suffix(path)
    if is_langfuse(path) or suffix == ".py":
        why = "is in Langfuse, which numbers its versions itself" if is_langfuse(path) else "is Python"
        hint = "a prompt without a version has the level that its edit is at least: nothing needs to be written"
        raise refuse(f"{why}: there is no place for a version", path, hint=hint)
    if suffix in _WHOLE:
        return 0, len(text)
    opening = _FRONT_MATTER.match(text)
    closing = _CLOSING.search(text, opening.end()) if opening else None
    if opening is not None and closing is not None:
        return opening.end(), closing.start()
    if not add_front_matter:
        hint = "--front-matter adds it; an application that reads the whole file then has to leave it out"
        raise refuse("has no front matter for its version", path, 1, hint=hint)
    return None, 0


def _find_newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _edit(text: str, wanted: Mapping[str, str], path: str, newline: str) -> str:
    """Return the text of a mapping with the values of some keys, which are added after the others of its head."""
    previous: str | None = None
    for key, value in wanted.items():
        found = locate_keys(text)
        if found is None and not text.strip():
            text, previous = f"{text}{key}: {_quote(value, key)}{newline}", key
            continue
        if found is None:
            hint = "put the messages under the key `messages:`, and `version:` beside it"
            raise refuse("is a list of messages, which has no place for a version", path, 1, hint=hint)
        if key in found.values:
            start, end = found.values[key]
            text = text[:start] + _replace(text[start:end], value, key) + text[end:]
        else:
            after = previous or next((name for name in _BEFORE if next(iter(found.keys), "") == name), None)
            text = _insert(text, found, key, value, after=after, newline=newline)
        previous = key
    return text


def _replace(old: str, value: str, key: str) -> str:
    """Return a value in the style of the old one; a block of lines becomes one line."""
    written = old.rstrip("\r\n")
    end = old[len(written) :] if old[:1] in ("|", ">") else ""
    if written.startswith("'") and "'" not in value:
        return f"'{value}'{end}"
    if written.startswith('"') or not _PLAIN.fullmatch(value):
        return _quote(value, "version") + end
    return _quote(value, key) + end


def _insert(text: str, found: MappingText, key: str, value: str, *, after: str | None, newline: str) -> str:
    first = next(iter(found.keys))
    at = found.keys[first]
    if found.is_flow:
        gap = text[text.rindex("{", 0, at) + 1 : at] or " "
        pair = f'"{key}": {dump(value)}'
        if after is None:
            return f"{text[:at]}{pair},{gap}{text[at:]}"
        end = found.values[after][1]
        return f"{text[:end]},{gap}{pair}{text[end:]}"
    indent = text[text.rfind("\n", 0, at) + 1 : at]
    line = f"{key}: {_quote(value, key)}{newline}"
    if after is None:
        return f"{text[:at]}{line}{indent}{text[at:]}"
    end = found.values[after][1]
    if text[end - 1 : end] != "\n":
        next_line = text.find("\n", end)
        if next_line < 0:
            return f"{text}{newline}{indent}{line}"
        end = next_line + 1
    return f"{text[:end]}{indent}{line}{text[end:]}"


def _quote(value: str, key: str) -> str:
    """Return a value as YAML: a version in quotes, a plain sentence as it is."""
    if key != "version" and _PLAIN.fullmatch(value) and value.lower() not in ("true", "false", "null"):
        return value
    return dump(value)


def _verify(
    written: bytes,
    before: PromptVersion,
    wanted: Mapping[str, str],
    path: str,
    *,
    settings: PromptSettings,
    read: ReadFile | None,
) -> None:
    """Raise InputError unless the file is read as before, with the new version and the new reason."""
    try:
        after = parse_prompt(written, path, path, settings, read=read)
    except InputError as error:
        raise refuse(f"cannot be edited safely: {error.faults[0].message}", path, hint=_BY_HAND) from None
    expected = replace(before, version=wanted["version"], change=wanted.get("change", before.change))
    expected = replace(expected, has_front_matter=after.has_front_matter)
    if replace(after, lines={}, starts=()) != replace(expected, lines={}, starts=()):
        raise refuse("cannot be edited safely: another value would change", path, hint=_BY_HAND)
