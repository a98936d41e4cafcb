from __future__ import annotations

import threading
import time

import pytest
from release.chains import make_chain

from evalgate.release.runtime import loads as module
from evalgate.release.runtime.cached_document import parse_cached
from evalgate.release.runtime.loads import Load, Loads, make_error
from evalgate.release.runtime.prompt_error import PromptUnavailableError


def test_one_load_serves_all_who_wait_and_a_failure_is_shared_and_remembered() -> None:
    loaded: list[str] = []
    release = threading.Event()

    def load_once(load: Load) -> None:
        loaded.append(load.name)
        assert release.wait(10)
        load.error = ("support: down", "wait")

    loads = Loads(load_once)
    found = [loads.begin("support") for _ in range(50)]
    assert len({id(one) for one in found}) == 1
    release.set()
    assert found[0].wait() and found[0].error == ("support: down", "wait")
    for _ in range(3):
        with pytest.raises(PromptUnavailableError, match="support: down; wait"):
            loads.begin("support")
    assert loaded == ["support"]
    assert make_error(("a", "b")) is not make_error(("a", "b"))


def test_a_name_that_failed_is_loaded_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "compute_backoff", lambda failures, longest: 0.0)
    problems = [("support: down", ""), None]

    def load_once(load: Load) -> None:
        load.error = problems.pop(0)

    loads = Loads(load_once)
    assert loads.begin("support").wait()
    second = loads.begin("support")
    assert second.wait() and second.error is None


def test_a_fault_of_the_load_is_told_to_those_who_wait() -> None:
    def load_once(load: Load) -> None:
        raise ZeroDivisionError("oh\nno")

    load = Loads(load_once).begin("support")
    assert load.wait()
    assert load.error == ("support: ZeroDivisionError: oh\\u000ano", "")


def test_who_waits_is_patient_only_without_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FALLBACK_SECONDS", 0.05)
    monkeypatch.setattr(module, "LONGEST_WAIT_SECONDS", 1.0)
    load = Load("support")
    began = time.monotonic()
    assert not load.wait()
    assert time.monotonic() - began >= 0.95
    load.fallback = parse_cached("support", make_chain(1)[0], 0.0)
    began = time.monotonic()
    assert not load.wait()
    assert time.monotonic() - began < 0.8


def test_failures_of_many_names_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_FAILURES", 3)

    def load_once(load: Load) -> None:
        load.error = ("down", "")

    loads = Loads(load_once)
    for number in range(10):
        assert loads.begin(f"n{number}").wait()
    assert len(loads._failed) <= 3


def test_a_fork_forgets_the_loads_of_the_parent() -> None:
    release = threading.Event()
    loads = Loads(lambda load: release.wait(10) and None)
    first = loads.begin("support")
    loads.reset_after_fork()
    second = loads.begin("support")
    release.set()
    assert first is not second and first.done.wait(10) and second.done.wait(10)
