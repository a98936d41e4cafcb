"""Tests of the page of a case: what is known of it, and what is not."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

from evalgate.decide import policy
from evalgate.domain import Arm
from evalgate.report.case_page import as_json, make_page
from evalgate.report.withhold import withhold_gate


def test_a_page_has_every_sample_of_both_arms_with_its_scores(samples: ModuleType) -> None:
    gate = samples.failing().gates[0]
    case = gate.evidence.results[0].case
    page = make_page(gate, case, None, "it is not kept", arm=None, texts="all")
    drawn = [r for r in (*gate.evidence.results, *gate.evidence.confirmations) if r.case == case]
    assert len(page.samples) == len(drawn)
    assert [one.arm for one in page.samples] == sorted((one.arm for one in page.samples), key=str)
    assert all(len(one.marks) == len(gate.evidence.criteria) for one in page.samples)
    assert page.prompts_note == "it is not kept"
    assert page.output_title.startswith("baseline sample")
    assert as_json(page)["case"] == case
    alone = make_page(gate, case, None, "", arm=Arm.CANDIDATE, texts="all")
    assert {one.arm for one in alone.samples} == {Arm.CANDIDATE}
    assert alone.output_diff == ()


def test_a_page_says_what_is_missing(samples: ModuleType) -> None:
    gate = samples.failing().gates[0]
    case = gate.evidence.results[0].case
    bare = withhold_gate(gate, "none", policy.decide)
    page = make_page(bare, case, None, "", arm=None, texts="none")
    assert "`report: {texts: none}`" in page.withheld
    assert not make_page(gate, case, None, "", arm=None, texts="none").withheld
    assert "was not run" in make_page(gate, "another", None, "", arm=None, texts="all").samples_note
    empty = replace(gate, evidence=replace(gate.evidence, results=(), confirmations=()))
    assert "no case was run" in make_page(empty, case, None, "", arm=None, texts="all").samples_note
