"""Files of a change that a case-insensitive disk would take for a file that a gate reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from evalgate.domain import Gate
from evalgate.errors import Fault, Place
from evalgate.inputs.case_images import list_included_files
from evalgate.inputs.tree import CommitTree
from evalgate.services.git import Git
from evalgate.services.git_names import fold_path


def find_twins(
    gates: Sequence[tuple[Gate, str | None]], judging: Collection[str], git: Git, *, base: str, head: str
) -> Iterator[Fault]:
    """Yield a fault for each file of `head` whose path `fold_path` does not tell from one that a gate reads.

    `gates` are those of the change, with the prompt's path at `head`, and its path at `base` if it was there. `judging`
    are the other files that decide on the change. New files of `head` are compared with both, and with what a prompt
    includes, whether it exists or not. All files of `head` are compared with what a prompt newly includes.
    """
    here, there = CommitTree(git, head), CommitTree(git, base)
    included = {path for gate, _ in gates for path in list_included_files(here, gate)}
    pairs = [(gate, before) for gate, before in gates if before is not None]
    known = {path for gate, before in pairs for path in list_included_files(there, replace(gate, prompt=before))}
    prompts, read = {gate.prompt for gate, _ in gates}, {*judging, *included}
    twins = git.added(base, head)
    twins += [twin for path in sorted(included - known) if (twin := git.spelt_otherwise(head, path)) is not None]
    folded = {fold_path(path) for path in twins}
    found: dict[str, Fault] = {}
    for path, (own, of) in _describe_files(prompts, read):
        for place in (path, *(str(folder) for folder in list(PurePosixPath(path).parents)[:-1])):
            if fold_path(place) not in folded or _is_removed(path, git, base, head):
                continue
            for twin in twins:
                if twin != place and fold_path(twin) == fold_path(place):
                    found.setdefault(twin, _make_fault(twin, place, own if place == path else of))
    yield from found.values()


def _describe_files(prompts: Collection[str], read: Collection[str]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each file with what it is, and what a folder of it is; prompts come first."""
    for path in sorted(prompts):
        yield path, ("which is gated", "which holds a gated prompt")
    for path in sorted(read):
        yield path, ("which a gate reads", "which holds a file that a gate reads")


def _is_removed(path: str, git: Git, base: str, head: str) -> bool:
    """Return True if a change removes a file: then only the file of the other name is left."""
    return not git.exists(head, path) and git.exists(base, path)


def _make_fault(twin: str, place: str, what: str) -> Fault:
    message = f"differs only in upper and lower case from {place}, {what}: many disks keep only one"
    if twin.casefold() != place.casefold():
        message = f"looks the same as {place}, {what}, in other characters: many disks keep only one"
    return Fault(message=message, place=Place(path=twin), hint="give it another name")
