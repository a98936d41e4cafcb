"""Criteria of a report: each check or judge with a digest of everything that its scores depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalgate.domain import ANSWERED, TOOL_CHECKS, Check, Criterion, Gate, Json, Judge, Target, digest
from evalgate.domain.adaptations import find_effective

_JUDGEMENT: Json = {
    "strict": True,
    "schema": {"type": "object", "properties": {"score": {"enum": [1]}}, "additionalProperties": False},
}
"""What the response format of any judge has in common, as far as an endpoint may refuse it."""

_WITHOUT_TEXT = TOOL_CHECKS | {"latency", "cost", "tokens"}


def list_criteria(gate: Gate, judges: Sequence[Judge], targets: Mapping[str, Target]) -> tuple[Criterion, ...]:
    """Return the criteria of a gate: its checks, these judges, and the implicit check that there is an answer."""
    return (
        *(make_check_criterion(check, covers_calls=gate.covers_calls) for check in gate.checks),
        *(make_judge_criterion(judge, targets[judge.target]) for judge in judges),
        Criterion(name=ANSWERED, kind="check", blocking=True, digest=digest([ANSWERED, gate.cut_answers])),
    )


def make_check_criterion(check: Check, *, covers_calls: bool = False) -> Criterion:
    """Return the criterion of a check. Its digest includes the content of its schemas, but not their paths.

    If the gate `covers_calls`, a check of text also scores outputs with tool calls beside their text.
    """
    limit = check.options.get("p95_seconds")
    options = {name: value for name, value in check.options.items() if name != "schema_path"}
    documents = sorted(digest(document) for document in check.documents.values())
    beside = ["calls beside text"] if covers_calls and check.type not in _WITHOUT_TEXT else []
    return Criterion(
        name=check.name,
        kind="check",
        blocking=check.blocking,
        digest=digest([check.type, check.negated, options, documents, *beside]),
        p95_seconds=float(limit) if isinstance(limit, int | float) else None,
        strict=check.strict,
    )


def make_judge_criterion(judge: Judge, target: Target) -> Criterion:
    """Return the criterion of a judge. Its digest includes the target and the model that answer, and the form."""
    asked: list[Json] = [*target.served, find_judge_model(judge, target), dict(judge.parameters), judge.mode]
    # only other values than the defaults, so that criteria of earlier reports keep their digests
    asked += [target.response_format] if target.response_format != "json_schema" else []
    asked += [{"reading": judge.reading}] if judge.reading != "strict" else []
    asked += [] if judge.strip_reasoning else [{"strip_reasoning": False}]
    adaptations = find_judge_adaptations(judge, target)
    if adaptations:
        asked.append(list(adaptations))
    return Criterion(name=judge.name, kind="judge", blocking=False, digest=digest([judge.rubric.digest, *asked]))


def find_judge_model(judge: Judge, target: Target) -> str | None:
    """Return the model that answers for a judge. An embedded target is its own model."""
    return judge.model or target.model or (target.location if target.kind == "local" else None)


def find_judge_adaptations(judge: Judge, target: Target) -> tuple[str, ...]:
    """Return the adaptations that change the requests of a judge."""
    known = target.adaptations.get(find_judge_model(judge, target) or "", ())
    if not known:
        return ()
    parameters: dict[str, Json] = {"temperature": 0, **target.merge_parameters(judge.parameters)}
    sent = {name: value for name, value in parameters.items() if value is not None}
    formats: Mapping[str, Mapping[str, Json] | None] = {
        "json_schema": {"type": "json_schema", "json_schema": _JUDGEMENT},
        "json_object": {"type": "json_object"},
        "none": None,
    }
    return find_effective(known, sent, formats[target.response_format])
