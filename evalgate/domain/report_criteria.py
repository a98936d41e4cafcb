"""Criteria of a report: each check or judge with a digest of everything that its scores depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from evalgate.domain import (
    ANSWERED,
    TOOL_CHECKS,
    Check,
    Criterion,
    Gate,
    GoldenDataset,
    Json,
    Judge,
    Target,
    applies,
    digest,
)
from evalgate.domain.adaptations import find_effective
from evalgate.domain.property_order import keep_order

_JUDGEMENT: Json = {
    "strict": True,
    "schema": {"type": "object", "properties": {"score": {"enum": [1]}}, "additionalProperties": False},
}
"""What the response format of any judge has in common, as far as an endpoint may refuse it."""

_WITHOUT_TEXT = TOOL_CHECKS | {"latency", "cost", "tokens"}


def list_criteria(
    gate: Gate, judges: Sequence[Judge], targets: Mapping[str, Target], dataset: GoldenDataset | None = None
) -> tuple[Criterion, ...]:
    """Return the criteria of a gate: its checks, these judges, and the implicit check that there is an answer.

    With `dataset`, each criterion names the cases to which it does not apply.
    """
    excluded = {} if dataset is None else find_excluded([*gate.checks, *judges], dataset)
    names = [gate.candidate_target, gate.baseline_target] if any(map(_is_priced, gate.checks)) else []
    payees = [targets[name] for name in names]
    made = (
        *(make_check_criterion(check, covers_calls=gate.covers_calls, payees=payees) for check in gate.checks),
        *(make_judge_criterion(judge, targets[judge.target]) for judge in judges),
        Criterion(name=ANSWERED, kind="check", blocking=True, digest=digest([ANSWERED, gate.cut_answers])),
    )
    return tuple(replace(one, excluded=excluded[one.name]) if one.name in excluded else one for one in made)


def find_excluded(criteria: Sequence[Check | Judge], dataset: GoldenDataset) -> dict[str, tuple[str, ...]]:
    """Return the ids of the cases to which a criterion does not apply, by its name; only where there are any."""
    found = {
        criterion.name: tuple(sorted(case.id for case in dataset.cases if not applies(criterion, case)))
        for criterion in criteria
        if criterion.when is not None or criterion.unless is not None
    }
    return {name: cases for name, cases in found.items() if cases}


def make_check_criterion(check: Check, *, covers_calls: bool = False, payees: Sequence[Target] = ()) -> Criterion:
    """Return the criterion of a check. Its digest includes the content of its schemas, but not their folder.

    If the gate `covers_calls`, a check of text also scores outputs with tool calls beside their text. `payees` are the
    targets of both versions, whose prices decide a check of the cost.
    """
    limit = check.options.get("p95_seconds")
    options = {name: value for name, value in check.options.items() if name != "schema_path"}
    documents = _identify_documents(check)
    given: list[Json] = [{"from_case": dict(check.from_case)}] if check.from_case else []
    parts = [make_check_criterion(part, covers_calls=covers_calls, payees=payees).digest for part in check.parts]
    given += [{"parts": parts}] if parts else []
    if check.type == "cost":
        given += [[None if payee.prices is None else asdict(payee.prices) for payee in payees]]
    beside: list[Json] = ["calls beside text"] if covers_calls and check.type not in _WITHOUT_TEXT else []
    return Criterion(
        name=check.name,
        kind="check",
        blocking=check.blocking,
        digest=digest([check.type, check.negated, options, documents, *beside, *_describe_conditions(check), *given]),
        p95_seconds=float(limit) if isinstance(limit, int | float) else None,
        strict=check.strict,
    )


def _is_priced(check: Check) -> bool:
    return check.type == "cost" or any(map(_is_priced, check.parts))


def _identify_documents(check: Check) -> list[Json]:
    """Return the digests of the schemas; with the names, from the check's own folder, where several could be swapped.

    The check's own schema is among its options.
    """
    own = str(check.options.get("schema_path", ""))
    if len(check.documents.keys() - {own}) < 2:
        return [*sorted(digest(document) for document in check.documents.values())]
    return [[_name_from(own, uri), digest(document)] for uri, document in sorted(check.documents.items())]


def _name_from(own: str, uri: str) -> str:
    """Return a URI relative to the folder of another one."""
    folder, parts = own.split("/")[:-1], uri.split("/")
    shared = 0
    while shared < min(len(folder), len(parts) - 1) and folder[shared] == parts[shared]:
        shared += 1
    return "/".join([*[".."] * (len(folder) - shared), *parts[shared:]])


def make_judge_criterion(judge: Judge, target: Target) -> Criterion:
    """Return the criterion of a judge. Its digest includes the target and the model that answer, and the form."""
    parameters = keep_order(dict(judge.parameters))
    asked: list[Json] = [*target.served, find_judge_model(judge, target), parameters, judge.mode]
    # only other values than the defaults, so that criteria of earlier reports keep their digests
    asked += [target.response_format] if target.response_format != "json_schema" else []
    asked += [{"reading": judge.reading}] if judge.reading != "strict" else []
    asked += [] if judge.strip_reasoning else [{"strip_reasoning": False}]
    asked += _describe_conditions(judge)
    adaptations = find_judge_adaptations(judge, target)
    if adaptations:
        asked.append(list(adaptations))
    return Criterion(name=judge.name, kind="judge", blocking=False, digest=digest([judge.rubric.digest, *asked]))


def _describe_conditions(criterion: Check | Judge) -> list[Json]:
    """Return the conditions for a digest; nothing without any, so that earlier digests stay the same."""
    given = {"when": criterion.when, "unless": criterion.unless}
    named = {name: condition.as_json() for name, condition in given.items() if condition is not None}
    return [named] if named else []


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
