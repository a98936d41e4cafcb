"""How attempts in one pull request are counted, and what a strict policy asks for after them."""

from __future__ import annotations

import json as plain
import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evalgate.action import comment_state, fork
from evalgate.commands import decide
from evalgate.decide import attempts, policy, sign_off
from evalgate.decide.attempts import UNKNOWN, PastVerdict
from evalgate.domain import Attempts, GateReport, Level, Report, ScoreRow, SignOff
from evalgate.errors import InputError
from evalgate.gate import reports
from evalgate.inputs.importers.given_scores import GivenScores
from evalgate.report import html, markdown, terminal
from evalgate.store import report_json

PASSES, MERGES, FAILS = (0.0,), (0.3, -0.3), (-0.3,)
"""Differences of cases, in turn: a proven PASS, an INCONCLUSIVE that a PATCH merges, a FAIL."""


def decided(
    differences: Sequence[float] = PASSES, *, mode: str = "strict", level: Level = Level.PATCH, cases: int = 80
) -> Report:
    rows = [
        ScoreRow(
            case=f"c{n}",
            arm=arm,
            criterion="quality",
            value=0.5 + (differences[n % len(differences)] if arm == "candidate" else 0.0),
            repeat=0,
        )
        for n in range(cases)
        for arm in ("baseline", "candidate")
    ]
    report = decide.decide_scores(
        GivenScores(rows=tuple(rows), path="scores.csv"), floors={}, max_drop=0.05, level=level
    )
    (gate,) = report.gates
    rules = replace(gate.policy, attempts=mode)  # type: ignore[arg-type]
    gates = [policy.decide(gate.evidence, gate.thresholds, rules, gate.level_policy)]
    return reports.make_report(gates)


def tried(number: int | None, *, blocked: bool = False) -> Attempts:
    return UNKNOWN if number is None else Attempts(number=number, blocked_before=blocked, chance_of_pass=0.0)


def outcome(report: Report) -> tuple[str, int]:
    return report.decision.value, report.exit_code


def history(text: str) -> list[PastVerdict]:
    """One verdict a letter: a small one merged, a capital one blocked."""
    return [PastVerdict(key=letter.lower(), blocked=letter.isupper()) for letter in text]


# Counting


@pytest.mark.parametrize(
    ("earlier", "present", "number", "blocked"),
    [
        ("", "a", 1, False),
        ("a", "a", 1, False),  # the same commit again
        ("AA", "a", 1, False),  # and again, after it blocked: a verdict is that of its content
        ("A", "b", 2, True),
        ("AaA", "b", 2, True),
        ("a", "b", 2, False),
        ("AB", "c", 3, True),
        ("ABC", "d", 4, True),
        ("ABCabc", "a", 3, True),
        ("aB", "b", 2, False),
    ],
)
def test_histories(earlier: str, present: str, number: int, blocked: bool) -> None:
    found = attempts.count_attempts(history(earlier), present, alpha=0.05)
    assert (found.number, found.blocked_before) == (number, blocked)


@pytest.mark.parametrize(
    ("earlier", "present", "number", "blocked"),
    [("", "x", 1, False), ("a", "a", 1, False), ("a", "x", 1, False), ("Ab", "b", 2, True), ("Ab", "x", 2, True)],
)
def test_a_queue_is_no_further_chance(earlier: str, present: str, number: int, blocked: bool) -> None:
    found = attempts.count_attempts(history(earlier), present, alpha=0.05, queued=True)
    assert (found.number, found.blocked_before) == (number, blocked)


@given(st.lists(st.builds(PastVerdict, key=st.sampled_from("abcdef"), blocked=st.booleans())), st.data())
@example([], None)
def test_never_fewer_attempts_than_contents_in_whatever_order(recorded: list[PastVerdict], data: st.DataObject) -> None:
    found = attempts.count_attempts(recorded, "a", alpha=0.05)
    assert found.number == len({"a", *(one.key for one in recorded)})
    assert found.blocked_before == any(one.blocked and one.key != "a" for one in recorded)
    if data is not None:
        turned = data.draw(st.permutations(recorded))
        assert attempts.count_attempts(turned, "a", alpha=0.05) == found
        more = attempts.count_attempts([*recorded, PastVerdict(key="g", blocked=False)], "a", alpha=0.05)
        assert more.number == found.number + 1


def test_luck_is_the_chance_of_at_least_one_pass() -> None:
    assert attempts.chance_of_pass(1, 0.05) == pytest.approx(0.05)
    assert attempts.chance_of_pass(4, 0.05) == pytest.approx(0.18549375)
    assert attempts.chance_of_pass(20, 0.01) == pytest.approx(-math.expm1(20 * math.log1p(-0.01)))
    chances = [attempts.chance_of_pass(number, 0.05) for number in range(1, 400)]
    assert chances == sorted(chances)
    assert all(0 < chance <= 1 for chance in chances)


def test_the_key_of_a_report_is_that_of_all_its_gates() -> None:
    (gate,) = decided().gates

    def keyed(**keys: str | None) -> str:
        found = [replace(gate, evidence=replace(gate.evidence, name=n, verdict_key=k)) for n, k in keys.items()]
        return attempts.compute_key(reports.make_report(found))

    assert keyed(one=None) == keyed() == ""
    some = [keyed(one="a"), keyed(one="b"), keyed(two="a"), keyed(one="a", two="b"), keyed(one="b", two="a")]
    assert len(set(some)) == len(some)
    assert all(len(key) == 32 and set(key) <= set("0123456789abcdef") for key in some)
    assert keyed(one="a", two="b") == keyed(two="b", one="a")
    assert keyed(one="a", two=None) == keyed(one="a")


# What a policy makes of them


@pytest.mark.parametrize(
    ("differences", "level", "number", "blocked", "expected"),
    [
        (PASSES, Level.PATCH, 3, True, ("PASS", 0)),
        (PASSES, Level.PATCH, 4, False, ("PASS", 5)),
        (PASSES, Level.PATCH, None, True, ("PASS", 5)),
        (PASSES, Level.MINOR, 4, True, ("PASS", 5)),
        (PASSES, Level.MAJOR, 1, False, ("PASS", 5)),
        (PASSES, Level.MAJOR, 4, True, ("PASS", 5)),
        (MERGES, Level.PATCH, 9, False, ("INCONCLUSIVE", 0)),
        (MERGES, Level.PATCH, 2, True, ("INCONCLUSIVE", 4)),
        (MERGES, Level.PATCH, None, True, ("INCONCLUSIVE", 4)),
        (MERGES, Level.MINOR, 2, False, ("INCONCLUSIVE", 0)),
        (MERGES, Level.MINOR, 2, True, ("INCONCLUSIVE", 4)),
        (MERGES, Level.MAJOR, 2, True, ("INCONCLUSIVE", 4)),
        (FAILS, Level.PATCH, 9, True, ("FAIL", 1)),
    ],
)
def test_strict(
    differences: tuple[float, ...], level: Level, number: int | None, blocked: bool, expected: tuple[str, int]
) -> None:
    alone = decided(differences, level=level)
    report = attempts.apply_attempts(alone, tried(number, blocked=blocked))
    assert outcome(report) == expected
    told = [finding for finding in report.gates[0].findings if finding.kind == "attempts"]
    asks = differences == MERGES and level is not Level.MAJOR and blocked
    asks |= differences == PASSES and (number is None or number > 3)
    assert len(told) == asks
    waits = [r for r in report.gates[0].requirements if r.kind == "sign_off"]
    assert len(waits) == (report.exit_code == 5)


@pytest.mark.parametrize("differences", [PASSES, MERGES, FAILS])
@pytest.mark.parametrize("number", [1, 4, None])
def test_a_note_changes_no_verdict(differences: tuple[float, ...], number: int | None) -> None:
    alone = decided(differences, mode="note")
    report = attempts.apply_attempts(alone, tried(number, blocked=True))
    assert replace(report, attempts=None) == alone


@pytest.mark.parametrize(("cases", "asks"), [(58, False), (59, True)])
def test_strict_is_for_sets_that_can_prove_a_pass(cases: int, asks: bool) -> None:
    alone = decided(MERGES, cases=cases)
    assert alone.gates[0].units == cases
    assert attempts.apply_attempts(alone, tried(2, blocked=True)).exit_code == (4 if asks else alone.exit_code)


def test_what_blocks_says_why_first() -> None:
    report = attempts.apply_attempts(decided(MERGES), tried(2, blocked=True))
    assert "An earlier verdict in this pull request blocked" in markdown.render(report).splitlines()[2]
    assert report.gates[0].requirements == ()


def test_a_gate_of_several_that_asks_for_a_sign_off_makes_the_report_wait() -> None:
    (gate,), (other,) = decided().gates, decided(cases=40, differences=MERGES).gates
    report = attempts.apply_attempts(reports.make_report([gate, other]), tried(4))
    assert [one.exit_code for one in report.gates] == [5, 0]
    assert outcome(report) == ("INCONCLUSIVE", 5)


# Signed off, stored, decided again


def signed(report: Report) -> Report:
    subject = sign_off.digest_subject(report)
    given = SignOff(by="bob", at="2026-03-02T11:00:00+00:00", kind="review", commit="a" * 40, subject=subject)
    return policy.apply_sign_off(report, given)


@pytest.mark.parametrize("level", list(Level))
def test_a_sign_off_lets_the_fourth_attempt_merge(level: Level) -> None:
    report = signed(attempts.apply_attempts(decided(level=level), tried(4, blocked=True)))
    assert outcome(report) == ("PASS", 0)
    assert [r.state for r in report.gates[0].requirements if r.kind == "sign_off"] == ["met"]
    assert report.attempts is not None


REPORTS = {
    "the first": attempts.apply_attempts(decided(), tried(1)),
    "a fourth that waits": attempts.apply_attempts(decided(), tried(4)),
    "a fourth that is signed off": signed(attempts.apply_attempts(decided(), tried(4, blocked=True))),
    "one that blocks": attempts.apply_attempts(decided(MERGES), tried(2, blocked=True)),
    "not known": attempts.apply_attempts(decided(MERGES), UNKNOWN),
    "a note": attempts.apply_attempts(decided(MERGES, mode="note"), tried(7, blocked=True)),
}


@pytest.mark.parametrize("what", REPORTS)
def test_a_stored_report_leads_to_the_same_verdict_byte_for_byte(what: str) -> None:
    report = REPORTS[what]
    text = report_json.render(report)
    stored = reports.verify_report(report_json.read(text, "x"), "x")
    assert stored == report
    assert report_json.render(decide.decide_again(stored, None, floors={}, max_drop=None)) == text


def test_deciding_again_by_another_policy_keeps_the_attempts() -> None:
    report = REPORTS["a fourth that is signed off"]
    again = decide.decide_again(report, None, floors={"quality": 0.1}, max_drop=None)
    assert (again.attempts, again.sign_off, outcome(again)) == (report.attempts, None, ("PASS", 5))
    blocked = decide.decide_again(REPORTS["one that blocks"], None, floors={}, max_drop=0.9)
    assert outcome(blocked) == ("PASS", 0)


def forged() -> dict[str, Report]:
    waits, blocks, free = REPORTS["a fourth that waits"], REPORTS["one that blocks"], decided()
    assert waits.attempts is not None
    assert blocks.attempts is not None
    return {
        "fewer": replace(
            waits, attempts=replace(waits.attempts, number=3, chance_of_pass=attempts.chance_of_pass(3, 0.05))
        ),
        "none": replace(waits, attempts=None),
        "nothing blocked before": replace(blocks, attempts=replace(blocks.attempts, blocked_before=False)),
        "another chance": replace(waits, attempts=replace(waits.attempts, chance_of_pass=0.05)),
        "no attempt at all": replace(free, attempts=Attempts(number=0, blocked_before=False, chance_of_pass=0.0)),
        "without end": replace(free, attempts=Attempts(number=10**12, blocked_before=False, chance_of_pass=1.0)),
        "not known, and nothing asked": replace(free, attempts=UNKNOWN),
        "not known, and not the worst": replace(
            decided(MERGES), attempts=Attempts(number=None, blocked_before=False, chance_of_pass=None)
        ),
        "passes by itself": replace(free, attempts=waits.attempts),
        "signed off without asking": replace(signed(waits), attempts=None),
    }


@pytest.mark.parametrize("what", forged())
def test_a_report_that_does_not_follow_from_its_attempts_is_refused(what: str) -> None:
    with pytest.raises(InputError, match="the file was edited"):
        reports.verify_report(forged()[what], "report.json")


def test_a_report_from_before_there_were_attempts_has_none() -> None:
    text = report_json.render(decided())
    old = plain.loads(text)
    del old["attempts"], old["rule"]
    assert report_json.read(plain.dumps(old), "x").attempts is None


def test_what_an_artifact_says_of_attempts_is_not_believed() -> None:
    claimed = fork.withdraw_passes(REPORTS["the first"])
    assert (claimed.attempts, claimed.exit_code) == (None, 4)


# What is shown


def shown(report: Report) -> list[str]:
    run = comment_state.follow(None, report, head="a" * 40, subject="s", now="2026-05-01T12:30:00+00:00")
    texts = (
        terminal.render(report, width=200, color=False),
        markdown.render(report),
        html.render(report),
        comment_state.render(report, key="k", state=run),
    )
    return [text.replace("\u00a0", " ") for text in texts]  # which keeps a number beside its unit


def test_every_format_says_what_luck_alone_makes_of_a_fourth_attempt() -> None:
    for text in shown(attempts.apply_attempts(decided(mode="note"), tried(4))):
        assert (
            "attempt 4: by chance alone, a drop of 0.05 would pass at least one of these with a probability of 19 %"
            in text
        )


def test_every_format_says_that_attempts_are_not_known() -> None:
    for text in shown(attempts.apply_attempts(decided(mode="note"), UNKNOWN)):
        assert "unknown, so this may not be the first attempt" in text


def test_a_first_attempt_is_told_in_the_report_and_takes_no_room_in_the_comment() -> None:
    *files, page = shown(attempts.apply_attempts(decided(mode="note"), tried(1)))
    for text in files:
        assert "attempt 1: by chance alone, a drop of 0.05 would pass this attempt with a probability of 5 %" in text
    assert "by chance alone" not in page
    assert all("by chance alone" not in text for text in shown(decided()))


def test_several_allowed_drops_are_no_single_number() -> None:
    def wider(gate: GateReport) -> GateReport:
        thresholds = {name: replace(one, max_drop=0.1) for name, one in gate.thresholds.items()}
        return replace(gate, thresholds=thresholds)

    report = decide.decide_again(decided(mode="note"), None, floors={"quality": 0.1}, max_drop=None)
    report = attempts.apply_attempts(replace(report, gates=tuple(map(wider, report.gates))), tried(2))
    assert "attempt 2: by chance alone, a drop of the allowed size would pass at least one of these" in shown(report)[0]
