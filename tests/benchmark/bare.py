"""The yardstick: the same calls from a bare aiohttp loop, which neither checks, nor keeps, nor decides anything.

python bare.py URL CALLS CONCURRENCY
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp


async def _run(url: str, calls: int, concurrency: int) -> None:
    numbers = iter(range(calls))

    async def work(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            messages = [
                {"role": "system", "content": "Answer." * 30},
                {"role": "user", "content": f"question {number}"},
            ]
            async with session.post(url, json={"model": "m", "messages": messages}) as response:
                reply = await response.json()
                assert reply["choices"][0]["message"]["content"]

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:
        await asyncio.gather(*(work(session) for _ in range(concurrency)))


if __name__ == "__main__":
    asyncio.run(_run(f"{sys.argv[1]}/chat/completions", int(sys.argv[2]), int(sys.argv[3])))
