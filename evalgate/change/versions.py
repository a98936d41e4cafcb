"""Resolve the versions of a gate from working tree, file, ref or merge base, and the history of their numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal, NoReturn

from evalgate.change.commit_prompts import list_states, load_prompt_at, parse_state, read_state, resolve_at_commit
from evalgate.change.version_history import FoundVersion, find_reason, read_history
from evalgate.domain import Gate, PromptSettings, PromptVersion, VersionAtCommit
from evalgate.domain.langfuse_reference import is_langfuse
from evalgate.errors import EvalgateError, GitError, InputError, NothingToCompareError
from evalgate.inputs.langfuse_names import make_settings, parse_option
from evalgate.inputs.prompt_files.python_constant import MissingConstantError, split_constant
from evalgate.inputs.prompts import load_prompt, parse_prompt
from evalgate.inputs.tree import Tree, is_absolute
from evalgate.services.git import DEEPEN, Git
from evalgate.services.git_names import shorten_name
from evalgate.services.user_files import resolve_path

_GIVE = "name the version to compare with: --baseline FILE (or REF)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """Both versions of a gate. `baseline_note` says where the baseline comes from, or why there is none.

    `history` has one release for each pair of version number and content, of the numbers that candidate and baseline
    declare, oldest first. `since` is the commit whose cases are compared if that is not the merge base: the named one,
    or the last one at which a prompt of the default branch was different. `reason` says why a candidate without a
    version was changed: its `change:`, else the subject of the commit, else empty.
    """

    candidate: PromptVersion
    baseline: PromptVersion | None
    baseline_note: str
    history: tuple[VersionAtCommit, ...] = ()
    since: str | None = None
    reason: str = ""


def resolve(
    gate: Gate,
    tree: Tree,
    git: Git | None,
    *,
    candidate: str | None = None,
    baseline: str | None = None,
    default_branch: str | None = None,
    immutability: Literal["history", "published"] = "history",
    base_gate_prompt: str | None = None,
    at: tuple[str, str] | None = None,
    production: Callable[[], PromptVersion | None] = lambda: None,
    is_edited: Callable[[str], bool] = lambda commit: False,
    is_beside: bool = False,
    settings_at: Callable[[str], PromptSettings] | None = None,
) -> Versions:
    """Resolve candidate, baseline and the history of their version numbers.

    `candidate` and `baseline` name a file (which wins) or a git ref. Without `baseline`, the baseline is the gate's own
    baseline file, else the prompt at the merge base of HEAD (or the candidate's ref) and the default branch. The prompt
    is looked for at `base_gate_prompt` (the gate's prompt in the configuration of that commit, if it is known and
    differs; a constant as `file.py:NAME`), at the gate's own path, and under the name it was renamed from.

    `at` is the commit and the file of the candidate, in place of the working tree's; then `baseline` is a ref alone.

    On the default branch itself the merge base holds what is asked about. There the baseline is the version in
    `production`, where that is another one, else that of the last commit at which the prompt was different, else the
    merge base's if something else `is_edited` since, or where it `is_beside` gates that have one.

    A baseline is read by what the gate said of its prompt at that commit (`settings_at`; None: the same as now).
    A prompt that the merge base lacks has no baseline. Another missing version raises GitError or InputError.
    """
    settings_at = settings_at or (lambda commit: gate.settings)
    found, since = _find_candidate(gate, tree, git, candidate, at), None
    assert found.version is not None
    if baseline is not None:
        args = (gate, tree, git, baseline, "--baseline", settings_at)
        base = _find_named(*args, files=at is None, before=base_gate_prompt)
        since = base.commit
        _refuse_itself(found, base, git, is_edited, baseline)
    elif gate.baseline is not None:
        # with `at` the file is read at the base, so the change cannot alter it
        if git is not None and at is None and not is_langfuse(gate.baseline):
            _refuse_copy(gate, tree, git, found, branch=default_branch, before=base_gate_prompt)
        base = _load_baseline_file(gate, tree, git, found.commit, settings_at, branch=default_branch)
    else:
        where = (found.commit, settings_at)
        base = find_at_merge_base(gate, tree, git, *where, branch=default_branch, before=base_gate_prompt)
        if git is not None and _is_itself(found, base, git):
            base, since = _find_before(base, git, production(), is_edited, settings_at, is_beside=is_beside)
    both = (gate.settings, gate.settings if base.commit is None else settings_at(base.commit))
    history, remark = read_history(found, base, git, default_branch, both, published=immutability == "published")
    return Versions(
        candidate=found.version,
        baseline=base.version,
        baseline_note="; ".join(part for part in (base.note, remark) if part),
        history=history,
        since=since,
        reason="" if found.version.version is not None else find_reason(found, base.version, git, gate.settings),
    )


def resolve_named(gate: Gate, tree: Tree, git: Git | None, named: str, option: str) -> PromptVersion:
    """Resolve the version that an option names: a file or a ref."""
    version = _find_named(gate, tree, git, named, option).version
    assert version is not None
    return version


def load_candidate(gate: Gate, tree: Tree, git: Git | None, named: str | None) -> PromptVersion:
    """Load only the candidate: the prompt in the working tree, or the version that a file or a ref names."""
    if named is not None:
        return resolve_named(gate, tree, git, named, "--candidate")
    return load_prompt(tree, gate.prompt, gate.settings)


def _find_candidate(
    gate: Gate, tree: Tree, git: Git | None, named: str | None, at: tuple[str, str] | None = None
) -> FoundVersion:
    if at is not None and git is not None:
        commit, file = at
        return FoundVersion(version=load_prompt_at(git, commit, file, gate.settings), file=file, commit=commit)
    if named is not None:
        return _find_named(gate, tree, git, named, "--candidate")
    path = gate.prompt
    place = resolve_path(Path(tree.root) / path)
    version = load_prompt(tree, path, gate.settings)
    return FoundVersion(version=version, file=_describe_in_repository(path, tree, git), place=place)


def _find_named(  # noqa: PLR0917 - a gate, and the version that an option names
    gate: Gate,
    tree: Tree,
    git: Git | None,
    named: str,
    option: str,
    settings_at: Callable[[str], PromptSettings] | None = None,
    *,
    files: bool = True,
    before: str | None = None,
) -> FoundVersion:
    """Find what an option names: a prompt in Langfuse, a file of the current folder or of the tree, or a ref."""
    if is_langfuse(named):
        parse_option(named, option)
        version = load_prompt(tree, named, make_settings(gate))
        return FoundVersion(version=version, note=f"{option} {version.source}")
    written, constant = split_constant(named)
    settings = gate.settings if constant is None else replace(gate.settings, constant=constant)
    path = Path(written).absolute().as_posix() if files and Path(written).is_file() else written
    if files and (path != written or tree.exists(path)):
        beside = partial(_read_beside, tree, path, written)
        version = parse_prompt(tree.read(path), written, named, settings, read=beside)
        file, place = _describe_in_repository(path, tree, git), resolve_path(Path(tree.root) / path)
        return FoundVersion(version=version, note=f"{option} {named}", file=file, place=place)
    if git is None:
        raise InputError(f'{option}: "{named}" is not a file, and not a git ref: there is no git repository here')
    if not git.knows(named):
        kind = "neither a file nor a git ref" if files else "not a git ref"
        raise InputError(
            f'{option}: "{named}" is {kind}',
            hint=DEEPEN if git.shallow else "files are relative to the current folder, refs are as in git rev-parse",
        )
    commit = git.resolve(named)
    own = _find_own_file(gate, tree, git)
    old = before and _describe_in_repository(split_constant(before)[0], tree, git)
    file = next((path for path in (own, old) if path and git.exists(commit, path)), None)
    file = file or git.find_renamed_from(commit, own)
    if file is None:
        raise GitError(f'{option}: "{named}" ({commit[:7]}) has no {own}', hint=f"{option} also takes a file")
    own_settings = gate.settings if settings_at is None else settings_at(commit)
    version = resolve_at_commit(git, commit, file, replace(own_settings, constant=gate.settings.constant))
    return FoundVersion(version=version, note=f"{option} {named}", file=file, commit=commit)


def _read_beside(tree: Tree, path: str, written: str, wanted: str) -> bytes:
    """Read a file that lies beside a named prompt: `wanted` counts from where `written` does, `path` is absolute."""
    folder = PurePosixPath(written).parent
    return tree.read((PurePosixPath(path).parent / PurePosixPath(wanted).relative_to(folder)).as_posix())


def find_at_merge_base(
    gate: Gate,
    tree: Tree,
    git: Git | None,
    commit: str | None,
    settings_at: Callable[[str], PromptSettings],
    *,
    branch: str | None,
    before: str | None,
) -> FoundVersion:
    """Return the version at the merge base of a commit (None: HEAD) and the default branch."""
    if git is None:
        _describe_no_repository(gate, tree)
    head = commit or git.head()
    if head is None:
        return FoundVersion(version=None, note="new: the repository has no commit yet")
    own = _find_own_file(gate, tree, git)
    default = git.default_branch(branch)
    base = git.merge_base(head, default)
    old = before and _describe_in_repository(split_constant(before)[0], tree, git)
    file = next((path for path in (old, own) if path and git.exists(base, path)), None)
    file = file or git.find_renamed_from(base, own, commit=commit) or git.spelt_otherwise(base, own)
    named = default[:7] if git.resolve(default) == default else shorten_name(default)
    where = f"{base[:7]}, the merge base with {named}"
    if file is None:
        return FoundVersion(version=None, note=f"new on this branch: {where}, has no {own}")
    settings = replace(settings_at(base), constant=gate.settings.constant)
    version = _resolve_constant(git, base, file, settings, before)
    if version is None:
        note = f"new on this branch: {where}, has no {gate.settings.constant} in {file}"
        return FoundVersion(version=None, note=note)
    return FoundVersion(version=version, note=where, file=file, commit=base)


def _load_baseline_file(
    gate: Gate,
    tree: Tree,
    git: Git | None,
    commit: str | None,
    settings_at: Callable[[str], PromptSettings],
    *,
    branch: str | None,
) -> FoundVersion:
    """Load a gate's baseline file by what the gate said at the merge base of a commit, if that is known."""
    assert gate.baseline is not None
    settings, head = gate.baseline_settings, commit or (None if git is None else git.head())
    if git is not None and head is not None:
        try:
            then = settings_at(git.merge_base(head, git.default_branch(branch)))
            settings = replace(settings, user=then.user, template=then.template)
        except GitError:  # without a merge base it is unknown what the gate said before
            pass
    version = load_prompt(tree, gate.baseline, settings)
    if not is_langfuse(gate.baseline):
        version = replace(version, source=gate.baseline)
    return FoundVersion(version=version, note=f"{gate.baseline} is used in place of the merge base")


def _refuse_itself(
    found: FoundVersion, base: FoundVersion, git: Git | None, is_edited: Callable[[str], bool], named: str
) -> None:
    """Raise InputError if the named baseline is the candidate."""
    same_place = (base.place or (base.file, base.commit)) == (found.place or (found.file, found.commit))
    same = git is not None and base.commit and _is_itself(found, base, git) and not is_edited(base.commit)
    if same_place or same:
        raise InputError(f"--baseline: {named} is the candidate itself", hint="name an earlier version")


def _resolve_constant(
    git: Git, commit: str, file: str, settings: PromptSettings, before: str | None
) -> PromptVersion | None:
    """Load the prompt at the merge base: the gate's constant, else the one that the gate had there; None without."""
    try:
        return resolve_at_commit(git, commit, file, settings)
    except MissingConstantError:
        constant = split_constant(before or "")[1]
        if constant in (None, settings.constant):
            return None
        return resolve_at_commit(git, commit, file, replace(settings, constant=constant))


def _refuse_copy(
    gate: Gate, tree: Tree, git: Git, found: FoundVersion, *, branch: str | None, before: str | None
) -> None:
    """Raise InputError if the change itself made the baseline file equal to its candidate.

    A file that was equal before the change is accepted: that is how a revert looks, and no edit is hidden by it.
    """
    assert found.version is not None and gate.baseline is not None
    same, file = found.version.normalized_digest, _describe_in_repository(gate.baseline, tree, git)
    if load_prompt(tree, gate.baseline, gate.baseline_settings).normalized_digest != same:
        return
    try:
        args = (gate, tree, git, found.commit, lambda commit: gate.settings)
        base = find_at_merge_base(*args, branch=branch, before=before)
    except (GitError, InputError):  # without a merge base it is unknown what the change did: accept the file
        return
    if file is None or base.commit is None or base.version is None or base.version.normalized_digest == same:
        return
    try:
        was = load_prompt_at(git, base.commit, file, gate.baseline_settings).normalized_digest
    except (GitError, InputError):  # the file is new, or was not a prompt
        was = None
    if was != same:
        message = f"this change makes {gate.baseline}, used in place of the merge base, equal to the candidate"
        raise InputError(message, hint="leave it as it is in production, or remove `baseline:` from the gate")


def _is_itself(found: FoundVersion, base: FoundVersion, git: Git) -> bool:
    """Return True if the merge base is the commit under test, and that commit contains the same prompt."""
    if base.version is None or found.version is None or base.version.digest != found.version.digest:
        return False
    return base.file == found.file and base.commit == (found.commit or git.head())


def _find_before(
    base: FoundVersion,
    git: Git,
    production: PromptVersion | None,
    is_edited: Callable[[str], bool],
    settings_at: Callable[[str], PromptSettings],
    *,
    is_beside: bool,
) -> tuple[FoundVersion, str | None]:
    """Return the version that a prompt of the default branch is compared with, and the commit whose cases count."""
    assert base.version is not None and base.commit is not None and base.file is not None
    here = f"{base.note} and the commit under test"
    found = _find_last_different(base.version, base.file, base.commit, git, settings_at)
    since = None if found is None else found.commit
    if production is not None and production.normalized_digest != base.version.normalized_digest:
        note = f"{production.source}, the version in production: {here}, contains the prompt itself"
        return FoundVersion(version=production, note=note, file=(found or base).file, commit=base.commit), since
    if found is None:
        if is_edited(base.commit):
            return base, None
        why = f"{here}, contains it already, and no earlier commit has another version"
        problem = f"{base.file} has no earlier version to compare with: {why}"
        if git.shallow:
            raise GitError(problem, hint=DEEPEN)
        if not is_beside:
            raise NothingToCompareError(problem, hint=f"edit it, or {_GIVE}")
        is_new = git.parent(base.commit) is not None and _find_previous(base.file, base.commit, git) is None
        return FoundVersion(
            version=None if is_new else base.version, note=f"{'new' if is_new else 'unchanged'}: {why}"
        ), None
    note = f"{str(since)[:7]}, the last commit at which the prompt was different: {here}, contains it already"
    return replace(found, note=note), since


def _find_last_different(
    version: PromptVersion, file: str, commit: str, git: Git, settings_at: Callable[[str], PromptSettings]
) -> FoundVersion | None:
    """Return the prompt at the last earlier commit at which it differed in more than white space."""
    earlier: FoundVersion | None = None
    before = _find_previous(file, commit, git)
    for at, oid in reversed(list_states(git, version, [file], [commit], first_parent=True)):
        name = file if before is None else before[1]
        try:
            old = parse_state(git, at, read_state(git, at, oid, name), name, settings_at(at))
        except EvalgateError:  # it was not a prompt then, so there is nothing to compare with
            continue
        if old.normalized_digest != version.normalized_digest:
            earlier = FoundVersion(version=old, file=name, commit=at)
            break
        before = _find_previous(name if git.exists(at, name) else file, at, git)
    if before is None:
        return earlier
    # cases may have changed since then: use the state right before the prompt got its present content
    parent, name = before
    try:
        found = resolve_at_commit(git, parent, name, settings_at(parent))
    except (InputError, GitError):
        return earlier
    if found.normalized_digest == version.normalized_digest:  # moved, and changed in white space alone
        return earlier or _find_last_different(version, name, parent, git, settings_at)
    return FoundVersion(version=found, file=name, commit=parent)


def _find_previous(file: str, commit: str, git: Git) -> tuple[str, str] | None:
    """Return the parent of a commit and the file's name there; None if there is no parent or no such file."""
    if not git.knows(f"{commit}^1"):
        return None
    parent = git.resolve(f"{commit}^1")
    name = file if git.exists(parent, file) else git.find_renamed_from(parent, file, commit=commit)
    return None if name is None else (parent, name)


def _find_own_file(gate: Gate, tree: Tree, git: Git) -> str:
    file = _describe_in_repository(gate.prompt, tree, git)
    if file is None:
        raise GitError(f"{gate.prompt} is outside the git repository {git.root}", hint=_GIVE)
    return file


def _describe_in_repository(path: str, tree: Tree, git: Git | None) -> str | None:
    """Return a path of the tree relative to the repository's top, or None if it is outside."""
    if git is None:
        return None
    full = Path(path) if is_absolute(path) else Path(tree.root) / path
    if not full.is_absolute():
        return path  # the tree of a commit: its paths are the repository's
    for top, file in ((git.root, full), (git.root.resolve(), resolve_path(full.parent) / full.name)):
        if file.is_relative_to(top):
            return PurePosixPath(file.relative_to(top)).as_posix()
    return None


def _describe_no_repository(gate: Gate, tree: Tree) -> NoReturn:
    """Raise GitError with git's own explanation of why there is no repository."""
    root = Path(tree.root)
    try:
        Git.open(root if root.is_dir() else Path.cwd())
    except GitError as error:
        raise GitError(f"{gate.prompt} has no baseline: {error.faults[0].message}", hint=_GIVE) from None
    raise GitError(f"{gate.prompt} has no baseline: no git repository was opened", hint=_GIVE)
