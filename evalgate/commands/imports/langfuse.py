"""`import langfuse`: the items of a dataset, and traces that scored low, as cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from evalgate.domain import Column
from evalgate.domain.langfuse_reference import LangfuseSettings
from evalgate.errors import InputError
from evalgate.inputs.config import load_config
from evalgate.inputs.importers import langfuse_cases
from evalgate.inputs.importers.case_rows import CaseRows
from evalgate.inputs.importers.imported_files import ImportedFiles, NewFiles, make_files
from evalgate.inputs.importers.langfuse_cases import ScoredTrace
from evalgate.inputs.langfuse_access import open_langfuse, open_server
from evalgate.inputs.tree import WorkTree
from evalgate.score.criterion import validate_criterion
from evalgate.services.langfuse import Langfuse
from evalgate.services.langfuse_observations import LangfuseObservations, LangfuseScore
from evalgate.services.langfuse_spans import read_spans
from evalgate.store.new_files import write_new_files

_PRIVACY = "these are texts of your users: look for personal data before you commit them"


@dataclass(frozen=True, slots=True, kw_only=True)
class LowScores:
    """Which traces are wanted: the newest `first` with a score below a limit, given since a time.

    Without names, any score counts.
    """

    below: float
    names: tuple[str, ...]
    since: datetime
    first: int


def import_dataset(
    name: str,
    cases: Path,
    config: Path,
    environment: Mapping[str, str],
    *,
    at: datetime | None = None,
    kinds: Mapping[str, bool] | None = None,
) -> ImportedFiles:
    """Write the ACTIVE items of a dataset as cases. `kinds` says of fields that are bare numbers whether they are JSON.

    No file is overwritten. Raises InputError for a dataset that does not exist and for items that are not cases, and
    ServiceError for a server that does not answer.
    """
    server = _open(config, environment)
    items = server.read_items(name, at=at)
    if items is None:
        hint = "no dataset has this name, or the keys are those of another project"
        raise InputError(f"the dataset {name} does not exist at {server.url}", hint=hint)
    columns = {key: Column(name=key, json=kind) for key, kind in (kinds or {}).items()}
    rows = langfuse_cases.make_item_cases(items, f"langfuse:{name}", columns)
    return _write(rows, cases, ())


def import_traces(cases: Path, config: Path, environment: Mapping[str, str], wanted: LowScores) -> ImportedFiles:
    """Write the inputs of traces that scored low as cases, the newest first.

    No file is overwritten. Raises InputError if no score is low, and ServiceError for a server that does not answer.
    """
    server = _open(config, environment)
    low, others = _find_low(server, wanted)
    if not low:
        names = f" of {', '.join(wanted.names)}" if wanted.names else ""
        raise InputError(
            f"no score{names} below {wanted.below:g} was given since {wanted.since:%Y-%m-%dT%H:%M:%S%z}",
            hint="name a longer time with --since, or a higher limit with --score-below",
        )
    rows = langfuse_cases.make_trace_cases(_read_traces(server, low), server.url)
    if others:
        rows.leave_out(f"scores that are texts, and so neither low nor high: {others}")
    return _write(rows, cases, (_PRIVACY,))


def _open(config: Path, environment: Mapping[str, str]) -> Langfuse:
    """Open the server of the configuration, if there is one, else that of the variables."""
    reader = "this import"
    if not config.is_file():
        return open_server(str(config), LangfuseSettings(), None, environment, reader=reader)
    tree = WorkTree(config.resolve().parent)
    loaded = load_config(tree, config.name, verify=validate_criterion, environment=environment)
    return open_langfuse(loaded, reader=reader)


def _find_low(server: Langfuse, wanted: LowScores) -> tuple[list[LangfuseScore], int]:
    """Return the newest low score of each of the wanted subjects, and how many scores are texts."""
    found: dict[tuple[str, str], LangfuseScore] = {}
    texts = 0
    for page in LangfuseObservations(server).stream_scores(wanted.names or None, wanted.since.timestamp(), None):
        for score in page:
            texts += isinstance(score.value, str)
            if isinstance(score.value, str) or not score.trace or not score.value < wanted.below:
                continue
            subject = (score.trace, score.observation)
            if subject not in found or found[subject].instant < score.instant:
                found[subject] = score
    newest = sorted(found.values(), key=lambda one: (-one.instant, one.id))
    return newest[: wanted.first], texts


def _read_traces(server: Langfuse, low: Sequence[LangfuseScore]) -> Iterator[ScoredTrace]:
    for score in low:
        yield ScoredTrace(trace=score.trace, span=score.observation, spans=read_spans(server, score.trace))


def _write(rows: CaseRows, cases: Path, notes: tuple[str, ...]) -> ImportedFiles:
    made = make_files(WorkTree(Path.cwd()), NewFiles(cases=cases), rows, None)
    write_new_files(Path.cwd(), made.contents, replaced={})
    return replace(made, notes=(*made.notes, *notes))
