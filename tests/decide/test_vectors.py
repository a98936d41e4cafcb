"""The second version of the decision rule against its published vectors, and against its reference implementation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from decide import vectors

from evalgate.decide import statistics
from evalgate.domain import Verdict

MULTI = vectors.SHARED / "decision-vectors-multi.json"
SINGLE = vectors.SHARED / "decision-vectors-2.json"
GATES = json.loads(MULTI.read_text())["gates"] if MULTI.is_file() else []

pytestmark = pytest.mark.skipif(
    not MULTI.is_file(), reason="the vectors of the decision rule are not part of the package"
)


def summary(gate: Mapping[str, Any]) -> dict[str, Any]:
    """What the product says of a gate, in the words of the vectors."""
    report, standing = vectors.decided(gate)
    findings: dict[str, dict[str, Any]] = {}
    undecided = {f.criterion for f in report.findings if f.kind == "completeness"}
    compared = {ruling.limit.criterion: ruling for ruling in standing.rulings}
    for comparison in report.comparisons:
        name = comparison.criterion
        if name not in compared:
            continue
        ruling, paired = compared[name], standing.pairs[name]
        tested = paired.units(paired.differences)
        found: dict[str, Any] = {"finding": str(ruling.decision), "units": len(tested), "pairs": len(paired.cases)}
        small = len(tested) < 8 and ruling.decision is not Verdict.FAIL
        if name in standing.too_many_broken:
            found["finding"] = "FAIL"
        elif name in undecided or small:
            found["finding"] = "UNDECIDED"
        if len(tested) > 1:
            found |= {
                "mean_diff": statistics.mean(tested),
                "reg_p": statistics.p_worse(tested),
                "pass_bound": statistics.lower_bound(tested, standing.look.level),
                "level": standing.look.level,
            }
        found |= {"broken": list(comparison.broken), "fixed": list(comparison.fixed)}
        found["lost"] = [standing.order[p] for p in standing_lost(standing, name)]
        findings[name] = found
    words = {Verdict.PASS: "HOLDS", Verdict.FAIL: "FAIL", Verdict.INCONCLUSIVE: "UNDECIDED"}
    for check in report.blocking:
        findings[check.criterion] = {
            "finding": words[check.decision],
            "p_more": check.p_more,
            "for_good": list(check.for_good),
            "open": list(check.open),
        }
    return {
        "verdict": str(report.decision),
        "blocks_at_every_level": report.exit_code != 0,
        "units": report.units,
        "too_few_units": bool(compared) and report.units < 8,
        "cases_judged": standing.look.cases,
        "cases_answered": standing.cases,
        "critical": list(dict.fromkeys(s.case for s in standing.critical if s.sure)),
        "constant_output": None
        if report.constant_output is None
        else {"text": report.constant_output.text, "cases": report.constant_output.cases},
        "findings": findings,
    }


def standing_lost(standing: Any, name: str) -> list[int]:
    paired = standing.pairs[name]
    return sorted({*paired.undecided.values(), *(p for p in paired.unscored if p >= paired.seen)})


def assert_agrees(found: Mapping[str, Any], expected: Mapping[str, Any], where: str) -> None:
    for key, value in expected.items():
        if key in ("kind",):
            continue
        if isinstance(value, Mapping) and isinstance(found.get(key), Mapping):
            assert_agrees(found[key], value, f"{where}.{key}")
        elif isinstance(value, float):
            assert found.get(key) == pytest.approx(value, abs=1e-9), f"{where}.{key}"
        else:
            assert found.get(key) == value, f"{where}.{key}: {found.get(key)} and not {value}"


@pytest.mark.parametrize("gate", GATES, ids=[gate["name"] for gate in GATES])
def test_a_gate_of_several_criteria_agrees(gate: dict[str, Any]) -> None:
    assert_agrees(summary(gate), gate["expect"], gate["name"])


def test_single_criteria_agree() -> None:
    for vector in json.loads(SINGLE.read_text()):
        data, name = (vector["baseline"], vector["candidate"]), vector["name"]
        fixed = statistics.decide(*data, margin=vector["margin"], sequential=False)
        live = statistics.decide(*data, margin=vector["margin"])
        assert fixed.p_worse == pytest.approx(vector["reg_p"], abs=1e-9), name
        assert fixed.lower == pytest.approx(vector["pass_bound_05"], abs=1e-9), name
        assert fixed.upper == pytest.approx(vector["upper_05"], abs=1e-9), name
        assert fixed.difference == pytest.approx(vector["mean_diff"], abs=1e-9), name
        assert fixed.deviation == pytest.approx(vector["sd_diff"], abs=1e-9), name
        assert (len(fixed.broken), len(fixed.fixed)) == (vector["broken"], vector["fixed"]), name
        assert (fixed.verdict, live.verdict) == (vector["verdict_fixed"], vector["verdict_sequential"]), name
        assert live.cases_used == vector["cases_used"], name
