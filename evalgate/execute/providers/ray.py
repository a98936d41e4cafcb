"""A backend that makes the calls on the workers of a Ray cluster; everything else stays in this process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

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
    """The fields of a ProviderError, as a value: Ray would wrap the exception and lose its fields."""

    message: str
    own: str
    retryable: bool
    retry_after: float | None
    fatal: bool
    hint: str | None
    unreachable: bool
    throttled: bool
    refused: bool
    adaptations: tuple[str, ...]
    startup_timeout: float | None
    slow: bool


_TargetSecrets: TypeAlias = tuple[Target, str | None, Mapping[str, str]]
"""A target with its key and the values of its headers."""


class Worker:
    """A Ray actor in a process of the cluster, with an OpenAIProvider for each target.

    The keys and the headers' values are arguments, so that no node needs them in its environment. Ray's logs and
    dashboard show the variables of a runtime environment, but not the arguments of an actor.
    """

    def __init__(self, targets: list[_TargetSecrets], timeout: float) -> None:
        self._providers = {
            target.name: OpenAIProvider(target, key, timeout, headers=headers) for target, key, headers in targets
        }

    async def about(self) -> str:
        """Return the version of evalgate on the worker's node."""
        return evalgate.__version__

    async def answer(self, target: str, request: Request) -> Outcome | RayRefusal:
        """Make one call from the worker's node."""
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
                refused=error.refused,
                adaptations=error.adaptations,
                startup_timeout=error.startup_timeout,
                slow=error.slow,
            )

    async def aclose(self) -> None:
        """Close the connections."""
        for provider in self._providers.values():
            await provider.aclose()


@dataclass(slots=True, eq=False)
class _WorkerState:
    """A worker, with the number of its calls in flight.

    `lost_at` is when it died (0: it is alive), and `rests_until` is when it may be used again. Both are times of the
    event loop.
    """

    actor: Any
    calls: int = 0
    lost_at: float = 0.0
    rests_until: float = 0.0


class RayCluster:
    """A worker on each node of the cluster at `address` (HOST:PORT; None: the cluster on this machine).

    If a worker dies, other workers repeat its calls at once, and Ray restarts it if its node is alive. (Ray's own
    retries would wait for the restart, or until the node is declared dead.) Slots, rate limits, retries, cache and
    journal are in the engine in this process, so one limit holds for all workers.
    """

    def __init__(self, address: str | None, limits: Limits, *, note: Callable[[str], None]) -> None:
        self._address = address
        self._limits = limits
        self._note = note
        self._targets: list[_TargetSecrets] = []
        self._workers: list[_WorkerState] = []

    def provider(self, target: Target, api_key: str | None, headers: Mapping[str, str] | None = None) -> Provider:
        # raises for a missing secret in this process
        OpenAIProvider(target, api_key, self._limits.timeout, headers=headers)
        self._targets.append((target, api_key, headers or {}))
        return RayProvider(self, target)

    def start(self) -> None:
        """Connect and wait for the workers. Raise InputError without the package, ServiceError without a cluster."""
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
        self._start_workers(ray)
        self._await_workers(ray)
        self._note(f"ray: {len(self._workers)} workers, one on each node")

    def finish(self) -> None:
        pass

    def close(self) -> None:
        """Disconnect from the cluster, which ends the workers."""
        with contextlib.suppress(ImportError):
            import ray

            if ray.is_initialized():
                ray.shutdown()
        self._workers = []

    def _start_workers(self, ray: Any) -> None:
        """Start an actor on each node with CPUs, or on each node if none has CPUs."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        alive = [node for node in ray.nodes() if node["Alive"]]
        nodes = [node for node in alive if node["Resources"].get("CPU")] or alive
        worker = ray.remote(Worker)
        for node in nodes:
            actor = worker.options(
                num_cpus=0,  # it waits for endpoints and computes little
                max_concurrency=max(1000, self._limits.concurrency),
                max_restarts=-1,
                max_task_retries=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            ).remote(self._targets, self._limits.timeout)
            self._workers.append(_WorkerState(actor))

    def _await_workers(self, ray: Any) -> None:
        """Wait for the workers, and remove those that cannot start.

        Raise ServiceError if a worker has another version of evalgate, or if none is left.
        """
        asked = {worker.actor.about.remote(): worker for worker in self._workers}
        ready, _ = ray.wait(list(asked), num_returns=len(asked), timeout=_START_SECONDS)
        why = f"it did not start in {_START_SECONDS:g} s"
        for reference, worker in asked.items():
            try:
                version = ray.get(reference) if reference in ready else None
            except ray.exceptions.RayError as error:
                version, why = None, _last_line(error)
            if version is None:
                self._lose(worker, f"a worker cannot start: {why}")
            elif version != evalgate.__version__:
                message = f"a node of the Ray cluster has evalgate {version}, and this is {evalgate.__version__}"
                raise ServiceError(message, hint=_install())
        if not self._workers:
            raise ServiceError(f"no worker of the Ray cluster can start: {why}", hint=_install())

    async def ask(self, target: str, request: Request) -> Outcome:
        """Make one call on the worker with the fewest calls, and on another one if it dies. Raise ProviderError."""
        from ray import exceptions

        clock = asyncio.get_running_loop().time
        while True:
            if not self._workers:
                raise ProviderError("every node of the Ray cluster has died", fatal=True, hint=_HINT)
            worker = min(self._workers, key=lambda worker: (worker.rests_until > clock(), worker.calls))
            if worker.rests_until > clock():
                await asyncio.sleep(_REST_SECONDS / 2)  # all workers are restarting
                continue
            try:
                answer = await self._call(worker, target, request)
            except exceptions.ActorUnschedulableError:
                self._lose(worker, "a node died")
            except exceptions.RayActorError as error:
                if not worker.lost_at:
                    worker.lost_at = clock()
                    self._note("ray: a worker was lost; other workers repeat its calls")
                worker.rests_until = clock() + _REST_SECONDS
                if clock() - worker.lost_at > _RESTART_SECONDS:
                    self._lose(worker, f"a worker died and does not restart: {_first_line(error)}")
            except exceptions.RayTaskError:
                raise  # a bug in evalgate on the worker
            except exceptions.RayError as error:
                raise ProviderError(f"the Ray cluster lost a call: {_first_line(error)}", retryable=True) from error
            else:
                worker.lost_at = 0.0
                return _raise_refusal(answer)

    def _lose(self, worker: _WorkerState, why: str) -> None:
        if worker in self._workers:
            self._workers.remove(worker)
            self._note(f"ray: {why}; workers left: {len(self._workers)}")

    async def _call(self, worker: _WorkerState, target: str, request: Request) -> Any:
        worker.calls += 1
        try:
            # longer than the call's own timeout, which the worker applies: the worker may have to start first
            async with asyncio.timeout(self._find_timeout(target) + _RESTART_SECONDS):
                return await worker.actor.answer.remote(target, request)
        except TimeoutError as error:
            raise ProviderError("no worker of the Ray cluster answered in time", retryable=True) from error
        finally:
            worker.calls -= 1

    def _find_timeout(self, name: str) -> float:
        own = next((target.timeout for target, _, _ in self._targets if target.name == name), None)
        return self._limits.timeout if own is None else own


class RayProvider(WithoutEndpoint):
    """The provider of one target: its calls go to the workers. Rate limits in replies are not passed on."""

    def __init__(self, cluster: RayCluster, target: Target) -> None:
        self._cluster = cluster
        self._name = target.name
        self.memory: Final[Memory] = "cache"
        self.concurrency: Final = None

    async def answer(self, request: Request) -> Outcome:
        return await self._cluster.ask(self._name, request)


def _raise_refusal(answer: Outcome | RayRefusal) -> Outcome:
    if isinstance(answer, RayRefusal):
        refused = ProviderError(
            answer.message,
            retryable=answer.retryable,
            retry_after=answer.retry_after,
            fatal=answer.fatal,
            hint=answer.hint,
            unreachable=answer.unreachable,
            throttled=answer.throttled,
            refused=answer.refused,
            adaptations=answer.adaptations,
            startup_timeout=answer.startup_timeout,
            slow=answer.slow,
        )
        refused.own = answer.own
        raise refused
    return answer


def _probe(address: str) -> None:
    """Open a connection to the address, and close it. Raise OSError when nothing listens there.

    Without this check, Ray looks for a missing cluster for minutes, and then ends the process.
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
