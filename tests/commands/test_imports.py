"""Tests of `evalgate import` and of `evalgate decide` on files of other tools."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from gated_project import Ended
from tool_files import DATA

import evalgate as evalgate_library

Run = Callable[..., Ended]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(("command", "cases", "scores"), [
    ("promptfoo promptfoo-two-prompts.json --select brief", 6, 24),
    ("deepeval deepeval-4-candidate.json", 6, 12),
    ("deepeval deepeval-4-goldens.json", 4, 0),
    ("inspect inspect-bad.eval --scale stars=1:5", 6, 30),
    ("openai-evals evals-samples.jsonl", 6, 0),
    ("openai-evals evals-bad-colours.jsonl", 0, 6),
])  # fmt: skip
def test_each_tool_is_imported(folder: Path, evalgate: Run, command: str, cases: int, scores: int) -> None:
    source, file, *options = command.split()
    options += (["--cases", "cases.jsonl"] if cases else []) + (["--scores", "scores.jsonl"] if scores else [])
    ended = evalgate("import", source, str(DATA / file), *options)
    assert ended.code == 0, ended.err
    assert "not carried over:" in ended.out
    for name, count in (("cases.jsonl", cases), ("scores.jsonl", scores)):
        assert (len(lines(folder / name)) if count else (folder / name).exists()) == count
    if scores:
        floor = f"{lines(folder / 'scores.jsonl')[0]['criterion']}=0.5"
        assert evalgate("decide", "--scores", "scores.jsonl", "--min", floor).code == 4, "so few cases prove nothing"
    again = evalgate("import", source, str(DATA / file), *options)
    assert again.code == 2 and "it exists already; nothing was written" in again.err


def test_a_table_is_imported(folder: Path, evalgate: Run) -> None:
    (folder / "t.csv").write_text("No,Question,Answer\n1,Why?,So\n")
    ended = evalgate("import", "csv", "t.csv", "--cases", "sub/c.jsonl", "--id", "No", "--expected", "Answer")
    assert ended.code == 0, ended.err
    assert lines(folder / "sub/c.jsonl") == [{"id": "1", "Question": "Why?", "expected": "So"}]


@pytest.mark.parametrize(("arguments", "message"), [
    (["inspect", "inspect-bad.eval"], "name what to write"),
    (["inspect", "inspect-bad.eval", "--cases", "c.jsonl", "--arm", "baseline"], "need --scores"),
    (["inspect", "inspect-error.eval", "--cases", "c.jsonl"], "cases are missing: its status is error"),
    (["promptfoo", "inspect-bad.eval", "--cases", "c.jsonl"], "is not a file of results of promptfoo"),
    (["deepeval", "deepeval-4-goldens.json", "--scores", "s.jsonl"], "is not a test run of deepeval"),
    (["deepeval", "evals-bad-colours.jsonl", "--cases", "c.jsonl"], "has neither an input nor a scenario"),
    (["openai-evals", "evals-bad-colours.jsonl", "--cases", "c.jsonl"], "a log has no cases"),
    (["openai-evals", "evals-samples.jsonl", "--scores", "s.jsonl"], "is not a log of openai/evals"),
    (["csv", "deepeval-4-goldens.csv", "--cases", "c.jsonl", "--separator", ""], "--separator must be a text"),
])  # fmt: skip
def test_what_cannot_be_imported_is_refused_and_nothing_is_written(
    folder: Path, evalgate: Run, arguments: list[str], message: str
) -> None:
    source, file, *options = arguments
    ended = evalgate("import", source, str(DATA / file), *options)
    assert ended.code == 2
    assert message in " ".join(ended.err.split())
    assert list(folder.iterdir()) == []


def test_a_drop_in_another_tools_results_fails(folder: Path, evalgate: Run) -> None:
    files = [str(DATA / f"deepeval-4-wide-{arm}.json") for arm in ("candidate", "baseline")]
    ended = evalgate("decide", "--scores", files[0], "--baseline", files[1], "--output", "report.json")
    assert ended.code == 1, ended.err
    report = json.loads((folder / "report.json").read_text())
    gate = report["gates"][0]
    assert (gate["counts"]["expected"], gate["counts"]["unscored"]) == (64, 0)
    assert [version["source"] for version in (gate["candidate"], gate["baseline"])] == files
    assert gate["notes"][0].startswith("candidate: deepeval, the application's answers: 64 tests")
    (folder / "copy.json").write_bytes(Path(files[1]).read_bytes())
    same = evalgate("decide", "--scores", "copy.json", "--baseline", files[1])
    assert same.code == 0, same.out
    twice = evalgate("decide", "--scores", files[1], "--baseline", files[1])
    assert twice.code == 2 and "is given for both arms" in twice.err
    assert evalgate("decide", "report.json", "--output", "again.json").code == 1
    assert (folder / "again.json").read_bytes() == (folder / "report.json").read_bytes()


def test_the_library_reads_the_same_files() -> None:
    files = [DATA / f"deepeval-3-{arm}" for arm in ("candidate", "baseline")]
    report = evalgate_library.decide_scores(files[0], baseline=files[1], scales={"Toxicity": (1, 0)})
    assert report.gates[0].evidence.criteria[1].name == "Toxicity"
    overlap = evalgate_library.decide_scores(files[0], baseline=files[1], criteria="Word Overlap")
    assert [one.name for one in overlap.gates[0].evidence.criteria] == ["Word Overlap"]
    with pytest.raises(evalgate_library.InputError, match="two different numbers"):
        evalgate_library.decide_scores(files[0], scales={"Toxicity": (1, 1)})
    with pytest.raises(evalgate_library.InputError, match="are for files of scores"):
        evalgate_library.decide_scores([], criteria="x")


def test_two_prompts_of_one_file_are_compared(evalgate: Run) -> None:
    file = str(DATA / "promptfoo-two-prompts.json")
    ended = evalgate("decide", "--scores", file, "--select", "long", "--baseline-select", "brief", "--output", "r.json")
    assert ended.code == 4
    assert evalgate("decide", "r.json").code == 4, "a report with criteria that do not apply to all cases is read back"
    assert "2 prompts and providers" in evalgate("decide", "--scores", file).err


@pytest.mark.parametrize(
    "options", [["--baseline", "x"], ["--select", "x"], ["--criterion", "x"], ["--scale", "x=1:5"]]
)
def test_the_options_of_scores_need_scores(evalgate: Run, options: list[str]) -> None:
    ended = evalgate("decide", *options)
    assert ended.code == 2 and "need --scores" in ended.err


def test_a_criterion_has_one_scale(evalgate: Run) -> None:
    ended = evalgate("decide", "--scores", "x.json", "--scale", "a=1:5", "--scale", "a=1:3")
    assert ended.code == 2 and '"a" has two scales' in ended.err
