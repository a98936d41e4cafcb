"""Gates of several criteria as plain numbers, made into the evidence of a run: for vectors and for generated gates."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalgate.decide import looks, policy
from evalgate.domain import (
    DEFAULT_LEVELS,
    Arm,
    ChangeLevel,
    Criterion,
    DatasetRef,
    Evidence,
    GateReport,
    Level,
    LevelPolicy,
    Output,
    Policy,
    Result,
    Score,
    Scored,
    Threshold,
    Unscored,
    VersionRef,
)

SHARED = Path(__file__).parents[3] / "shared"
REFERENCE = SHARED / "decision-reference"
VERSION = VersionRef(name="p", version="1.0.0", digest="d", source="working tree")
MERGES = LevelPolicy(judges=True, inconclusive="merge")


def reference() -> Any:
    """The reference implementation of the rule, as a module."""
    if str(REFERENCE) not in sys.path:
        sys.path.insert(0, str(REFERENCE))
    import gate_multi

    return gate_multi


def criteria_of(gate: Mapping[str, Any]) -> tuple[tuple[Criterion, ...], dict[str, Threshold]]:
    criteria, thresholds = [], {}
    for one in gate["criteria"]:
        kind = "judge" if one["kind"] == "judge" else "check"
        blocking = one["kind"] == "blocking"
        criteria.append(
            Criterion(name=one["name"], kind=kind, blocking=blocking, digest="d", strict=bool(one.get("strict")))
        )
        if not blocking:
            thresholds[one["name"]] = Threshold(max_drop=one.get("allowed", gate.get("margin", 0.05)))
    return tuple(criteria), thresholds


def evidence_of(gate: Mapping[str, Any]) -> tuple[Evidence, dict[str, Threshold], Policy]:
    """What a run would know that had made just these draws."""
    criteria, thresholds = criteria_of(gate)
    names = [criterion.name for criterion in criteria]
    results: list[Result] = []
    fresh: list[Result] = []
    requests: dict[str, str] = {}
    first: dict[str, str] = {}
    for case in gate["cases"]:
        texts = case.get("texts") or {}
        if case.get("request") is not None:
            requests[case["id"]] = first.setdefault(case["request"], case["id"])
        for arm in Arm:
            own: Sequence[Any] = case[arm.value]
            more: Sequence[Any] = case.get("fresh" if arm is Arm.CANDIDATE else "baseline_fresh") or ()
            for repeat, sample in enumerate([*own, *more]):
                scores: dict[str, Scored] = {
                    name: Unscored(reason="not scored") if value is None else Score(value=float(value))
                    for name, value in zip(names, sample, strict=True)
                }
                result = Result(
                    case=case["id"],
                    arm=arm,
                    repeat=repeat,
                    tags=("critical",) if case.get("critical") else (),
                    outcome=Output(text=texts[arm.value]) if arm.value in texts else None,
                    scores=scores,
                )
                (results if repeat < len(own) else fresh).append(result)
    evidence = Evidence(
        name="g",
        level=ChangeLevel(declared=Level.PATCH, minimum=Level.PATCH, effective=Level.PATCH),
        candidate=VERSION,
        baseline=VERSION,
        dataset=DatasetRef(path="cases.jsonl", digest="d", cases=len(gate["cases"])),
        criteria=criteria,
        results=tuple(results),
        order=tuple(case["id"] for case in gate["cases"]),
        clusters={case["id"]: case["cluster"] for case in gate["cases"] if case.get("cluster") is not None},
        requests=requests,
        sequential=gate.get("sequential", True),
        confirmations=tuple(fresh),
        redraws=gate.get("redraw", True),
    )
    rules = Policy(levels=DEFAULT_LEVELS, alpha=gate.get("alpha", 0.05), max_drop=gate.get("margin", 0.05))
    return evidence, thresholds, rules


def decided(gate: Mapping[str, Any]) -> tuple[GateReport, looks.GateState]:
    """The report on a gate, at a level that merges what is inconclusive, and the numbers behind it."""
    evidence, thresholds, rules = evidence_of(gate)
    report = policy.decide(evidence, thresholds, rules, MERGES)
    return report, looks.evaluate_look(evidence, thresholds, rules)
