"""What stands under a gate: what turned, criterion by criterion, how far the cases were seen, what was spent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalgate.domain import REUSED, GateReport
from evalgate.report import footer, view


def told(gate: GateReport, word: str) -> str:
    return dict(footer.describe_gate(gate))[word]


@pytest.mark.parametrize(
    ("dollars", "shown"),
    [
        (None, "cost unknown"),
        (0.0, "$0.00"),
        (0.00042, "$0.00042"),
        (0.01342, "$0.013"),
        (0.5, "$0.50"),
        (1234.5, "$1,234.50"),
        (1e-9, "less than $0.000001"),
    ],
)
def test_dollars_keep_two_digits_that_mean_something(dollars: float | None, shown: str) -> None:
    assert view.format_cost(dollars) == shown


def test_what_turned_is_told_by_criterion_in_plain_words(samples) -> None:
    text = told(samples.broken().gates[0], "broken")
    assert text.startswith(
        "faithfulness: 3 broken (refund-017, refund-020, refund-021), 1 fixed (billing-004); "
        "relevance: 1 fixed (refund-017), 1 failed once, not asked again (refund-031); 9 calls for fresh samples."
    )
    assert "at most 1 more broken than fixed; 2 fail the gate" in text
    assert told(samples.passing().gates[0], "broken").startswith("none is proven by fresh draws")


def test_an_early_stop_says_where_it_was_and_that_its_estimates_are_biased(samples) -> None:
    early = told(samples.worse_within().gates[0], "seen")
    assert early.startswith("50 of 100 cases, where the verdict was clear (interim analysis 2 of 4); ")
    assert "98.9 % confidence" in early and "biased away from 0" in early
    assert told(samples.passing().gates[0], "seen") == "all 60 cases; each bound holds with 96.1 % confidence"
    assert "of the first 50 cases" in told(samples.worse_within().gates[0], "tags")


def test_units_are_told_where_they_are_not_the_cases(samples) -> None:
    assert told(samples.worse_within().gates[0], "cases").startswith("100 (60 independent units) of golden/cases.jsonl")
    assert told(samples.passing().gates[0], "cases").startswith("60 of golden/cases.jsonl")


def test_no_private_word_stands_in_any_line(named) -> None:
    for gate in named[1].gates:
        words = [text for _, text in footer.describe_gate(gate)] + [
            view.find_deciding_sentence(gate),
            *view.list_remarks(gate),
        ]
        for private in ("net broken", "held so far", "closest call", "look 1", "look 2"):
            assert not any(private in text for text in words)


def test_a_note_at_the_top_is_not_said_again_below(samples) -> None:
    gate = samples.worse_within().gates[0]
    assert [text for word, text in footer.describe_gate(gate) if word == "note"] == [
        "the candidate was served by fp_1, fp_2"
    ]
    assert any(note.startswith(REUSED) for note in view.list_remarks(gate))
    first = replace(gate, evidence=replace(gate.evidence, notes=gate.evidence.notes[:1], evaluated=None))
    assert [text for word, text in footer.describe_gate(first) if word == "note"] == [
        "the candidate was served by fp_1, fp_2"
    ]


def test_the_total_is_unknown_when_a_part_is(samples) -> None:
    report, unknown = samples.passing(), samples.new_prompt().gates[0]
    known = report.gates[0]
    assert replace(report, gates=(known, known)).cost_usd == pytest.approx(0.02684)
    assert replace(report, gates=(known, unknown)).cost_usd is None
