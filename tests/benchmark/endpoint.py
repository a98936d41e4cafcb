"""A chat completions endpoint on loopback that costs next to nothing, so that what is measured is who calls it.

    python endpoint.py --latency 0.2 [--faults 429=0.1,500=0.02,reset=0.01,malformed=0.01,hang=0.01] [--rate 100]

Prints its base URL, then serves until its standard input ends. An answer depends on what is asked alone. A fault hits
the share of requests it is given, drawn with a fixed seed; "refused" is a 429 without Retry-After. With a rate, so many
requests a second are answered, at most a tenth of a second's worth at once, and the others are refused. `GET /counts` tells what came in so far.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
import zlib
from collections import Counter

HANG_SECONDS = 60.0


def _response(content: bytes, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n"
    return head % (status, len(content), more) + content


def _completion(text: str) -> bytes:
    message = {"role": "assistant", "content": text, "refusal": None}
    reply = {
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 0,
        "model": "m-1",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 120, "completion_tokens": 12, "total_tokens": 132},
    }
    return json.dumps(reply).encode()


_ANSWER = _response(_completion("The shop takes it back within 30 days; see note @@@@@@@@@@."))
_SCORE = _response(_completion(json.dumps({"score": 4, "reason": "nothing is missing"})))
_ERROR = json.dumps({"error": {"message": "planted", "code": None}}).encode()
_FAULTS = {
    "429": _response(_ERROR, b"429 Too Many Requests", b"Retry-After: 0\r\n"),
    "refused": _response(_ERROR, b"429 Too Many Requests"),
    "500": _response(_ERROR, b"500 Internal Server Error"),
    "malformed": _response(b'{"choices": [{"mess'),
}


class Rate:
    """A limit of requests a second (a token bucket that holds a tenth of a second's worth)."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._left = self._most = max(1.0, per_second / 10)
        self._at = time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Endpoint(asyncio.Protocol):
    """One connection. A client asks for one thing at a time, as HTTP/1.1 without pipelining does."""

    def __init__(
        self,
        latency: float,
        faults: dict[str, float],
        counts: Counter[str],
        chance: random.Random,
        rate: Rate | None,
    ) -> None:
        self._latency = latency
        self._rate = rate
        self._faults = faults
        self._counts = counts
        self._chance = chance
        self._loop = asyncio.get_running_loop()
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        read = self._read = self._read + data
        end = read.find(b"\r\n\r\n")
        if end < 0:
            return
        if read.startswith(b"GET"):
            self._read = b""
            self._transport.write(_response(json.dumps(self._counts).encode()))
            return
        at = read.lower().find(b"content-length:", 0, end) + 15
        if len(read) < end + 4 + int(read[at : read.find(b"\r\n", at)]):
            return
        self._read = b""
        self._counts["calls"] += 1
        self._answer(read[end + 4 :])

    def _answer(self, body: bytes) -> None:
        fault = self._fault() if self._faults or self._rate else None
        if fault is not None:
            self._counts[fault] += 1
        if fault == "reset":
            self._loop.call_later(self._latency, self._transport.abort)
            return
        if fault in _FAULTS:
            reply = _FAULTS[fault]
        elif b"judgement" in body:
            reply = _SCORE
        else:
            reply = _ANSWER.replace(b"@@@@@@@@@@", b"%010d" % zlib.crc32(body))
        self._loop.call_later(HANG_SECONDS if fault == "hang" else self._latency, self._transport.write, reply)

    def _fault(self) -> str | None:
        if self._rate is not None and not self._rate.take():
            return "refused"
        draw = self._chance.random()
        for name, share in self._faults.items():
            draw -= share
            if draw < 0:
                return name
        return None


async def _serve(latency: float, faults: dict[str, float], rate: float | None) -> None:
    counts: Counter[str] = Counter()
    chance = random.Random(7)
    loop = asyncio.get_running_loop()
    limit = None if rate is None else Rate(rate)
    server = await loop.create_server(
        lambda: Endpoint(latency, faults, counts, chance, limit), "127.0.0.1", 0, backlog=1024
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--latency", type=float, default=0.2)
    options.add_argument("--faults", default="")
    options.add_argument("--rate", type=float)
    given = options.parse_args()
    shares = (each.split("=") for each in given.faults.split(",") if each)
    asyncio.run(_serve(given.latency, {name: float(share) for name, share in shares}, given.rate))


if __name__ == "__main__":
    main()
