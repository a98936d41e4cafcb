"""The candidate's requests that an endpoint refused in an earlier run of the same content.

The next run makes a refused request again, so that a mended endpoint is measured. Some refusals depend on chance, as
where a model fails to generate JSON or a tool call. Running again until each case is answered once would hide them, so
an answer that follows a refusal does not count: the case stays undecided. Cases that the baseline was refused as well
are not the change's doing, and are free to be answered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from evalgate.decide import policy
from evalgate.domain import Arm, Config, Failure, GatePlan, GateReport, Result, Unscored
from evalgate.gate.verdict_cache import VerdictKeys
from evalgate.store.store import Store

EarlierRefusals: TypeAlias = Mapping[tuple[str, int], str]
"""The endpoint's words by case and repeat."""

_BEGINNING = "refused in an earlier run of the same content: "


def load(store: Store, keys: VerdictKeys | None) -> EarlierRefusals:
    """Return the refusals of earlier runs. A mark that cannot be read has none."""
    found: dict[tuple[str, int], str] = {}
    for name in () if keys is None else (keys.shown, keys.own):
        try:
            rows: Any = json.loads(store.find_undecided(name).read_text(encoding="utf-8"))
            found |= {(str(case), int(repeat)): str(message) for case, repeat, message in rows}
        except (OSError, ValueError, TypeError, RecursionError):
            continue
    return found


def dump(gate: GateReport) -> str:
    """Return the refusals of a gate's run as the text of its mark."""
    results = gate.evidence.results
    both = {result.case for result in results if result.arm is Arm.BASELINE and _find_refusal(result) is not None}
    rows = [
        [result.case, result.repeat, message.removeprefix(_BEGINNING)]
        for result in results
        if result.arm is Arm.CANDIDATE and result.case not in both and (message := _find_refusal(result)) is not None
    ]
    return json.dumps(rows) if rows else ""


def keep(gate: GateReport, earlier: EarlierRefusals, plan: GatePlan, config: Config) -> GateReport:
    """Return the report with the earlier refusals in place of the answers that followed them."""
    evidence = gate.evidence
    results = tuple(_refuse(result, earlier) for result in evidence.results)
    count = sum(new is not old for new, old in zip(results, evidence.results, strict=True))
    if not count:
        return gate
    cases = {case for case, _ in earlier}
    note = (
        f"{count} {'answer' if count == 1 else 'answers'} of the candidate followed a refusal in an earlier run, and "
        "a second draw does not count: edit the prompt, or `evalgate cache prune --forget-verdicts` if the endpoint "
        "was at fault"
    )
    evidence = replace(
        evidence,
        results=results,
        confirmations=tuple(result for result in evidence.confirmations if result.case not in cases),
        notes=(*evidence.notes, note),
    )
    return policy.decide_at_level(evidence, plan.gate.thresholds, config.policy)


def _refuse(result: Result, earlier: EarlierRefusals) -> Result:
    message = earlier.get((result.case, result.repeat)) if result.arm is Arm.CANDIDATE else None
    if message is None or result.failure == "infrastructure":
        return result
    failure = Failure(kind="infrastructure", message=f"{_BEGINNING}{message}", refused=True)
    scores = {name: Unscored(reason=failure.message) for name in result.scores}
    return Result(
        case=result.case, arm=result.arm, repeat=result.repeat, tags=result.tags, outcome=failure, scores=scores
    )


def _find_refusal(result: Result) -> str | None:
    if result.failure != "infrastructure":  # do not read the texts of all other results
        return None
    outcome = result.outcome
    return outcome.message if isinstance(outcome, Failure) and outcome.refused else None
