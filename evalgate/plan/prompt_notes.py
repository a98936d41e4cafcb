"""Notes on a gate for the report: what of a prompt's file is not sent, and which judges are not asked."""

from __future__ import annotations

from collections.abc import Sequence

from evalgate.domain import Gate, Level, Policy, PromptVersion
from evalgate.domain.adaptations import NOT_AS_WRITTEN
from evalgate.domain.lists import name_some
from evalgate.plan.prompt_diff import adds_front_matter

_NAMED = 10


def describe_unsent(version: PromptVersion, baseline: PromptVersion | None = None) -> tuple[str, ...]:
    """Return a note on front matter that is new, and one that names the keys that are not sent to the model."""
    notes = []
    if baseline is not None and adds_front_matter(version, baseline):
        what = f"the new front matter of {version.path}"
        notes.append(
            f"{NOT_AS_WRITTEN}{what}: an application that reads the whole file sends it, which is not measured"
        )
    if version.unsent:
        named = name_some(version.unsent, _NAMED, rest=", and {} more")
        notes.append(f"{version.path}: not sent to the model: {named}")
    return tuple(notes)


def describe_unasked(gate: Gate, policy: Policy, level: Level) -> tuple[str, ...]:
    """Return a note that names the judges that do not run at a change level; their criteria are not measured."""
    asked = gate.judges_at(policy.levels[level])
    names = [judge.name for judge in gate.judges if judge not in asked]
    if not names:
        return ()
    named = name_some(names, _NAMED, rest=", and {} more")
    return (f"at {level.name} checks alone decide, and no judge is asked: {named} {_is(names)} not measured",)


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
