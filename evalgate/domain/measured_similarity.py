"""The similarities that a run has measured, for the reader of a report."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from evalgate.domain.trials import Arm, Score, Scored, Unscored


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSimilarity:
    """The similarity of one output: the case, the arm and the repeat of its result, and a score or its absence."""

    case: str
    arm: Arm
    repeat: int
    score: Scored


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSimilarity:
    """The similarities of a gate's outputs, in the order of its results. They decide nothing.

    `model` gave the embeddings, `source` is the field of the cases that the outputs were compared with, and `digest`
    that of everything that the values depend on besides the texts. `fault` is the error that ended the measurement.
    """

    model: str
    source: str
    digest: str
    outputs: tuple[OutputSimilarity, ...]
    fault: str = ""

    def find(self, case: str, arm: Arm, repeat: int) -> Scored | None:
        """Return the score of an output; None if it was not measured."""
        wanted = (case, arm, repeat)
        return next((one.score for one in self.outputs if (one.case, one.arm, one.repeat) == wanted), None)

    def list_unscored(self) -> Iterator[tuple[OutputSimilarity, str]]:
        """Yield the outputs without a score, each with the reason."""
        yield from ((one, one.score.reason) for one in self.outputs if isinstance(one.score, Unscored))

    def collect_means(self, arm: Arm) -> dict[str, float]:
        """Return the mean of the samples of an arm for each case that has a score there."""
        values: dict[str, list[float]] = {}
        for one in self.outputs:
            if one.arm is arm and isinstance(one.score, Score):
                values.setdefault(one.case, []).append(one.score.value)
        return {case: math.fsum(found) / len(found) for case, found in values.items()}


def join_similarities(parts: Sequence[MeasuredSimilarity | None], order: Sequence[str]) -> MeasuredSimilarity | None:
    """Return what the shards of a run have measured, in the order of the cases; None if they measured nothing."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    place = {case: number for number, case in enumerate(order)}
    outputs = [one for part in known for one in part.outputs]
    outputs.sort(key=lambda one: (place.get(one.case, len(place)), one.repeat, one.arm))
    return replace(known[0], outputs=tuple(outputs), fault=next((part.fault for part in known if part.fault), ""))
