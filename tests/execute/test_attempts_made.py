from __future__ import annotations

import pytest

from evalgate.execute.attempts_made import LONGEST_WAIT, AttemptsMade, is_worth_retrying
from evalgate.execute.limits.concurrency import LONGEST_PAUSE
from evalgate.execute.limits.startup import Startup
from evalgate.execute.providers.protocol import ProviderError


def count_attempts(most: int, *errors: ProviderError) -> int:
    """Return how many of the errors a call meets before it gives up."""
    made = AttemptsMade(most, 0.0, Startup())
    for number, error in enumerate(errors, 1):
        made.on_error(error)
        assert error.attempts == number
        if made.have_ended(error, 0.0):
            return number
    return len(errors)


def fail() -> ProviderError:
    return ProviderError("api answered 500", retryable=True)


def reject(after: float | None = None) -> ProviderError:
    return ProviderError("api answered 429", retryable=True, throttled=True, retry_after=after)


def test_a_rejection_counts_as_a_quarter_of_an_attempt() -> None:
    assert count_attempts(3, *(fail() for _ in range(9))) == 3
    assert count_attempts(3, *(reject() for _ in range(20))) == 12


def test_an_attempt_while_a_model_loads_does_not_count() -> None:
    loading = [ProviderError("loading", retryable=True, startup_timeout=90.0) for _ in range(8)]
    assert count_attempts(3, *loading, fail(), fail(), fail(), fail()) == 11


def test_the_waits_for_an_endpoint_are_bounded_in_total() -> None:
    made = AttemptsMade(5, 0.0, Startup())
    error = reject(50.0)
    assert [made.have_ended(error, 50.0) for _ in range(3)] == [False, False, True]
    assert f"waits for its endpoint {LONGEST_WAIT:g} s at most" in error.message


def test_a_model_that_never_loads_ends_the_wait_with_the_setting() -> None:
    now = 0.0
    startup = Startup(lambda: now)
    startup.on_loading()
    error = ProviderError("api is loading its model (503)", retryable=True, startup_timeout=90.0)
    made = AttemptsMade(5, 0.0, startup)
    now = 80.0
    assert not made.have_ended(error, 5.0)
    now = 88.0
    assert made.have_ended(error, 5.0)
    assert "waited 88 s" in error.message
    assert "`startup_timeout`" in str(error.hint)


@pytest.mark.parametrize("number", [1, 4, 40])
def test_the_pause_is_what_the_endpoint_asks_for(number: int) -> None:
    made = AttemptsMade(5, 1.0, Startup())
    assert 7.0 <= made.find_pause(number, reject(7.0)) <= 8.0


def test_a_wait_that_is_too_long_is_not_begun_and_says_how_long_was_asked_for() -> None:
    error = reject(LONGEST_PAUSE + 1)
    AttemptsMade(5, 0.0, Startup()).on_error(error)
    assert f"it asks to wait {LONGEST_PAUSE + 1:.0f} s" in error.message
    assert not is_worth_retrying(error)
    assert is_worth_retrying(reject(LONGEST_PAUSE))
    assert not is_worth_retrying(ProviderError("api refused the request (400)"))
    assert not is_worth_retrying(ValueError("no answer"))
