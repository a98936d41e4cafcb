"""Answers that exist already: outputs the user's application recorded, and replayed recordings of a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from evalgate.domain import Outcome, Request, Target
from evalgate.execute.providers.protocol import Memory, ProviderError, WithoutEndpoint
from evalgate.store.cache_entry import CacheEntry


class RecordedProvider(WithoutEndpoint):
    """Outputs from a file, by case id and repeat. Answers are marked `cached`: nothing was called.

    A case recorded exactly once answers every repeat with that one output: it adds nothing to a mean, and it
    claims no sample of its own, for what is asked is what the application gave. Recorded several times, each repeat
    needs its own.
    The case's id is the request's `inputs["case"]`.
    """

    def __init__(self, target: Target, outputs: Mapping[tuple[str, int], Outcome]) -> None:
        self._target = target
        self._outputs = outputs
        self._times = Counter(case for case, _ in outputs)
        self._only = {case: outcome for (case, _), outcome in outputs.items() if self._times[case] == 1}
        self.memory: Final[Memory] = "nothing"
        self.concurrency: Final = None

    def times(self, case: str) -> int:
        """How many outputs of a case were recorded."""
        return self._times[case]

    async def answer(self, request: Request) -> Outcome:
        case = str((request.inputs or {}).get("case"))
        found = self._outputs.get((case, request.repeat)) or self._only.get(case)
        if found is None:
            which = f"repeat {request.repeat} of case {case}" if case in self._times else f"case {case}"
            raise ProviderError(
                f"{self._target.location} has no output of {which}",
                fatal=True,
                hint=f'record one more line with this case\'s id, or ask target "{self._target.name}" for less',
            )
        return replace(found, cached=True)


class ReplayProvider(WithoutEndpoint):
    """A model's recorded answers, by the request's key. What was not recorded is an error, never an invented answer.

    `path` is the recordings file's name, for messages. Answers are marked `cached`.
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
    """Nobody, in place of a target: what cache and journal hold is known, and nothing else is ever asked.

    What is not known ends the run if that is `fatal`, else its own trial alone.
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
    """The commands, for a hint."""
    if target.kind != "local":
        return "record it: `evalgate run --record` with the same options"
    return (
        'record it: `pip install "prompt-evalgate[local]"`, `evalgate model pull`, '
        "then `evalgate run --record` with the same options"
    )
