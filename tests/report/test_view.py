"""What is shown first, and beside it; which cases and which of their samples."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from evalgate.action import comment_state
from evalgate.domain import REUSED, Admission, Finding, PolicyChange, Threshold, Verdict
from evalgate.report import html, markdown, terminal, view
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


def test_both_renderings_say_how_many_cases_they_leave_out(samples) -> None:
    report = samples.failing()
    text = terminal.render(report)
    assert "Regressed cases (8)" in text and "... and 5 more cases, in the Markdown, HTML and JSON reports." in text
    assert "refund-023" in text and "refund-024" not in text
    assert markdown.render(report).count("<summary><b>") == 8
    short = markdown.render(report, cases=2)
    assert short.count("<summary><b>") == 2 and "... and 6 more cases, in the JSON report." in short


def test_the_environment_does_not_steer_a_rendering(samples, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = terminal.render(samples.failing())
    for name, value in (("FORCE_COLOR", "1"), ("COLUMNS", "33"), ("TERM", "dumb"), ("TTY_COMPATIBLE", "1")):
        monkeypatch.setenv(name, value)
    assert terminal.render(samples.failing()) == plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" in terminal.render(samples.failing(), color=True)


@pytest.mark.parametrize("edited", range(4))
@pytest.mark.parametrize("added", range(4))
def test_a_new_prompt_is_never_said_to_hold_the_rules_or_to_be_judged(samples, edited: int, added: int) -> None:
    rules = [PolicyChange(path=f"rule-{n}.yml", digest="0" * 64) for n in range(edited)]
    new = [PolicyChange(path=f"new-{n}.md", digest="1" * 64, is_new_prompt=True) for n in range(added)]
    report = replace(samples.SAMPLES["nothing"](), policy_changes=(*rules, *new))
    said = view.rules(report)
    of_rules, _, of_new = said.partition("This change adds")
    assert ("rule-0.yml" in of_rules, "the base's version" in of_rules) == (edited > 0, edited > 0)
    assert ("new-" in of_rules, "rule" in of_new, "judged" in of_new) == (False, False, False)
    assert ("new-0.md" in of_new, "nothing has measured" in of_new) == (added > 0, added > 0)
    assert ("MAJOR" in said) == bool(edited + added)
    wanted = "the rules alone" if edited else "new prompts alone" if added else "nothing to gate"
    assert view.title(report) == wanted


def test_an_edit_of_the_rules_alone_waits_in_every_headline(samples) -> None:
    change = PolicyChange(path="evalgate.yml", digest="0" * 64)
    report = replace(samples.passing(), exit_code=Admission.AWAITING_SIGN_OFF, policy_changes=(change,))
    assert "PASS, awaiting sign-off  support" in terminal.render(report)
    assert "## ⏳ PASS, awaiting sign-off: `support`" in markdown.render(report)
    assert "PASS, awaiting sign-off" in html.render(report)
