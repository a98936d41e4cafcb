"""The limit of the cost of a run."""

from __future__ import annotations

import asyncio

from evalgate.execute.limits.budget import Budget


def test_no_more_is_spent_than_the_limit_and_one_call() -> None:
    async def run(limit: float, price: float) -> tuple[float, int, int]:
        budget = Budget(limit)
        now = most = 0

        async def call() -> bool:
            nonlocal now, most
            if not await budget.enter("t"):
                return False
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.001)
            budget.pay("t", price)
            now -= 1
            budget.leave("t")
            return True

        done = await asyncio.wait_for(asyncio.gather(*(call() for _ in range(100))), 20)
        return budget.spent, sum(done), most

    spent, done, most = asyncio.run(run(1.0, 0.03))
    assert 1.0 <= spent < 1.03 + 1e-9
    assert done == 34
    assert most > 10, "calls that are certainly within the limit run together"
    assert asyncio.run(run(0.0, 0.1)) == (0.0, 0, 0)
