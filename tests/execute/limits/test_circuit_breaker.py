"""When failures are an outage of the endpoint."""

from __future__ import annotations

from evalgate.execute.limits.circuit_breaker import DOUBT, OUTAGE, CircuitBreaker


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_failures_without_an_answer_between_them_are_an_outage_after_a_while() -> None:
    clock = Clock()
    breaker = CircuitBreaker(8, clock)
    for _ in range(50):
        breaker.on_failure("503")
    assert not breaker.is_down(None), "a moment of failures is none"
    clock.now += OUTAGE
    assert breaker.is_down(None)
    breaker.on_headers()
    assert not breaker.is_down(None)


def test_one_case_that_always_fails_is_no_outage() -> None:
    clock = Clock()
    breaker = CircuitBreaker(8, clock)
    for _ in range(100):
        breaker.on_failure("503")
        clock.now += 5
        breaker.on_answer()
        assert not breaker.is_down(None)


def test_silence_counts_only_while_something_is_in_flight() -> None:
    clock = Clock()
    breaker = CircuitBreaker(8, clock)
    clock.now += 1000
    assert breaker.silence == 0.0
    breaker.on_start()
    clock.now += DOUBT
    assert breaker.silence == DOUBT
    breaker.on_end()
    clock.now += 1000
    breaker.on_start()
    assert breaker.silence == 0.0


def test_a_slow_model_is_not_a_dead_one() -> None:
    clock = Clock()
    breaker = CircuitBreaker(8, clock)
    breaker.on_start()
    clock.now += 100
    assert not breaker.is_down(None), "nothing is known of how long it takes: it has to be asked"
    assert not breaker.is_down(30.0)
    assert breaker.is_down(0.2)
