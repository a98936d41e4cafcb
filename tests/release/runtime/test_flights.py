from __future__ import annotations

import threading
import time

import pytest
from release.chains import make_chain

from evalgate.release.runtime import flights as module
from evalgate.release.runtime.flights import Flight, Flights, make_error
from evalgate.release.runtime.held import parse_held
from evalgate.release.runtime.prompt_error import PromptUnavailableError


def test_one_load_serves_all_who_wait_and_a_failure_is_shared_and_remembered() -> None:
    loads: list[str] = []
    release = threading.Event()

    def load(flight: Flight) -> None:
        loads.append(flight.name)
        assert release.wait(10)
        flight.error = ("support: down", "wait")

    flights = Flights(load)
    found = [flights.begin("support") for _ in range(50)]
    assert len({id(one) for one in found}) == 1
    release.set()
    assert found[0].wait() and found[0].error == ("support: down", "wait")
    for _ in range(3):
        with pytest.raises(PromptUnavailableError, match="support: down; wait"):
            flights.begin("support")
    assert loads == ["support"]
    assert make_error(("a", "b")) is not make_error(("a", "b"))


def test_a_name_that_failed_is_loaded_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "compute_backoff", lambda failures, longest: 0.0)
    problems = [("support: down", ""), None]

    def load(flight: Flight) -> None:
        flight.error = problems.pop(0)

    flights = Flights(load)
    assert flights.begin("support").wait()
    second = flights.begin("support")
    assert second.wait() and second.error is None


def test_a_fault_of_the_load_is_told_to_those_who_wait() -> None:
    def load(flight: Flight) -> None:
        raise ZeroDivisionError("oh\nno")

    flight = Flights(load).begin("support")
    assert flight.wait()
    assert flight.error == ("support: ZeroDivisionError: oh\\u000ano", "")


def test_who_waits_is_patient_only_without_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    monkeypatch.setattr(module, "LONGEST_WAIT", 1.0)
    flight = Flight("support")
    began = time.monotonic()
    assert not flight.wait()
    assert time.monotonic() - began >= 0.95
    flight.fallback = parse_held("support", make_chain(1)[0], 0.0)
    began = time.monotonic()
    assert not flight.wait()
    assert time.monotonic() - began < 0.8


def test_failures_of_many_names_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_FAILURES", 3)

    def load(flight: Flight) -> None:
        flight.error = ("down", "")

    flights = Flights(load)
    for number in range(10):
        assert flights.begin(f"n{number}").wait()
    assert len(flights._failed) <= 3


def test_a_fork_forgets_the_loads_of_the_parent() -> None:
    release = threading.Event()
    flights = Flights(lambda flight: release.wait(10) and None)
    first = flights.begin("support")
    flights.reset_after_fork()
    second = flights.begin("support")
    release.set()
    assert first is not second and first.done.wait(10) and second.done.wait(10)
