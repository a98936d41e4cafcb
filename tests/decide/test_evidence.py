"""Evidence is of the kind that its plan is for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalgate.decide.evidence import make_evidence
from evalgate.domain import (
    DEFAULT_LEVELS,
    BaselineSample,
    Calls,
    Case,
    ChangeLevel,
    Gate,
    GatePlan,
    GoldenDataset,
    Level,
    Message,
    Policy,
    PromptVersion,
    ReportKind,
    Shard,
    Target,
    Usage,
)
from evalgate.plan.gate_plan import make_plan, select_shard

TARGETS = {"api": Target(name="api", kind="openai", location="https://x/v1", identity="https://x/v1", model="m")}
STORED = BaselineSample(digest="d", sampled_at="2026-01-02T03:04:05+00:00", samples=3)


def plan() -> GatePlan:
    message = Message(role="user", content="{{query}}")
    version = PromptVersion(name="p", path="p", source="working tree", version="1.0.0", messages=(message,))
    cases = tuple(Case(id=f"c{number}", fields={"query": str(number)}) for number in range(4))
    return make_plan(
        Gate(name="g", prompt="p", dataset="d", candidate_target="api", baseline_target="api"),
        version,
        version,
        GoldenDataset(path="d", cases=cases),
        ChangeLevel(declared=None, minimum=Level.MINOR, effective=Level.MINOR),
        TARGETS,
        Policy(levels=DEFAULT_LEVELS),
    )


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (plan(), ReportKind.GATE),
        (replace(plan(), stored_baseline=STORED), ReportKind.GATE),
        (select_shard(plan(), Shard(number=1, of=2)), ReportKind.SHARD),
        (replace(plan(), stored_baseline=STORED, kind=ReportKind.DRIFT), ReportKind.DRIFT),
    ],
)
def test_the_evidence_is_of_the_kind_of_its_plan(made: GatePlan, kind: ReportKind) -> None:
    evidence = make_evidence(made, TARGETS, calls=Calls(), usage=Usage(), cost_usd=None)
    assert (made.kind, evidence.kind) == (kind, kind)
    assert (evidence.level is not None) is kind.is_of_change
