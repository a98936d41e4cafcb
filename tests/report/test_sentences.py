"""What the findings of a real verdict say: on how many pairs they stand, why others are missing, in plain figures."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from html import unescape

import pytest
from decide import vectors
from decide.random_gates import random_gate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report.measured_gate import CHECK, IMPLICIT, JUDGE, decided, held, result, said

from evalgate.action import comment_state
from evalgate.decide import policy
from evalgate.domain import ANSWERED, Arm, Criterion, Evidence, Failure, GateReport, Report, Result, Unscored, Verdict
from evalgate.report import criteria_table, footer, html, markdown, terminal, view
from evalgate.report.comment import render_summary


def test_a_finding_says_on_how_many_pairs_it_stands_and_why_others_are_missing() -> None:
    gate = decided(
        100,
        lambda place: held(0.75, polite=float(place != 3), answer=float(place not in (0, 60))),
        lambda place: held(0.75, polite=float(place % 10 != 5 and place != 3), answer=float(place != 60)),
    )
    sentence = said(gate, "quality")
    assert " over 87 cases; 13 more are left out: the baseline fails polite in 10, " in sentence
    for reason in ("both versions fail polite in 1", "both versions give no answer in 1"):
        assert reason in sentence
    assert "the candidate gives no answer in 1" in sentence and "other reasons" not in sentence
    (quality,) = (c for c in gate.comparisons if c.criterion == "quality")
    assert (quality.pairs, len(quality.left_out)) == (87, 13)


def test_the_counts_leave_out_what_was_rightly_not_asked() -> None:
    """A judge is not asked about an output that fails a check; a reply that cannot be read is a score that is missing."""

    def down(one: Result) -> Result:
        if one.case != "c009" or one.arm is Arm.BASELINE:
            return one
        lost = {name: Unscored(reason="reset") for name in one.scores}
        return Result(
            case=one.case,
            arm=one.arm,
            repeat=one.repeat,
            tags=(),
            outcome=Failure(kind="infrastructure", message="reset"),
            scores=lost,
        )

    gate = decided(
        100,
        lambda place: held(None if place == 7 else 0.75, polite=float(place != 8)),
        lambda place: held(0.75, polite=float(place != 6)),
        changed=down,
    )
    # two pairs of the judge were not to be; of the others its unread reply and the failed call's two are not decided
    assert (gate.counts.expected, gate.counts.decided) == (198, 195)
    assert (gate.counts.failures, gate.counts.unscored) == (1, 1)
    assert (
        "195 of 198 scores decided, 1 call without an output, 1 score missing"
        in dict(footer.describe_gate(gate))["cases"]
    )


@pytest.mark.parametrize(
    ("cases", "words"),
    [
        (5, "quality: 5 cases are too few to decide; 3 more could show a very large drop, 59 can prove a PASS: "),
        (8, "quality: 8 cases can only show a very large drop; 59 can prove a PASS: "),
        (40, "quality: 40 cases can only show a large drop; 59 can prove a PASS: "),
    ],
)
def test_the_headline_of_a_small_set_says_what_it_can_show(cases: int, words: str) -> None:
    gate = decided(cases, lambda place: held(0.5 + 0.25 * (place % 2)), lambda _: held(0.625), criteria=(JUDGE,))
    assert gate.decision is Verdict.INCONCLUSIVE
    assert view.find_deciding_sentence(gate).startswith(words)


def test_a_set_that_was_stopped_early_is_not_told_what_its_size_can_show() -> None:
    criteria = (JUDGE, Criterion(name="other", kind="judge", blocking=False, digest="d"))
    gate = decided(
        68,
        lambda place: {"quality": 0.25, "other": 0.5 + 0.25 * (place % 2)},
        lambda _: {"quality": 0.75, "other": 0.625},
        criteria=criteria,
        sequential=True,
    )
    assert gate.decision is Verdict.FAIL and gate.look.early
    assert "can only show" not in said(gate, "other")
    assert said(gate, "other").startswith("other: not proven worse, and not proven within 0.05 of the baseline: ")
    assert said(gate, "other").endswith(" over 34 cases (stopped early, of 68).")


def test_a_fail_and_a_pass_that_is_worse_say_what_is_proven() -> None:
    def gate(drop: float) -> GateReport:
        return decided(
            100, lambda place: held(0.75 - drop + 0.01 * (place % 2)), lambda _: held(0.755), criteria=(JUDGE,)
        )

    failed = view.find_deciding_sentence(gate(0.2))
    assert failed.startswith(
        "quality: proven worse than the baseline, and not proven to be within the allowed drop of 0.05: -0.200 ["
    )
    passed = gate(0.02)
    assert passed.decision is Verdict.PASS
    assert view.find_deciding_sentence(passed).startswith(
        "quality: worse, but proven to be within the allowed drop of 0.05: -0.020 ["
    )


def test_a_strict_check_names_the_cases_of_which_any_draw_fails() -> None:
    strict = Criterion(name="polite", kind="check", blocking=True, digest="a", strict=True)
    gate = decided(60, lambda _: held(0.75), lambda _: held(0.75), criteria=(strict, JUDGE, IMPLICIT))
    again = result(7, Arm.CANDIDATE, 1, held(0.75, polite=0.0))
    rows = (*gate.evidence.results, again)
    found = policy.decide(
        Evidence(**{name: getattr(gate.evidence, name) for name in Evidence.__slots__} | {"results": rows}),
        gate.thresholds,
        gate.policy,
        gate.level_policy,
    )
    assert (
        said(found, "polite", "check")
        == "polite: strict, so it must hold in every draw, and it fails in a draw of c007."
    )
    assert [f.cases for f in found.findings if f.criterion == "polite"] == [("c007",)]


def test_a_check_that_fails_more_often_has_a_p_value_without_an_exponent_and_its_cases() -> None:
    gate = decided(
        100,
        lambda place: {"polite": float(place % 3 != 0), ANSWERED: 1.0},
        lambda _: {"polite": 1.0, ANSWERED: 1.0},
        criteria=(CHECK, IMPLICIT),
    )
    (finding,) = (f for f in gate.findings if f.criterion == "polite")
    assert "proven to fail more often than the baseline: 34 of 100 cases failed" in finding.sentence
    assert finding.sentence.endswith("(p < 0.0001).")
    assert len(finding.cases) == 34


def test_a_mean_that_fell_and_decides_nothing_is_a_remark() -> None:
    told = Criterion(name="brevity", kind="check", blocking=False, digest="d")
    gate = decided(
        70,
        lambda place: {"quality": 0.75, "brevity": float(place % 3 == 0)},
        lambda _: {"quality": 0.75, "brevity": 1.0},
        criteria=(JUDGE, told),
    )
    assert gate.decision is Verdict.PASS
    assert "brevity fell by 0.657, but has no threshold, so it does not decide." in view.list_remarks(gate)
    assert any(
        note.startswith("quality gives 0.750 to every output of both versions") for note in view.list_remarks(gate)
    )


FIGURE = re.compile(r"\d[\d,]*\.\d+|\d+[eE][-+]?\d+")
SMALL = st.sampled_from([0.0, 1e-16, 9.99e-15, 1e-13, 4.9e-13, 1e-12, 1e-9, 1e-6, 0.0004, 0.05])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    center=st.sampled_from([0.1, 1 / 3, 0.5, 0.7, 0.9, 1.0]),
    shifts=st.lists(SMALL, min_size=3, max_size=3),
    noise=SMALL,
    margin=st.sampled_from([0.05, 0.1, 0.07, 1e-7, 0.04999999999999999, 1 / 3, 0.00012345]),
    cases=st.sampled_from([3, 9, 70]),
)
def test_no_text_shows_an_exponent_or_more_than_12_decimals(
    center: float, shifts: list[float], noise: float, margin: float, cases: int
) -> None:
    gate = decided(
        cases,
        lambda place: {"quality": center - shifts[place % 3], "polite": 1.0, ANSWERED: 1.0},
        lambda place: {"quality": center - noise * (place % 2), "polite": float(place != 1), ANSWERED: 1.0},
        margin=margin,
    )
    for text in renderings(gate):
        for figure in FIGURE.findall(text):
            assert not re.search("[eE]", figure), figure
            assert len(figure.partition(".")[2]) <= 12, figure


def renderings(gate: GateReport) -> list[str]:
    """The gate in every format for people, without the styles of the page."""
    report = Report(
        run_id="run",
        created_at="2026-03-04T05:06:07Z",
        tool_version="0",
        decision=gate.decision,
        exit_code=gate.exit_code,
        gates=(gate,),
    )
    state = comment_state.follow(None, report, head="a1" * 20, subject="5a" * 32, now="2026-03-04T05:06:07Z")
    page = re.sub(r"(?s)<head>.*?</head>", "", html.render(report))
    written = comment_state.render(report, key="k", state=state).partition("\n")[2]
    texts = [terminal.render(report, width=400), terminal.render(report, width=80), markdown.render(report), page]
    return [unescape(re.sub(r"<[^>]*>", " ", text)) for text in (*texts, written, render_summary(report))]


_NUMBERS = re.compile(r": ([-+]\d\.\d+) (\[[-+]\d\.\d+, [-+]\d\.\d+\]) over (\d+) case")
_TOO_MANY = re.compile(r": (\d+) cases? (?:is|are) broken(?:, (\d+) fixed)?, and at most (\d+) more")


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_sentences_table_and_footer_of_any_gate_have_the_same_numbers(seed: int) -> None:
    """Some criteria apply to some of the cases only."""
    draw = random.Random(seed)
    evidence, thresholds, rules = vectors.evidence_of(random_gate(seed))
    left = {
        one.name: frozenset(case for case in evidence.order if draw.random() < 0.5)
        for one in evidence.criteria
        if one.name != ANSWERED and draw.random() < 0.3
    }

    def only_asked(one: Result) -> Result:
        return replace(one, scores={n: score for n, score in one.scores.items() if one.case not in left.get(n, ())})

    evidence = replace(
        evidence,
        criteria=tuple(replace(one, excluded=tuple(sorted(left.get(one.name, ())))) for one in evidence.criteria),
        results=tuple(only_asked(one) for one in evidence.results),
        confirmations=tuple(only_asked(one) for one in evidence.confirmations),
    )
    gate = policy.decide(evidence, thresholds, rules, vectors.MERGES)
    rows = {row.criterion: row for row in criteria_table.make_rows(gate)}
    for finding in gate.findings:
        numbers = _NUMBERS.search(finding.sentence)
        if numbers:
            row = rows[finding.criterion or ""]
            assert numbers.groups() == (row.difference, row.interval, row.pairs)
            assert gate.look.early or "stopped early" not in finding.sentence
        broken = _TOO_MANY.search(finding.sentence)
        if broken:
            assert int(broken[1]) - int(broken[2] or 0) > int(broken[3])
            limit = dict(footer.describe_gate(gate))["broken"].rpartition("A criterion may have ")[2]
            assert limit.startswith(f"at most {broken[3]} more") or (left and limit.startswith("more"))
