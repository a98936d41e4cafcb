"""Find gated prompts that a change moves. Its configuration names the new path, or the pattern of a gate matches it."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from evalgate.domain import Config, Gate
from evalgate.errors import EvalgateError
from evalgate.inputs.config import derive_name, load_config
from evalgate.inputs.path_patterns import matches_any
from evalgate.inputs.prompts import PROMPT_SUFFIXES
from evalgate.inputs.tree import CommitTree
from evalgate.services.git import Git

# formats that evalgate reads, and template formats that applications fill in with other libraries
_TEMPLATES = (".prompt", ".tmpl", ".tpl", ".template", ".mustache", ".hbs", ".liquid")
_LIKE_PROMPTS = (*PROMPT_SUFFIXES, *_TEMPLATES, ".poml", ".markdown", ".mdx", ".njk", ".toml")
_CODE = (
    ".c", ".cc", ".cpp", ".cs", ".css", ".dart", ".ex", ".exs", ".go", ".h", ".hpp", ".java", ".js", ".jsx", ".kt",
    ".lua", ".mjs", ".php", ".pl", ".py", ".pyi", ".r", ".rb", ".rs", ".scala", ".sh", ".sql", ".svelte", ".swift",
    ".ts", ".tsx", ".vue",
)  # fmt: skip
_PICTURES = (".gif", ".ico", ".jpeg", ".jpg", ".pdf", ".png", ".svg", ".webp", ".woff", ".woff2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """The prompts whose file is gone and for which the change's own configuration names a new path.

    `paths` has the new path by the gate's name. `names` has the gates' names in the new configuration, which differ if
    they are derived from the path. `is_all` is true if nothing else of the configuration is edited, so that the policy
    is the same. `aside` are new or edited files beside the moved ones that may be prompts and that no gate covers.
    """

    paths: Mapping[str, str]
    names: Mapping[str, str]
    is_all: bool
    aside: tuple[str, ...] = ()


def find_moves(config: Config, own: Config, git: Git, *, base: str, head: str) -> Moves:
    """Return the moves of a change from `base` to `head`: `config` is the base's, `own` that of the head."""
    paths: dict[str, str] = {}
    names: dict[str, str] = {}
    for gate in config.gates:
        moved = find_own_gate(gate, config, own)
        if moved is not None and moved.prompt != gate.prompt and not git.exists(head, gate.prompt):
            paths[gate.name] = moved.prompt
            names[gate.name] = moved.name
    before = _load_gate_before(config, base, git)
    known = {own.path, *(gate.prompt for gate in own.gates)}
    moved_paths = {gate.prompt for gate in config.gates} ^ {gate.prompt for gate in own.gates}
    aside = find_ungated_files(known, moved_paths, git, base=base, head=head)
    is_all = before is not None and not aside and _differ_in_moves_alone(before, own, git, base=base, head=head)
    return Moves(paths=paths, names=names, is_all=is_all, aside=aside)


def find_moved_match(
    gate: Gate, config: Config, prompts: Collection[str], git: Git, *, base: str, head: str
) -> str | None:
    """Return the path to which a change moved a prompt, if both paths match the gate's pattern; else None.

    `prompts` are all that the gates of the base match once the change is merged.
    """
    if gate.pattern is None or git.exists(head, gate.prompt):
        return None
    known = {other.prompt for other in config.gates}
    new = [path for path in prompts if path not in known and matches_any(path, [gate.pattern])]
    return next((path for path in new if git.find_renamed_from(base, path, commit=head) == gate.prompt), None)


def find_ungated_files(
    known: Collection[str], moved: Collection[str], git: Git, *, base: str, head: str
) -> tuple[str, ...]:
    """Return files that no gate covers and that an application may read in place of a prompt that is gone.

    `known` are the gated files, `moved` the paths of moved prompts, old and new. A new file counts wherever it lies,
    unless its name says that it is code or a picture: any other may hold a prompt. An edited one counts in the folder
    of a moved prompt, and where its name says it.
    """
    folders = {posixpath.dirname(path) for path in moved} - {""}
    new = [path for path in git.added(base, head) if not path.lower().endswith((*_CODE, *_PICTURES))]
    edited = [
        path
        for path in git.added(base, head, kinds="MT")
        if ".prompt" in posixpath.basename(path.lower())
        or (path.lower().endswith(_LIKE_PROMPTS) and posixpath.dirname(path) in folders)
    ]
    return tuple(path for path in (*new, *edited) if path not in known)


def find_own_gate(gate: Gate, config: Config, own: Config) -> Gate | None:
    """Find a gate in the change's own configuration: by name, or, if the path gives the name, by its other content."""
    kept = {other.name: other for other in own.gates}
    if gate.name in kept or not _is_named_by_path(gate):
        return kept.get(gate.name)
    names = {other.name for other in config.gates}
    candidates = [o for o in own.gates if o.name not in names and _is_named_by_path(o) and _is_moved(gate, o)]
    # several gates that differ only in their prompts are matched in order
    orphans = [g for g in config.gates if g.name not in kept and _is_named_by_path(g) and _is_moved(gate, g)]
    return dict(zip((orphan.name for orphan in orphans), candidates, strict=False)).get(gate.name)


def _load_gate_before(config: Config, base: str, git: Git) -> Config | None:
    try:
        return load_config(CommitTree(git, base), config.path, environment=config.environment)
    except EvalgateError:
        return None


def _differ_in_moves_alone(before: Config, own: Config, git: Git, *, base: str, head: str) -> bool:
    """Return True if gates differ only in prompt files that are gone and did not exist under their new names before."""
    if replace(before, gates=()) != replace(own, gates=()) or len(before.gates) != len(own.gates):
        return False
    moved = [(old, new) for old, new in zip(before.gates, own.gates, strict=True) if old != new]
    return bool(moved) and all(
        _is_moved(old, new)
        and (old.name == new.name or (_is_named_by_path(old) and _is_named_by_path(new)))
        and not git.exists(head, old.prompt)
        and not git.exists(base, new.prompt)
        for old, new in moved
    )


def _is_moved(old: Gate, new: Gate) -> bool:
    return replace(new, name=old.name, prompt=old.prompt) == old


def _is_named_by_path(gate: Gate) -> bool:
    return gate.name == derive_name(gate.prompt, gate.settings.constant)
