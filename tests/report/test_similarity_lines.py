"""The semantic similarity in reports: the means, the outputs without a value, and that all of it is escaped."""

from __future__ import annotations

import html as standard_html
import random
from dataclasses import replace
from types import ModuleType

import pytest
from decide import vectors
from decide.random_gates import random_gate
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.decide import policy
from evalgate.domain import Arm, Evidence, Report, Score, Unscored
from evalgate.domain.measured_similarity import MeasuredSimilarity, OutputSimilarity
from evalgate.report import comment, csv, html, junit, markdown, terminal, withhold
from evalgate.report.similarity_lines import describe_similarity, make_similarity_mark
from evalgate.store import report_json

WHY = "It decides nothing: embeddings rank a reply with one fact flipped above a good paraphrase."


def measure(*values: tuple[str, Arm, float | str], model: str = "e-1") -> MeasuredSimilarity:
    outputs = tuple(
        OutputSimilarity(
            case=case,
            arm=arm,
            repeat=0,
            score=Unscored(reason=value) if isinstance(value, str) else Score(value=value, reason="cosine 0.5"),
        )
        for case, arm, value in values
    )
    return MeasuredSimilarity(model=model, source="expected", digest="d" * 64, outputs=outputs)


def add(report: Report, measured: MeasuredSimilarity) -> Report:
    gate = report.gates[0]
    return replace(report, gates=(replace(gate, evidence=replace(gate.evidence, similarity=measured)),))


def describe(evidence: Evidence, measured: MeasuredSimilarity) -> str:
    return describe_similarity(replace(evidence, similarity=measured))


def test_the_means_are_those_of_the_cases_that_both_versions_have(samples: ModuleType) -> None:
    evidence = samples.passing().gates[0].evidence
    measured = measure(("a", Arm.BASELINE, 0.5), ("a", Arm.CANDIDATE, 0.75), ("b", Arm.CANDIDATE, 0.1))
    head = "semantic_similarity (reported only)"
    assert describe(evidence, measured) == (
        f"{head}: baseline 0.500, candidate 0.750 over 1 case; by e-1, compared with expected. {WHY}"
    )
    alone = replace(evidence, baseline=None)
    assert f"{head}: candidate 0.425 over 2 cases; by e-1" in describe(alone, measured)
    assert "no case could be compared" in describe(evidence, measure(("a", Arm.CANDIDATE, 0.5)))
    assert describe_similarity(evidence) == ""


def test_outputs_without_a_value_are_named_by_reason(samples: ModuleType) -> None:
    evidence = samples.passing().gates[0].evidence
    rows = [(f"c{i}", Arm.CANDIDATE, "down") for i in range(5)]
    text = describe(evidence, measure(*rows, ("x", Arm.BASELINE, "the output is empty"), ("y", Arm.BASELINE, 0.5)))
    assert text.endswith(
        f"{WHY} 6 of 7 outputs have none: c0 (candidate), c1 (candidate), c2 (candidate), and 2 more: down, "
        "x (baseline): the output is empty."
    )


def test_each_form_shows_it_apart_and_escapes_what_an_endpoint_said(samples: ModuleType) -> None:
    first = samples.passing().gates[0].evidence.results[0]
    measured = measure((first.case, first.arm, samples.HOSTILE), model="<script>alert(1)</script>")
    report = add(samples.passing(), measured)
    for render in (terminal.render, markdown.render, html.render, junit.render, comment.render_summary):
        before, after = render(samples.passing()), render(report)
        assert "reported only" in standard_html.unescape(after) and "reported only" not in before
        assert "\x1b[2J" not in after
        assert render is terminal.render or ("<script>alert(1)" not in after and "<img src=x" not in after)
    assert "semantic_similarity (reported only)" in csv.render(report)
    assert report_json.read(report_json.render(report), "r.json") == report
    mark = make_similarity_mark(report.gates[0].evidence, first)
    assert mark is not None and mark.score == "unscored"


def test_no_reason_leaves_where_texts_are_withheld(samples: ModuleType) -> None:
    measured = measure(("a", Arm.CANDIDATE, "cannot embed SECRET TEXT"), ("b", Arm.CANDIDATE, 0.5))
    report = replace(add(samples.passing(), measured), texts="none")
    bare = withhold.withhold_texts(report, policy.decide)
    kept = bare.gates[0].evidence.similarity
    assert kept is not None and "SECRET" not in report_json.render(bare)
    assert kept.outputs[1].score == measured.outputs[1].score


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), share=st.sampled_from([0.0, 0.3, 1.0]))
def test_the_verdict_of_any_gate_is_the_same_with_and_without_it(seed: int, share: float) -> None:
    evidence, thresholds, rules = vectors.evidence_of(random_gate(seed, most=40))
    draw = random.Random(seed)
    rows = [
        (result.case, result.arm, "down" if draw.random() < share else draw.random()) for result in evidence.results
    ]
    measured = replace(evidence, similarity=measure(*rows))
    before = policy.decide_at_level(evidence, thresholds, rules)
    after = policy.decide_at_level(measured, thresholds, rules)
    assert replace(after, evidence=evidence) == replace(before, evidence=evidence)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_value_at_the_end_of_the_scale_is_a_number_and_not_a_word(samples: ModuleType, value: float) -> None:
    first = samples.passing().gates[0].evidence.results[0]
    report = add(samples.passing(), measure((first.case, first.arm, value)))
    mark = make_similarity_mark(report.gates[0].evidence, first)
    assert mark is not None and mark.score == f"{value:.3f}"
