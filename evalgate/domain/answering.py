"""Who answers for a gate: its targets, by role, as plain data for comparisons and digests."""

from __future__ import annotations

from collections.abc import Mapping

from evalgate.domain.inputs import Gate
from evalgate.domain.target import Target
from evalgate.domain.text import Json


def list_answering(gate: Gate, targets: Mapping[str, Target]) -> list[Json]:
    """Return everything that decides who answers for both versions of a gate, and with which settings.

    The models that prompts name are part of their content, and the targets of judges part of their criteria. Only the
    code of judges that are functions is in neither, so it is listed here.
    """
    arms = [targets[name] for name in (gate.candidate_target, gate.baseline_target)]
    judges = {judge.name: _list_code(targets[judge.target]) for judge in gate.judges}
    code = {name: found for name, found in judges.items() if found}
    answering: list[Json] = [[*one.served, one.model, *one.scored_as, *_list_code(one)] for one in arms]
    return [*answering, code] if code else answering


def _list_code(target: Target) -> list[Json]:
    return [target.options["code"]] if "code" in target.options else []
