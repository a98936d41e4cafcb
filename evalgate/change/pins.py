"""evalgate.pins.yml: the releases that a human signed off, so that small losses cannot add up merge by merge."""

from __future__ import annotations

import datetime
import json
import posixpath
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from evalgate.change.merge_base import Base, config_path_at
from evalgate.change.versions import Versions, resolve_at_commit
from evalgate.domain import Gate, PromptVersion
from evalgate.errors import EvalgateError, GitError, InputError, Place
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


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineArm:
    """The version that answers as the baseline, what the report says of it, and what to do when it fits no more."""

    version: PromptVersion | None
    notes: tuple[str, ...]
    remedy: str | None = None


def choose_baseline(
    gate: Gate, found: Versions, base: Base | None, git: Git | None, *, named: str | None
) -> BaselineArm:
    """The release that is pinned at the merge base, else the version found; one that is `named` goes before a pin.

    The change level, version numbers and lost cases stay those of the change itself, against the merge base.
    """
    own = (found.baseline_note,) if found.baseline_note else ()
    pin = None
    if base is not None and git is not None:
        try:
            pin = find_pin(gate, base, git)
        except EvalgateError:
            if named is None:
                raise  # to who names a version it does not matter that the pins are broken
    if pin is None or base is None or git is None:
        return BaselineArm(version=found.baseline, notes=own)
    if named is not None:
        return BaselineArm(
            version=found.baseline, notes=(*own, f"not compared with the pinned {pin}: {named} is named")
        )
    version = load_pinned_prompt(pin, _load_prompts(gate, base), git)
    if found.since is not None and found.baseline is not None and version.digest == found.candidate.digest:
        note = f"not compared with the pinned {pin}: that is the candidate itself"
        return BaselineArm(version=found.baseline, notes=(*own, note))
    aside = "" if git.is_ancestor(pin.ref, "HEAD") else "; that commit is no ancestor of HEAD"
    since = tuple(f"the change level is that since {note}" for note in own)
    return BaselineArm(
        version=version,
        notes=(f"the baseline is pinned to {pin}{aside}", *since),
        remedy=f"the baseline is the pinned release; pin a newer one: {describe_command(pin)}",
    )


def find_production(gate: Gate, base: Base | None, git: Git | None) -> PromptVersion | None:
    """The release that is pinned at the merge base; None where none is."""
    pin = None if base is None or git is None else find_pin(gate, base, git)
    if pin is None or base is None or git is None:
        return None
    return load_pinned_prompt(pin, _load_prompts(gate, base), git)


def _load_prompts(gate: Gate, base: Base) -> list[str]:
    """Where the gate's prompt lies now, and where it lay at the base."""
    before = base.gate_at_base(gate)
    return [gate.prompt, *([before.prompt] if before is not None else [])]


def load_pins_at_base(base: Base, git: Git) -> dict[str, Pin]:
    """The pins of the merge base: a change does not choose what it is compared with. It may move the configuration."""
    return load_pins(base.tree, pins_path(config_path_at(base.commit, base.now.path, git)))


def find_pin(gate: Gate, base: Base, git: Git) -> Pin | None:
    """The gate's pin at the merge base, under the name it had there."""
    before = base.gate_at_base(gate)
    return load_pins_at_base(base, git).get(before.name if before is not None else gate.name)


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
