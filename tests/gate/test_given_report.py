"""Which reports are evidence on a plan, and at which level."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from shop_project import Shop

from evalgate.domain import (
    BaselineSample,
    Config,
    Evidence,
    GatePlan,
    Level,
    LevelFinding,
    Redrawn,
    Report,
    Revert,
    Shard,
    Verdict,
    VersionRef,
)
from evalgate.gate.given_report import bring_up_to_date, explain_unfit
from evalgate.gate.options import CallMode, Selection, open_for_run
from evalgate.gate.plans import make_plans
from evalgate.gate.reports import make_report, report_without_calls
from evalgate.store.store import Store


@pytest.fixture
def planned(shop: Shop) -> tuple[GatePlan, Config]:
    shop.merge("Be brief, always and everywhere, please.")
    workspace = open_for_run(Path("evalgate.yml"), Selection(head="HEAD"), environment={"API_KEY": "x"})
    (plan,) = make_plans(workspace, workspace.config.gates, Selection(), CallMode(), Store(root=Path(".evalgate")))
    return plan, workspace.config


def make(planned: tuple[GatePlan, Config], **changes: Any) -> Report:
    gate = report_without_calls(*planned)
    return make_report([replace(gate, evidence=replace(gate.evidence, **changes))])


def test_a_report_on_the_plan_is_evidence(planned: tuple[GatePlan, Config]) -> None:
    assert explain_unfit(make(planned), *planned) is None


OTHER = VersionRef(name="support", version=None, digest="0" * 64, source="x")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": "other"}, 'has no gate "support": it has other'),
        ({"shard": Shard(number=1, of=2)}, "is that of a shard, which has no verdict"),
        ({"level": None}, "is of another tool's scores"),
        ({"level": None, "stored_baseline": "sample"}, "is of a drift check"),
        ({"candidate": OTHER}, "is of another content: digest 000000000000"),
        ({"candidate": OTHER, "verdict_key": "1" * 64}, "is of another content"),
        ({"candidate": None}, "is of another content: digest none"),
        ({"baseline": OTHER}, "compares with another baseline (000000000000)"),
        ({"baseline": None}, "compares with another baseline (none)"),
        ({"criteria": ()}, "was made with other criteria than the configuration has now: is_json, answered"),
        ({"order": ("case-1", "case-2")}, "does not plan all cases of cases.jsonl"),
        ({"order": ()}, "does not plan all cases of cases.jsonl"),
    ],
)
def test_a_report_of_something_else_is_none(planned: tuple[GatePlan, Config], changes: Any, why: str) -> None:
    if changes.get("stored_baseline") == "sample":
        sample = BaselineSample(digest="2" * 64, sampled_at="2026-11-29T12:00:00+00:00", samples=3)
        changes = {**changes, "stored_baseline": sample}
    found = explain_unfit(make(planned, **changes), *planned)
    assert found is not None and why in found


def test_a_published_version_may_be_the_baseline(planned: tuple[GatePlan, Config]) -> None:
    report = make(planned, baseline=OTHER)
    assert explain_unfit(report, *planned, lambda digest: digest == OTHER.digest) is None
    assert explain_unfit(report, *planned, lambda digest: digest != OTHER.digest) is not None
    assert explain_unfit(make(planned, baseline=None), *planned, lambda digest: True) is not None


def test_other_cases_and_a_second_draw_are_none(planned: tuple[GatePlan, Config]) -> None:
    plan, config = planned
    dataset = replace(report_without_calls(plan, config).evidence.dataset, digest="3" * 64)
    assert explain_unfit(make(planned, dataset=dataset), *planned) == "is of other cases than cases.jsonl has now"
    again = replace(make(planned), redrawn=Redrawn(what="all", decision=Verdict.FAIL))
    assert "drawn again" in str(explain_unfit(again, *planned))


def test_a_criterion_that_excludes_more_cases_is_another_one(planned: tuple[GatePlan, Config]) -> None:
    criteria = report_without_calls(*planned).evidence.criteria
    narrowed = tuple(replace(one, excluded=("case-1",)) for one in criteria)
    assert "other criteria" in str(explain_unfit(make(planned, criteria=narrowed), *planned))


def test_the_stricter_level_counts_and_a_proof_of_a_revert_is_that_of_the_plan(
    planned: tuple[GatePlan, Config],
) -> None:
    plan, config = planned
    own: Evidence = report_without_calls(plan, config).evidence
    assert own.level is not None
    wrong = LevelFinding(kind="version", sentence="a number too low")
    for theirs, mine in ((Level.PATCH, Level.MINOR), (Level.MAJOR, Level.MINOR), (Level.MINOR, Level.MINOR)):
        evidence = replace(
            own,
            level=replace(own.level, effective=theirs),
            revert=Revert(version=None, digest="0" * 64, source="x", replaced="y", passed="it passed elsewhere"),
        )
        now = bring_up_to_date(evidence, replace(plan, level=replace(plan.level, effective=mine, findings=(wrong,))))
        assert now.level is not None and now.level.effective == max(theirs, mine)
        assert wrong in now.level.findings and now.revert is None
