"""Where the content that is to be published comes from: a commit, or a version in Langfuse; and that it is still so."""

from __future__ import annotations

from collections.abc import Sequence

from evalgate.change.content_origin import find_origin
from evalgate.change.workspace import Commit
from evalgate.domain import Gate, GatePlan
from evalgate.domain.langfuse_reference import is_langfuse
from evalgate.errors import EvalgateError, InputError, Place
from evalgate.gate.moved_sources import find_moved
from evalgate.inputs.langfuse_names import find_gates, parse_option
from evalgate.inputs.langfuse_tree import find_langfuse_tree
from evalgate.inputs.prompts import load_prompt
from evalgate.inputs.tree import WorkTree
from evalgate.release.promotion import Actor
from evalgate.release.publication import Provenance
from evalgate.release.registry import RefusedError

_MADE_BY_KEY = "API"
"""The author of a version that was made with a project's keys: that is not a person."""


def find_provenance(workspace: Commit, plan: GatePlan, reason: str | None, by: Actor) -> Provenance:
    """Return who changed a prompt and why: the given reason, its `change:` if it is new, or what its commit says.

    For a version in Langfuse it is the commit message there, and the author there, else the one who publishes it.
    Raises RefusedError without a reason.
    """
    candidate, before, git = plan.candidate, plan.baseline, workspace.git
    if is_langfuse(candidate.path):
        tree = find_langfuse_tree(workspace.tree)
        assert tree is not None
        author, said = tree.find_author(candidate.path)
        author, sha, source = (by.who if author in ("", _MADE_BY_KEY) else author), None, candidate.source
        hint = "save it with a commit message in Langfuse, or give --reason TEXT"
    else:
        origin, source = find_origin(git, candidate, git.commit, plan.gate.settings)
        author, said, sha = origin.author, origin.subject, origin.commit
        hint = f"add `change:` to {candidate.path}, or give --reason TEXT"
    change = candidate.change or ""
    if before is not None and before.change == candidate.change and before.digest != candidate.digest:
        change = ""  # it is about an earlier edit
    why = next((one.strip() for one in (reason or "", change, said) if one.strip()), None)
    if why is None:
        raise RefusedError(f"{plan.gate.name}: no reason says why the prompt was changed", hint=hint)
    return Provenance(author=author, git_sha=sha, source=source, reason=why)


def choose_gates(workspace: Commit, gates: Sequence[Gate], source: str | None, *, named: bool) -> tuple[Gate, ...]:
    """Return the gates to publish: of a `source` in Langfuse the one of its prompt, else those whose prompt is a file.

    A label can be moved by everyone who has a key, so that what is in Langfuse is published only by its number. Raises
    InputError for a label, for a source of no gate or several, and if a gate that is `named` needs a source.
    """
    if source is None:
        left = [gate for gate in gates if is_langfuse(gate.prompt)]
        if left and (named or len(left) == len(gates)):
            raise InputError(
                f"{left[0].name}: its prompt is in Langfuse, and is published by the number of a version",
                hint=f"--source {left[0].prompt.rpartition('@')[0]}@NUMBER",
            )
        return tuple(gate for gate in gates if gate not in left)
    wanted = parse_option(source, "--source")
    if wanted.version is None:
        raise InputError(
            f"--source: {source} is a label, which may move",
            hint=f"name the version that passed: --source langfuse:{wanted.name}@NUMBER",
        )
    if not named and not find_gates(workspace.config, wanted.name):
        raise InputError(f"--source: no gate has the prompt langfuse:{wanted.name}", hint="add --gate NAME")
    return tuple(gates)


def refuse_moved(workspace: Commit, plan: GatePlan) -> None:
    """Raise RefusedError if a version in Langfuse has another content now than was planned, so that nothing is written.

    A number is given again after its version was deleted.
    """
    path = plan.candidate.path
    if is_langfuse(path) and (why := find_moved(workspace, [path]).get(path)) is not None:
        raise RefusedError(f"{plan.gate.name}: {why}", hint="gate the version that there is now")


def refuse_dirty(workspace: Commit, gate: Gate) -> None:
    """Raise InputError if the working tree's prompt is not the committed one, which would be published."""
    try:
        here = load_prompt(WorkTree(workspace.git.root), gate.prompt, gate.settings)
    except EvalgateError:
        here = None
    committed = load_prompt(workspace.tree, gate.prompt, gate.settings)
    if here is None or (here.content, here.version, here.change) != (
        committed.content,
        committed.version,
        committed.change,
    ):
        raise InputError(
            f"the prompt is not that of {workspace.git.commit[:7]}, and only commits are published",
            place=Place(path=gate.prompt),
            hint=f"commit and merge it, or restore it: git restore {gate.prompt}",
        )
