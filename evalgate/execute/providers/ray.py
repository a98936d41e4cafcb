"""Answers from the workers of a Ray cluster: the calls are made there, everything else stays in this process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import evalgate
from evalgate.domain import Limits, Outcome, Request, Target
from evalgate.errors import InputError, ServiceError
from evalgate.execute.providers.openai import OpenAIProvider
from evalgate.execute.providers.protocol import Memory, Provider, ProviderError, WithoutEndpoint

_PROBE_SECONDS = 10.0
_START_SECONDS = 120.0
_RESTART_SECONDS = 120.0
_REST_SECONDS = 1.0
_HINT = "start one with `ray start --head`, or set RAY_ADDRESS to HOST:PORT of one; run evalgate on one of its nodes"


@dataclass(frozen=True, slots=True, kw_only=True)
class RayRefusal:
    """A ProviderError on its way from a worker: Ray would wrap the exception itself, and lose what it carries."""

    message: str
    own: str
    retryable: bool
    retry_after: float | None
    fatal: bool
    hint: str | None
    unreachable: bool
    throttled: bool


class Worker:
    """Lives in a process of the cluster as an actor, and has an ordinary provider for each target.

    The keys come as arguments, so that no node needs them in its environment. Ray keeps arguments out of its logs and
    its dashboard, which show a runtime environment's variables.
    """

    def __init__(self, targets: list[tuple[Target, str | None]], timeout: float) -> None:
        self._providers = {target.name: OpenAIProvider(target, key, timeout) for target, key in targets}

    async def about(self) -> str:
        """The version of evalgate that is installed here."""
        return evalgate.__version__

    async def answer(self, target: str, request: Request) -> Outcome | RayRefusal:
        """One call from here."""
        try:
            return await self._providers[target].answer(request)
        except ProviderError as error:
            return RayRefusal(
                message=error.message,
                own=error.own,
                retryable=error.retryable,
                retry_after=error.retry_after,
                fatal=error.fatal,
                hint=error.hint,
                unreachable=error.unreachable,
                throttled=error.throttled,
            )

    async def aclose(self) -> None:
        """Lets go of connections."""
        for provider in self._providers.values():
            await provider.aclose()


@dataclass(slots=True, eq=False)
class _Seat:
    """A worker with how many calls it has now, since when it has lost all of them (0: it has not), and till when
    nothing is to be asked of it; both are times of the event loop."""

    actor: Any
    calls: int = 0
    lost_at: float = 0.0
    rests_until: float = 0.0


class RayCluster:
    """A worker on each node of the cluster at `address` (HOST:PORT; None: the one on this machine).

    The calls that a dying worker had are made again by another at once, and Ray starts it anew where its node lives.
    (Ray's own retries would wait for that, or for the node to be declared dead.) Slots, pacing, retries, cache and
    journal are the engine's, in this process: one limit for all workers.
    """

    def __init__(self, address: str | None, limits: Limits, *, note: Callable[[str], None]) -> None:
        self._address = address
        self._limits = limits
        self._note = note
        self._targets: list[tuple[Target, str | None]] = []
        self._seats: list[_Seat] = []

    def provider(self, target: Target, api_key: str | None) -> Provider:
        OpenAIProvider(target, api_key, self._limits.timeout)  # raises for a missing key, here
        self._targets.append((target, api_key))
        return RayProvider(self, target)

    def start(self) -> None:
        """Connects and waits for the workers. Raises InputError without the package, ServiceError without a cluster."""
        try:
            import ray
        except ImportError as error:
            hint = 'pip install "prompt-evalgate[ray]"'
            raise InputError("--engine ray needs the package ray, which is not installed", hint=hint) from error
        address = self._address or "auto"
        try:
            _probe(address)
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise ServiceError(f"no Ray cluster at {address}: {_first_line(error)}", hint=_HINT) from error
        self._seat(ray)
        self._await_workers(ray)
        self._note(f"ray: {len(self._seats)} workers, each on a node of its own")

    def finish(self) -> None:
        pass

    def close(self) -> None:
        """Leaves the cluster; the workers end with that."""
        with contextlib.suppress(ImportError):
            import ray

            if ray.is_initialized():
                ray.shutdown()
        self._seats = []

    def _seat(self, ray: Any) -> None:
        """An actor on each node that offers CPUs, or on each node where none does."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        alive = [node for node in ray.nodes() if node["Alive"]]
        nodes = [node for node in alive if node["Resources"].get("CPU")] or alive
        worker = ray.remote(Worker)
        for node in nodes:
            actor = worker.options(
                num_cpus=0,  # it waits for endpoints rather than computes
                max_concurrency=max(1000, self._limits.concurrency),
                max_restarts=-1,
                max_task_retries=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            ).remote(self._targets, self._limits.timeout)
            self._seats.append(_Seat(actor))

    def _await_workers(self, ray: Any) -> None:
        """Keeps the workers that answer, and are of this version."""
        asked = {seat.actor.about.remote(): seat for seat in self._seats}
        ready, _ = ray.wait(list(asked), num_returns=len(asked), timeout=_START_SECONDS)
        why = f"it did not start in {_START_SECONDS:g} s"
        for reference, seat in asked.items():
            try:
                version = ray.get(reference) if reference in ready else None
            except ray.exceptions.RayError as error:
                version, why = None, _last_line(error)
            if version is None:
                self._lose(seat, f"a worker cannot start: {why}")
            elif version != evalgate.__version__:
                message = f"a node of the Ray cluster has evalgate {version}, and this is {evalgate.__version__}"
                raise ServiceError(message, hint=_install())
        if not self._seats:
            raise ServiceError(f"no worker of the Ray cluster can start: {why}", hint=_install())

    async def ask(self, target: str, request: Request) -> Outcome:
        """One call, by the worker that has the fewest; by another where that one dies. Raises ProviderError."""
        from ray import exceptions

        clock = asyncio.get_running_loop().time
        while True:
            if not self._seats:
                raise ProviderError("every node of the Ray cluster has died", fatal=True, hint=_HINT)
            seat = min(self._seats, key=lambda seat: (seat.rests_until > clock(), seat.calls))
            if seat.rests_until > clock():
                await asyncio.sleep(_REST_SECONDS / 2)  # all of them are being started again
                continue
            try:
                answer = await self._call(seat, target, request)
            except exceptions.ActorUnschedulableError:
                self._lose(seat, "a node died")
            except exceptions.RayActorError as error:
                if not seat.lost_at:
                    seat.lost_at = clock()
                    self._note("ray: a worker was lost; the others make its calls again")
                seat.rests_until = clock() + _REST_SECONDS
                if clock() - seat.lost_at > _RESTART_SECONDS:
                    self._lose(seat, f"a worker died, and does not start again: {_first_line(error)}")
            except exceptions.RayTaskError:
                raise  # a bug in our own code, over there
            except exceptions.RayError as error:
                raise ProviderError(f"the Ray cluster lost a call: {_first_line(error)}", retryable=True) from error
            else:
                seat.lost_at = 0.0
                return _unwrap(answer)

    def _lose(self, seat: _Seat, why: str) -> None:
        if seat in self._seats:
            self._seats.remove(seat)
            self._note(f"ray: {why}; workers left: {len(self._seats)}")

    async def _call(self, seat: _Seat, target: str, request: Request) -> Any:
        seat.calls += 1
        try:
            # beyond the call's own timeout, which the worker keeps: it may have to be started first
            async with asyncio.timeout(self._limits.timeout + _RESTART_SECONDS):
                return await seat.actor.answer.remote(target, request)
        except TimeoutError as error:
            raise ProviderError("no worker of the Ray cluster answered in time", retryable=True) from error
        finally:
            seat.calls -= 1


class RayProvider(WithoutEndpoint):
    """One target's requests, answered by whichever worker is free; that one knows what a reply says of limits."""

    def __init__(self, cluster: RayCluster, target: Target) -> None:
        self._cluster = cluster
        self._name = target.name
        self.memory: Final[Memory] = "cache"
        self.concurrency: Final = None

    async def answer(self, request: Request) -> Outcome:
        return await self._cluster.ask(self._name, request)


def _unwrap(answer: Outcome | RayRefusal) -> Outcome:
    if isinstance(answer, RayRefusal):
        refused = ProviderError(
            answer.message,
            retryable=answer.retryable,
            retry_after=answer.retry_after,
            fatal=answer.fatal,
            hint=answer.hint,
            unreachable=answer.unreachable,
            throttled=answer.throttled,
        )
        refused.own = answer.own
        raise refused
    return answer


def _probe(address: str) -> None:
    """Ray itself looks for a cluster that is not there for minutes, and then ends the process.

    Raises OSError when nobody listens there.
    """
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(f'RAY_ADDRESS is "{address}", which is not HOST:PORT', hint=_HINT)
    socket.create_connection((host.strip("[]"), int(port)), _PROBE_SECONDS).close()


def _install() -> str:
    return f'on every node: pip install "prompt-evalgate[ray]=={evalgate.__version__}"'


def _first_line(error: BaseException) -> str:
    return next(_lines(error), type(error).__name__)


def _last_line(error: BaseException) -> str:
    return next(reversed(list(_lines(error))), type(error).__name__)


def _lines(error: BaseException) -> Iterator[str]:
    return (line.strip()[:300] for line in str(error).splitlines() if line.strip())
