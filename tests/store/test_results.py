"""Results that lie in a file: every verb gives what it gave when they were in memory, byte for byte."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import pytest
from chat_server import Reply
from gated_project import CASES, World

from evalgate.domain import Arm, Failure, Output, Report, Result, Score, ScoreToken, Unscored, Usage
from evalgate.domain.stored_result import StoredResult
from evalgate.store import report_json
from evalgate.store import results as shelf
from evalgate.store.results import ResultStore
from evalgate.store.results_file import ResultsFile

STORE = Path(".evalgate")
OUTPUT = Output(
    text='half a pair \ud800, "quoted"\nand ünïcode',
    finish_reason="length",
    served_by="m-1/fp",
    usage=Usage(input_tokens=3, output_tokens=4),
    seconds=0.1 + 0.2,
    cached=True,
    cost_usd=1e-7,
    score_tokens=(ScoreToken(token=4, logprobs={3: -1.5, 4: -0.25}),),
)
RESULTS = [
    Result(case="a", arm=Arm.CANDIDATE, repeat=0, tags=("x", "y"), outcome=OUTPUT, scores={"ok": Score(value=1.0)}),
    Result(
        case="a",
        arm=Arm.BASELINE,
        repeat=2,
        tags=(),
        outcome=replace(OUTPUT, served_by=None, usage=None, seconds=None, cost_usd=None),
        scores={"z": Unscored(reason="why not"), "b": Score(value=0.1, reason="so \x00 so")},
        replies={"b": (OUTPUT, Failure(kind="unusable", message="refused", usage=Usage(), cost_usd=0.5))},
    ),
    Result(
        case="b",
        arm=Arm.BASELINE,
        repeat=0,
        tags=("x",),
        outcome=Failure(kind="infrastructure", message="down", seconds=3.0),
        scores={"ok": Unscored(reason="down")},
    ),
    Result(case="c", arm=Arm.CANDIDATE, repeat=0, tags=(), outcome=None, scores={}),
]


@pytest.fixture
def in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ResultsFile, "CHUNK", 1)


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: f"{result.case}-{result.arm}")
def test_what_stands_for_a_result_gives_all_that_it_gives(tmp_path: Path, in_a_file: None, result: Result) -> None:
    shelf = ResultStore(ResultsFile(tmp_path))
    before = shelf.put(RESULTS[0])
    shelved = shelf.put(result)
    shelf.put(RESULTS[0])
    names = ("case", "arm", "repeat", "tags", "outcome", "scores", "replies", "values", "failure", "served_by")
    for name in (*names, "seconds"):
        assert getattr(shelved, name) == getattr(result, name), name
    assert report_json.line(shelved) == report_json.line(result)
    assert before.outcome == OUTPUT


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: f"{result.case}-{result.arm}")
def test_scores_are_left_out_of_a_result_on_a_shelf_as_of_any_other(
    tmp_path: Path, in_a_file: None, result: Result
) -> None:
    shelved = ResultStore(ResultsFile(tmp_path)).put(result)
    for criteria in ({"ok"}, {"z", "b"}, {"none"}):
        lesser = shelved.without(criteria)
        assert isinstance(lesser, StoredResult)
        assert report_json.line(lesser) == report_json.line(result.without(criteria))
        assert lesser.values == {name: value for name, value in result.values.items() if name not in criteria}
    assert report_json.line(shelved) == report_json.line(result)


def test_results_with_the_same_scores_share_them_and_others_do_not(tmp_path: Path) -> None:
    shelf = ResultStore(ResultsFile(tmp_path))
    results = [
        replace(
            RESULTS[0], case=str(n), scores={"ok": Score(value=n % 2 / 2, reason=str(n)), "x": Score(value=n / 5000)}
        )
        for n in range(5000)
    ]
    shelved = [shelf.put(result) for result in results]
    assert [one.values for one in shelved] == [one.values for one in results]
    same = [shelf.put(replace(RESULTS[0], case=str(n))) for n in range(3)]
    assert [one.values for one in same] == [{"ok": 1.0}] * 3


@contextmanager
def spilled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(ResultsFile, "CHUNK", 1)
        yield


def turn(world: World) -> None:
    """Some cases fall, some rise, and two replies of the judge cannot be read."""
    world.edit()

    def application(system: str, user: str) -> str:
        number = int(re.findall(r"question (\d+)", user)[0])
        brief = "Be brief" in system
        return json.dumps({"answer": "no idea" if number in ((3, 4, 5) if brief else (8, 9)) else user})

    world.application = application
    world.grade = lambda judged: "not JSON" if re.search("question 1[12]", judged) else 1 if "no idea" in judged else 5


def without_the_moment(text: str) -> str:
    text = re.sub(r'"(run_id|created_at)": "[^"]*"', "", text)
    return re.sub(r"[0-9a-f]{12}(`, `|, )20\d\d-[0-9T:+-]*", "", text)


FORMATS = ("json", "markdown", "terminal", "csv")


def test_a_run_and_every_verb_after_it_give_the_same_bytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    turn(world)
    for _ in range(10):  # until no reply of the judge is asked for again
        assert world.evalgate("run").code == 4
    given = {}
    for where in ("memory", "file"):  # from the same answers, as they were paid for
        shutil.rmtree(STORE / "verdicts", ignore_errors=True)
        calls = len(world.server.received)
        with spilled(monkeypatch) if where == "file" else monkeypatch.context():
            outputs = [part for name in FORMATS for part in ("--format", name, "--output", f"{where}.{name}")]
            ended = world.evalgate("run", *outputs)
        again = [world.evalgate("report", str(STORE / "report.json"), "--format", name).out for name in FORMATS]
        rendered = [(world.root / f"{where}.{name}").read_text() for name in FORMATS]
        assert rendered[:2] == again[:2], "read back and written again, it is the same"
        decided = world.evalgate("decide", f"{where}.json", "--format", "json")
        looser = world.evalgate("decide", f"{where}.json", "--max-drop", "0.5", "--format", "json")
        given[where] = [ended.code, *rendered, *again, decided.code, decided.out, looser.code, looser.out]
        assert (STORE / "report.json").read_text() == rendered[0]
        assert len(world.server.received) == calls
    assert [without_the_moment(str(each)) for each in given["file"]] == [
        without_the_moment(str(each)) for each in given["memory"]
    ]


def results(report: Report) -> list[Result]:
    return [r for gate in report.gates for r in (*gate.evidence.results, *gate.evidence.confirmations)]


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Report]:
    """The reports that are read, in their order."""
    reports: list[Report] = []
    read = shelf.read

    def watched(file: TextIO, path: str, folder: Path | None = None) -> Report:
        reports.append(read(file, path, folder))
        return reports[-1]

    monkeypatch.setattr(shelf, "read", watched)
    return reports


def test_a_report_that_is_read_gives_what_it_gives_when_it_lies_in_memory(world: World, found: list[Report]) -> None:
    turn(world)
    assert world.evalgate("run").code == 4
    written = (STORE / "report.json").read_text()
    Path("lines.json").write_text(written)
    Path("whole.json").write_text(json.dumps(json.loads(written), indent=2))
    # what "fact" and "is_json" were is not what they are from now on
    config = Path("evalgate.yml").read_text()
    config = config.replace("name: fact,", "name: fact, ignore_case: true,").replace("is_json", "is_json, name: valid")
    Path("other.yml").write_text(config)
    for verb in (["report"], ["decide"], ["decide", "--config", "other.yml"], ["decide", "--max-drop", "0.5"]):
        for name in (*FORMATS, "html"):
            found.clear()
            lines = world.evalgate(verb[0], "lines.json", *verb[1:], "--format", name)
            whole = world.evalgate(verb[0], "whole.json", *verb[1:], "--format", name)
            assert (lines.code, lines.out.replace("lines.json", "whole.json")) == (whole.code, whole.out)
            assert [{type(result) for result in results(report)} for report in found] == [{StoredResult}, {Result}]
    stale = json.loads(world.evalgate("decide", "lines.json", "--config", "other.yml", "--format", "json").out)
    assert {name for result in stale["gates"][0]["results"] for name in result["scores"]} == {
        "answered",
        "faithfulness",
        "is_json",
    }


def test_a_verdict_that_is_found_again_is_read_by_lines(world: World, found: list[Report]) -> None:
    world.edit()
    assert world.evalgate("run").code == 0
    first = world.report(str(STORE / "report.json"))["gates"][0]
    found.clear()
    assert world.evalgate("run").code == 0
    assert [{type(result) for result in results(report)} for report in found] == [{StoredResult}]
    assert world.report(str(STORE / "report.json"))["gates"][0]["results"] == first["results"]


def test_shards_whose_results_lay_in_files_merge_to_the_same_bytes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.edit()
    assert world.evalgate("run").code == 0
    merged = {}
    for where in ("memory", "file"):
        names = []
        for number in (1, 2, 3):
            names.append(f"{where}-{number}.json")
            with spilled(monkeypatch) if where == "file" else monkeypatch.context():
                world.evalgate("run", "--shard", f"{number}/3", "--output", names[-1])
        assert world.evalgate("merge", *names, "--output", f"{where}.json").code == 0
        merged[where] = without_the_moment((world.root / f"{where}.json").read_text())
    assert merged["file"] == merged["memory"]


def test_a_run_that_was_cut_off_continues_from_its_journal_and_leaves_no_file(world: World, in_a_file: None) -> None:
    world.edit()
    answer, limit = world.application, CASES
    world.application = lambda system, user: (
        Reply(body={"error": {"message": "no such model", "code": None}}, status=404)
        if len(world.server.received) > limit
        else answer(system, user)
    )
    assert world.evalgate("run").code == 3
    (journal,) = (STORE / "journal").glob("*.jsonl")
    known = len(journal.read_bytes().splitlines())
    assert known > 0
    assert {path.name for path in STORE.iterdir()} <= {".gitignore", "cache.sqlite3", "journal"}
    (STORE / "cache.sqlite3").unlink()
    world.application = answer
    before = len(world.server.received)
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 0, ended.err
    gate = world.report()["gates"][0]
    assert len(world.server.received) - before == gate["calls"]["made"]
    assert gate["calls"]["cached"] == known
    assert not list((STORE / "journal").glob("*"))
