"""Answers through OpenAI's Batch API: requests are collected, sent as one file, and answered within a day."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from evalgate.domain import Batching, Outcome, Request, Target
from evalgate.execute.providers.batch import api
from evalgate.execute.providers.batch.api import BatchEndpoint, BatchState, GoneError
from evalgate.execute.providers.batch.batch_request import BatchRequest, find_own, split_into_files
from evalgate.execute.providers.batch.lines import estimate_cost, make_line, make_unanswered_error, read_line
from evalgate.execute.providers.batch.records import BatchRecord, BatchRecords
from evalgate.execute.providers.protocol import WHOLE_ROUND, Headroom, Memory, ProviderError

_FIRST_PAUSE = 2.0
_GROWTH = 1.5
_FAILED_POLLS = 20  # polls in a row that may fail
_SLACK_SECONDS = 3600.0  # beyond the completion window, for the endpoint to write its files
_QUEUE_FULL = "token_limit_exceeded"


@dataclass(slots=True, eq=False)
class _Flight:
    """A batch under way; `model` is None for one of an earlier process, `task` is who watches it."""

    record: BatchRecord
    model: str | None = None
    task: asyncio.Task[None] | None = None
    told: str = ""


class BatchProvider:
    """Answers the requests of one target in batches.

    A batch is sent when no request has come for `collect_seconds`: a judge round is a second batch. What is under way
    stands in `records`, so that after a restart it is waited for and never sent again. A request that fails in its
    batch (429, 5xx, expired, malformed) goes into the next one, `attempts` times in all; one that the endpoint refuses
    ends the run as it would anywhere. `note` is told, in a sentence, what becomes of each batch. `most_requests` and
    `most_bytes` are the limits of one batch. With `max_cost_usd`, what might cost more than that is not sent: its price
    is estimated as a plan's is, since a batch under way cannot be stopped by what it has cost.
    """

    def __init__(
        self,
        endpoint: BatchEndpoint,
        target: Target,
        records: BatchRecords,
        *,
        batching: Batching | None = None,
        attempts: int = 5,
        max_cost_usd: float | None = None,
        note: Callable[[str], None] = lambda sentence: None,
        most_requests: int = api.MOST_REQUESTS,
        most_bytes: int = api.MOST_BYTES,
    ) -> None:
        self.memory: Final[Memory] = "cache"
        self.concurrency: Final = WHOLE_ROUND
        self._endpoint = endpoint
        self._target = target
        self._records = records
        self._batching = batching or Batching()
        self._attempts = attempts
        self._max_cost_usd = max_cost_usd
        self._note = note
        self._most_requests = most_requests
        self._most_bytes = most_bytes
        self._adopting: asyncio.Task[None] | None = None
        self._ask_once: dict[str, BatchRequest] = {}
        self._flights: dict[str, _Flight] = {}  # by each key a batch answers
        self._early: dict[str, Mapping[str, Any]] = {}  # answers nobody has asked for yet
        self._queue: list[BatchRequest] = []
        self._last = 0.0
        self._collecting: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending = asyncio.Lock()  # one file at a time in memory
        self._narrow: dict[str, int] = {}  # by model: requests that fit into the endpoint's queue
        self._lane = asyncio.Lock()
        self._promised = 0.0

    async def answer(self, request: Request) -> Outcome:
        """The answer, perhaps hours later. Raises ProviderError; ServiceError where no record can be kept."""
        model = request.model or self._target.model
        if not model:
            hint = "give the target, the prompt or the judge a `model`"
            raise ProviderError(f"{self._endpoint.who}: no model is named for {request.about}", fatal=True, hint=hint)
        await self._adopted()
        key = request.key
        asked = self._ask_once.get(key)
        if asked is None:
            future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
            asked = BatchRequest(
                request=request, key=key, model=model, line=make_line(key, request, model), answer=future
            )
            early, flight = self._early.pop(key, None), self._flights.get(key)
            if early is not None:
                return read_line(early, asked.request, model, self._endpoint)
            self._ask_once[key] = asked
            if flight is not None:
                self._watch(flight)
            else:
                self._promise(asked)
                self._collect(asked)
        return await asyncio.shield(asked.answer)

    def listen(self, told: Callable[[Headroom], None]) -> None:
        """Nothing is said of limits on single calls in a batch."""

    async def is_there(self) -> bool:
        return True

    async def aclose(self) -> None:
        """Batches under way go on at the endpoint; their records stay."""
        tasks = [*self._tasks, *(task for task in (self._adopting, self._collecting) if task is not None)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._endpoint.aclose()

    # --- what an earlier process has sent

    async def _adopted(self) -> None:
        if self._adopting is None or (self._adopting.done() and self._adopting.exception() is not None):
            self._adopting = asyncio.create_task(self._adopt())
        await asyncio.shield(self._adopting)

    async def _adopt(self) -> None:
        for stored in self._records.load(self._target.identity):
            record = stored
            if record.id is None:  # that process ended while it was sending
                found = await self._endpoint.find(record.token)
                if found is None:
                    continue
                record = self._records.store(replace(record, id=found))
            flight = _Flight(record)
            for key in record.keys:
                self._flights[key] = flight

    # --- collecting

    def _promise(self, asked: BatchRequest) -> None:
        prices = self._endpoint.prices
        if self._max_cost_usd is None or prices is None:
            return
        asked.promised = estimate_cost(asked.line, asked.request, prices)
        if self._promised + asked.promised > self._max_cost_usd:
            del self._ask_once[asked.key]
            raise ProviderError("not evaluated: by its estimated price, max_cost_usd would be exceeded")
        self._promised += asked.promised

    def _collect(self, asked: BatchRequest) -> None:
        self._queue.append(asked)
        self._last = asyncio.get_running_loop().time()
        if self._collecting is None:
            self._collecting = asyncio.create_task(self._send_when_quiet())

    async def _send_when_quiet(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            left = self._last + self._batching.collect_seconds - loop.time()
            if left <= 0:
                break
            await asyncio.sleep(left)
        queue, self._queue, self._collecting = self._queue, [], None
        for chunk in split_into_files(queue, self._most_requests, self._most_bytes, self._narrow):
            self._start(self._fly(chunk))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- sending

    async def _fly(self, chunk: list[BatchRequest]) -> None:
        model = chunk[0].model
        try:
            async with self._lane if model in self._narrow else contextlib.nullcontext():
                if model in self._narrow:  # its queue was full once: from then on one batch at a time
                    await _wait_for_end(self._others(model))
                async with self._sending:
                    record = await self._send(chunk)
                flight = _Flight(record, model)
                for asked in chunk:
                    self._flights[asked.key] = flight
                watcher = self._watch(flight)
                if model in self._narrow:
                    await _wait_for_end([watcher])
        except Exception as error:
            for asked in chunk:
                self._fail(asked, error)

    async def _send(self, chunk: list[BatchRequest]) -> BatchRecord:
        token = uuid.uuid4().hex
        record = BatchRecord(
            token=token,
            id=None,
            identity=self._target.identity,
            run=self._records.run,
            created=self._records.now(),
            keys=tuple(asked.key for asked in chunk),
        )
        self._records.store(record)
        try:
            file_id = await self._endpoint.upload(b"".join(asked.line for asked in chunk), f"evalgate-{token}.jsonl")
            batch_id = await self._created(file_id, token)
        except ProviderError:
            self._records.remove(record)
            raise
        self._note(f'batch {batch_id}: {len(chunk)} requests to target "{self._target.name}"')
        return self._records.store(replace(record, id=batch_id))

    async def _created(self, file_id: str, token: str) -> str:
        try:
            return await self._endpoint.create(file_id, token)
        except ProviderError as error:
            # the reply may have been lost, and not the batch
            found = await self._endpoint.find(token) if error.retryable else None
            if found is None:
                raise
            return found

    # --- waiting

    def _watch(self, flight: _Flight) -> asyncio.Task[None]:
        if flight.task is None or flight.task.done():
            flight.task = self._start(self._follow(flight))
        return flight.task

    def _others(self, model: str) -> list[asyncio.Task[None]]:
        """Who watches the model's batches under way."""
        flights = {id(flight): flight for flight in self._flights.values() if flight.model == model}
        tasks = [flight.task for flight in flights.values()]
        return [task for task in tasks if task is not None and task is not asyncio.current_task() and not task.done()]

    async def _follow(self, flight: _Flight) -> None:
        try:
            batch = await self._end(flight)
            lines = {} if batch is None else await self._lines(batch)
            self._settle(flight, batch, lines)
        except Exception as error:
            for key in flight.record.keys:
                if key in self._ask_once:
                    self._fail(self._ask_once[key], error)

    async def _end(self, flight: _Flight) -> BatchState | None:
        """The batch as it ended; None when the endpoint knows it no more."""
        pause, misses = min(_FIRST_PAUSE, self._batching.poll_seconds), 0
        while True:
            asked_for = 0.0
            try:
                batch = await self._endpoint.retrieve(str(flight.record.id))
            except GoneError:
                return None
            except ProviderError as error:
                misses += 1
                if not error.retryable or misses > _FAILED_POLLS:
                    raise
                asked_for = error.retry_after or 0.0
            else:
                misses = 0
                self._tell(flight, batch)
                if batch.ended:
                    return batch
                if self._records.now() - flight.record.created > api.WINDOW_SECONDS + _SLACK_SECONDS:
                    raise ProviderError(
                        f"{self._endpoint.who}: batch {batch.id} is {batch.status}, a day after it was begun",
                        fatal=True,
                        hint="run the same command again: it goes on waiting; or cancel the batch at the endpoint",
                    )
            await asyncio.sleep(min(max(pause, asked_for), api.WINDOW_SECONDS))
            pause = min(pause * _GROWTH, self._batching.poll_seconds)

    def _tell(self, flight: _Flight, batch: BatchState) -> None:
        done = "" if not batch.total else f", {batch.done} of {batch.total} done"
        told = f"batch {batch.id}: {batch.status}{done}"
        if told != flight.told:
            flight.told = told
            self._note(told)

    async def _lines(self, batch: BatchState) -> dict[str, Mapping[str, Any]]:
        """The lines of both its files by `custom_id`; a line that cannot be read is as good as none."""
        found: dict[str, Mapping[str, Any]] = {}
        for file_id in batch.files:
            async for line in self._endpoint.lines(file_id):
                with contextlib.suppress(ValueError, RecursionError):
                    data = self._endpoint.read(line)
                    if isinstance(data, dict):
                        found[str(data.get("custom_id"))] = data
        return found

    # --- handing out

    def _settle(self, flight: _Flight, batch: BatchState | None, lines: Mapping[str, Mapping[str, Any]]) -> None:
        """Answers go out, failures into the next batch; of the record only the answered keys stay, for a restart."""
        outcomes: dict[str, Outcome | None] = {}
        failures: list[tuple[BatchRequest, ProviderError]] = []
        for key in flight.record.keys:
            line, asked = lines.get(key), self._ask_once.get(key)
            try:
                if line is None:
                    raise make_unanswered_error(batch, flight.record, self._endpoint)
                outcomes[key] = None if asked is None else read_line(line, asked.request, asked.model, self._endpoint)
            except ProviderError as error:
                del self._flights[key]
                if asked is not None:
                    failures.append((asked, error))
        flight.record = self._records.store(flight.record, list(outcomes))
        for key, outcome in outcomes.items():
            if outcome is None:
                self._early[key] = lines[key]
            else:
                self._hand_out(self._ask_once.pop(key), outcome)
        if batch is not None and _QUEUE_FULL in {code for code, _ in batch.faults}:
            self._make_room([asked for asked, _ in failures])
            return
        for asked, why in failures:
            self._try_again(asked, why)

    def _hand_out(self, asked: BatchRequest, outcome: Outcome) -> None:
        del self._flights[asked.key]
        self._promised += (outcome.cost_usd or 0.0) - asked.promised
        if not asked.answer.done():
            asked.answer.set_result(outcome)

    def _try_again(self, asked: BatchRequest, error: ProviderError) -> None:
        asked.tries += 1
        if error.retryable and asked.tries < self._attempts:
            self._collect(asked)
            return
        # it has had its attempts here: the engine is not to begin anew
        lost = ProviderError(error.message, fatal=error.fatal, hint=error.hint)
        lost.own = error.own
        lost.adding("" if error.fatal else f" (in {asked.tries} batches)")
        self._fail(asked, lost)

    def _make_room(self, waiting: list[BatchRequest]) -> None:
        """The endpoint's queue is full: one batch at a time from now on, and smaller ones if it was alone there."""
        if not waiting:
            return
        model, size = waiting[0].model, len(waiting)
        alone = not self._others(model)
        if alone and size == 1:
            message = f'{self._endpoint.who} has no room in its batch queue for one request to model "{model}"'
            hint = "wait for your other batches to end, or ask for a higher limit of enqueued tokens"
            self._fail(waiting[0], ProviderError(message, fatal=True, hint=hint))
            return
        self._narrow[model] = min(self._narrow.get(model, size), (size + 1) // 2 if alone else size)
        for asked in waiting:
            self._collect(asked)

    def _fail(self, asked: BatchRequest, error: Exception) -> None:
        self._ask_once.pop(asked.key, None)
        self._promised -= asked.promised
        if asked.answer.done():
            return
        asked.answer.set_exception(find_own(error))
        asked.answer.exception()  # retrieved, should nobody wait any more


async def _wait_for_end(tasks: Iterable[asyncio.Task[None]]) -> None:
    waiting = list(tasks)
    if waiting:
        await asyncio.wait(waiting)
