"""The runs that the tests of a session ask for: each is made once, also where many processes ask for it.

With pytest-xdist the controller makes them. A worker writes what it asks for into a folder, tells the controller by the
event that a test starts, and waits for the file with the answer.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from evalgate import errors
from evalgate.domain import CasePart, GateReport, Report, ReportKind, digest
from evalgate.errors import EvalgateError, Fault, Place, ServiceError
from evalgate.gate.options import CallMode, Machine, Selection
from evalgate.services.user_files import resolve_path
from evalgate.store import model_folder
from evalgate.store.atomic import write_file
from evalgate.store.store import FOLDER, Store

REQUEST = "::run-of-the-gate"
"""How the node id ends with which a worker says that it has asked for a run; `pytest -v` shows it."""

_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedRun:
    """A run that tests need. With `cases`, the ids of cases by gate, it is one of these cases, without a verdict."""

    config: str
    gates: tuple[str, ...] = ()
    candidate: str | None = None
    baseline: str | None = None
    policy_ref: Literal["head", "base"] = "head"
    cases: Mapping[str, tuple[str, ...]] | None = None

    @property
    def key(self) -> str:
        """The name of the run in the folder that workers and controller share."""
        return digest(json.loads(json.dumps(asdict(self))))[:16]

    @property
    def selection(self) -> Selection:
        return Selection(
            candidate=self.candidate,
            baseline=self.baseline,
            gates=self.gates,
            default_branch=os.environ.get("GITHUB_BASE_REF") or None,
            policy_ref=self.policy_ref,
        )

    @property
    def store(self) -> Store:
        return Store(root=resolve_path(Path(self.config)).parent / FOLDER)


class Runs(Protocol):
    """The runs of a session."""

    def find(self, asked: AskedRun) -> Report:
        """Return the report of a run, which is made if it is not there. Raises EvalgateError, each time the same."""
        ...


class OwnRuns:
    """Runs that are made in this process."""

    def __init__(self) -> None:
        self._found: dict[str, Report | EvalgateError] = {}

    def find(self, asked: AskedRun) -> Report:
        if asked.key not in self._found:
            try:
                self._found[asked.key] = make_run(asked)
            except EvalgateError as error:
                self._found[asked.key] = error
        found = self._found[asked.key]
        if isinstance(found, EvalgateError):
            raise found
        return found


class WorkerRuns:
    """Runs that the controller makes. `tell` is the hook whose call in a worker is an event of the controller."""

    def __init__(self, folder: Path, tell: Callable[..., Any]) -> None:
        self._folder = folder
        self._tell = tell
        self._found: dict[str, Report] = {}

    def find(self, asked: AskedRun) -> Report:
        if asked.key not in self._found:
            self._found[asked.key] = self._ask(asked)
        return self._found[asked.key]

    def _ask(self, asked: AskedRun) -> Report:
        if not self._folder.is_dir():
            raise ServiceError(
                "this worker is not on the machine of the controller, which runs the gate",
                hint="run the gate without `--tx ssh=`, or with `-n`",
            )
        answer = self._folder / f"{asked.key}.json"
        if not answer.exists():
            write_file(self._folder / f"{asked.key}.request", json.dumps(asdict(asked)))
            self._tell(nodeid=f"{Path(asked.config).name}{REQUEST}", location=(asked.config, None, "gate"))
        while not answer.exists():  # the worker ends with its controller
            time.sleep(_POLL_SECONDS)
        return _read_answer(answer)


def answer_requests(folder: Path, runs: Runs) -> None:
    """Make the runs that workers have asked for. Raises InterruptedRunError."""
    for request in sorted(folder.glob("*.request")):
        answer = request.with_suffix(".json")
        if answer.exists():
            continue
        given = json.loads(request.read_text(encoding="utf-8"))
        cases = given["cases"]
        given["gates"] = tuple(given["gates"])
        given["cases"] = None if cases is None else {name: tuple(ids) for name, ids in cases.items()}
        write_file(answer, _make_answer(AskedRun(**given), runs))


def make_run(asked: AskedRun) -> Report:
    """Run a gate, as `evalgate run` does; the report of a whole run is kept in the store."""
    from evalgate.commands import run

    machine = Machine(environment=os.environ, store=asked.store, home=model_folder.find_home(os.environ))
    path = Path(asked.config)
    if asked.cases is None:
        return run.run_and_keep(path, asked.selection, machine, CallMode())
    reports = [
        run.run(
            path,
            replace(asked.selection, gates=(gate,)),
            machine,
            CallMode(part=CasePart(cases=cases)),
            lambda event: None,
        )
        for gate, cases in asked.cases.items()
        if cases
    ]
    warnings = tuple(dict.fromkeys(warning for report in reports for warning in report.warnings))
    return replace(reports[0], gates=tuple(gate for report in reports for gate in report.gates), warnings=warnings)


def list_cases(asked: AskedRun) -> Mapping[str, tuple[str, ...]]:
    """Return the ids of the cases of each gate, in the order in which they are run. No model is called.

    Raises EvalgateError for faults of the configuration and of its files.
    """
    from evalgate.gate.options import open_for_run
    from evalgate.gate.plans import make_plans, select_gates

    calls = CallMode(release_copies=True)
    workspace = open_for_run(Path(asked.config), asked.selection, calls, environment=os.environ)
    plans = make_plans(workspace, select_gates(workspace, asked.selection), asked.selection, calls, asked.store)
    return {plan.gate.name: plan.order for plan in plans}


def decide_part(gate: GateReport) -> GateReport:
    """Return a part of a gate, decided as if its cases were all: which of them turned is decided case by case."""
    if gate.evidence.kind is not ReportKind.PART:
        return gate
    from evalgate.decide import policy

    known = {result.case for result in gate.evidence.results}
    order = tuple(case for case in gate.evidence.order if case in known)
    evidence = replace(gate.evidence, part=None, order=order, sequential=False)
    return policy.decide(evidence, gate.thresholds, gate.policy, gate.level_policy)


def _make_answer(asked: AskedRun, runs: Runs) -> str:
    from evalgate.store import report_json

    try:
        report = runs.find(asked)
    except errors.InterruptedRunError:
        raise
    except EvalgateError as error:
        return json.dumps({"error": type(error).__name__, "faults": [asdict(fault) for fault in error.faults]})
    except Exception as error:  # without an answer the worker would wait for ever
        fault = Fault(message=f"the run failed: {type(error).__name__}: {error}")
        return json.dumps({"error": ServiceError.__name__, "faults": [asdict(fault)]})
    return report_json.render(report)


def _read_answer(path: Path) -> Report:
    from evalgate.store import report_json

    text = path.read_text(encoding="utf-8")
    if not text.startswith('{"error"'):
        return report_json.read(text, str(path))
    given = json.loads(text)
    faults = [
        Fault(**{**fault, "place": None if fault["place"] is None else Place(**fault["place"])})
        for fault in given["faults"]
    ]
    kind: type[EvalgateError] = getattr(errors, given["error"])
    raise kind(faults=faults)
