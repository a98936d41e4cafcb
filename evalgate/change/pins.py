"""evalgate.pins.yml: the releases that a human signed off, so that small losses cannot add up merge by merge."""

from __future__ import annotations

import datetime
import json
import posixpath
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from evalgate.change.versions import resolve_at_commit
from evalgate.domain import PromptVersion
from evalgate.errors import GitError, InputError, Place
from evalgate.inputs.formats.document import read
from evalgate.inputs.formats.nodes import raise_faults, refuse
from evalgate.inputs.prompts import PROMPT_SUFFIXES
from evalgate.inputs.schema_check import SchemaCheck, describe_unknown, load
from evalgate.inputs.tree import Tree
from evalgate.services.git import DEEPEN, Git

_HEADER = (
    "# The releases that were signed off: what changes are compared with. `evalgate baseline pin` writes this file.\n"
)
_SUFFIXES = (".yml", ".yaml", ".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One gate's release: declared version (None: it declared none), content digest, commit; who signed it off, when.

    `place` is where it stands, for messages.
    """

    gate: str
    version: str | None
    digest: str
    ref: str
    signed_off_by: str
    at: str
    place: Place

    def __str__(self) -> str:
        return f"{self.version or 'no version'} ({self.ref[:7]}), signed off by {self.signed_off_by} at {self.at}"


def pins_path(config: str) -> str:
    """The pins' file beside a configuration: evalgate.pins.yml for evalgate.yml."""
    return f"{posixpath.splitext(config)[0]}.pins.yml"


def load_pins(tree: Tree, path: str, gates: Collection[str] | None = None) -> dict[str, Pin]:
    """The pins at `path` of a tree, by gate; none where there is no such file. `gates` are the names there may be.

    Raises InputError with every fault of the file, each with line and column.
    """
    source = tree.describe(path)
    if not tree.exists(path):
        if source == "working tree":  # a commit's cannot be mended any more
            _refuse_other_names(tree, path)
        return {}
    shown = path if source == "working tree" else source
    document = read(tree.read(path), shown)
    if document.data is None:
        raise refuse(
            "is empty: pins were expected", shown, 1, 1, "remove the file, or: evalgate baseline pin --by NAME"
        )
    shape = SchemaCheck(load("pins.schema.json"), shown)
    shape.check(document.root)
    nodes, found = document.root.get("pins"), {}
    if nodes is None:
        raise_faults(shape.faults, shown)
        return {}
    for name, node in nodes.items():
        if gates is not None and name not in gates:
            message, hint = describe_unknown("gate", name, gates)
            shape.blame(nodes, message, hint, key=name)
        at = node.get("at")
        if at is not None and shape.sound(at):
            try:
                datetime.datetime.fromisoformat(at.data)
            except ValueError:
                shape.blame(at, f'"at" is no date: {at.data}')
        if shape.sound(node) and (at is None or shape.sound(at)):
            given = {key: node.data.get(key) for key in ("version", "digest", "ref", "signed_off_by", "at")}
            found[name] = Pin(gate=name, place=node.place(shown), **given)
    raise_faults(shape.faults, shown)
    return found


def _refuse_other_names(tree: Tree, path: str) -> None:
    """Pins in a file of nearly the right name would pin nothing. Raises InputError."""
    stem = path.removesuffix(".pins.yml")
    for name in (f"{stem}{part}{suffix}" for part in (".pins", ".pin", "-pins", "_pins") for suffix in _SUFFIXES):
        if tree.exists(name):
            raise refuse(f"is not read: pins lie in {path}", name, hint="rename it")


def render(pins: Mapping[str, Pin]) -> str:
    """The file's text; every scalar in JSON's quotes, which YAML reads the same."""
    lines = [_HEADER, "format: 1\n", "pins:\n" if pins else "pins: {}\n"]
    for name in sorted(pins):
        pin = pins[name]
        lines.append(f"  {json.dumps(name)}:\n")
        for key in ("version", "digest", "ref", "signed_off_by", "at"):
            value = getattr(pin, key)
            if value is not None:
                lines.append(f"    {key}: {json.dumps(value)}\n")
    return "".join(lines)


def load_pinned_prompt(pin: Pin, paths: Sequence[str], git: Git) -> PromptVersion:
    """The prompt that was signed off: at the pin's commit, at one of the paths or at what the first was renamed from.

    A prompt that was moved and then rewritten looks like no rename any more: what lay there then and is gone now counts
    by its content, which the pin names.

    Raises InputError, with the pin's place, when commit, file, content or version is not what was pinned.
    """
    again = f"pin a release that is there: {describe_command(pin)}"
    if not git.knows(pin.ref):
        message = f'gate "{pin.gate}" is pinned to commit {pin.ref}, which is not in this repository'
        raise InputError(message, place=pin.place, hint=DEEPEN if git.shallow else again)
    files = [path for path in dict.fromkeys(paths) if git.exists(pin.ref, path)]
    if not files:
        before = git.renamed_from(pin.ref, paths[0])
        files = [before] if before is not None else []
    try:
        versions = [resolve_at_commit(git, pin.ref, file) for file in files]
    except GitError as error:
        raise InputError(error.faults[0].message, place=pin.place, hint=again) from None
    version = next((version for version in versions if version.digest == pin.digest), None) or _moved_away(pin, git)
    if version is None and not versions:
        message = f'gate "{pin.gate}" is pinned to commit {pin.ref[:7]}, which has no {paths[0]}'
        raise InputError(message, place=pin.place, hint=again)
    if version is None:
        source = versions[0].source
        message = f'gate "{pin.gate}" is pinned to content {pin.digest[:12]}, but {source} is {versions[0].digest[:12]}'
        raise InputError(message, place=pin.place, hint=f"nobody signed that off; {again}")
    if version.version != pin.version:
        message = f'gate "{pin.gate}" is pinned to {pin.version or "no version"}, but {version.source} declares '
        raise InputError(f"{message}{version.version or 'none'}", place=pin.place, hint=again)
    return version


def _moved_away(pin: Pin, git: Git) -> PromptVersion | None:
    """The pinned content among the prompt files of the pin's commit that are not there any more."""
    for path in git.added("HEAD", pin.ref):
        if path.lower().endswith(PROMPT_SUFFIXES):
            try:
                version = resolve_at_commit(git, pin.ref, path)
            except (GitError, InputError):  # it is no prompt
                continue
            if version.digest == pin.digest:
                return version
    return None


def describe_command(pin: Pin) -> str:
    """How to pin the gate anew."""
    return f"evalgate baseline pin --gate {json.dumps(pin.gate)} --by NAME"
