"""The prompts of a promptfoo configuration: texts and chats, in place or in files."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from evalgate.domain import Json
from evalgate.errors import EvalgateError, Place
from evalgate.inputs.formats.nodes import Node
from evalgate.inputs.importers.import_remarks import Remarks
from evalgate.inputs.importers.promptfoo_file import SCHEME, ForeignFiles, as_mapping, try_parse

_SUFFIXES = (".txt", ".md", ".j2", ".json", ".jsonl", ".yaml", ".yml", ".csv", ".py", ".js", ".cjs", ".mjs", ".ts")
_CODE = (".py", ".js", ".cjs", ".mjs", ".ts", ".sh", ".rb", ".go")
_SEPARATOR = re.compile(r"^---[ \t]*$", re.MULTILINE)
_CHAT = re.compile(r"\s*- role:")
_ROLES = frozenset({"system", "user", "assistant", "developer", "tool"})
_NAME = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignPrompt:
    """A prompt: its messages as `role` and `content`, in Nunjucks.

    `file` is the path of the only prompt in a file. `messages` is None for a prompt that is not at hand, because its
    file is missing or because code makes it.
    """

    name: str
    place: Place
    messages: tuple[dict[str, Any], ...] | None
    file: str | None = None
    source: str = ""
    ids: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)

    def list_texts(self) -> Iterator[str]:
        """Yield the texts of the messages."""
        for message in self.messages or ():
            content = message.get("content")
            parts = content if isinstance(content, list) else [content]
            for part in parts:
                yield from _list_strings(part)


def read_prompts(node: Node | None, files: ForeignFiles, path: str, remarks: Remarks) -> list[ForeignPrompt]:
    """Read the value of `prompts`: a text, a list, or a mapping of files to labels."""
    if node is None:
        return []
    entries: list[tuple[Node, str | None]] = [(node, None)]
    if isinstance(node.children, list):
        entries = [(child, None) for child in node]
    elif isinstance(node.children, dict) and not _is_entry(node):
        entries = [(Node(key, child.line, child.column, key), _as_text(child.data)) for key, child in node.items()]
    found: list[ForeignPrompt] = []
    for entry, label in entries:
        found += _read_entry(entry, label, files, path, remarks)
    return found


def make_file_stem(name: str) -> str:
    """Return a name as a part of a file's name."""
    return _NAME.sub("-", name).strip(".-")[:50].strip(".-") or "prompt"


def _is_entry(node: Node) -> bool:
    return any(node.get(key) is not None for key in ("raw", "id", "label", "file"))


def _read_entry(
    node: Node, label: str | None, files: ForeignFiles, path: str, remarks: Remarks
) -> Iterator[ForeignPrompt]:
    place = node.place(path)
    data = node.data
    config: Mapping[str, Any] = {}
    if isinstance(data, dict):
        label = _as_text(data.get("label") or data.get("display")) or label
        config = as_mapping(data.get("config"))
        data = data.get("raw") or data.get("id") or data.get("file")
    if not isinstance(data, str) or not data.strip():
        remarks.ask("a prompt without a text: write it down in its file", place)
        yield ForeignPrompt(name=label or "prompt", place=place, messages=None)
        return
    if _is_file(data, files):
        found = _read_files(data, label, files, place, remarks)
    else:
        found = iter([_make(data, label or "", place, source=data, ids=(data,))])
    yield from (replace(each, config=config) for each in found)


def _is_file(text: str, files: ForeignFiles) -> bool:
    """Return whether promptfoo takes a text for the name of a file."""
    if text.startswith((SCHEME, "exec:", "langfuse://", "helicone://", "portkey://", "package:")):
        return True
    if "\n" in text or len(text) > 300 or "{{" in text:
        return False
    first = text.split(":", 1)[0]
    return first.endswith(_SUFFIXES) or text.endswith("*") or ("/" in text and " " not in text and files.exists(text))


def _read_files(
    name: str, label: str | None, files: ForeignFiles, place: Place, remarks: Remarks
) -> Iterator[ForeignPrompt]:
    bare = name.removeprefix(SCHEME)
    code = bare.split(":", 1)[0] if not re.match(r"[a-z]+:", bare) else bare
    stem = label or posixpath.basename(code).split(".", 1)[0]
    if code.endswith(_CODE) or (":" in code and not re.match(r"[A-Za-z]:[\\/]", code)):
        remarks.ask(f"the prompt {name} is made by code or by a service: write it down in its file", place)
        yield ForeignPrompt(name=stem or "prompt", place=place, messages=None, source=name, ids=(name, bare))
        return
    paths = files.match(bare)
    some = False
    for path in paths:
        try:
            text = files.read(_as_named(path, files))
        except EvalgateError as error:
            if files.tree.exists(path):
                remarks.leave_out(f"the prompt {path}: {error.faults[0].message}", place)
            continue
        some = True
        yield from _split(path, text, label, place, (name, bare))
    if not some:
        remarks.ask(f"the prompt {name} is not at hand: write it down in its file", place)
        yield ForeignPrompt(name=stem or "prompt", place=place, messages=None, source=name, ids=(name, bare))


def _as_named(path: str, files: ForeignFiles) -> str:
    return path if path.startswith("/") else posixpath.relpath(path, files.folder or ".")


def _split(path: str, text: str, label: str | None, place: Place, ids: tuple[str, ...]) -> Iterator[ForeignPrompt]:
    """Yield the prompts of a file: several for a text with lines `---`, JSONL and CSV."""
    suffix = posixpath.splitext(path)[1].lower()
    stem = label or posixpath.basename(path).removesuffix(suffix)
    if suffix in (".jsonl", ".ndjson"):
        parts = [line for line in text.splitlines() if line.strip()]
    elif suffix == ".txt":
        parts = [part.strip() for part in _SEPARATOR.split(text) if part.strip()]
    elif suffix in (".yaml", ".yml"):
        data = try_parse(text, path)
        parts = [json.dumps(data, ensure_ascii=False) if isinstance(data, list | dict) else text]
    else:
        parts = [text]
    for number, part in enumerate(parts, 1):
        name = stem if len(parts) == 1 else f"{stem} {number}"
        yield _make(part, name, place, file=path if len(parts) == 1 else None, source=path, ids=(*ids, path))


def _make(
    text: str, name: str, place: Place, *, file: str | None = None, source: str, ids: Sequence[str]
) -> ForeignPrompt:
    chat = _read_chat(text)
    messages = chat if chat is not None else ({"role": "user", "content": text},)
    return ForeignPrompt(name=name, place=place, messages=messages, file=file, source=source, ids=(*ids, name))


def _read_chat(text: str) -> tuple[dict[str, Any], ...] | None:
    """Return the messages of a text that is a chat in JSON, or in YAML as `- role: ...`; None for another text."""
    data: Json = None
    stripped = text.strip()
    if stripped.startswith("["):
        data = try_parse(stripped, "prompt.json")
    elif _CHAT.match(text):
        data = try_parse(text, "prompt.yml")
    if not isinstance(data, list) or not data:
        return None
    messages = [each for each in data if isinstance(each, dict) and each.get("role") in _ROLES and "content" in each]
    return tuple(messages) if len(messages) == len(data) else None


def _as_text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _list_strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _list_strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _list_strings(each)
