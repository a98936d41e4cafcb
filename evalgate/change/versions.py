"""Resolve the versions of a gate from working tree, file, ref or merge base, and the history of their numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal, NoReturn

from evalgate.domain import Gate, PromptVersion, VersionAtCommit
from evalgate.errors import Fault, GitError, InputError, NothingToCompareError, Place
from evalgate.inputs.prompts import load_prompt, parse_prompt
from evalgate.inputs.tree import Tree, is_absolute
from evalgate.services.git import DEEPEN, INSTEAD, Git
from evalgate.services.git_names import shorten_name

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A version with its file in the repository (None: it is in none) and its commit, or its place on the disk."""

    version: PromptVersion | None
    note: str = ""
    file: str | None = None
    commit: str | None = None
    place: Path | None = None


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
) -> Versions:
    """Resolve candidate, baseline and the history of their version numbers.

    `candidate` and `baseline` name a file (which wins) or a git ref. Without `baseline`, the baseline is the gate's own
    baseline file, else the prompt at the merge base of HEAD (or the candidate's ref) and the default branch. The prompt
    is looked for at `base_gate_prompt` (the gate's prompt in the configuration of that commit, if it is known and
    differs), at the gate's own path, and under the name it was renamed from.

    `at` is the commit and the file of the candidate, in place of the working tree's; then `baseline` is a ref alone.

    On the default branch itself the merge base holds what is asked about. There the baseline is the version in
    `production`, where that is another one, else that of the last commit at which the prompt was different, else the
    merge base's if something else `is_edited` since, or where it `is_beside` gates that have one.

    A prompt that the merge base lacks has no baseline. Another missing version raises GitError or InputError.
    """
    found = _find_candidate(gate, tree, git, candidate, at)
    assert found.version is not None
    since = None
    if baseline is not None:
        base = _find_named(gate, tree, git, baseline, "--baseline", files=at is None, before=base_gate_prompt)
        since = base.commit
        same_place = (base.place or (base.file, base.commit)) == (found.place or (found.file, found.commit))
        if same_place or (git is not None and since and _is_itself(found, base, git) and not is_edited(since)):
            raise InputError(f"--baseline: {baseline} is the candidate itself", hint="name an earlier version")
    elif gate.baseline is not None:
        version = replace(load_prompt(tree, gate.baseline), source=gate.baseline)
        base = _Found(version=version, note=f"{gate.baseline} is used in place of the merge base")
        if git is not None and at is None and version.normalized_digest == found.version.normalized_digest:
            # with `at` the file is read at the base, so the change cannot alter it
            _refuse_copy(gate, tree, git, found, branch=default_branch, before=base_gate_prompt)
    else:
        base = _find_at_merge_base(gate, tree, git, found.commit, branch=default_branch, before=base_gate_prompt)
        if git is not None and _is_itself(found, base, git):
            base, since = _find_before(base, git, production(), is_edited, is_beside=is_beside)
    history, remark = _read_history(found, base, git, default_branch, published=immutability == "published")
    note = "; ".join(part for part in (base.note, remark) if part)
    return Versions(
        candidate=found.version,
        baseline=base.version,
        baseline_note=note,
        history=history,
        since=since,
        reason="" if found.version.version is not None else _find_reason(found, base.version, git),
    )


def _find_reason(found: _Found, baseline: PromptVersion | None, git: Git | None) -> str:
    """Return why a candidate was changed; a `change:` that the baseline has as well belongs to an earlier edit."""
    version = found.version
    assert version is not None
    if version.change and (baseline is None or version.change != baseline.change):
        return version.change
    if git is None or found.file is None or baseline is None or version.digest == baseline.digest:
        return ""
    commit = found.commit or git.head()
    if commit is None or (found.commit is None and _read_content(git, commit, found.file) != version.digest):
        return ""  # it is not committed yet
    return git.subject(commit, found.file)


def _read_content(git: Git, commit: str, file: str) -> str | None:
    try:
        return load_prompt_at(git, commit, file).digest
    except (GitError, InputError):
        return None


def resolve_named(gate: Gate, tree: Tree, git: Git | None, named: str, option: str) -> PromptVersion:
    """Resolve the version that an option names: a file or a ref."""
    version = _find_named(gate, tree, git, named, option).version
    assert version is not None
    return version


def load_candidate(gate: Gate, tree: Tree, git: Git | None, named: str | None) -> PromptVersion:
    """Load only the candidate: the prompt in the working tree, or the version that a file or a ref names."""
    return load_prompt(tree, gate.prompt) if named is None else resolve_named(gate, tree, git, named, "--candidate")


def _find_candidate(
    gate: Gate, tree: Tree, git: Git | None, named: str | None, at: tuple[str, str] | None = None
) -> _Found:
    if at is not None and git is not None:
        commit, file = at
        return _Found(version=load_prompt_at(git, commit, file), file=file, commit=commit)
    if named is not None:
        return _find_named(gate, tree, git, named, "--candidate")
    path = gate.prompt
    place = (Path(tree.root) / path).resolve()
    return _Found(version=load_prompt(tree, path), file=_describe_in_repository(path, tree, git), place=place)


def _find_named(
    gate: Gate,
    tree: Tree,
    git: Git | None,
    named: str,
    option: str,
    *,
    files: bool = True,
    before: str | None = None,
) -> _Found:
    """Find what an option names: a file, relative to the current folder or to the tree's root, or a ref."""
    path = Path(named).absolute().as_posix() if files and Path(named).is_file() else named
    if files and (path != named or tree.exists(path)):
        version = parse_prompt(tree.read(path), named, named)
        file, place = _describe_in_repository(path, tree, git), (Path(tree.root) / path).resolve()
        return _Found(version=version, note=f"{option} {named}", file=file, place=place)
    if git is None:
        raise InputError(f'{option}: "{named}" is not a file, and not a git ref: there is no git repository here')
    if not git.knows(named):
        kind = "neither a file nor a git ref" if files else "not a git ref"
        raise InputError(
            f'{option}: "{named}" is {kind}',
            hint=DEEPEN if git.shallow else "files are relative to the current folder, refs are as in git rev-parse",
        )
    commit = git.resolve(named)
    own, old = _find_own_file(gate, tree, git), before and _describe_in_repository(before, tree, git)
    file = next((path for path in (own, old) if path and git.exists(commit, path)), None)
    file = file or git.find_renamed_from(commit, own)
    if file is None:
        raise GitError(f'{option}: "{named}" ({commit[:7]}) has no {own}', hint=f"{option} also takes a file")
    return _Found(version=resolve_at_commit(git, commit, file), note=f"{option} {named}", file=file, commit=commit)


def _find_at_merge_base(
    gate: Gate, tree: Tree, git: Git | None, commit: str | None, *, branch: str | None, before: str | None
) -> _Found:
    """Return the version at the merge base of a commit (None: HEAD) and the default branch."""
    if git is None:
        _describe_no_repository(gate, tree)
    head = commit or git.head()
    if head is None:
        return _Found(version=None, note="new: the repository has no commit yet")
    own = _find_own_file(gate, tree, git)
    default = git.default_branch(branch)
    base = git.merge_base(head, default)
    old = before and _describe_in_repository(before, tree, git)
    file = next((path for path in (old, own) if path and git.exists(base, path)), None)
    file = file or git.find_renamed_from(base, own, commit=commit) or git.spelt_otherwise(base, own)
    named = default[:7] if git.resolve(default) == default else shorten_name(default)
    where = f"{base[:7]}, the merge base with {named}"
    if file is None:
        return _Found(version=None, note=f"new on this branch: {where}, has no {own}")
    return _Found(version=resolve_at_commit(git, base, file), note=where, file=file, commit=base)


def _refuse_copy(gate: Gate, tree: Tree, git: Git, found: _Found, *, branch: str | None, before: str | None) -> None:
    """Raise InputError if the change itself made the baseline file equal to its candidate.

    A file that was equal before the change is accepted: that is how a revert looks, and no edit is hidden by it.
    """
    assert found.version is not None and gate.baseline is not None
    same, file = found.version.normalized_digest, _describe_in_repository(gate.baseline, tree, git)
    try:
        base = _find_at_merge_base(gate, tree, git, found.commit, branch=branch, before=before)
    except (GitError, InputError):  # without a merge base it is unknown what the change did: accept the file
        return
    if file is None or base.commit is None or base.version is None or base.version.normalized_digest == same:
        return
    try:
        was = load_prompt_at(git, base.commit, file).normalized_digest
    except (GitError, InputError):  # the file is new, or was not a prompt
        was = None
    if was != same:
        message = f"this change makes {gate.baseline}, used in place of the merge base, equal to the candidate"
        raise InputError(message, hint="leave it as it is in production, or remove `baseline:` from the gate")


def _is_itself(found: _Found, base: _Found, git: Git) -> bool:
    """Return True if the merge base is the commit under test, and that commit contains the same prompt."""
    if base.version is None or found.version is None or base.version.digest != found.version.digest:
        return False
    return base.file == found.file and base.commit == (found.commit or git.head())


def _find_before(
    base: _Found, git: Git, production: PromptVersion | None, is_edited: Callable[[str], bool], *, is_beside: bool
) -> tuple[_Found, str | None]:
    """Return the version that a prompt of the default branch is compared with, and the commit whose cases count."""
    assert base.version is not None and base.commit is not None and base.file is not None
    here = f"{base.note} and the commit under test"
    found = _find_last_different(base.version, base.file, base.commit, git)
    since = None if found is None else found.commit
    if production is not None and production.normalized_digest != base.version.normalized_digest:
        note = f"{production.source}, the version in production: {here}, contains the prompt itself"
        file = base.file if found is None else found.file
        return _Found(version=production, note=note, file=file, commit=base.commit), since
    if found is None:
        if is_edited(base.commit):
            return base, None
        why = f"{here}, contains it already, and no earlier commit has another version"
        if git.shallow:
            raise GitError(f"{base.file} has no earlier version to compare with: {why}", hint=DEEPEN)
        if not is_beside:
            raise NothingToCompareError(f"{base.file} has no earlier version to compare with: {why}", hint=_GIVE)
        is_new = git.parent(base.commit) is not None and _find_previous(base.file, base.commit, git) is None
        return _Found(version=None if is_new else base.version, note=f"{'new' if is_new else 'unchanged'}: {why}"), None
    note = f"{str(since)[:7]}, the last commit at which the prompt was different: {here}, contains it already"
    return replace(found, note=note), since


def _find_last_different(version: PromptVersion, file: str, commit: str, git: Git) -> _Found | None:
    """Return the prompt at the last earlier commit at which it differed in more than white space."""
    earlier: _Found | None = None
    before = _find_previous(file, commit, git)
    for at, oid in reversed(git.history(file, [commit], first_parent=True)):
        name = file if before is None else before[1]
        try:
            old = parse_prompt(git.read_blob(oid, at, name), name, f"{at[:7]}:{name}")
        except InputError:  # it was not a prompt then, so there is nothing to compare with
            continue
        if old.normalized_digest != version.normalized_digest:
            earlier = _Found(version=old, file=name, commit=at)
            break
        before = _find_previous(name if git.exists(at, name) else file, at, git)
    if before is None:
        return earlier
    # cases may have changed since then: use the state right before the prompt got its present content
    parent, name = before
    try:
        found = resolve_at_commit(git, parent, name)
    except (InputError, GitError):
        return earlier
    if found.normalized_digest == version.normalized_digest:  # moved, and changed in white space alone
        return earlier or _find_last_different(version, name, parent, git)
    return _Found(version=found, file=name, commit=parent)


def _find_previous(file: str, commit: str, git: Git) -> tuple[str, str] | None:
    """Return the parent of a commit and the file's name there; None if there is no parent or no such file."""
    if not git.knows(f"{commit}^1"):
        return None
    parent = git.resolve(f"{commit}^1")
    name = file if git.exists(parent, file) else git.find_renamed_from(parent, file, commit=commit)
    return None if name is None else (parent, name)


def load_prompt_at(git: Git, commit: str, file: str) -> PromptVersion:
    """Load the prompt in a file at a commit; faults name the file, so that the author of the change finds them."""
    return parse_prompt(git.read(commit, file), file, f"{commit[:7]}:{file}")


def resolve_at_commit(git: Git, commit: str, file: str) -> PromptVersion:
    """Load the prompt in a file at a commit; faults name the commit, not the working tree's file of that name."""
    source = f"{commit[:7]}:{file}"
    try:
        return parse_prompt(git.read(commit, file), file, source)
    except InputError as error:
        raise InputError(
            faults=[
                Fault(
                    message=fault.message,
                    place=replace(fault.place, path=source) if fault.place else Place(path=source),
                    hint=fault.hint or f"a commit cannot be edited: {INSTEAD}",
                )
                for fault in error.faults
            ]
        ) from None


def _read_history(
    candidate: _Found, base: _Found, git: Git | None, default_branch: str | None, *, published: bool
) -> tuple[tuple[VersionAtCommit, ...], str]:
    """Return the releases of the declared version numbers, and a remark if part of history could not be read.

    Only contents that include one of the numbers are parsed; contents that are not prompts are skipped.
    """
    numbers = {found.version.version for found in (candidate, base) if found.version and found.version.version}
    if not numbers:
        return (), ""
    if git is None:
        return (), "no git repository: earlier versions were not checked"
    if candidate.file is None:
        return (), "the candidate is not in the repository: earlier versions were not checked"
    # a `baseline:` file is a file beside the prompt, not an earlier state of it
    files = [candidate.file, *([base.file] if base.file and base.commit else [])]
    tips = _list_tips(candidate, base, git, default_branch, published)
    releases: dict[tuple[str, str], VersionAtCommit] = {}
    seen: set[str] = set()
    for commit, oid in git.history(list(dict.fromkeys(files)), tips, first_parent=published) if tips else ():
        if oid in seen:
            continue
        seen.add(oid)
        data = git.read_blob(oid, commit, candidate.file)
        if not any(number.encode() in data for number in numbers):
            continue
        try:
            version = parse_prompt(data, candidate.file, f"{commit[:7]}:{candidate.file}")
        except InputError:
            continue
        if version.version in numbers:
            release = VersionAtCommit(commit=commit, version=version.version, digest=version.digest)
            releases.setdefault((release.version, release.digest), release)
    remark = "this clone is shallow: older versions were not checked" if git.shallow else ""
    return tuple(releases.values()), remark


def _list_tips(candidate: _Found, base: _Found, git: Git, default_branch: str | None, published: bool) -> Sequence[str]:
    """List the commits to walk history from; if published, only the default branch (else the baseline's commit)."""
    try:
        default = git.resolve(git.default_branch(default_branch))
    except GitError:
        default = None
    tips = [default or base.commit] if published else [git.head(), default, candidate.commit, base.commit]
    return list(dict.fromkeys(tip for tip in tips if tip))


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
    for top, file in ((git.root, full), (git.root.resolve(), full.parent.resolve() / full.name)):
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
