"""The provider for OpenAI's Batch API: it collects requests, sends them as one file, and has answers within a day."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from evalgate.domain import Batching, Outcome, Request, Target
from evalgate.domain.numbers import show_count
from evalgate.execute.providers.batch import api
from evalgate.execute.providers.batch.api import BatchEndpoint, BatchState, GoneError
from evalgate.execute.providers.batch.batch_request import BatchRequest, find_own, split_into_files
from evalgate.execute.providers.batch.lines import add_line, estimate_cost, make_line, make_unanswered_error, read_line
from evalgate.execute.providers.batch.records import BatchRecord, BatchRecords
from evalgate.execute.providers.protocol import WHOLE_ROUND, Headroom, Memory, ProviderError

_FIRST_PAUSE = 2.0
_PAUSE_GROWTH = 1.5
_FAILED_POLLS = 20  # polls in a row that may fail
_SLACK_SECONDS = 3600.0  # beyond the completion window, for the endpoint to write its files
_QUEUE_FULL = "token_limit_exceeded"


@dataclass(slots=True, eq=False)
class _ActiveBatch:
    """A batch in progress.

    `model` is None for a batch of an earlier process, `task` polls it, `told` is the last note about it.
    """

    record: BatchRecord
    model: str | None = None
    task: asyncio.Task[None] | None = None
    told: str = ""


class BatchProvider:
    """The provider of one target that sends its requests in batches.

    A batch is sent when no request has come for `collect_seconds`; the requests of judges become a second batch.
    `records` lists the batches in progress, so that a restart waits for them and does not send them again. A request
    that fails in its batch (429, 5xx, expired, malformed) goes into the next batch, `attempts` times in total. A
    request that the endpoint accepts in another form goes into the next batch in that form, as a new request.

    - `note`: a callback for one sentence about each change of a batch.
    - `most_requests`, `most_bytes`: the limits of one batch.
    - `max_cost_usd`: a request is not sent if the estimated total would exceed it. The estimate is made as in a plan,
      since the actual cost is known only after a batch has ended.
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
        self._adoption: asyncio.Task[None] | None = None
        self._pending: dict[str, BatchRequest] = {}
        self._active: dict[str, _ActiveBatch] = {}  # by the keys of their requests
        self._unclaimed: dict[str, Mapping[str, Any]] = {}  # lines of answers that were not requested yet
        self._queue: list[BatchRequest] = []
        self._last = 0.0
        self._collecting: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending = asyncio.Lock()  # one file at a time in memory
        self._queue_limits: dict[str, int] = {}  # by model: requests that fit into the endpoint's queue
        self._one_batch = asyncio.Lock()
        self._reserved = 0.0

    async def answer(self, request: Request) -> Outcome:
        """Return the answer, perhaps after hours. Raise ProviderError; ServiceError if a record cannot be written."""
        model = request.model or self._target.model
        if not model:
            hint = "give the target, the prompt or the judge a `model`"
            raise ProviderError(f"{self._endpoint.who}: no model is named for {request.about}", fatal=True, hint=hint)
        await self._ensure_adopted()
        key = request.key
        asked = self._pending.get(key)
        if asked is None:
            future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
            asked = BatchRequest(
                request=request, key=key, model=model, line=make_line(key, request, model), answer=future
            )
            early, active = self._unclaimed.pop(key, None), self._active.get(key)
            if early is not None:
                return read_line(early, asked.request, model, self._endpoint)
            self._pending[key] = asked
            if active is not None:
                self._ensure_polled(active)
            else:
                self._reserve(asked)
                self._collect(asked)
        return await asyncio.shield(asked.answer)

    def listen(self, told: Callable[[Headroom], None]) -> None:
        """Ignore the callback: a batch reports no limits on single calls."""

    async def is_there(self) -> bool:
        return True

    async def aclose(self) -> None:
        """Stop polling. The batches continue at the endpoint, and their records stay."""
        tasks = [*self._tasks, *(task for task in (self._adoption, self._collecting) if task is not None)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._endpoint.aclose()

    # --- batches of an earlier process

    async def _ensure_adopted(self) -> None:
        if self._adoption is None or (self._adoption.done() and self._adoption.exception() is not None):
            self._adoption = asyncio.create_task(self._adopt())
        await asyncio.shield(self._adoption)

    async def _adopt(self) -> None:
        for stored in self._records.load(self._target.identity):
            record = stored
            if record.id is None:  # that process ended during the upload
                found = await self._endpoint.find(record.token)
                if found is None:
                    continue
                record = self._records.store(replace(record, id=found))
            active = _ActiveBatch(record)
            for key in record.keys:
                self._active[key] = active

    # --- collecting

    def _reserve(self, asked: BatchRequest) -> None:
        prices = self._endpoint.find_prices(asked.model)
        if self._max_cost_usd is None or prices is None:
            return
        asked.promised = estimate_cost(asked.line, asked.request, prices)
        if self._reserved + asked.promised > self._max_cost_usd:
            del self._pending[asked.key]
            raise ProviderError("not evaluated: its estimated cost would exceed max_cost_usd")
        self._reserved += asked.promised

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
        for chunk in split_into_files(queue, self._most_requests, self._most_bytes, self._queue_limits):
            self._start(self._send_and_poll(chunk))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- sending

    async def _send_and_poll(self, chunk: list[BatchRequest]) -> None:
        model = chunk[0].model
        try:
            async with self._one_batch if model in self._queue_limits else contextlib.nullcontext():
                if model in self._queue_limits:  # after its queue was full, send one batch at a time
                    await _wait_for_end(self._find_other_tasks(model))
                async with self._sending:
                    record = await self._send(chunk)
                active = _ActiveBatch(record, model)
                for asked in chunk:
                    self._active[asked.key] = active
                watcher = self._ensure_polled(active)
                if model in self._queue_limits:
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
            batch_id = await self._create(file_id, token)
        except ProviderError:
            self._records.remove(record)
            raise
        self._note(f'batch {batch_id}: {show_count(len(chunk), "request")} to target "{self._target.name}"')
        return self._records.store(replace(record, id=batch_id))

    async def _create(self, file_id: str, token: str) -> str:
        try:
            return await self._endpoint.create(file_id, token)
        except ProviderError as error:
            # perhaps the batch was created and only the reply was lost
            found = await self._endpoint.find(token) if error.retryable else None
            if found is None:
                raise
            return found

    # --- waiting

    def _ensure_polled(self, active: _ActiveBatch) -> asyncio.Task[None]:
        if active.task is None or active.task.done():
            active.task = self._start(self._process(active))
        return active.task

    def _find_other_tasks(self, model: str) -> list[asyncio.Task[None]]:
        """Return the tasks that poll the model's other batches."""
        batches = {id(active): active for active in self._active.values() if active.model == model}
        tasks = [active.task for active in batches.values()]
        return [task for task in tasks if task is not None and task is not asyncio.current_task() and not task.done()]

    async def _process(self, active: _ActiveBatch) -> None:
        try:
            batch = await self._poll(active)
            lines = {} if batch is None else await self._read_lines(batch)
            self._distribute(active, batch, lines)
        except Exception as error:
            for key in active.record.keys:
                if key in self._pending:
                    self._fail(self._pending[key], error)

    async def _poll(self, active: _ActiveBatch) -> BatchState | None:
        """Poll until the batch has ended, and return its state; None if the endpoint no longer has it."""
        pause, misses = min(_FIRST_PAUSE, self._batching.poll_seconds), 0
        while True:
            asked_for = 0.0
            try:
                batch = await self._endpoint.retrieve(str(active.record.id))
            except GoneError:
                return None
            except ProviderError as error:
                misses += 1
                if not error.retryable or misses > _FAILED_POLLS:
                    raise
                asked_for = error.retry_after or 0.0
            else:
                misses = 0
                self._note_status(active, batch)
                if batch.ended:
                    return batch
                if self._records.now() - active.record.created > api.WINDOW_SECONDS + _SLACK_SECONDS:
                    raise ProviderError(
                        f"{self._endpoint.who}: batch {batch.id} is still {batch.status}, a day after its start",
                        fatal=True,
                        hint="run the same command again to wait longer, or cancel the batch at the endpoint",
                    )
            await asyncio.sleep(min(max(pause, asked_for), api.WINDOW_SECONDS))
            pause = min(pause * _PAUSE_GROWTH, self._batching.poll_seconds)

    def _note_status(self, active: _ActiveBatch, batch: BatchState) -> None:
        done = "" if not batch.total else f", {batch.done} of {batch.total} done"
        told = f"batch {batch.id}: {batch.status}{done}"
        if told != active.told:
            active.told = told
            self._note(told)

    async def _read_lines(self, batch: BatchState) -> dict[str, Mapping[str, Any]]:
        """Return the lines of both result files by `custom_id`; ignore a line that cannot be read."""
        found: dict[str, Mapping[str, Any]] = {}
        for file_id in batch.files:
            async for line in self._endpoint.lines(file_id):
                with contextlib.suppress(ValueError, RecursionError):
                    data = self._endpoint.read(line)
                    if isinstance(data, dict):
                        add_line(found, data)
        return found

    # --- results

    def _distribute(
        self, active: _ActiveBatch, batch: BatchState | None, lines: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Return the answers, and put failures into the next batch; the record keeps only the answered keys."""
        outcomes: dict[str, Outcome | None] = {}
        failures: list[tuple[BatchRequest, ProviderError]] = []
        for key in active.record.keys:
            line, asked = lines.get(key), self._pending.get(key)
            try:
                if line is None:
                    raise make_unanswered_error(batch, active.record, self._endpoint)
                outcomes[key] = None if asked is None else read_line(line, asked.request, asked.model, self._endpoint)
            except ProviderError as error:
                del self._active[key]
                if asked is not None:
                    failures.append((asked, error))
        active.record = self._records.store(active.record, list(outcomes))
        for key, outcome in outcomes.items():
            if outcome is None:
                self._unclaimed[key] = lines[key]
            else:
                self._hand_out(self._pending.pop(key), outcome)
        if batch is not None and _QUEUE_FULL in {code for code, _ in batch.faults}:
            self._reduce_batches([asked for asked, _ in failures])
            return
        for asked, why in failures:
            self._try_again(asked, why)

    def _hand_out(self, asked: BatchRequest, outcome: Outcome) -> None:
        del self._active[asked.key]
        self._reserved += (outcome.cost_usd or 0.0) - asked.promised
        if not asked.answer.done():
            asked.answer.set_result(outcome)

    def _try_again(self, asked: BatchRequest, error: ProviderError) -> None:
        asked.tries += 1
        if error.retryable and asked.tries < self._attempts:
            self._collect(asked)
            return
        # not retryable: it has had its attempts, so the engine must not retry it
        lost = error.copy()
        lost.retryable, lost.retry_after, lost.startup_timeout = False, None, None
        lost.adding("" if error.fatal or error.refused else f" (in {show_count(asked.tries, 'batch', 'batches')})")
        self._fail(asked, lost)

    def _reduce_batches(self, waiting: list[BatchRequest]) -> None:
        """Send one batch at a time after the endpoint's queue was full; half as large if it was the only one."""
        if not waiting:
            return
        model, size = waiting[0].model, len(waiting)
        alone = not self._find_other_tasks(model)
        if alone and size == 1:
            message = f'{self._endpoint.who}: its batch queue does not accept even one request to model "{model}"'
            hint = "wait for your other batches to end, or ask for a higher limit of enqueued tokens"
            self._fail(waiting[0], ProviderError(message, fatal=True, hint=hint))
            return
        self._queue_limits[model] = min(self._queue_limits.get(model, size), (size + 1) // 2 if alone else size)
        for asked in waiting:
            self._collect(asked)

    def _fail(self, asked: BatchRequest, error: Exception) -> None:
        self._pending.pop(asked.key, None)
        self._reserved -= asked.promised
        if asked.answer.done():
            return
        asked.answer.set_exception(find_own(error))
        asked.answer.exception()  # mark it as retrieved: perhaps its caller was cancelled


async def _wait_for_end(tasks: Iterable[asyncio.Task[None]]) -> None:
    waiting = list(tasks)
    if waiting:
        await asyncio.wait(waiting)
