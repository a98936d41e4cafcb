"""`baseline pin`: pin gates to a release, which becomes the baseline of later changes."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

from evalgate.change import pins, versions
from evalgate.change.workspace import Workspace, open_workspace
from evalgate.domain import Gate, PromptVersion
from evalgate.domain.langfuse_reference import is_langfuse
from evalgate.errors import GitError, InputError, Place
from evalgate.gate.options import Selection
from evalgate.gate.plans import select_gates
from evalgate.inputs import prompts
from evalgate.services.git import Git
from evalgate.services.git_names import shorten_name
from evalgate.store.atomic import write_file


def pin_versions(
    config_path: Path, *, by: str, gates: Sequence[str] = (), ref: str | None = None
) -> tuple[Path, tuple[pins.Pin, ...], tuple[str, ...]]:
    """Pin gates to their prompts at a commit (HEAD). Return the written file, the new pins, and warnings.

    Pinned is the content of the commit. Raises GitError without a repository or a commit; InputError if `by` is blank,
    or if no commit was named and the working tree's prompt differs from the committed one.
    """
    workspace = open_workspace(config_path, verify=None)
    git, config = workspace.git, workspace.config
    chosen = select_gates(workspace, Selection(gates=tuple(gates)))
    if git is None:
        raise GitError("a pin names a commit, and there is no git repository here", hint="git init, and commit")
    if not by.strip():
        raise InputError("--by is blank: a pin names the person who signed off the release")
    commit = git.resolve(ref or "HEAD")
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    path = pins.pins_path(config.path)
    made = tuple(
        pins.Pin(
            gate=gate.name,
            version=version.version,
            digest=version.digest,
            ref=commit,
            signed_off_by=by.strip(),
            at=now,
            place=Place(path=path),
        )
        for gate in chosen
        for version in [_load_committed(workspace, gate, git, commit, named=ref is not None)]
    )
    file = Path(workspace.tree.root) / path
    _write(file, pins.render({**workspace.pins, **{one.gate: one for one in made}}))
    return file, made, _warn_unmerged(git, commit)


def _load_committed(workspace: Workspace, gate: Gate, git: Git, commit: str, *, named: bool) -> PromptVersion:
    if is_langfuse(gate.prompt):
        raise InputError(
            f'gate "{gate.name}": its prompt is in Langfuse, and a pin names a commit',
            hint="publish the version, and promote it: evalgate release publish --source langfuse:NAME@NUMBER",
        )
    version = versions.resolve_named(gate, workspace.tree, git, commit, "--ref")
    if not named:
        here = prompts.load_prompt(workspace.tree, gate.prompt, gate.settings)
        if (here.digest, here.version) != (version.digest, version.version):
            message = f"the prompt is not the committed one ({version.source})"
            raise InputError(message, place=Place(path=gate.prompt), hint="commit it, or name a commit: --ref REF")
    return version


def _warn_unmerged(git: Git, commit: str) -> tuple[str, ...]:
    """Return a warning if the commit is on a branch that may be squashed and deleted."""
    try:
        default = git.default_branch()
        if git.is_ancestor(commit, default):
            return ()
    except GitError:
        return ()
    return (f"{commit[:7]} is not on {shorten_name(default)}: once its branch is deleted, the pinned commit is lost",)


def _write(path: Path, text: str) -> None:
    try:
        write_file(path, text)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", place=Place(path=str(path))) from error
