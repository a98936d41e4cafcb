"""Variables that a change adds to a prompt, and that give away what an answer is checked by."""

from __future__ import annotations

from collections.abc import Iterator

from evalgate.domain import Gate, PromptVersion
from evalgate.domain.lists import name_some
from evalgate.errors import Fault, Place
from evalgate.plan.template_faults import find_place

EXPECTED = "expected"
"""The field with the expected answer of a case."""
_NAMED = 3


def find_given_answer(candidate: PromptVersion, baseline: PromptVersion | None) -> Iterator[Fault]:
    """Yield a fault if the candidate is given the expected answer of each case, and the baseline is not.

    Production has no such field, so nothing that is measured with it says how the version answers there.
    """
    if EXPECTED in _list_added(candidate, baseline):
        what = f"the variable {{{{{EXPECTED}}}}} tells the prompt the expected answer of each case"
        yield Fault(
            message=f"{what}, which production does not have",
            place=find_place(candidate, EXPECTED) or Place(path=candidate.path),
            hint="remove it; if the application fills it in, give the field of the cases another name",
        )


def describe_given_fields(gate: Gate, candidate: PromptVersion, baseline: PromptVersion | None) -> tuple[str, ...]:
    """Return a note for each variable that the change adds and by which a check decides.

    There is one for the expected answer in a new prompt as well, or in one that had it before.
    """
    own = f"the variable {{{{{EXPECTED}}}}} tells the prompt the expected answer of each case: does production have it?"
    given = (own,) if EXPECTED in candidate.variables else ()
    read = {
        check.name: {name for each in check.nested for path in each.fields for name in (path, path.partition(".")[0])}
        for check in gate.checks
    }
    return given + tuple(
        f"the variable {{{{{name}}}}} is new, and {name_some(readers, _NAMED)} reads this field of the cases: does "
        "production have it?"
        for name in _list_added(candidate, baseline)
        if (readers := [check for check, names in read.items() if name in names])
    )


def _list_added(candidate: PromptVersion, baseline: PromptVersion | None) -> list[str]:
    return [] if baseline is None else sorted(set(candidate.variables) - set(baseline.variables))
