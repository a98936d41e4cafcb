"""Providers of existing answers: outputs that an application recorded, and recordings of a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from evalgate.domain import Outcome, Request, Target
from evalgate.execute.providers.protocol import Memory, ProviderError, WithoutEndpoint
from evalgate.store.cache_entry import CacheEntry


class RecordedProvider(WithoutEndpoint):
    """Outputs from a file, by case id and repeat. Answers are marked `cached`, since there is no call.

    A case that was recorded once answers every repeat with that one output: the copies leave the mean unchanged, and
    do not count as further samples. If a case was recorded several times, each repeat needs its own output. The case id
    is the request's `inputs["case"]`.
    """

    def __init__(self, target: Target, outputs: Mapping[tuple[str, int], Outcome]) -> None:
        self._target = target
        self._outputs = outputs
        self._times = Counter(case for case, _ in outputs)
        self._only = {case: outcome for (case, _), outcome in outputs.items() if self._times[case] == 1}
        self.memory: Final[Memory] = "nothing"
        self.concurrency: Final = None

    def times(self, case: str) -> int:
        """Return the number of recorded outputs of a case."""
        return self._times[case]

    async def answer(self, request: Request) -> Outcome:
        case = str((request.inputs or {}).get("case"))
        found = self._outputs.get((case, request.repeat)) or self._only.get(case)
        if found is None:
            which = f"repeat {request.repeat} of case {case}" if case in self._times else f"case {case}"
            raise ProviderError(
                f"{self._target.location} has no output for {which}",
                fatal=True,
                hint=f'record one more line with this case\'s id, or ask for less of target "{self._target.name}"',
            )
        return replace(found, cached=True)


class ReplayProvider(WithoutEndpoint):
    """A model's recorded answers, by the request's key. A request without a recording is an error.

    `path` is the name of the recordings file, for messages. Answers are marked `cached`.
    """

    def __init__(self, target: Target, recordings: Mapping[str, Outcome | CacheEntry], path: str) -> None:
        self._target = target
        self._recordings = recordings
        self._path = path
        self.memory: Final[Memory] = "nothing"
        self.concurrency: Final = None

    async def answer(self, request: Request) -> Outcome:
        found = self._recordings.get(request.key)
        if found is None:
            raise ProviderError(
                f"{self._path} has no recording for {request.about or request.key}: "
                "the prompt, the case, the rubric or the model differs from what was recorded",
                fatal=True,
                hint=describe_recording(self._target),
            )
        return replace(found.outcome if isinstance(found, CacheEntry) else found, cached=True)


class OfflineProvider(WithoutEndpoint):
    """A provider that makes no calls: only answers in cache and journal are available.

    A request without a stored answer ends the run if `fatal`, else only its own trial.
    """

    def __init__(self, target: Target, *, fatal: bool = True) -> None:
        self._target = target
        self._fatal = fatal
        self.memory: Final[Memory] = (
            "nothing" if target.kind == "python" and "version" not in target.options else "cache"
        )
        self.concurrency: Final = None

    async def answer(self, request: Request) -> Outcome:
        raise ProviderError(f'not known without a call to target "{self._target.name}"', fatal=self._fatal)


def describe_recording(target: Target) -> str:
    """Return a hint with the commands that record a target's answers."""
    if target.kind != "local":
        return "record it: `evalgate run --record` with the same options"
    return (
        'record it: `pip install "prompt-evalgate[local]"`, `evalgate model pull`, '
        "then `evalgate run --record` with the same options"
    )
