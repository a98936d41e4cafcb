"""Why cases have no pair of scores, in words."""

from __future__ import annotations

import pytest
from report.measured_gate import IMPLICIT, JUDGE, Scores, decided, held, said

from evalgate.domain import ANSWERED, Criterion
from evalgate.report import view


def test_only_the_commonest_reasons_are_named() -> None:
    checks = tuple(Criterion(name=f"check{n}", kind="check", blocking=True, digest="a") for n in range(5))

    def candidate(place: int) -> Scores:
        failing = {2 * n + extra: n for n in range(4) for extra in (0, 1)} | {50: 4}
        scores = {check.name: float(failing.get(place) != n) for n, check in enumerate(checks)}
        return {**scores, "quality": 0.75, ANSWERED: 1.0}

    fine = {**{check.name: 1.0 for check in checks}, "quality": 0.75, ANSWERED: 1.0}
    gate = decided(100, candidate, lambda _: fine, criteria=(*checks, JUDGE, IMPLICIT))
    told = ", ".join(f"the candidate fails check{n} in 2" for n in range(4))
    assert f"; 9 more are left out: {told}, other reasons in 1." in said(gate, "quality")


def test_what_has_no_score_is_told_apart_from_what_is_left_out() -> None:
    gate = decided(100, lambda place: held(None if place == 7 else 0.75, float(place != 8)), lambda _: held(0.75))
    sentence = said(gate, "quality")
    assert (
        " over 98 cases; 1 more could not be decided; 1 more is left out: the candidate fails polite in 1." in sentence
    )


def test_where_no_pair_is_left_the_sentence_says_why() -> None:
    gate = decided(20, lambda _: held(0.75), lambda _: held(0.75, polite=0.0))
    (finding,) = (f for f in gate.findings if f.criterion == "quality")
    assert view.find_deciding_sentence(gate) == finding.sentence
    assert finding.sentence.startswith("quality: only 0 of 20 cases have a usable output of both versions")
    assert finding.sentence.endswith("of c000 an output of the baseline fails polite.")
    assert ", and at least 8 of 20 units are needed; of c000" in finding.sentence
    few = decided(5, lambda _: held(0.75), lambda _: held(0.75, polite=0.0))
    assert said(few, "quality") == (
        "quality: no case has a score of both versions; 5 are left out: the baseline fails polite in 5."
    )


@pytest.mark.parametrize(
    ("cases", "left_out", "needed"),
    [
        (8, 1, "only 7 of 8 cases have a usable output of both versions, and all 8 units are needed"),
        (8, 5, "only 3 of 8 cases have a usable output of both versions, and all 8 units are needed"),
        (9, 1, ""),
        (9, 2, "only 7 of 9 cases have a usable output of both versions, and at least 8 of 9 units are needed"),
        (
            40,
            21,
            "only 19 of 40 cases have a usable output of both versions, and at least half of the cases are needed",
        ),
    ],
)
def test_the_sentence_says_how_many_cases_are_needed(cases: int, left_out: int, needed: str) -> None:
    gate = decided(cases, lambda place: held(0.75, polite=float(place >= left_out)), lambda _: held(0.75))
    found = [f.sentence for f in gate.findings if f.kind == "completeness" and f.criterion == "quality"]
    assert [sentence.partition(";")[0] for sentence in found] == ([f"quality: {needed}"] if needed else [])
    assert all(sentence.endswith("of c000 an output of the candidate fails polite.") for sentence in found)
