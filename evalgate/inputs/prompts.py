"""Readers of prompt files, chosen by the file's name."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from evalgate.domain import NO_SETTINGS, Message, PromptSettings, PromptVersion
from evalgate.domain.langfuse_reference import is_langfuse
from evalgate.domain.templates import Syntax, Template
from evalgate.inputs.formats.nodes import raise_faults, refuse
from evalgate.inputs.prompt_files.chat_file import read_chat_file
from evalgate.inputs.prompt_files.jinja_files import JinjaFileReader, ReadFile, is_one_template
from evalgate.inputs.prompt_files.langfuse_prompt import read_langfuse_prompt
from evalgate.inputs.prompt_files.prompt_keys import PromptParts
from evalgate.inputs.prompt_files.prompty import read_prompty
from evalgate.inputs.prompt_files.python_constant import read_constant
from evalgate.inputs.prompt_files.text_file import read_text_file
from evalgate.inputs.tree import Tree

_CHAT_SUFFIXES = (".prompt.yml", ".prompt.yaml", ".prompt.json", ".yml", ".yaml", ".json")
_TEXT_SUFFIXES = (".md", ".txt", ".xml")
_JINJA_SUFFIXES = (".j2", ".jinja", ".jinja2")
_JINJA_FORMATS = (*_JINJA_SUFFIXES, ".prompty")
PROMPT_SUFFIXES = (*_CHAT_SUFFIXES, *_TEXT_SUFFIXES, *_JINJA_SUFFIXES, ".prompty")
PROMPT_NAMES = "name it .prompt.yml, .prompty, .j2, .md, .txt or .xml, or name a constant: file.py:NAME"


def load_prompt(tree: Tree, path: str, settings: PromptSettings = NO_SETTINGS) -> PromptVersion:
    """Load the prompt version of a file. Raises InputError with all faults of the file, each with its place."""
    return parse_prompt(tree.read(path), path, tree.describe(path), settings, read=tree.read)


def parse_prompt(
    data: bytes, path: str, source: str, settings: PromptSettings = NO_SETTINGS, *, read: ReadFile | None = None
) -> PromptVersion:
    """Parse the bytes of a prompt file. The suffix of `path` determines the format; `source` names the origin.

    `.prompt.yml` (also .yaml, .json) is GitHub's format with the additional keys `version`, `change`, `tools` and
    `template`; a list of messages works as well. `.prompty` has messages by role markers. `.md`, `.txt`, `.xml`, `.j2`
    and files without a suffix are one text. CRLF counts as a newline, so that a checkout on Windows has the same
    digest. `read` returns the files that a jinja prompt includes. `langfuse:NAME@LABEL` is what `LangfuseTree` reads.

    Raises InputError with all faults, each with line and column.
    """
    if is_langfuse(path):
        suffix, parts = "", read_langfuse_prompt(data, path)
    else:
        suffix = _require_suffix(path)
        parts = _read_parts(data, path, suffix, settings)
    default: Syntax = "jinja" if suffix in _JINJA_FORMATS else "mustache"
    syntax = parts.template or settings.template or default
    version = PromptVersion(
        name=parts.name or strip_suffix(posixpath.basename(path)),
        path=path,
        source=source,
        messages=parts.messages,
        model=parts.model,
        parameters=parts.parameters,
        response_format=parts.response_format,
        tools=parts.tools,
        version=parts.version,
        change=parts.change,
        lines=parts.lines,
        template=Template(syntax=syntax),
        is_joined=syntax == "jinja" and parts.is_marked and is_one_template(parts.messages),
        is_text=parts.is_text,
        starts=parts.starts,
        unsent=parts.unsent,
        has_front_matter=parts.has_front_matter,
    )
    if syntax == "jinja":
        reader = JinjaFileReader(path, read)
        version = reader.load(version)
        raise_faults(reader.faults, path)
    return version if settings.user is None else _add_user(version, settings.user)


def _require_suffix(path: str) -> str:
    suffix = find_suffix(path)
    if suffix is None:
        raise refuse("is not a prompt file", path, hint=PROMPT_NAMES)
    return suffix


def find_suffix(path: str) -> str | None:
    """Return the suffix that gives a prompt file its format, "" for a name without one; None for another file."""
    name = posixpath.basename(path).lower()
    if name.endswith(".py"):
        return ".py"
    found = next((suffix for suffix in PROMPT_SUFFIXES if name.endswith(suffix)), None)
    return "" if found is None and not posixpath.splitext(name)[1] else found


def strip_suffix(name: str) -> str:
    """Return the name of a prompt file without its suffix; of "p.md.j2", this is "p"."""
    bare = name.removesuffix(find_suffix_as_written(name))
    if name.lower().endswith(_JINJA_SUFFIXES) and find_suffix(bare):
        bare = bare.removesuffix(find_suffix_as_written(bare))
    return bare or name


def find_suffix_as_written(name: str) -> str:
    """Return the suffix of a prompt file in the letters of its name."""
    suffix = find_suffix(name)
    return name[len(name) - len(suffix) :] if suffix else ""


def _read_parts(data: bytes, path: str, suffix: str, settings: PromptSettings) -> PromptParts:
    if suffix == ".py":
        if settings.constant is None:
            raise refuse("is Python: name the constant that is the prompt", path, hint=f"such as {path}:PROMPT")
        return read_constant(data, path, settings.constant)
    if suffix in _CHAT_SUFFIXES:
        return read_chat_file(data, path)
    if suffix == ".prompty":
        return read_prompty(data, path)
    return read_text_file(data, path, is_jinja=suffix in _JINJA_SUFFIXES)


def _add_user(version: PromptVersion, user: str) -> PromptVersion:
    """Return a version with the user message of the gate, unless the prompt has one of its own that uses a field.

    A text whose role is not stated is then the system message.
    """
    if version.is_text:
        messages: tuple[Message, ...] = tuple(replace(message, role="system") for message in version.messages)
        return replace(version, messages=messages, user=user)
    has_own = version.histories or any(m.role == "user" and version.find_names(m) for m in version.messages)
    return version if has_own else replace(version, user=user)
