"""The division of waiting requests into files of batches."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from scripted_provider import make_request

from evalgate.execute.providers.batch.batch_request import BatchRequest, find_own, split_into_files
from evalgate.execute.providers.protocol import ProviderError

WAITING = st.lists(st.tuples(st.sampled_from(["m-1", "m-2"]), st.integers(1, 50)), max_size=30)


def waiting(sizes: list[tuple[str, int]]) -> list[BatchRequest]:
    loop = asyncio.new_event_loop()
    try:
        return [
            BatchRequest(
                request=make_request(str(n)), key=str(n), model=model, line=b"x" * size, answer=loop.create_future()
            )
            for n, (model, size) in enumerate(sizes)
        ]
    finally:
        loop.close()


@given(WAITING, st.integers(1, 5), st.integers(50, 120), st.integers(1, 5))
def test_every_request_is_in_one_file_of_its_model_within_the_limits(
    sizes: list[tuple[str, int]], most_requests: int, most_bytes: int, narrow: int
) -> None:
    queue = waiting(sizes)
    files = list(split_into_files(queue, most_requests, most_bytes, {"m-2": narrow}))
    assert sorted(one.key for file in files for one in file) == sorted(one.key for one in queue)
    for file in files:
        (model,) = {one.model for one in file}
        assert 0 < len(file) <= (min(most_requests, narrow) if model == "m-2" else most_requests)
        assert sum(len(one.line) for one in file) <= most_bytes


def test_a_request_larger_than_a_file_has_one_of_its_own() -> None:
    assert [len(file) for file in split_into_files(waiting([("m", 9), ("m", 99), ("m", 9)]), 10, 50, {})] == [1, 1, 1]


def test_each_request_gets_an_error_of_its_own_with_the_same_meaning() -> None:
    error = ProviderError("full", said=": secret text", fatal=True, hint="wait", retry_after=3.0, unreachable=True)
    copy = find_own(error)
    assert copy is not error and isinstance(copy, ProviderError)
    for name in ("message", "own", "retryable", "retry_after", "fatal", "hint", "unreachable"):
        assert getattr(copy, name) == getattr(error, name), name
    other = ValueError("x")
    assert find_own(other) is other
