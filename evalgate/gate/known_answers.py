"""The answers that a run finds without a call: recordings, recorded outputs and the cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from evalgate.domain import Config, GatePlan, Judge, Outcome, Output, Request, Target, Trial
from evalgate.domain.similarity import Similarity
from evalgate.domain.tokens import estimate_output_tokens, estimate_tokens
from evalgate.execute.request_forms import RequestForms
from evalgate.gate.engine_setup import list_targets
from evalgate.inputs.tree import Tree
from evalgate.score import judges, text_similarity
from evalgate.store.cache_entry import CacheEntry
from evalgate.store.output_cache import Cache, read_recordings
from evalgate.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAnswers:
    """The answers that are stored; `cache` is None where there is none yet. `max_age` is that of judges' replies."""

    targets: Mapping[str, Target]
    recordings: Mapping[str, Mapping[str, CacheEntry]]
    cache: Cache | None
    forms: RequestForms
    max_age: float | None = None

    def has(self, request: Request) -> bool:
        """Tell if a request needs no call."""
        return self.targets[request.target].kind == "recorded" or self._find(request) is not None

    def has_judgement(self, judge: Judge, trial: Trial) -> bool:
        """Tell if a judge needs no call for a trial: its first reply about the trial's stored output is stored.

        False where the output is not stored, or is a recorded one, which is read when the run begins.
        """
        output = self._find(trial.request)
        if not isinstance(output, Output):
            return False
        try:
            asked = judges.make_request(judge, trial.case, output, self.targets[judge.target], max_age=self.max_age)
        except ValueError:  # the case lacks a field of the rubric; the run says so
            return False
        return self.has(asked)

    def list_embedded(self, similarity: Similarity, plan: GatePlan) -> list[tuple[int, bool]]:
        """Return the texts whose embeddings a plan needs: the tokens of each, and whether its embedding is stored.

        Equal texts count once. The text of an answer that is not stored is estimated by its token limit.
        """
        target = self.targets[similarity.target]
        found: dict[str, tuple[int, bool]] = {}

        def add(text: str) -> None:
            request = text_similarity.make_request(similarity, text, target, "")
            found[request.key] = (estimate_tokens(len(text)), self.has(request))

        for trial in plan.trials:
            texts = text_similarity.list_texts(similarity, trial.case)
            for text in texts:
                add(text)
            output = self._find(trial.request) if texts else None
            if isinstance(output, Output):
                add(output.text)
            elif texts and output is None:
                found[trial.request.key] = (estimate_output_tokens(trial.request.parameters), False)
        for result in plan.stored:
            if isinstance(result.outcome, Output):
                add(result.outcome.text)
        return list(found.values())

    def _find(self, request: Request) -> Outcome | None:
        recordings = self.recordings.get(request.target)
        if recordings is not None:
            entry = recordings.get(request.key)
            return None if entry is None else entry.outcome
        if self.cache is None or self.targets[request.target].kind == "recorded":
            return None
        return self.cache.get(self.forms.adapt(request).key, request.max_age)


def _list_asked(plan: GatePlan) -> set[str]:
    return list_targets(plan) | ({plan.similarity.target} if plan.similarity is not None else set())


@contextmanager
def open_known_answers(config: Config, plans: Sequence[GatePlan], tree: Tree, store: Store) -> Iterator[KnownAnswers]:
    """Open the answers that the targets of the plans have; missing recordings count as empty."""
    recordings = {
        name: read_recordings(tree.read(path), path) if tree.exists(path) else {}
        for name in {name for plan in plans for name in _list_asked(plan)}
        if (path := config.targets[name].recordings) is not None
    }
    cache = Cache(store.cache) if store.cache.is_file() else None
    try:
        yield KnownAnswers(
            targets=config.targets,
            recordings=recordings,
            cache=cache,
            forms=RequestForms(store.adaptations),
            max_age=next((plan.max_age for plan in plans), None),
        )
    finally:
        if cache is not None:
            cache.close()
