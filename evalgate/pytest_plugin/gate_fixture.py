"""The fixture `gate`: the verdict and the cases of a gate for tests in Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from evalgate.domain import Arm, GateReport, Output, Report, Result, Score, Verdict
from evalgate.errors import InputError, InterruptedRunError
from evalgate.pytest_plugin.items import make_asked
from evalgate.pytest_plugin.runs import AskedRun, Runs
from evalgate.report import case_states
from evalgate.report.case_states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCase:
    """One case of a gate. `state` and `reasons` are those of its test.

    `candidate` and `baseline` are the first outputs, None where there is none. `scores` are those of the candidate's
    first sample by criterion, None where there is none.
    """

    id: str
    state: State
    reasons: tuple[str, ...]
    candidate: str | None
    baseline: str | None
    scores: Mapping[str, float | None]


class GateFixture:
    """The gate of the configuration that pytest's options name, run once in a session when it is first asked for."""

    def __init__(self, config: pytest.Config, runs: Runs) -> None:
        self._config = config
        self._runs = runs

    @property
    def report(self) -> Report:
        """The report of the run."""
        return self._find(self._asked)

    @property
    def verdict(self) -> Verdict:
        """PASS, FAIL or INCONCLUSIVE, of all gates together."""
        return self.report.decision

    def run(self, *, candidate: str | None = None, baseline: str | None = None, gates: Sequence[str] = ()) -> Report:
        """Run the gate on other versions, each a git ref or a file, and return its report.

        A run is made once in a session, however many tests ask for it. Raises EvalgateError.
        """
        asked = self._asked
        return self._find(
            replace(
                asked,
                candidate=asked.candidate if candidate is None else candidate,
                baseline=asked.baseline if baseline is None else baseline,
                gates=tuple(gates) or asked.gates,
            )
        )

    def case(self, id: str, *, gate: str | None = None) -> GateCase:
        """Return one case of the run. Raises InputError for an unknown one, or where several gates have it."""
        found = [one for one in self.report.gates if gate in (None, one.evidence.name)]
        having = [one for one in found if id in one.evidence.order]
        if len(having) != 1:
            names = ", ".join(one.evidence.name for one in having or found)
            problem = f"several gates have the case {id}: {names}" if having else f"no gate has the case {id}: {names}"
            raise InputError(problem, hint="name the gate: gate.case(ID, gate=NAME)" if having else None)
        return _make_case(having[0], id)

    @property
    def _asked(self) -> AskedRun:
        return make_asked(self._config, _find_config(self._config))

    def _find(self, asked: AskedRun) -> Report:
        try:
            return self._runs.find(asked)
        except InterruptedRunError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.INTERRUPTED)


def _find_config(config: pytest.Config) -> Path:
    chosen = config.getoption("evalgate_config")
    if chosen is not None:
        return Path(config.invocation_params.dir, chosen)
    places = [config.rootpath / "evalgate.yml", config.rootpath / "golden" / "evalgate.yml"]
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        raise InputError(
            f"the fixture `gate` finds neither evalgate.yml nor golden/evalgate.yml in {config.rootpath}",
            hint="name the configuration with --evalgate-config",
        )
    return found


def _make_case(gate: GateReport, id: str) -> GateCase:
    state = next(one for one in case_states.list_case_states(gate) if one.case == id)
    first: dict[Arm, Result] = {}
    for result in gate.evidence.results:
        if result.case == id:
            first.setdefault(result.arm, result)
    candidate = first.get(Arm.CANDIDATE)
    scores = {} if candidate is None else candidate.scores
    return GateCase(
        id=id,
        state=state.state,
        reasons=state.reasons,
        candidate=_find_text(candidate),
        baseline=_find_text(first.get(Arm.BASELINE)),
        scores={name: one.value if isinstance(one, Score) else None for name, one in scores.items()},
    )


def _find_text(result: Result | None) -> str | None:
    return result.outcome.text if result is not None and isinstance(result.outcome, Output) else None
