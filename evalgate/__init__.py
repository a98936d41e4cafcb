"""The merge gate for prompts: candidate against baseline, case by case, pass, fail or inconclusive.

Use it as a library (docs/library.md), or as the command `evalgate`:

    run_gate            run the gate of a configuration, as `evalgate run` does
    decide_scores       a verdict on any tool's scores, as `evalgate decide --scores` does
    assert_no_regression  that verdict as an assertion, for tests that have scores of both versions
    load_report         a stored report, verified; `to_frame` makes a pandas DataFrame of it
    tabulate_reports    many reports as one DataFrame

Each verdict is returned as a `Report`. Errors are subclasses of `EvalgateError` and name the places of their faults; an
`InputError` is one that the caller can correct. Names that are not in `__all__` may change in any version.

The folder listing is the data flow:

    entry points   cli/   action/   pytest_plugin/   this file  print, exit, read the environment
                     |
    use cases      commands/                                   one file per verb
                     |
    pipeline       gate/                                       options -> plans -> engine -> evaluate -> report
                     |
    stages         inputs/ change/ -> plan/ -> execute/ -> score/ -> decide/ -> report/     release/
                   read    what       pure     awaits      pure      pure       pure       registries, runtime
                           changed
    shared         store/   console/                           everything below .evalgate/; the standard streams
    outside        services/                                   git, GitHub, Langfuse
    base           domain/   errors.py   mask.py               imported by all, import nothing else

tests/test_architecture.py keeps the import table, and which file owns which outside package.
"""

from __future__ import annotations

__version__ = "0.2.0"

# `typing` and the packages below load when they are needed: importing evalgate takes less than a millisecond
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from os import PathLike
    from pathlib import Path
    from typing import Literal, TypeAlias

    import pandas as pd

    from evalgate.domain import (
        Arm,
        Comparison,
        Estimate,
        Evidence,
        Failure,
        Finding,
        GateReport,
        Level,
        Output,
        Report,
        Requirement,
        Result,
        Score,
        Shard,
        Unscored,
        Verdict,
        VersionRef,
    )
    from evalgate.errors import (
        EvalgateError,
        ExitCode,
        Fault,
        GitError,
        InputError,
        InterruptedRunError,
        MissingSecretError,
        NothingToCompareError,
        Place,
        ServiceError,
    )
    from evalgate.store.store import Store

    AnyPath: TypeAlias = str | PathLike[str]

__all__ = [
    "Arm",
    "Comparison",
    "Estimate",
    "EvalgateError",
    "Evidence",
    "ExitCode",
    "Failure",
    "Fault",
    "Finding",
    "GateReport",
    "GitError",
    "InputError",
    "InterruptedRunError",
    "Level",
    "MissingSecretError",
    "NothingToCompareError",
    "Output",
    "Place",
    "Report",
    "Requirement",
    "Result",
    "Score",
    "ServiceError",
    "Unscored",
    "Verdict",
    "VersionRef",
    "assert_no_regression",
    "decide_scores",
    "load_report",
    "run_gate",
    "tabulate_reports",
]

_NO_DROP = "no sample can prove a drop of exactly 0: allow a small one, such as max_drop=0.05"


def run_gate(
    config: AnyPath = "evalgate.yml",
    *,
    candidate: str | None = None,
    baseline: str | None = None,
    gates: Sequence[str] = (),
    changed: bool = False,
    head: str | None = None,
    policy_ref: Literal["head", "base"] = "head",
    default_branch: str | None = None,
    live: bool = False,
    record: bool = False,
    no_cache: bool = False,
    redraw: Literal["failed", "broken", "all"] | None = None,
    shard: tuple[int, int] | None = None,
    engine: Literal["asyncio", "ray", "batch"] = "asyncio",
    store: AnyPath | None = None,
    environment: Mapping[str, str] | None = None,
) -> Report:
    """Run the gate as `evalgate run` does, print nothing, and return its report.

    The arguments are the options of the command: `gates` are all `--gate`, `shard` is (K, N) for `--shard K/N`. The
    report is also written to the store, by default `.evalgate` beside the configuration. `environment` has the secrets
    that the configuration names, EVALGATE_HOME and GITHUB_BASE_REF; the default is the environment of the process.
    If an event loop is already running, as in a notebook, the gate runs in a thread, and Ctrl-C waits for its end.

    Raises InputError for faults of the configuration or its files, GitError for failures of git, ServiceError if
    nothing could be decided, and InterruptedRunError. A FAIL raises nothing: see `decision` and `exit_code`.

    >>> report = run_gate("golden/evalgate.yml", gates=["support"])
    >>> print(report.decision, report.exit_code)
    PASS 0
    """
    import os
    from pathlib import Path

    from evalgate.commands import run
    from evalgate.gate.options import CallMode, Machine, Selection
    from evalgate.store import model_folder

    _require_one_of("engine", engine, ("asyncio", "ray", "batch"))
    _require_one_of("policy_ref", policy_ref, ("head", "base"))
    secrets = os.environ if environment is None else environment
    path = Path(config)
    selection = Selection(
        candidate=candidate,
        baseline=baseline,
        gates=(gates,) if isinstance(gates, str) else tuple(gates),
        changed=changed,
        default_branch=default_branch or secrets.get("GITHUB_BASE_REF") or None,
        policy_ref=policy_ref,
        head=head,
    )
    machine = Machine(environment=secrets, store=_find_store(path, store), home=model_folder.find_home(secrets))
    answers = _choose_answers(live=live, record=record)
    if redraw is not None:
        _require_one_of("redraw", redraw, ("failed", "broken", "all"))
    parts = _make_shard(shard)
    calls = CallMode(answers=answers, use_cache=not no_cache, shard=parts, engine=engine, redraw=redraw)
    return _call_outside_loops(lambda: run.run_and_keep(path, selection, machine, calls))


def decide_scores(
    scores: AnyPath | pd.DataFrame | Iterable[Mapping[str, object]],
    *,
    baseline: AnyPath | None = None,
    select: str | None = None,
    baseline_select: str | None = None,
    criteria: Sequence[str] = (),
    scales: Mapping[str, tuple[float, float]] | None = None,
    minimum: Mapping[str, float] | None = None,
    max_drop: float | None = None,
    level: Level | str | None = None,
) -> Report:
    """Reach a verdict on any tool's scores, as `evalgate decide --scores` does.

    `scores` is a file (JSONL, JSON, YAML, CSV, Parquet, .xlsx), a DataFrame, or rows: case, arm ("candidate" or
    "baseline"), criterion, value in [0, 1], and optionally repeat, tag, cluster. It may also be a result file of
    promptfoo, deepeval, inspect_ai or openai/evals. `baseline` is the file of the baseline's scores; `scores` then has
    the candidate's. `select` and `baseline_select` name the prompt or provider of a promptfoo file that has several,
    `criteria` the metrics that count, and `scales` the values of a metric that become 0 and 1. `minimum` maps criteria
    to their floors. `max_drop` is the allowed drop against the baseline (0.05 by default). `level` (PATCH, MINOR,
    MAJOR) is the change level whose policy applies to an INCONCLUSIVE verdict; without a level it blocks. Raises
    InputError with all faults, each with its row number.

    >>> rows = [
    ...     {"case": f"c{i}", "arm": arm, "criterion": "tone", "value": 0.9}
    ...     for i in range(60)
    ...     for arm in ("baseline", "candidate")
    ... ]
    >>> report = decide_scores(rows, max_drop=0.05, minimum={"tone": 0.8})
    >>> print(report.decision, report.gates[0].comparisons[0].candidate.value)
    PASS 0.9
    """
    from evalgate.commands import decide

    floors = {name: _require_share(f"the minimum of {name}", value) for name, value in (minimum or {}).items()}
    if max_drop is not None and _require_share("max_drop", max_drop) == 0:
        raise _refuse(_NO_DROP)
    chosen = None if level is None else _find_level(level)
    given = decide.read_scores(
        scores,
        baseline,
        select=select,
        baseline_select=baseline_select,
        criteria=(criteria,) if isinstance(criteria, str) else criteria,
        scales=[(name, *_require_ends(name, ends)) for name, ends in (scales or {}).items()],
    )
    return decide.decide_scores(given, floors=floors, max_drop=max_drop, level=chosen)


def assert_no_regression(
    baseline_scores: object,
    candidate_scores: object,
    max_drop: float = 0.05,
    *,
    minimum: float | None = None,
    name: str = "score",
    allow_inconclusive: bool = False,
) -> Report:
    """Assert that scores prove a candidate to be at most `max_drop` worse than the baseline, and return the report.

    The rule is that of `decide_scores`. The scores are in [0, 1]: mappings of case ids to a score or to a list of
    scores (repeats), sequences paired by position, Series, or DataFrames and mappings with `case`, `value`, and
    optionally `criterion`, `repeat`, `tag` and `cluster`. `minimum` is a floor of the candidate's mean, and `name` the
    criterion, where the scores name none.

    Raises AssertionError with the evidence for a FAIL, and for an INCONCLUSIVE verdict unless `allow_inconclusive`.
    Raises InputError with all faults: NaN, None, a value off the scale, a case that one of the two does not have.

    >>> before = {f"c{i}": 0.9 for i in range(60)}
    >>> report = assert_no_regression(before, {**before, "c7": 0.8}, max_drop=0.05)
    >>> print(report.decision)
    PASS
    """
    from evalgate.commands import decide

    if _require_share("max_drop", max_drop) == 0:
        raise _refuse(_NO_DROP)
    floors = {} if minimum is None else {name: _require_share("minimum", minimum)}
    given = decide.read_pair(baseline_scores, candidate_scores, name)
    report = decide.decide_scores(given, floors=floors, max_drop=max_drop, level=None)
    if report.decision == "FAIL" or (report.decision == "INCONCLUSIVE" and not allow_inconclusive):
        raise AssertionError(decide.explain(report))
    return report


def load_report(path: AnyPath) -> Report:
    """Read a stored report, and verify that its verdict follows from its evidence.

    `evalgate report` and `evalgate decide` read reports in the same way. A report of an earlier decision rule is
    decided again. Raises InputError for a file that is missing, damaged or edited.

    >>> report = load_report("golden/.evalgate/report.json")
    >>> frame = report.to_frame()  # a row for each case, arm, repeat and criterion
    >>> sorted(frame["criterion"].unique())
    ['facts', 'faithfulness', 'json_schema', 'length']
    """
    from pathlib import Path

    from evalgate.gate import reports

    return reports.load_report(Path(path))


def tabulate_reports(reports: Iterable[Report | AnyPath]) -> pd.DataFrame:
    """Make one DataFrame of many reports, or of the files that hold them.

    It has one row for each report, gate and criterion: run_id, created_at, gate, candidate_version, candidate_digest,
    baseline_version, level, decision, exit_code, drawn_again, criterion, candidate_mean, baseline_mean, difference,
    low, high, units, cost_usd. A gate without a comparison has one row. Raises InputError as `load_report` does.

    >>> table = tabulate_reports(["golden/.evalgate/report.json"])
    >>> table["criterion"].to_list()
    ['json_schema', 'length', 'facts', 'faithfulness', 'answered']
    """
    from evalgate.domain import Report
    from evalgate.domain.frames import make_run_frame

    return make_run_frame([each if isinstance(each, Report) else load_report(each) for each in reports])


if not TYPE_CHECKING:  # with __getattr__ a type checker would accept every name in this module

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from evalgate import domain, errors

        return getattr(domain, name) if hasattr(domain, name) else getattr(errors, name)

    def __dir__() -> list[str]:
        return [*__all__, "__version__"]


def _choose_answers(*, live: bool, record: bool) -> Literal["replay", "live", "record"]:
    if live and record:
        raise _refuse("live and record exclude each other")
    return "live" if live else "record" if record else "replay"


def _make_shard(shard: tuple[int, int] | None) -> Shard | None:
    from evalgate.domain import Shard

    if shard is not None and not 1 <= shard[0] <= shard[1]:
        raise _refuse(f"shard must be (K, N) with 1 <= K <= N, not {shard}")
    return None if shard is None else Shard(number=shard[0], of=shard[1])


def _find_store(config: Path, store: AnyPath | None) -> Store:
    from pathlib import Path

    from evalgate.services.user_files import resolve_path
    from evalgate.store.store import FOLDER, Store

    return Store(root=resolve_path(config).parent / FOLDER if store is None else Path(store))


def _call_outside_loops(act: Callable[[], Report]) -> Report:
    """Call `act` in this thread, or in a new one if an event loop runs in this one, since loops do not nest."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return act()
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=1) as threads:
        return threads.submit(act).result()


def _find_level(level: Level | str) -> Level:
    from evalgate.domain import Level

    name = level.name if isinstance(level, Level) else str(level).upper()
    _require_one_of("level", name, tuple(Level.__members__))
    return Level[name]


def _require_one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise _refuse(f"{name} must be one of {', '.join(known)}, not {value!r}")


def _require_share(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise _refuse(f"{name} must be a number from 0 to 1, not {value!r}")
    return float(value)


def _require_ends(name: str, ends: tuple[float, float]) -> tuple[float, float]:
    import math

    low, high = map(float, ends)
    if not math.isfinite(low) or not math.isfinite(high) or low == high:
        raise _refuse(f"the scale of {name} must be two different numbers, not {ends!r}")
    return low, high


def _refuse(message: str) -> InputError:
    from evalgate.errors import InputError

    return InputError(message)
