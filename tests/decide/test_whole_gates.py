"""The error rates of whole gates, by simulation: judges and checks at once, each rate found again within its error.

The short form of a test has fewer runs, and so a wider bound: four standard errors of the number of runs it has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest
from decide.bounds import about, at_least, at_most
from decide.simulated import FLAKY, MODERATE, SKEWED, Drawn, check, decided, gate_of, judge

from evalgate.decide import statistics, wavering
from evalgate.decide.flaky_checks import fails_check
from evalgate.decide.simulation import Model
from evalgate.domain import DEFAULT_LEVELS, Level, Verdict

Rates: TypeAlias = "float | Callable[[int], np.ndarray]"


def runs(short: int, long: int) -> pytest.MarkDecorator:
    """A short form of a simulation, and a long one."""
    forms = [pytest.param(short, id="short"), pytest.param(long, id="long", marks=pytest.mark.long)]
    return pytest.mark.parametrize("count", forms)


def fails(count: int, gate: Callable[[], dict[str, object]]) -> int:
    """How many of so many gates fail."""
    return sum(decided(gate()).decision is Verdict.FAIL for _ in range(count))


@runs(60, 800)
@pytest.mark.parametrize("cases", [20, 50, 100])
@pytest.mark.parametrize("model", [SKEWED, MODERATE], ids=["skewed", "moderate"])
@pytest.mark.parametrize(
    ("judges", "checks"), [(1, ()), (1, FLAKY), (4, FLAKY)], ids=["one judge", "and 3 checks", "4 judges and 3 checks"]
)
def test_an_identical_prompt_seldom_fails(
    judges: int, checks: tuple[float, ...], model: Model, cases: int, count: int
) -> None:
    rng = np.random.default_rng(21)

    def gate() -> dict[str, object]:
        criteria = {f"judge {i}": judge(rng, cases, model) for i in range(judges)}
        return gate_of(criteria | {f"check {i}": check(rng, cases, p) for i, p in enumerate(checks)})

    assert at_most(fails(count, gate), count, 0.055)


@runs(200, 2_000)
def test_a_drop_within_the_margin_loses_no_race(count: int) -> None:
    """s_d .05, a true drop of .02, 100 cases: proven worse than 0 at the first look, and far from proven too much."""
    rng = np.random.default_rng(22)
    verdicts: list[str] = []
    for _ in range(count):
        differences = statistics.clean(np.clip(rng.normal(-0.02, 0.05, 100), -1, 1))
        none = [0] * 100
        verdicts.append(statistics.decide_differences(differences, none, none, margin=0.05, sequential=True).verdict)
    assert at_most(verdicts.count("FAIL"), count, 0.03)
    assert at_least(verdicts.count("PASS"), count, 0.9)


def share(part: float, failing: float) -> Callable[[int], np.ndarray]:
    """A share of the cases fails in so many of its draws, the others in none."""
    return lambda cases: np.where(np.arange(cases) < round(part * cases), failing, 0.0)


def failing_gates(count: int, cases: int, before: Rates, now: Rates) -> int:
    """How many of so many gates of one blocking check fail."""
    rng = np.random.default_rng([23, cases])
    then, today = (rate(cases) if callable(rate) else np.full(cases, rate) for rate in (before, now))
    found = [fails_check(rng.random((7, cases)) < today, rng.binomial(3, then)) for _ in range(count)]
    return sum(found)


@runs(250, 4_000)
@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        (0.0, 0.02, (0.27, 0.60, 0.915)),
        (0.0, 0.03, (0.435, 0.82, 0.985)),
        (0.0, 0.05, (0.735, 0.965, 1.0)),
        (0.01, 0.05, (0.425, 0.685, 0.925)),
        (0.0, share(0.01, 0.5), (0.0, 0.01, 0.26)),
        (0.0, share(0.02, 0.5), (0.01, 0.26, 0.705)),
        (0.0, share(0.05, 0.5), (0.255, 0.83, 0.99)),
        (0.0, share(0.02, 1.0), (1.0, 1.0, 1.0)),
    ],
    ids=["0 to 2 %", "0 to 3 %", "0 to 5 %", "1 to 5 %", "1 % half", "2 % half", "5 % half", "2 % for good"],
)
def test_a_check_that_fails_more_often_is_found(
    before: Rates, now: Rates, found: tuple[float, ...], count: int
) -> None:
    for cases, rate in zip((50, 100, 200), found, strict=True):
        assert about(failing_gates(count, cases, before, now), count, rate, give=0.03), cases


@runs(250, 4_000)
@pytest.mark.parametrize(
    ("rates", "most"),
    [
        (0.002, 0.045),
        (0.01, 0.045),
        (0.03, 0.05),
        (lambda cases: share(2 / cases, 0.5)(cases), 0.008),
        (lambda cases: share(5 / cases, 0.5)(cases), 0.05),
        (lambda cases: share(1 / cases, 0.8)(cases), 0.004),
        (share(0.1, 0.5), 0.09),
    ],
    ids=["0.2 %", "1 %", "3 %", "two cases half", "five cases half", "one case 80 %", "10 % of cases half"],
)
def test_a_check_that_both_versions_fail_blocks_seldom(rates: Rates, most: float, count: int) -> None:
    for cases in (20, 50, 100, 200, 500):
        assert at_most(failing_gates(count, cases, rates, rates), count, most), cases


@runs(100, 800)
def test_a_check_that_begins_to_fail_is_found_beside_judges(count: int) -> None:
    """At a quarter of the level: 10 % of the answers, or one case for good."""
    rng = np.random.default_rng(24)

    def beside(now: float | np.ndarray) -> Callable[[], dict[str, object]]:
        return lambda: gate_of({"judge": judge(rng, 50), "check": check(rng, 50, 0.0, now)})

    assert at_least(fails(count, beside(0.10)), count, 0.85)
    assert at_least(fails(count, beside(share(0.02, 1.0)(50))), count, 0.999)


@runs(100, 600)
def test_a_drop_is_found_beside_checks(count: int) -> None:
    """A drop of .05, 100 cases: three flaky checks beside the judge cost a few points of power."""
    rng = np.random.default_rng(25)

    def worse(checks: tuple[float, ...]) -> Callable[[], dict[str, object]]:
        return lambda: gate_of(
            {"judge": judge(rng, 100, drop=0.05)} | {f"check {i}": check(rng, 100, p) for i, p in enumerate(checks)}
        )

    assert about(fails(count, worse(())), count, 0.69, give=0.04)
    assert about(fails(count, worse(FLAKY)), count, 0.63, give=0.06)


@runs(100, 800)
@pytest.mark.parametrize("different", [20, 30, 50])
def test_equal_requests_are_one_unit(different: int, count: int) -> None:
    """So many different questions in 60 rows: as cases far more than one run in twenty would fail."""
    rng = np.random.default_rng(26)
    asked = [place % different for place in range(60)]

    def copied(kind: str) -> Callable[[], dict[str, object]]:
        def gate() -> dict[str, object]:
            one = judge(rng, different)
            rows = Drawn(kind="judge", baseline=one.baseline[asked], candidate=one.candidate[asked])
            units = {kind: [f"r{place}" for place in asked]} if kind else {}
            return gate_of({"judge": rows}, **units)  # type: ignore[arg-type]

        return gate

    for kind in ("requests", "clusters"):
        reports = [decided(copied(kind)()) for _ in range(count)]
        assert at_most(sum(report.decision is Verdict.FAIL for report in reports), count, 0.055)
        assert all(report.decision is not Verdict.PASS for report in reports), "so few units prove nothing"
        assert {report.units for report in reports} == {different}
    if different == 20:
        assert at_least(fails(count, copied("")), count, 0.12)


@runs(150, 800)
@pytest.mark.parametrize("model", [SKEWED, MODERATE], ids=["skewed", "moderate"])
def test_repeats_where_the_baseline_wavers_leave_the_mean_unbiased(model: Model, count: int) -> None:
    rng = np.random.default_rng(27)
    plain, repeated, failed = [], [], 0
    for _ in range(count):
        one = judge(rng, 100, model)
        chosen = wavering.choose_wavering([{"judge": scores.tolist()} for scores in one.baseline])
        assert len(chosen) <= 25
        report = decided(gate_of({"judge": one}, repeated=chosen, sequential=False))
        failed += report.decision is Verdict.FAIL
        (comparison,) = report.comparisons
        assert comparison.difference is not None
        repeated.append(comparison.difference.value)
        plain.append(float((one.candidate[:, 0] - one.baseline.mean(axis=1)).mean()))
    for means in (plain, repeated):
        assert abs(np.mean(means)) <= 4 * np.std(means) / count**0.5
    assert at_most(failed, count, 0.052)
    paired = np.array(repeated) ** 2 - np.array(plain) ** 2
    assert paired.mean() < 0, "which is what the repeats are for"


@runs(100, 600)
def test_what_both_versions_fail_does_not_bias_the_judge(count: int) -> None:
    """Both arms fail a check on 30 % of their answers: those pairs are left out."""
    rng = np.random.default_rng(28)
    means, failed = [], 0
    for _ in range(count):
        report = decided(gate_of({"judge": judge(rng, 60), "check": check(rng, 60, 0.3)}))
        failed += report.decision is Verdict.FAIL
        (comparison,) = (c for c in report.comparisons if c.kind == "judge")
        assert comparison.difference is not None
        assert comparison.pairs < 60 and set(comparison.left_out)
        means.append(comparison.difference.value)
    assert abs(np.mean(means)) <= 4 * np.std(means) / count**0.5
    assert at_most(failed, count, 0.07)


@runs(60, 400)
@pytest.mark.parametrize("drop", [0.0, 0.05, 0.25])
def test_the_baseline_of_a_bad_hour_never_passes(drop: float, count: int) -> None:
    """30 % of the baseline's answers are empty and none of the candidate's: the change mended nothing."""
    rng = np.random.default_rng(29)
    reports = []
    for _ in range(count):
        criteria = {"judge": judge(rng, 100, drop=drop), "answered": check(rng, 100, 0.3, 0.0)}
        reports.append(decided(gate_of(criteria, sequential=bool(rng.random() < 0.5))))
    verdicts = [report.decision for report in reports]
    assert Verdict.PASS not in verdicts
    assert all(report.exit_code != 0 for report in reports), "at no level"
    failed = verdicts.count(Verdict.FAIL)
    if drop == 0.0:
        assert at_most(failed, count, 0.05)
    elif drop == 0.25:
        assert failed == count


@runs(60, 400)
def test_a_candidate_that_mends_a_check_and_is_worse_elsewhere_fails(count: int) -> None:
    """The baseline fails a check on 30 % of its draws, the candidate on none; where both hold it is .25 worse."""
    rng = np.random.default_rng(30)
    assert (
        fails(count, lambda: gate_of({"judge": judge(rng, 100, drop=0.25), "check": check(rng, 100, 0.3, 0.0)}))
        == count
    )


@runs(300, 3_000)
@pytest.mark.parametrize("cases", [8, 12, 20, 30])
def test_a_small_set_blocks_few_identical_prompts_at_minor(cases: int, count: int) -> None:
    rng = np.random.default_rng([31, cases])
    demands = DEFAULT_LEVELS[Level.MINOR]
    reports = [decided(gate_of({"judge": judge(rng, cases)}), demands) for _ in range(count)]
    assert at_most(sum(report.decision is Verdict.FAIL for report in reports), count, 0.05)
    # a drop that is observed and not proven blocks as well, where p <= .10
    blocked = sum(report.exit_code in (1, 4) for report in reports)
    assert at_most(blocked, count, 0.10)


@runs(300, 3_000)
def test_a_small_set_finds_a_collapse(count: int) -> None:
    rng = np.random.default_rng(32)
    for cases, found in ((8, 0.57), (12, 0.79), (20, 0.96)):
        assert at_least(fails(count, lambda cases=cases: gate_of({"judge": judge(rng, cases, drop=0.2)})), count, found)  # type: ignore[misc]
