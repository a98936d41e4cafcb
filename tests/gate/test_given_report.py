"""Which reports are evidence on a plan, and at which level."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
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
from evalgate.domain.replayed_rows import ReplayedRows
from evalgate.domain.report_kind import make_merge_note
from evalgate.gate.adapted_targets import digest_answering
from evalgate.gate.given_report import bring_up_to_date, explain_unfit
from evalgate.gate.options import CallMode, Selection, open_for_run
from evalgate.gate.plans import make_plans
from evalgate.gate.reports import make_report, report_without_calls
from evalgate.gate.verdict_cache import compute_keys
from evalgate.store.store import Store

ROWS = ReplayedRows(since="a", until="b", rows=1, faults={}, sampled=1, unfit=0, redraws=True)


@pytest.fixture
def planned(shop: Shop) -> tuple[GatePlan, Config]:
    shop.merge("Be brief, always and everywhere, please.")
    workspace = open_for_run(Path("evalgate.yml"), Selection(head="HEAD"), environment={"API_KEY": "x"})
    (plan,) = make_plans(workspace, workspace.config.gates, Selection(), CallMode(), Store(root=Path(".evalgate")))
    return plan, workspace.config


def make(planned: tuple[GatePlan, Config], **changes: Any) -> Report:
    """Return a report on a plan that says who answered, of merged shards, which have no key of a verdict."""
    plan, config = planned
    gate = report_without_calls(plan, config)
    answered = replace(gate.evidence, answering=digest_answering(plan, config.targets), notes=(make_merge_note(2),))
    return make_report([replace(gate, evidence=replace(answered, **changes))])


def make_kept(planned: tuple[GatePlan, Config]) -> Report:
    """Return a report on a plan as a run writes it, with the key of its verdict."""
    keys = compute_keys(*planned, replayed=False)
    assert keys is not None
    return make(planned, verdict_key=keys.own)


def test_a_report_on_the_plan_is_evidence(planned: tuple[GatePlan, Config]) -> None:
    assert explain_unfit(make(planned), *planned) is None
    assert explain_unfit(make_kept(planned), *planned) is None


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
        ({"replay": ROWS}, "is of a replay of rows of production"),
        ({"replay": ROWS, "level": None}, "is of a replay of rows of production"),
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


TARGETS = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(["m", "other", None]),
        "parameters": st.dictionaries(st.sampled_from(["top_p", "temperature", "seed"]), st.sampled_from([0, 0.5, 1])),
        "identity": st.sampled_from(["https://api.example/v1", "https://other.example/v1"]),
        "strip_reasoning": st.booleans(),
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=TARGETS, kept=st.booleans())
def test_a_report_is_evidence_for_the_targets_that_answered_it_alone(
    planned: tuple[GatePlan, Config], changes: dict[str, Any], kept: bool
) -> None:
    """Whatever of a target changed since, the prompt's digest is the same."""
    plan, config = planned
    report = (make_kept if kept else make)(planned)
    target = replace(config.targets["api"], **changes)
    found = explain_unfit(report, plan, replace(config, targets={**config.targets, "api": target}))
    if target == config.targets["api"]:
        assert found is None
    else:
        assert found is not None and "was answered by another model" in found


def test_a_report_that_does_not_say_who_answered_proves_nothing(planned: tuple[GatePlan, Config]) -> None:
    assert "does not say which model answered" in str(explain_unfit(make(planned, answering=None), *planned))
    kept = make_kept(planned)
    older = replace(kept, gates=tuple(replace(g, evidence=replace(g.evidence, answering=None)) for g in kept.gates))
    assert explain_unfit(older, *planned) is None, "the key of the verdict says it too"
    plan, config = planned
    other = replace(config, targets={"api": replace(config.targets["api"], model="other")})
    assert "verdict of something else" in str(explain_unfit(older, plan, other))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_the_key_of_a_verdict_shows_what_was_replaced_beside_it(planned: tuple[GatePlan, Config], data: Any) -> None:
    """A report names what it is about many times; an edit of the names alone does not make it one of something else."""
    plan, config = planned
    texts = data.draw(st.lists(st.sampled_from(["Be brief.", "Be bad.", "Be kind, please."]), min_size=1, max_size=2))
    messages = (replace(plan.candidate.messages[0], content=" ".join(texts)), *plan.candidate.messages[1:])
    other = replace(plan, candidate=replace(plan.candidate, messages=messages))
    kept = make_kept(planned)
    reference = VersionRef(name="support", version=None, digest=other.candidate.digest, source="x")
    edited = replace(
        kept, gates=tuple(replace(gate, evidence=replace(gate.evidence, candidate=reference)) for gate in kept.gates)
    )
    assert "verdict of something else" in str(explain_unfit(edited, other, config))
    assert "is of another content" in str(explain_unfit(kept, other, config))
    assert explain_unfit(make_kept((other, config)), other, config) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"level": Level.MAJOR},
        {"policy": 0.5},
        {"baseline": OTHER},
        {"dataset": 3},
    ],
)
def test_a_key_counts_for_what_its_own_report_says(planned: tuple[GatePlan, Config], changes: dict[str, Any]) -> None:
    """Level, rules and baseline of now may differ: the evidence is decided again by those of now."""
    plan, config = planned
    then, rules = plan, config
    if "level" in changes:
        then = replace(plan, level=replace(plan.level, effective=changes["level"]))
    elif "policy" in changes:
        rules = replace(config, policy=replace(config.policy, max_drop=changes["policy"]))
    elif "baseline" in changes:
        assert plan.baseline is not None
        then = replace(plan, baseline=replace(plan.baseline, model="earlier"))
    else:
        then = replace(plan, cases=replace(plan.cases, edited=changes["dataset"]))
    report = make_kept((then, rules))
    assert explain_unfit(report, plan, config, lambda digest: True) is None


def test_a_report_without_a_key_is_none_where_runs_write_one(planned: tuple[GatePlan, Config]) -> None:
    plan, config = planned
    bare = make(planned, notes=())
    assert "has no key of its verdict" in str(explain_unfit(bare, *planned))
    assert explain_unfit(make_kept(planned), *planned) is None
    for changes in ({"recordings": "r.jsonl"}, {"kind": "recorded"}):
        target = replace(config.targets["api"], **changes)  # type: ignore[arg-type]
        other = replace(config, targets={**config.targets, "api": target})
        said = explain_unfit(bare, plan, other)
        assert said is None or "key" not in said, "its runs write none"
