"""The cases of a gate that have one and the same right answer, as far as the dataset and the checks tell it."""

from __future__ import annotations

from collections import Counter

from evalgate.domain import Case, Gate, GatePlan, applies, as_text, normalize
from evalgate.domain.field_paths import dig
from evalgate.domain.text import Json

_EXPECTED = "expected"


def count_same_answer(plan: GatePlan) -> int:
    """Return the largest number of cases with different requests that have the same right answer; 0 if none is known.

    A case's right answer is what an `equals` check compares its whole output with, else its field `expected`.
    """
    first = [case for case in plan.dataset.cases if plan.requests.get(case.id, case.id) == case.id]
    answers = Counter(answer for case in first if (answer := _find_answer(plan.gate, case)))
    return max(answers.values(), default=0)


def _find_answer(gate: Gate, case: Case) -> str:
    """Return the right answer of a case, normalised; "" if it is not known."""
    for check in gate.checks:
        options = check.options
        is_whole = not {"at", "transform"} & options.keys()
        if check.type == "equals" and not check.negated and is_whole and applies(check, case):
            return _show(options["value"] if "value" in options else _get(case, str(options.get("from", ""))))
    return _show(_get(case, _EXPECTED))


def _get(case: Case, path: str) -> Json:
    try:
        found: Json = dig(case.fields, path)
    except LookupError:
        return None
    return found


def _show(value: Json) -> str:
    return "" if value is None else normalize(as_text(value))
