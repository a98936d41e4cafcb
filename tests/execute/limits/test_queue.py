"""Calls wait for a place in order, and leave the queue when they are cancelled."""

from __future__ import annotations

import asyncio

from evalgate.execute.limits.concurrency import ConcurrencyLimit
from evalgate.execute.limits.queue import RequestQueue


def test_the_door_lets_in_in_order_and_forgets_who_went_away() -> None:
    async def run() -> list[int]:
        queue, order = RequestQueue(ConcurrencyLimit(1)), []

        async def enter(number: int) -> None:
            await queue.enter()
            order.append(number)
            await asyncio.sleep(0)
            queue.leave()

        tasks = [asyncio.create_task(enter(number)) for number in range(6)]
        await asyncio.sleep(0)
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await queue.enter()  # no call has kept the only place
        return order

    assert asyncio.run(run()) == [0, 1, 3, 4, 5]


def test_a_place_that_is_given_to_someone_cancelled_goes_to_the_next() -> None:
    async def run() -> bool:
        queue = RequestQueue(ConcurrencyLimit(1))
        await queue.enter()
        second, third = asyncio.create_task(queue.enter()), asyncio.create_task(queue.enter())
        await asyncio.sleep(0)
        queue.leave()  # the second is let in, ...
        second.cancel()  # ... and cancelled before it knows
        await asyncio.wait([second, third], timeout=5)
        return second.cancelled() and third.done() and not third.cancelled()

    assert asyncio.run(run())


def test_giving_up_ends_all_waiting() -> None:
    async def run() -> list[object]:
        queue = RequestQueue(ConcurrencyLimit(1))
        await queue.enter()
        waiting = [asyncio.create_task(queue.enter()) for _ in range(3)]
        await asyncio.sleep(0)
        queue.give_up(ValueError("over"))
        return list(await asyncio.gather(*waiting, return_exceptions=True))

    assert [str(end) for end in asyncio.run(run())] == ["over"] * 3


def test_the_queue_opens_by_itself_when_a_pause_is_over() -> None:
    async def run() -> int:
        queue = RequestQueue(ConcurrencyLimit(5))
        queue.limit.pause(0.02)
        await asyncio.wait_for(asyncio.gather(*(queue.enter() for _ in range(2))), 10)
        return 2

    assert asyncio.run(run()) == 2
