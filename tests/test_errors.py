"""Errors: their texts, their exit codes, and several faults in one error."""

from __future__ import annotations

import pytest

from evalgate import errors
from evalgate.errors import (
    MOST_FAULTS,
    EvalgateError,
    ExitCode,
    Fault,
    FaultCollector,
    GitError,
    InputError,
    Place,
    ServiceError,
)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place(path="f.yml"), "f.yml"),
        (Place(path="f.yml", line=3), "f.yml:3"),
        (Place(path="f.yml", line=3, column=7), "f.yml:3:7"),
        (Place(path="f.yml", column=7), "f.yml"),
    ],
)
def test_a_place_names_what_is_known_of_it(place: Place, text: str) -> None:
    assert str(place) == text
    assert str(Fault(message="wrong", place=place, hint="mend it")) == f"{text}: wrong\n  hint: mend it"


def test_a_message_that_quotes_a_large_file_is_cut() -> None:
    fault = Fault(message="x" * 10_000, hint="y" * 10_000)
    assert len(fault.message) < errors.LONGEST_MESSAGE + 10 and fault.message.endswith(" ...")
    assert fault.hint is not None and fault.hint.endswith(" ...")


@pytest.mark.parametrize(
    ("kind", "code"),
    [(InputError, ExitCode.USAGE), (GitError, ExitCode.USAGE), (ServiceError, ExitCode.NOT_EVALUATED)],
)
def test_no_error_has_the_exit_code_of_a_verdict(kind: type[EvalgateError], code: ExitCode) -> None:
    assert kind("x").exit_code is code


def test_an_error_has_its_own_fault_before_those_that_it_is_given() -> None:
    error = InputError("first", faults=[Fault(message="second")])
    assert [fault.message for fault in error.faults] == ["first", "second"]
    assert str(error) == "first\nsecond"


def test_a_collector_keeps_each_fault_once_and_the_type_of_the_first_error() -> None:
    collector = FaultCollector()

    def fail(kind: type[EvalgateError], message: str) -> None:
        raise kind(message)

    assert collector.take(lambda: 3) == 3
    for kind, message in ((GitError, "a"), (InputError, "b"), (InputError, "a")):
        assert collector.take(lambda kind=kind, message=message: fail(kind, message)) is None
    assert [fault.message for fault in collector.faults] == ["a", "b"]
    assert type(collector.error()) is GitError


def test_all_items_are_made_or_all_faults_are_told() -> None:
    def make(item: int) -> int:
        if item % 2:
            raise InputError(f"{item} is odd")
        return item * 10

    assert errors.make_all([2, 4], make) == (20, 40)
    with pytest.raises(InputError, match="1 is odd\n3 is odd"):
        errors.make_all([1, 2, 3], make)


def test_of_many_faults_the_first_are_shown_and_the_others_counted() -> None:
    faults = [Fault(message=f"fault {number}") for number in range(MOST_FAULTS + 2)]
    error = InputError(faults=faults)
    assert len(error.faults) == MOST_FAULTS + 2
    assert error.shown[:-1] == tuple(faults[:MOST_FAULTS])
    assert error.shown[-1].message == "and 2 more faults" and str(error).endswith("and 2 more faults")
    assert InputError(faults=faults[:3]).shown == tuple(faults[:3])
