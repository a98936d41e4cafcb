"""Files that look like prompts and that no gate covers, and gated prompts that a change removes from a pattern."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence

from evalgate.domain import Config, Gate
from evalgate.domain.lists import name_some
from evalgate.domain.numbers import show_count
from evalgate.errors import EvalgateError, Fault, InputError, Place
from evalgate.inputs.case_images import list_included_files
from evalgate.inputs.prompts import PROMPT_SUFFIXES
from evalgate.inputs.tree import Tree, is_skipped
from evalgate.services.git import Git

_NAMED = 5
_DOCUMENTS = frozenset({"changelog", "contributing", "index", "license", "readme"})
_ENDINGS = (".prompt", ".prompty")


def find_ungated(config: Config, tree: Tree) -> tuple[str, ...]:
    """Return the files of a tree that look like prompts and that no gate covers, sorted.

    A file that a gated prompt includes is part of it. Raises InputError if the configuration refuses such files and the
    tree cannot be listed.
    """
    if config.ungated == "ignore" or not config.gates:
        return ()
    try:
        found = list_ungated(config, tree.list_files(posixpath.dirname(config.path)))
    except (EvalgateError, OSError) as error:
        if config.ungated == "fail":
            hint = "`ungated: fail` needs a list of all files"
            raise InputError(f"the files cannot be listed: {error}", place=Place(path=config.path), hint=hint) from None
        return ()
    included = {path for gate in config.gates for path in list_included_files(tree, gate)} if found else set()
    return tuple(path for path in found if path not in included)


def list_ungated(config: Config, paths: Iterable[str]) -> tuple[str, ...]:
    """Return those of these files that look like prompts and that no gate covers, sorted.

    A file looks like a prompt if its name says so (`.prompt.`, `.prompt`, `.prompty`). It also does if it lies beside a
    gated prompt whose name does not say so, has the same suffix, and is not at the top of the repository, where all
    kinds of files lie. Files that gates use in another way, such as rubrics and datasets, do not count, and neither do
    files outside of the configuration's folder and in folders that trees do not list.
    """
    covered = {config.path}
    for gate in config.gates:
        covered |= {gate.prompt, gate.dataset, *gate.files}
    plain = [gate.prompt for gate in config.gates if not _is_named_prompt(gate.prompt)]
    beside = {(posixpath.dirname(path), _suffix(path)) for path in plain if posixpath.dirname(path)}
    top = posixpath.dirname(config.path)
    return tuple(
        path
        for path in sorted(paths)
        if path not in covered
        and (_is_named_prompt(path) or ((posixpath.dirname(path), _suffix(path)) in beside and not _is_document(path)))
        and _is_listed(path, top)
    )


def describe_ungated(paths: Sequence[str]) -> tuple[str, ...]:
    """Return one sentence for all of these files; none without any."""
    if not paths:
        return ()
    what = show_count(len(paths), "file looks like a prompt", "files look like prompts")
    return (f"{what}, and no gate covers {'it' if len(paths) == 1 else 'them'}: {name_some(paths, _NAMED)}",)


def refuse_ungated(config: Config, tree: Tree) -> tuple[str, ...]:
    """Return the sentence about ungated files for the report. Raises InputError if the configuration says `fail`."""
    found = describe_ungated(find_ungated(config, tree))
    if found and config.ungated == "fail":
        hint = "add them to a gate, or to a pattern; `ungated: warn` only reports them"
        raise InputError(found[0], place=Place(path=config.path), hint=hint)
    return found


def refuse_moved_out(gates: Sequence[Gate], config: Config, tree: Tree, git: Git, base: str) -> None:
    """Raise InputError for a prompt of a pattern that a change moved to where no gate covers it.

    `gates` are the gates of patterns at the commit `base` that are gone. Otherwise moving a file would take it out of
    its gate without an edit of the configuration.
    """
    gone = {gate.prompt: gate for gate in gates if not tree.exists(gate.prompt)}
    if not gone:
        return
    covered = {path for gate in config.gates for path in (gate.prompt, gate.dataset, *gate.files)}
    new = {path: git.find_renamed_from(base, path) for path in _list_new(config, tree, git, base)}
    kept = {new[path] for path in new.keys() & covered}  # where these went is known
    lost = [path for path in gone if path not in kept]
    faults = []
    for path, renamed in new.items():
        if path in covered:
            continue
        was = renamed if renamed in gone else next((old for old in lost if _is_named_alike(old, path)), None)
        if was is not None:
            moved = f"{was} was moved to {path}" if was == renamed else f"{was} is gone, and {path} has its name"
            message = f"{moved}, which no gate covers; it was gated at {base[:7]}"
            hint = f"move it to where it matches {gone[was].pattern}, or add a gate for it"
            faults.append(Fault(message=message, place=Place(path=path), hint=hint))
    if faults:
        raise InputError(faults=faults)


def _list_new(config: Config, tree: Tree, git: Git, base: str) -> list[str]:
    head = git.head()
    new = set() if head is None else set(git.added(base, head))
    new |= {path for path in tree.list_files("") if not git.exists(base, path)}
    return sorted(new)


def _is_listed(path: str, top: str) -> bool:
    """Return whether trees list a file below the folder `top`."""
    inner = posixpath.relpath(path, top or ".")
    return not inner.startswith("../") and not any(map(is_skipped, inner.split("/")[:-1]))


def _is_named_prompt(path: str) -> bool:
    name = posixpath.basename(path).lower()
    return ".prompt." in name or name.endswith(_ENDINGS)


def _is_named_alike(old: str, new: str) -> bool:
    """Return whether a new file may be a prompt that was moved and rewritten: it has its name, whatever the suffix."""
    names = [posixpath.basename(path).lower() for path in (old, new)]
    return names[0].split(".", 1)[0] == names[1].split(".", 1)[0] and names[1].endswith(PROMPT_SUFFIXES)


def _is_document(path: str) -> bool:
    return posixpath.basename(path).split(".", 1)[0].lower() in _DOCUMENTS


def _suffix(path: str) -> str:
    return posixpath.splitext(path)[1].lower()
