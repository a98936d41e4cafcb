"""`bump`: write the version and the reason of the change that a gate asks for into the prompt's file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from evalgate.change.gate_change import compare_gate, find_workspace_base
from evalgate.change.workspace import WorkingTree
from evalgate.commands.validate import is_edited
from evalgate.domain import Gate, Level, PromptVersion
from evalgate.domain.langfuse_reference import is_langfuse
from evalgate.errors import GitError, InputError, Place
from evalgate.gate import released
from evalgate.gate.options import CallMode, Selection
from evalgate.gate.plans import make_plans, select_gates
from evalgate.inputs.prompts import load_prompt
from evalgate.inputs.version_lines import write_version
from evalgate.plan.level import choose_number, is_later
from evalgate.store.new_files import write_new_files
from evalgate.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedVersion:
    """What a bump is to write: `level` is None for the smallest one that the gate asks for.

    `change` is None to leave that line as it is. `add_front_matter` allows to add it to a text without any.
    """

    level: Level | None = None
    change: str | None = None
    add_front_matter: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bumped:
    """A prompt with its number before and after; equal if nothing was written.

    `reasons` say why the change has its level. `is_stale` says that the reason in the file is that of the version
    before, or that there is none.
    """

    path: str
    before: str | None
    after: str | None
    reasons: tuple[str, ...] = ()
    is_stale: bool = False

    @property
    def is_written(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """The number that a gate asks for (None: no other), with both versions of its prompt."""

    gate: Gate
    candidate: PromptVersion
    baseline: PromptVersion | None
    number: str | None
    reasons: tuple[str, ...]


def bump(
    workspace: WorkingTree, names: Sequence[str], wanted: WantedVersion, default_branch: str | None, store: Store
) -> tuple[Bumped, ...]:
    """Write the numbers of the prompts of the named gates; without names, of those that the change edits.

    A prompt of several gates gets the highest number that one of them asks for. Either all files are written or none.
    Raises InputError if the level is lower than the edit, and for a file that has no place for a version.
    """
    gates = select_gates(workspace, Selection(gates=tuple(names)))
    if not names:
        files = (gate for gate in gates if not is_langfuse(gate.prompt))
        gates = tuple(gate for gate in files if is_edited(workspace, gate, default_branch))
    answers: dict[str, _Answer] = {}
    for gate in gates:
        answer = _ask(workspace, gate, wanted.level, default_branch, store)
        known = answers.get(gate.prompt)
        if known is None or is_later(answer.number, known.number):
            answers[gate.prompt] = answer
    written: dict[str, bytes] = {}
    for path, answer in answers.items():
        number = answer.number or (answer.candidate.version if wanted.change is not None else None)
        if number is not None and (number != answer.candidate.version or wanted.change is not None):
            written[path] = _write(workspace, answer, number, wanted)
    write_new_files(Path(workspace.tree.root), {}, replaced=written)
    return tuple(_describe(answer, wanted, is_written=path in written) for path, answer in answers.items())


def describe(done: Bumped) -> str:
    """Return the line of one prompt: its number before and after, and why."""
    why = f" ({'; '.join(done.reasons)})" if done.reasons else ""
    if done.is_written:
        return f"{done.path}: version {done.before or '(none)'} -> {done.after}{why}"
    return f"{done.path}: version {done.after or '(none)'} needs no change"


def _ask(workspace: WorkingTree, gate: Gate, level: Level | None, default_branch: str | None, store: Store) -> _Answer:
    """Return what a gate asks for. Without a baseline, a given level counts from the prompt's own number."""
    selection = Selection(default_branch=default_branch)
    base = find_workspace_base(workspace, [gate], default_branch)
    rules = workspace.config if base is None or base.config is None else base.config
    finder = released.make_finder(rules, workspace.folder, store, copies=True, change=None)
    try:
        plan = make_plans(workspace, [gate], selection, CallMode(release_copies=True), store)[0]
        found = compare_gate(
            workspace, gate, base, candidate=None, baseline=None, default_branch=default_branch, released=finder
        ).versions
    except GitError:
        if level is None:
            raise
        candidate = load_prompt(workspace.tree, gate.prompt, gate.settings)
        first = choose_number(candidate, None, level=level, policy=workspace.config.policy)
        return _Answer(gate=gate, candidate=candidate, baseline=None, number=first, reasons=("no version to compare",))
    least = plan.level.minimum
    if level is not None and found.baseline is not None and level < least:
        message = f"{gate.prompt}: the edit is at least {least.name}: {'; '.join(plan.level.reasons)}"
        raise InputError(message, hint=f"evalgate bump {least.name.lower()}, or no level for the smallest one")
    number: str | None = None
    if level is not None or plan.level.findings:
        number = choose_number(
            found.candidate,
            found.baseline,
            level=level or least,
            policy=workspace.config.policy,
            history=found.history,
        )
    return _Answer(
        gate=gate, candidate=found.candidate, baseline=found.baseline, number=number, reasons=plan.level.reasons
    )


def _write(workspace: WorkingTree, answer: _Answer, number: str, wanted: WantedVersion) -> bytes:
    gate, data = answer.gate, workspace.tree.read(answer.gate.prompt)
    on_disk = b""
    with suppress(OSError):
        on_disk = (Path(workspace.tree.root) / gate.prompt).read_bytes()
    if on_disk != data:
        raise InputError("differs on disk from its content in git", place=Place(path=gate.prompt), hint="git lfs pull")
    return write_version(
        data,
        gate.prompt,
        version=number,
        change=wanted.change,
        settings=gate.settings,
        read=workspace.tree.read,
        add_front_matter=wanted.add_front_matter,
    )


def _describe(answer: _Answer, wanted: WantedVersion, *, is_written: bool) -> Bumped:
    reason, old = answer.candidate.change, None if answer.baseline is None else answer.baseline.change
    number = answer.number if is_written and answer.number is not None else answer.candidate.version
    return Bumped(
        path=answer.gate.prompt,
        before=answer.candidate.version,
        after=number,
        reasons=answer.reasons,
        is_stale=wanted.change is None and (not reason or reason == old),
    )
