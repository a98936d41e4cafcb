"""Read and write evalgate.pins.yml: the releases that a human signed off as baselines.

A fixed baseline ensures that small losses cannot add up from merge to merge.
"""

from __future__ import annotations

import datetime
import json
import posixpath
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from evalgate.change.commit_prompts import resolve_at_commit
from evalgate.domain import Json, PromptSettings, PromptVersion
from evalgate.errors import GitError, InputError, Place
from evalgate.inputs.formats.data_file import read
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
    """The release of one gate that changes are compared with: signed off in the pins file, or released by a registry.

    `version` is the declared version (None: it declared none), `digest` its content, `ref` its commit. `place` is the
    pin's position in the file, for messages. `registry` is the revision that says that the version is in production,
    such as "revision 7 of git:origin"; `version` is then its published number, which no prompt needs to declare, `path`
    the path that it was published from, and `model` and `parameters` those of its requests. A release that is in no
    repository has no `ref`, and its whole `content` instead.
    """

    gate: str
    version: str | None
    digest: str
    ref: str | None
    signed_off_by: str
    at: str
    place: Place
    registry: str | None = None
    path: str | None = None
    model: str | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    content: PromptVersion | None = None

    @property
    def kind(self) -> str:
        """How the release came about: "pinned" or "released"."""
        return "pinned" if self.registry is None else "released"

    def __str__(self) -> str:
        place = self.path if self.ref is None else self.ref[:7]
        if self.registry is not None:
            return f"{self.version} ({place}), in production since {self.at} by {self.registry}"
        return f"{self.version or 'no version'} ({place}), signed off by {self.signed_off_by} at {self.at}"


def pins_path(config: str) -> str:
    """Return the path of the pins file beside a configuration: evalgate.pins.yml for evalgate.yml."""
    return f"{posixpath.splitext(config)[0]}.pins.yml"


def load_pins(tree: Tree, path: str, gates: Collection[str] | None = None) -> dict[str, Pin]:
    """Read the pins at `path` of a tree, by gate; empty if there is no such file. `gates` are the permitted names.

    Raises InputError with every fault of the file, each with line and column.
    """
    source = tree.describe(path)
    if not tree.exists(path):
        if source == "working tree":  # a file in a commit cannot be renamed any more
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
            shape.add_fault(nodes, message, hint, key=name)
        at = node.get("at")
        if at is not None and shape.is_valid(at):
            try:
                datetime.datetime.fromisoformat(at.data)
            except ValueError:
                shape.add_fault(at, f'"at" is not a date: {at.data}')
        if shape.is_valid(node) and (at is None or shape.is_valid(at)):
            given = {key: node.data.get(key) for key in ("version", "digest", "ref", "signed_off_by", "at")}
            found[name] = Pin(gate=name, place=node.place(shown), **given)
    raise_faults(shape.faults, shown)
    return found


def _refuse_other_names(tree: Tree, path: str) -> None:
    """Raise InputError for a pins file with a slightly different name, which would otherwise be ignored silently."""
    stem = path.removesuffix(".pins.yml")
    for name in (f"{stem}{part}{suffix}" for part in (".pins", ".pin", "-pins", "_pins") for suffix in _SUFFIXES):
        if tree.exists(name):
            raise refuse(f"is not read: pins are read from {path}", name, hint="rename it")


def render(pins: Mapping[str, Pin]) -> str:
    """Return the text of the pins file; scalars are quoted as in JSON, which YAML reads the same way."""
    lines = [_HEADER, "format: 1\n", "pins:\n" if pins else "pins: {}\n"]
    for name in sorted(pins):
        pin = pins[name]
        lines.append(f"  {json.dumps(name)}:\n")
        for key in ("version", "digest", "ref", "signed_off_by", "at"):
            value = getattr(pin, key)
            if value is not None:
                lines.append(f"    {key}: {json.dumps(value)}\n")
    return "".join(lines)


def load_pinned_prompt(pin: Pin, paths: Sequence[str], git: Git | None, settings: PromptSettings) -> PromptVersion:
    """Load the prompt that was signed off. One that is in no repository is the content that the pin has.

    It is looked for at the pin's commit: at each of the paths, at the path that the first was renamed from, and among
    all prompt files of that commit that no longer exist at HEAD. In the last case the pin's digest identifies it; this
    finds a prompt that was moved and then rewritten, which git does not detect as a rename.

    Raises InputError, with the pin's place, if commit, file, content or version is not the pinned one.
    """
    if pin.content is not None:
        return pin.content
    assert pin.ref is not None
    verb = "is pinned to" if pin.registry is None else "was released from"
    clone = "use a clone of the repository that it was released from"
    again = clone if pin.registry is not None else f"pin an existing release: {describe_command(pin)}"
    if git is None:
        message = f'gate "{pin.gate}" {verb} commit {pin.ref}, and there is no git repository here'
        raise InputError(message, place=pin.place, hint=again)
    if not git.knows(pin.ref):
        message = f'gate "{pin.gate}" {verb} commit {pin.ref}, which is not in this repository'
        if pin.registry is not None:
            again = f"git fetch origin {pin.ref}, or {clone}"
        raise InputError(message, place=pin.place, hint=DEEPEN if git.shallow else again)
    files = [path for path in dict.fromkeys(paths) if git.exists(pin.ref, path)]
    if not files:
        before = git.find_renamed_from(pin.ref, paths[0])
        files = [before] if before is not None else []
    try:
        versions = [resolve_at_commit(git, pin.ref, file, settings) for file in files]
    except GitError as error:
        raise InputError(error.faults[0].message, place=pin.place, hint=again) from None
    version = next((version for version in versions if version.digest == pin.digest), None)
    version = version or _find_moved(pin, git, settings)
    if version is None and not versions:
        message = f'gate "{pin.gate}" {verb} commit {pin.ref[:7]}, which has no {paths[0]}'
        raise InputError(message, place=pin.place, hint=again)
    if version is None:
        source = versions[0].source
        message = f'gate "{pin.gate}" {verb} content {pin.digest[:12]}, but {source} is {versions[0].digest[:12]}'
        raise InputError(message, place=pin.place, hint=f"that content was not signed off; {again}")
    if pin.registry is None and version.version != pin.version:
        message = f'gate "{pin.gate}" is pinned to {pin.version or "no version"}, but {version.source} declares '
        raise InputError(f"{message}{version.version or 'none'}", place=pin.place, hint=again)
    return version


def _find_moved(pin: Pin, git: Git, settings: PromptSettings) -> PromptVersion | None:
    """Return the pinned content among the prompt files of the pin's commit that no longer exist at HEAD."""
    assert pin.ref is not None
    for path in git.added("HEAD", pin.ref):
        if path.lower().endswith(PROMPT_SUFFIXES):
            try:
                version = resolve_at_commit(git, pin.ref, path, settings)
            except (GitError, InputError):  # it is not a prompt
                continue
            if version.digest == pin.digest:
                return version
    return None


def describe_remedy(pin: Pin) -> str:
    """Return how a newer release becomes the baseline."""
    if pin.registry is not None:
        return f"promote a newer one: evalgate release promote {json.dumps(pin.gate)} --to production"
    return f"pin a newer one: {describe_command(pin)}"


def describe_command(pin: Pin) -> str:
    """Return the command that pins the gate again."""
    return f"evalgate baseline pin --gate {json.dumps(pin.gate)} --by NAME"
