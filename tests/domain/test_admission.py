"""The merge state: its numbers are the exit codes, and what each of them lets happen."""

from __future__ import annotations

from itertools import permutations

import pytest

from evalgate.domain import Admission
from evalgate.domain.admission import combine_admissions
from evalgate.errors import ExitCode

STATES = ("lets_merge", "awaits_sign_off", "blocks", "was_evaluated", "is_open")


def test_every_exit_code_is_an_admission_of_the_same_name_and_number() -> None:
    assert {one.name: one.value for one in Admission} == {one.name: one.value for one in ExitCode}


@pytest.mark.parametrize(
    ("admission", "holds"),
    [
        (Admission.PASS, {"lets_merge", "was_evaluated"}),
        (Admission.AWAITING_SIGN_OFF, {"awaits_sign_off", "was_evaluated", "is_open"}),
        (Admission.FAIL, {"blocks", "was_evaluated"}),
        (Admission.INCONCLUSIVE, {"blocks", "was_evaluated", "is_open"}),
        (Admission.NOT_EVALUATED, {"blocks"}),
        (Admission.USAGE, {"blocks"}),
        (Admission.INTERRUPTED, {"blocks"}),
    ],
)
def test_what_an_admission_means(admission: Admission, holds: set[str]) -> None:
    assert {name for name in STATES if getattr(admission, name)} == holds


def test_only_a_pass_lets_a_change_merge() -> None:
    assert [one for one in Admission if one.lets_merge] == [Admission.PASS]


def test_an_admission_is_written_as_its_number() -> None:
    assert [f"{one}" for one in Admission] == [str(int(one)) for one in Admission]


def test_of_several_the_most_severe_counts_and_of_none_a_pass() -> None:
    assert combine_admissions([]) is Admission.PASS
    ranked = (
        Admission.FAIL,
        Admission.NOT_EVALUATED,
        Admission.INCONCLUSIVE,
        Admission.AWAITING_SIGN_OFF,
        Admission.PASS,
    )
    for position, worst in enumerate(ranked):
        for others in permutations(ranked[position:]):
            assert combine_admissions(others) is worst


@pytest.mark.parametrize("admission", [one for one in Admission if one is not Admission.PASS])
def test_no_gate_beside_it_makes_a_pass_of_what_does_not_pass(admission: Admission) -> None:
    assert not combine_admissions([Admission.PASS, admission]).lets_merge
