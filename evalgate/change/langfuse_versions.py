"""Resolve the versions of a gate whose candidate is in Langfuse, where no commit has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from evalgate.change import versions
from evalgate.change.versions import Versions
from evalgate.domain import Gate, PromptVersion
from evalgate.domain.langfuse_reference import is_langfuse, parse_prompt_source
from evalgate.errors import InputError, Place
from evalgate.inputs.langfuse_names import PRODUCTION, find_production_source, make_settings, parse_option
from evalgate.inputs.prompts import load_prompt
from evalgate.inputs.tree import Tree
from evalgate.services.git import Git


def is_in_langfuse(gate: Gate, candidate: str | None) -> bool:
    """Return whether the candidate of a gate, `candidate` if it is given, is in Langfuse."""
    return is_langfuse(gate.prompt if candidate is None else candidate)


def load_named(gate: Gate, tree: Tree, named: str, option: str) -> PromptVersion:
    """Load the version in Langfuse that an option names. Raises InputError for a name of another form."""
    parse_option(named, option)
    return load_prompt(tree, named, make_settings(gate))


def resolve_in_langfuse(
    gate: Gate,
    tree: Tree,
    git: Git | None,
    *,
    candidate: str | None = None,
    baseline: str | None = None,
    default_branch: str | None = None,
    production: Callable[[], PromptVersion | None] = lambda: None,
) -> Versions:
    """Resolve a candidate in Langfuse and its baseline. Langfuse has no history of version numbers.

    The baseline is the one that is named, else the gate's `baseline:`, else the version in `production` by the
    releases. Without one it is the version with the label production, or, for a gate whose prompt is a file, the prompt
    of the default branch. Only a missing label production means that there is no baseline.

    A candidate that declares no version number is compared without the number of the baseline: numbers are given at
    publication, so the level follows from the difference alone.
    """
    found = load_named(gate, tree, candidate or gate.prompt, "--candidate" if candidate else "`prompt:`")
    base, note = _find_baseline(gate, tree, git, production, named=baseline, branch=default_branch)
    if base is not None and found.version is None:
        base = replace(base, version=None)
    return Versions(candidate=found, baseline=base, baseline_note=note, reason=found.change or "")


def _find_baseline(
    gate: Gate,
    tree: Tree,
    git: Git | None,
    production: Callable[[], PromptVersion | None],
    *,
    named: str | None,
    branch: str | None,
) -> tuple[PromptVersion | None, str]:
    if named is not None:
        version = versions.resolve_named(gate, tree, git, named, "--baseline")
        return version, f"--baseline {_describe(version, named)}"
    released = production() if find_named_baseline(gate, None) is None else None
    if released is not None:
        return released, ""
    if gate.baseline is not None:
        version = load_baseline(gate, tree)
        return version, f"{_describe(version, gate.baseline)} is the gate's baseline"
    source = find_production_source(gate)
    if source is None:
        where = (None, lambda commit: gate.settings)
        found = versions.find_at_merge_base(gate, tree, git, *where, branch=branch, before=None)
        return found.version, found.note
    try:
        version = load_prompt(tree, source, gate.settings)
    except InputError as error:
        if error.faults[0].place != Place(path=source) or "does not exist" not in error.faults[0].message:
            raise
        return None, f"new: {source} does not exist"
    return version, _describe(version, source)


def find_named_baseline(gate: Gate, baseline: str | None) -> str | None:
    """Return the baseline that is named, by an option or by the gate; None for the label production in Langfuse.

    That label follows the releases, so that a release in production is the baseline even if a person has moved it.
    """
    if baseline is None and gate.baseline is not None and is_langfuse(gate.baseline):
        return None if parse_prompt_source(gate.baseline).label == PRODUCTION else gate.baseline
    return baseline or gate.baseline


def load_baseline(gate: Gate, tree: Tree) -> PromptVersion:
    """Load a gate's baseline, a file or a version in Langfuse, with its source."""
    assert gate.baseline is not None
    version = load_prompt(tree, gate.baseline, gate.baseline_settings)
    return version if is_langfuse(gate.baseline) else replace(version, source=gate.baseline)


def _describe(version: PromptVersion, named: str) -> str:
    return named if version.source == named or not is_langfuse(named) else f"{named}, which is {version.source},"
