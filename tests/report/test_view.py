"""What is shown first, and beside it; which cases and which of their samples."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from evalgate.action import comment_state
from evalgate.domain import (
    REUSED,
    Admission,
    Arm,
    Failure,
    Finding,
    Output,
    PolicyChange,
    Score,
    Threshold,
    Unscored,
    Verdict,
)
from evalgate.report import case_selection, html, markdown, terminal, text_diff, view
from evalgate.report.comment import render_summary


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pass", "PASS"),
        ("fail", "FAIL"),
        ("inconclusive", "INCONCLUSIVE, does not block"),
        ("major", "PASS, awaiting sign-off"),
        ("new-prompt", "INCONCLUSIVE"),
        ("incomplete", "INCONCLUSIVE"),
    ],
)
def test_the_verdict_stands_first_in_words(samples, name: str, words: str) -> None:
    report = samples.SAMPLES[name]()
    assert view.headline(report.gates[0]) == words
    assert terminal.render(report).startswith(f"{words}  support\n")
    assert markdown.render(report).split("\n")[0].endswith(f" {words}: `support`")


def test_no_rendering_calls_an_inconclusive_run_free_of_regressions(samples) -> None:
    for name in ("inconclusive", "incomplete", "new-prompt"):
        for text in (terminal.render(samples.SAMPLES[name]()), markdown.render(samples.SAMPLES[name]())):
            assert "no regression" not in text.lower()
            assert "PASS  support" not in text


def test_the_first_blocking_finding_of_the_verdict_decides(samples) -> None:
    gate = samples.failing().gates[0]
    incomplete = Finding(
        criterion=None, kind="completeness", decision=Verdict.INCONCLUSIVE, sentence="two are missing", blocks=True
    )
    reported = Finding(criterion="x", kind="check", decision=Verdict.FAIL, sentence="only reported", blocks=False)
    found = replace(gate, findings=(incomplete, reported, *gate.findings))
    assert view.find_deciding_sentence(found).startswith("facts: refund-017, refund-020")
    assert [finding.sentence for finding in view.list_other_findings(found)][1:3] == [
        "two are missing",
        "only reported",
    ]


def test_a_pass_is_explained_by_its_weakest_threshold(samples) -> None:
    gate = samples.passing().gates[0]
    assert (
        view.find_deciding_sentence(gate)
        == f"All thresholds are met. Nearest to its limit is {samples.WITHIN.sentence}"
    )
    lax = replace(gate, thresholds={"faithfulness": Threshold(minimum=0.8595, max_drop=0.2)})
    assert (
        view.find_deciding_sentence(lax) == f"All thresholds are met. Nearest to its limit is {samples.FLOOR.sentence}"
    )
    alone = replace(gate, findings=(samples.WITHIN, samples.holds("facts")))
    assert view.find_deciding_sentence(alone) == samples.WITHIN.sentence


def test_the_cases_of_what_is_proven_stand_before_those_of_what_is_open(samples) -> None:
    gate = samples.failing().gates[0]
    first, second, *_ = dict.fromkeys(result.case for result in gate.evidence.results)
    unclear = Finding(
        criterion="facts", kind="max_drop", decision=Verdict.INCONCLUSIVE, sentence="?", blocks=True, cases=(first,)
    )
    proven = replace(unclear, criterion="faithfulness", decision=Verdict.FAIL, cases=(second,))
    found = replace(gate, findings=(unclear, proven), comparisons=())
    assert [case.case for case in case_selection.select_cases(found)] == [second, first]


def test_a_broken_case_is_shown_though_the_gate_passes_and_its_score_fell_little(samples) -> None:
    gate = samples.passing().gates[0]
    (result, *_) = samples.failing().gates[0].evidence.results
    broken = replace(gate.comparisons[2], broken=(result.case,))
    found = replace(gate, comparisons=(broken,), evidence=replace(gate.evidence, results=(result,)))
    shown = case_selection.select_cases(found)
    assert [(case.case, case.kind, case.criteria) for case in shown] == [(result.case, "regressed", ("faithfulness",))]
    assert case_selection.explain(shown[0]) == (("faithfulness", "broken"),)
    for text in (terminal.render(samples.report(found)), markdown.render(samples.report(found))):
        assert "(broken)" in text
    assert case_selection.select_cases(replace(found, comparisons=gate.comparisons[2:3])) == ()


def test_a_critical_case_is_shown_for_the_criteria_it_is_broken_on(samples) -> None:
    gate = samples.broken().gates[0]
    critical = replace(gate.findings[0], criterion=None, sentence="Broken and critical", cases=("refund-031",))
    result = replace(gate.evidence.results[0], case="refund-031")
    found = replace(gate, findings=(critical,), evidence=replace(gate.evidence, results=(result,)))
    assert case_selection.select_cases(found)[0].criteria == ("relevance",)
    of_check = replace(
        found, comparisons=gate.comparisons[:1], blocking=(samples.blocks("facts", for_good=("refund-031",)),)
    )
    assert case_selection.select_cases(of_check)[0].criteria == ("facts",)
    assert case_selection.select_cases(replace(found, comparisons=(), blocking=()))[0].criteria == ("broken",)


def test_a_pass_of_checks_alone_is_explained_by_their_number(samples) -> None:
    gate = replace(samples.passing().gates[0], findings=(samples.holds("json_schema"), samples.holds("facts")))
    assert view.find_deciding_sentence(gate) == "All 2 required criteria hold on 60 cases."
    alone = replace(gate, findings=gate.findings[:1])
    assert view.find_deciding_sentence(alone) == "The one required criterion holds on 60 cases."
    remark = replace(samples.WITHIN, kind="remark")
    assert view.find_deciding_sentence(
        replace(alone, findings=(*alone.findings, remark))
    ) == view.find_deciding_sentence(alone)


def test_a_pass_of_checks_says_which_of_them_failed_somewhere(samples) -> None:
    unsteady = samples.worse_within().gates[0]
    checks = unsteady.findings[:3]
    gate = replace(unsteady, findings=checks)
    assert view.find_deciding_sentence(gate) == f"All 3 required criteria hold. {checks[1].sentence}"
    assert view.find_deciding_sentence(replace(gate, findings=checks[1:2])) == checks[1].sentence
    assert checks[1] not in view.list_other_findings(gate) and checks[2] in view.list_other_findings(gate)


def renderings(samples, gate) -> list[str]:
    """The gate in every text format, alone and among others, on one line each and without markup."""
    alone, both = samples.report(gate), samples.report(gate, samples.passing().gates[0])
    state = comment_state.follow(None, alone, head="a1" * 20, subject="5a" * 32, now="2026-03-04T05:06:07Z")
    pages = [render(report) for report in (alone, both) for render in (terminal.render, markdown.render, html.render)]
    pages += [comment_state.render(report, key="k", state=state) for report in (alone, both)]
    pages += [render_summary(report) for report in (alone, both)]
    return [" ".join(re.sub(r"<[^>]*>|[*`]", "", unescape(text)).split()) for text in pages]


def test_what_must_not_be_missed_stands_right_under_the_deciding_sentence_in_every_format(samples) -> None:
    gate = samples.worse_within().gates[0]
    beside = view.list_remarks(gate)
    assert [note.split(" ")[0] for note in beside] == ["brevity", "tone", "decided"]
    for text in renderings(samples, gate):
        place = text.index("All thresholds are met. faithfulness: worse, but proven to be within the allowed drop")
        for note in beside:
            where = text.index(note, place)
            assert text[place:where].count("Note") == 1 and "Criteria" not in text[place:where]
            place = where
    assert not {finding.sentence for finding in view.list_other_findings(gate)} & set(beside)


def test_one_text_for_everything_is_said_whatever_decided(samples) -> None:
    gate = samples.constant().gates[0]
    said = gate.findings[-1]
    assert view.list_remarks(gate) == (said.sentence,)
    for text in renderings(samples, gate):
        assert f"7 draws are needed to decide. Note{':' if 'Note:' in text else ''} {said.sentence}" in text
    alone = replace(gate, findings=gate.findings[1:])
    assert view.find_deciding_sentence(alone) == said.sentence and view.list_remarks(alone) == ()


def test_a_pass_that_is_worse_says_so_though_another_threshold_is_nearer(samples) -> None:
    gate = samples.worse_within().gates[0]
    nearer = gate.findings[3]
    assert view._measure_distance(gate, nearer) < view._measure_distance(gate, gate.findings[4])
    assert "faithfulness: worse, but" in view.find_deciding_sentence(gate)
    second = replace(gate.comparisons[4], criterion="relevance")
    worse = replace(gate.findings[4], criterion="relevance", sentence="relevance: worse, but proven to be within")
    both = replace(gate, comparisons=(*gate.comparisons, second), findings=(*gate.findings, worse))
    assert view.list_remarks(both)[0] == worse.sentence
    failed = replace(both, decision=Verdict.FAIL)
    assert worse.sentence not in view.list_remarks(failed)


def test_a_verdict_of_an_earlier_run_says_so_at_the_top(samples) -> None:
    gate = samples.passing().gates[0]
    notes = ("is used in place of the merge base", f"{REUSED}, in run 1", f"{REUSED}, in run 2")
    again = replace(gate, evidence=replace(gate.evidence, notes=notes))
    assert view.list_remarks(again) == notes[2:]
    other = replace(gate, evidence=replace(gate.evidence, evaluated="1d" * 32))
    assert view.list_remarks(other) == ("only white space differs from digest 1d1d1d1d1d1d, which was evaluated",)
    assert view.list_remarks(gate) == ()


def test_more_remarks_than_five_stay_among_the_findings(samples) -> None:
    gate = samples.passing().gates[0]
    many = tuple(replace(samples.WITHIN, kind="remark", sentence=f"remark {number}") for number in range(7))
    crowded = replace(gate, findings=(*gate.findings, *many))
    assert view.list_remarks(crowded) == tuple(f"remark {number}" for number in range(5))
    assert [f.sentence for f in view.list_other_findings(crowded) if f.kind == "remark"] == ["remark 5", "remark 6"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fail", "and not proven to be within the allowed drop of 0.05"),
        ("small", "8 cases can only show a very large drop; 59 can prove a PASS"),
        (
            "broken",
            "3 cases are broken, 1 fixed, and at most 1 more broken than fixed are allowed (refund-017, refund-020",
        ),
    ],
)
def test_the_sentences_of_the_rule_stand_in_every_format(samples, name: str, words: str) -> None:
    for text in renderings(samples, samples.SAMPLES[name]().gates[0]):
        assert words in text


def test_a_warning_is_called_one(samples) -> None:
    words = terminal.render(samples.inconclusive()).split()
    assert words[words.index("INCONCLUSIVE", words.index("Criteria")) - 1] == "warning:"


def test_regressed_cases_come_in_the_order_of_what_blocks(samples) -> None:
    cases = case_selection.select_cases(samples.failing().gates[0])
    assert [case.case for case in cases] == ["refund-017", *(f"refund-{number:03}" for number in range(20, 27))]
    assert {case.kind for case in cases} == {"regressed"}
    assert cases[0].criteria == ("facts", "faithfulness")


def test_a_regression_shows_the_baselines_best_sample_and_the_candidates_worst(samples) -> None:
    first = case_selection.select_cases(samples.failing().gates[0])[0]
    assert first.baseline is not None and first.candidate is not None
    assert (first.baseline.number, first.baseline.samples) == (2, 3)
    assert [(mark.criterion, mark.score) for mark in first.baseline.marks] == [
        ("facts", "holds"),
        ("faithfulness", "1.000"),
    ]
    assert [mark.score for mark in first.candidate.marks] == ["fails", "0.250"]
    assert "contradicts" in first.candidate.marks[1].reason


def test_an_undecided_case_shows_the_sample_that_is_missing(samples) -> None:
    good = samples.result("a", Arm.BASELINE, 0, Output(text="fine"), faithfulness=Score(value=1.0))
    lost = samples.result(
        "a",
        Arm.BASELINE,
        1,
        Failure(kind="infrastructure", message="connection reset"),
        faithfulness=Unscored(reason="there is no output"),
    )
    finding = replace(samples.incomplete().gates[0].findings[0], cases=("a",))
    shown = case_selection.select_cases(
        samples.gate(Verdict.INCONCLUSIVE, 4, findings=(finding,), results=(good, lost))
    )
    assert [case.kind for case in shown] == ["undecided"]
    assert shown[0].candidate is None
    assert shown[0].baseline is not None
    assert shown[0].baseline.text == "(no output; infrastructure: connection reset)"
    assert shown[0].baseline.marks[0].score == "unscored"


def test_scores_of_another_tool_have_no_text(samples) -> None:
    rows = tuple(samples.result("a", arm, 0, None, facts=Score(value=float(arm is Arm.BASELINE))) for arm in Arm)
    compared = samples.comparison("facts", samples.estimate(-0.5, -0.6, -0.4), regressed=("a",))
    shown = case_selection.select_cases(samples.gate(Verdict.FAIL, 1, comparisons=(compared,), results=rows))
    assert [side.text for side in shown[0].sides] == ["(only scores were given)"] * 2


def test_both_renderings_say_how_many_cases_they_leave_out(samples) -> None:
    report = samples.failing()
    text = terminal.render(report)
    assert "Regressed cases (8)" in text and "... and 3 more cases, in the Markdown and JSON reports." in text
    assert "refund-023" in text and "refund-024" not in text
    assert markdown.render(report).count("<details") == 8
    short = markdown.render(report, cases=2)
    assert short.count("<details") == 2 and "... and 6 more cases, in the JSON report." in short


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal_or_ends_in_a_space(named, width: int) -> None:
    for row in terminal.render(named[1], width=width).split("\n"):
        assert len(row) <= width
        assert row == row.rstrip()


def test_the_environment_does_not_steer_a_rendering(samples, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = terminal.render(samples.failing())
    for name, value in (("FORCE_COLOR", "1"), ("COLUMNS", "33"), ("TERM", "dumb"), ("TTY_COMPATIBLE", "1")):
        monkeypatch.setenv(name, value)
    assert terminal.render(samples.failing()) == plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" in terminal.render(samples.failing(), color=True)


def joined(excerpt: text_diff.Excerpt) -> str:
    return "".join(piece.text for piece in excerpt)


def test_the_words_that_differ_are_marked() -> None:
    left, right = text_diff.make_excerpts(
        ["return it within 30 days", "return it within 90 days"], characters=99, lines=9
    )
    assert [piece.text for piece in left if piece.differs] == ["30"]
    assert [piece.text for piece in right if piece.differs] == ["90"]
    assert (joined(left), joined(right)) == ("return it within 30 days", "return it within 90 days")


def test_texts_with_nothing_in_common_are_not_marked() -> None:
    for excerpt in text_diff.make_excerpts(["alpha beta gamma", "one two three four"], characters=99, lines=9):
        assert not any(piece.differs for piece in excerpt)


def test_an_excerpt_starts_where_long_outputs_begin_to_differ() -> None:
    same = "word " * 400
    left, right = text_diff.make_excerpts([f"{same}yes", f"{same}no"], characters=300, lines=9)
    assert joined(left).startswith("[... 1,880 equal characters] ") and joined(left).endswith("yes")
    assert joined(right).endswith("no")


def test_an_excerpt_says_how_much_it_leaves_out() -> None:
    (excerpt,) = text_diff.make_excerpts(["a\n" * 10], characters=99, lines=3)
    assert joined(excerpt) == "a\na\na [15 more characters ...]"
    left, _ = text_diff.make_excerpts(["x" * 100, "y"], characters=10, lines=3)
    assert joined(left) == "x" * 10 + " [90 more characters ...]"


def test_wrapping_keeps_words_marks_and_lines() -> None:
    excerpt = (
        text_diff.Piece("one two "),
        text_diff.Piece("three", True),
        text_diff.Piece(" four\nfive sixseveneight"),
    )
    wrapped = text_diff.wrap(excerpt, 10)
    assert joined(wrapped) == "one two \nthree four\nfive \nsixsevenei\nght"
    assert [piece.text.strip() for piece in wrapped if piece.differs] == ["three"]


def test_an_edit_of_the_rules_alone_waits_in_every_headline(samples) -> None:
    change = PolicyChange(path="evalgate.yml", digest="0" * 64)
    report = replace(samples.passing(), exit_code=Admission.AWAITING_SIGN_OFF, policy_changes=(change,))
    assert "PASS, awaiting sign-off  support" in terminal.render(report)
    assert "## ⏳ PASS, awaiting sign-off: `support`" in markdown.render(report)
    assert "PASS, awaiting sign-off" in html.render(report)
