"""A provider with scripted answers, and trials for tests of the engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

from evalgate.domain import Arm, Case, Message, Outcome, Output, Request, Result, Score, Trial
from evalgate.execute.engine import Engine
from evalgate.execute.providers.protocol import Headroom, Memory, ProviderError

Script = Callable[[Request, int], Outcome | ProviderError]


class ScriptedProvider:
    """A provider that answers by script after `delay` seconds; `asked` are the request texts in order."""

    def __init__(
        self,
        script: Script | None = None,
        *,
        delay: float = 0.0,
        memory: Memory = "cache",
        concurrency: int | None = None,
    ) -> None:
        self.script = script or (lambda request, n: Output(text=f"re {text_of(request)}", cost_usd=0.0))
        self.delay = delay
        self.memory = memory
        self.concurrency = concurrency
        self.told: Callable[[Headroom], None] = lambda headroom: None
        self.there = True
        self.asked: list[str] = []
        self.at: list[float] = []
        self.now = self.most_at_once = 0
        self.closed = False

    async def answer(self, request: Request) -> Outcome:
        number = len(self.asked)
        self.asked.append(text_of(request))
        self.at.append(time.perf_counter())
        self.now += 1
        self.most_at_once = max(self.most_at_once, self.now)
        try:
            await asyncio.sleep(self.delay)
            outcome = self.script(request, number)
        finally:
            self.now -= 1
        if isinstance(outcome, ProviderError):
            raise outcome
        return outcome

    def listen(self, told: Callable[[Headroom], None]) -> None:
        self.told = told

    async def is_there(self) -> bool:
        return self.there

    async def aclose(self) -> None:
        self.closed = True


def text_of(request: Request) -> str:
    return request.messages[0].content


def make_request(text: str, target: str = "t", **more: Any) -> Request:
    return Request(target=target, identity="i", model="m", messages=(Message(role="user", content=text),), **more)


def make_trials(count: int, text: Callable[[int], str] = lambda n: f"q{n}") -> list[Trial]:
    return [
        Trial(
            case=Case(id=f"c{n}", fields={}),
            arm=Arm.CANDIDATE,
            repeat=0,
            ask=lambda case, _: make_request(text(int(case.id[1:])), about=f"case {case.id}"),
        )
        for n in range(count)
    ]


def answer_only(trial: Trial) -> Generator[Sequence[Request], Sequence[Outcome], Result]:
    (outcome,) = yield [trial.request]
    return make_result(trial, outcome)


def judged(trial: Trial) -> Generator[Sequence[Request], Sequence[Outcome], Result]:
    """Evaluate a trial: its request, then two judges of the answer's text."""
    (outcome,) = yield [trial.request]
    assert isinstance(outcome, Output)
    replies = yield [make_request(f"judge {name}: {outcome.text}", "judge") for name in "ab"]
    return make_result(trial, outcome, replies)


def make_result(trial: Trial, outcome: Outcome, replies: Sequence[Outcome] = ()) -> Result:
    return Result(
        case=trial.case.id,
        arm=trial.arm,
        repeat=trial.repeat,
        tags=(),
        outcome=outcome,
        scores={"x": Score(value=1.0)},
        replies={"x": tuple(replies)},
    )


def engine(*providers: ScriptedProvider, **more: Any) -> Engine:
    return Engine(dict(zip(("t", "judge"), providers, strict=False)), **{"backoff": 0.001, **more})
