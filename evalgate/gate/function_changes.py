"""Note that a change edits the code of the function that answers, which no comparison of prompts shows."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from evalgate.change.merge_base import Base
from evalgate.domain import Config, Gate
from evalgate.domain.lists import name_some
from evalgate.errors import EvalgateError
from evalgate.inputs.python_modules import load_code
from evalgate.inputs.tree import Tree

_NAMED = 5


def describe_edited_functions(gate: Gate, config: Config, base: Base | None) -> Iterator[str]:
    """Yield a note for each function that answers for a gate and whose code differs from the merge base.

    The code is that of its module and of what this imports. A function that is not in the repository is left out, and
    so is one whose declared version is another: the change level follows from that.
    """
    if base is None or base.config is None:
        return
    folder = posixpath.dirname(config.path)
    for name in dict.fromkeys((gate.candidate_target, gate.baseline_target)):
        target, before = config.targets[name], base.config.targets.get(name)
        if target.kind != "python" or before is None or before.identity != target.identity:
            continue
        edited = _list_edited(base.tree, base.here, folder, target.location)
        if edited:
            files = name_some(edited, _NAMED)
            yield (
                f'the code of target "{name}", {target.location}, is edited ({files}), and answered for both versions: '
                "the comparison does not show the effect of this edit"
            )


def _list_edited(before: Tree, now: Tree, folder: str, function: str) -> list[str]:
    try:
        old, new = load_code(before, folder, function), load_code(now, folder, function)
        if old.digest == new.digest:
            return []
        both = sorted({*old.files, *new.files})
        return [
            path
            for path in both
            if path not in old.files or path not in new.files or before.read(path) != now.read(path)
        ]
    except (EvalgateError, OSError):
        return []
