"""The exchange between workers and controller, and the runs that are made once."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import pytest
from chat_server import ChatServer

from evalgate.domain import ReportKind
from evalgate.errors import Fault, InputError, InterruptedRunError, Place, ServiceError
from evalgate.pytest_plugin import runs
from evalgate.pytest_plugin.runs import REQUEST, AskedRun, OwnRuns, WorkerRuns, answer_requests

ASKED = AskedRun(config="/p/evalgate.yml", gates=("a",), cases={"a": ("1", "2")})


class Scripted:
    """Runs that raise an error, and count how often they are asked."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.asked: list[AskedRun] = []

    def find(self, asked: AskedRun):
        self.asked.append(asked)
        raise self.error


def ask(folder: Path, made: Scripted) -> list[str]:
    """Ask as a worker does, answered in the moment in which the controller learns of it."""
    told: list[str] = []

    def tell(nodeid: str, location: tuple[str, None, str]) -> None:
        told.append(nodeid)
        answer_requests(folder, made)

    worker = WorkerRuns(folder, tell)
    with pytest.raises(type(made.error) if not isinstance(made.error, ZeroDivisionError) else ServiceError) as raised:
        worker.find(ASKED)
    told.append(str(raised.value))
    return told


def test_a_worker_gets_the_error_of_the_controller_with_all_its_faults(tmp_path: Path) -> None:
    faults = [Fault(message="one", place=Place(path="a", line=2), hint="mend it"), Fault(message="two")]
    made = Scripted(InputError(faults=faults))
    told = ask(tmp_path, made)
    assert told == [f"evalgate.yml{REQUEST}", str(InputError(faults=faults))]
    assert made.asked == [ASKED]
    ask(tmp_path, made)
    assert made.asked == [ASKED], "the answer is there"


def test_a_bug_of_the_run_is_an_answer_too(tmp_path: Path) -> None:
    told = ask(tmp_path, Scripted(ZeroDivisionError("of a bug")))
    assert told[-1] == "the run failed: ZeroDivisionError: of a bug"


def test_an_interrupted_run_ends_the_controller(tmp_path: Path) -> None:
    (tmp_path / f"{ASKED.key}.request").write_text('{"config": "c", "gates": [], "cases": null}')
    with pytest.raises(InterruptedRunError):
        answer_requests(tmp_path, Scripted(InterruptedRunError("stopped")))
    assert not (tmp_path / f"{ASKED.key}.json").exists()


def test_a_worker_of_another_machine_says_so(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="not on the machine of the controller"):
        WorkerRuns(tmp_path / "none", lambda **told: None).find(ASKED)


def test_a_worker_waits_for_an_answer_that_another_one_asked_for(tmp_path: Path) -> None:
    made = Scripted(InputError("late"))
    timer = threading.Timer(0.1, answer_requests, (tmp_path, made))
    worker = WorkerRuns(tmp_path, lambda **told: timer.start())
    with pytest.raises(InputError, match="late"):
        worker.find(ASKED)


def test_different_runs_have_different_keys() -> None:
    others = [
        {"gates": ()},
        {"cases": None},
        {"candidate": "HEAD"},
        {"policy_ref": "base"},
        {"config": "/q/evalgate.yml"},
    ]
    made = [dataclasses.replace(ASKED, **other) for other in others]
    assert len({one.key for one in (ASKED, *made)}) == 6


def test_an_error_is_raised_each_time_and_the_run_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Scripted(InputError("wrong"))
    monkeypatch.setattr(runs, "make_run", made.find)
    own = OwnRuns()
    for _ in range(2):
        with pytest.raises(InputError, match="wrong"):
            own.find(ASKED)
    assert made.asked == [ASKED]


def test_a_part_of_a_gate_is_decided_case_by_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_gate) -> None:
    server = ChatServer()
    monkeypatch.setenv("API_KEY", "k")
    write_gate(tmp_path, server.url)
    asked = AskedRun(config=(tmp_path / "evalgate.yml").as_posix(), cases={"support": ("case-01", "case-02")})
    assert len(runs.list_cases(asked)["support"]) == 40
    [gate] = runs.make_run(asked).gates
    server.close()
    assert gate.evidence.kind is ReportKind.PART
    part = runs.decide_part(gate)
    assert sorted(part.evidence.order) == ["case-01", "case-02"]
    assert {c.criterion for c in part.comparisons} >= {"fact", "polite"}
    assert runs.decide_part(part) is part
