"""Tests of the public names of evalgate: their list, their calls, and their lazy import."""

from __future__ import annotations

import doctest
import inspect
import io
import json
import pydoc
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from gated_project import Ended, World
from test_architecture import AT_START

import evalgate
from evalgate import errors

ROOT = Path(__file__).parents[1]
SIGNATURES = {
    "run_gate": "(config: AnyPath = 'evalgate.yml', *, candidate: str | None = None, baseline: str | None = None, "
    "gates: Sequence[str] = (), changed: bool = False, head: str | None = None, "
    "policy_ref: Literal['head', 'base'] = 'head', default_branch: str | None = None, live: bool = False, "
    "record: bool = False, no_cache: bool = False, redraw: Literal['failed', 'broken', 'all'] | None = None, "
    "shard: tuple[int, int] | None = None, "
    "engine: Literal['asyncio', 'ray', 'batch'] = 'asyncio', store: AnyPath | None = None, "
    "environment: Mapping[str, str] | None = None) -> Report",
    "decide_scores": "(scores: AnyPath | pd.DataFrame | Iterable[Mapping[str, object]], *, "
    "baseline: AnyPath | None = None, select: str | None = None, baseline_select: str | None = None, "
    "criteria: Sequence[str] = (), scales: Mapping[str, tuple[float, float]] | None = None, "
    "minimum: Mapping[str, float] | None = None, max_drop: float | None = None, level: Level | str | None = None) "
    "-> Report",
    "assert_no_regression": "(baseline_scores: object, candidate_scores: object, max_drop: float = 0.05, *, "
    "minimum: float | None = None, name: str = 'score', allow_inconclusive: bool = False) -> Report",
    "load_report": "(path: AnyPath) -> Report",
    "tabulate_reports": "(reports: Iterable[Report | AnyPath]) -> pd.DataFrame",
}
TYPES = {
    *("Arm", "Comparison", "Estimate", "Evidence", "Failure", "Finding", "GateReport", "Level", "Output", "Report"),
    *("Requirement", "Result", "Score", "Unscored", "Verdict", "VersionRef"),
}
ERRORS = {
    *("EvalgateError", "ExitCode", "Fault", "GitError", "InputError", "InterruptedRunError", "MissingSecretError"),
    "NothingToCompareError",
    *("Place", "ServiceError"),
}
ROWS = [
    {"case": f"c{i}", "arm": arm, "criterion": "tone", "value": 0.9}
    for i in range(60)
    for arm in ("baseline", "candidate")
]


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout


def test_the_public_names_are_these() -> None:
    assert set(evalgate.__all__) == SIGNATURES.keys() | TYPES | ERRORS
    assert {name for name in dir(evalgate) if not name.startswith("_")} == set(evalgate.__all__)
    assert all(inspect.isclass(getattr(evalgate, name)) for name in TYPES | ERRORS)
    assert evalgate.__all__ == sorted(evalgate.__all__)


def test_every_error_of_ours_is_public() -> None:
    own = {name for name, found in vars(errors).items() if inspect.isclass(found) and issubclass(found, Exception)}
    assert own <= set(evalgate.__all__)


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_signatures_are_these(name: str) -> None:
    found = str(inspect.signature(getattr(evalgate, name)))
    assert re.sub("['\"]", "", found) == SIGNATURES[name].replace("'", "")


def test_another_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Reprot'"):
        evalgate.Reprot  # noqa: B018
    assert "AnyPath" not in dir(evalgate)


def test_importing_loads_nothing_of_weight() -> None:
    loaded = run_python("import sys; old = set(sys.modules); import evalgate; print(*sorted(set(sys.modules) - old))")
    assert set(loaded.split()) <= {"evalgate", "__future__"}
    named = f"from evalgate import {', '.join(evalgate.__all__)}"
    loaded = run_python(f"{named}\nimport sys; print(*sorted(m.split('.')[0] for m in sys.modules))")
    assert not AT_START & set(loaded.split())


def test_help_reads_well() -> None:
    page = run_python("import evalgate; help(evalgate)")
    for part in (
        "The merge gate for prompts",
        "run_gate(config: ",
        "decide_scores(scores: ",
        "class Report",
        "VERSION",
    ):
        assert part in page
    assert "__getattr__" not in page
    plain = io.StringIO()
    pydoc.Helper(output=plain).help(evalgate.run_gate)
    assert "Run the gate as `evalgate run` does" in plain.getvalue()


def test_types_are_for_type_checkers_of_users() -> None:
    assert (ROOT / "evalgate/py.typed").is_file()


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with the demo in it the current one."""
    shutil.copytree(ROOT / "golden", tmp_path / "golden", ignore=shutil.ignore_patterns(".evalgate"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_example_in_the_docstrings_is_true(demo: Path) -> None:
    # the names are in the order of the examples: one makes a report, the next loads it
    for name in ("run_gate", "decide_scores", "assert_no_regression", "load_report", "tabulate_reports"):
        [example] = doctest.DocTestFinder(recurse=False).find(
            getattr(evalgate, name), name, globs=vars(evalgate).copy()
        )
        assert example.examples
        said = io.StringIO()
        assert not doctest.DocTestRunner().run(example, out=said.write).failed, said.getvalue()


PAGE = (ROOT / "docs/library.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "block", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL), ids=lambda block: block.splitlines()[0]
)
def test_every_block_of_the_page_runs(block: str, demo: Path) -> None:
    exec(compile(block, "docs/library.md", "exec"), {})


@pytest.mark.parametrize("command", re.findall(r"^\$ evalgate (.*)$", PAGE, re.MULTILINE))
def test_every_command_of_the_page_runs(command: str, demo: Path, evalgate: Callable[..., Ended]) -> None:
    rows = [f"c{i},{arm},quality,0.9" for i in range(80) for arm in ("baseline", "candidate")]
    (demo / "scores.csv").write_text("\n".join(["case,arm,criterion,value", *rows]), encoding="utf-8")
    assert evalgate(*shlex.split(command)).code == 0


def test_the_page_names_every_function() -> None:
    assert all(f"`{name}(" in PAGE for name in SIGNATURES)


def test_a_run_is_that_of_the_command(world: World) -> None:
    world.edit()
    report = evalgate.run_gate(gates="support")
    assert isinstance(report, evalgate.Report)
    kept = evalgate.load_report(world.root / ".evalgate/report.json")
    assert (kept.run_id, kept.decision) == (report.run_id, report.decision)
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == report.exit_code
    ours, theirs = (
        json.loads(path.read_text()) for path in (world.root / "report.json", world.root / ".evalgate/report.json")
    )
    assert ours == theirs
    own = evalgate.load_report("report.json")
    assert own.gates[0].comparisons == report.gates[0].comparisons


def test_a_run_prints_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.edit()
    evalgate.run_gate()
    assert capsys.readouterr() == ("", "")


def test_a_run_that_fails_leaves_no_earlier_report(world: World) -> None:
    world.edit()
    evalgate.run_gate()
    world.repository.write("evalgate.yml", "format: 1\n")
    with pytest.raises(evalgate.InputError, match='"gates" is missing'):
        evalgate.run_gate()
    assert not (world.root / ".evalgate/report.json").exists()


def test_the_environment_is_that_of_the_process_or_the_one_given(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.edit()
    monkeypatch.delenv("API_KEY")
    with pytest.raises(evalgate.MissingSecretError, match="API_KEY"):
        evalgate.run_gate()
    assert evalgate.run_gate(environment={"API_KEY": "k"}).gates
    assert {call.headers["authorization"] for call in world.server.received} == {"Bearer k"}


def test_a_gate_runs_where_a_loop_runs_already(demo: Path) -> None:
    import asyncio

    async def main() -> evalgate.Report:
        return evalgate.run_gate("golden/evalgate.yml")

    assert asyncio.run(main()).decision == evalgate.Verdict.PASS


def test_a_report_that_cannot_be_kept_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from evalgate.commands import run

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    world.edit()
    monkeypatch.setattr(run, "keep_report", refuse)
    assert evalgate.run_gate().warnings[-1].endswith("report.json: cannot be written: No space left on device")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "threads"}, "engine must be one of asyncio, ray, batch, not 'threads'"),
        ({"policy_ref": "main"}, "policy_ref must be one of head, base, not 'main'"),
        ({"live": True, "record": True}, "live and record exclude each other"),
        ({"shard": (3, 2)}, r"shard must be \(K, N\)"),
        ({"shard": (0, 2)}, r"shard must be \(K, N\)"),
    ],
)
def test_options_that_no_run_can_have(options: dict[str, object], message: str) -> None:
    with pytest.raises(evalgate.InputError, match=message):
        evalgate.run_gate(**options)  # type: ignore[arg-type]


def test_scores_are_decided_alike_from_rows_a_frame_and_files(tmp_path: Path) -> None:
    frame = pd.DataFrame(ROWS)
    frame.to_csv(tmp_path / "s.csv", index=False)
    frame.to_parquet(tmp_path / "s.parquet")
    frame.to_excel(tmp_path / "s.xlsx", index=False)
    sources = [ROWS, iter(ROWS), frame, *(tmp_path / f"s.{end}" for end in ("csv", "parquet", "xlsx"))]
    reports = [evalgate.decide_scores(source, max_drop=0.05) for source in sources]
    assert {report.decision for report in reports} == {evalgate.Verdict.PASS}
    assert len({report.gates[0].comparisons for report in reports}) == 1
    assert evalgate.decide_scores(reports[0].to_frame()).decision == evalgate.Verdict.PASS


def test_a_floor_and_a_level_rule_as_they_do_at_the_command() -> None:
    few = ROWS[:8]
    assert evalgate.decide_scores(ROWS, minimum={"tone": 0.95}).decision == evalgate.Verdict.FAIL
    assert evalgate.decide_scores(few).exit_code == evalgate.ExitCode.INCONCLUSIVE
    with pytest.raises(evalgate.InputError, match="criterion"):
        evalgate.decide_scores(ROWS, minimum={"tonne": 0.5})
    for level in (evalgate.Level.MAJOR, "major", "MAJOR"):
        assert evalgate.decide_scores(ROWS, level=level).exit_code == evalgate.ExitCode.AWAITING_SIGN_OFF


def test_an_assertion_is_the_verdict_on_the_same_scores() -> None:
    scores = {f"c{i}": 0.9 for i in range(60)}
    worse = dict.fromkeys(scores, 0.7)
    assert evalgate.assert_no_regression(scores, scores).decision == evalgate.Verdict.PASS
    with pytest.raises(AssertionError, match=r"FAIL: tone: proven worse(?s:.*)0\.900 (?s:.*)0\.700 "):
        evalgate.assert_no_regression(scores, worse, name="tone")
    with pytest.raises(AssertionError, match="FAIL: score: "):
        evalgate.assert_no_regression(scores, scores, minimum=0.95)
    assert evalgate.assert_no_regression(scores, worse, 0.4).decision == evalgate.Verdict.PASS


def test_an_inconclusive_assertion_fails_unless_it_is_allowed() -> None:
    with pytest.raises(AssertionError, match="INCONCLUSIVE: "):
        evalgate.assert_no_regression([0.9, 0.8], [0.9, 0.8])
    report = evalgate.assert_no_regression([0.9, 0.8], [0.9, 0.8], allow_inconclusive=True)
    assert report.decision == evalgate.Verdict.INCONCLUSIVE
    for options in ({"max_drop": 0}, {"max_drop": 2}, {"minimum": -1}):
        with pytest.raises(evalgate.InputError):
            evalgate.assert_no_regression([0.9], [0.9], **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_drop": 0}, "no sample can prove a drop of exactly 0"),
        ({"max_drop": 1.5}, "max_drop must be a number from 0 to 1, not 1.5"),
        ({"max_drop": float("nan")}, "max_drop must be a number from 0 to 1, not nan"),
        ({"minimum": {"tone": True}}, "the minimum of tone must be a number from 0 to 1, not True"),
        ({"level": "huge"}, "level must be one of PATCH, MINOR, MAJOR, not 'HUGE'"),
    ],
)
def test_options_that_no_decision_can_have(options: dict[str, object], message: str) -> None:
    with pytest.raises(evalgate.InputError, match=message):
        evalgate.decide_scores(ROWS, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("scores", [5, None, {"case": "a"}])
def test_what_are_no_scores_is_refused(scores: object) -> None:
    with pytest.raises(evalgate.InputError, match="scores must be a file, a DataFrame or rows, not"):
        evalgate.decide_scores(scores)  # type: ignore[arg-type]


def test_faults_of_rows_have_their_numbers() -> None:
    with pytest.raises(evalgate.InputError) as caught:
        evalgate.decide_scores([ROWS[0], {**ROWS[1], "value": 7}, {**ROWS[2], "value": float("nan")}])
    assert [(fault.place.path, fault.place.line) for fault in caught.value.faults if fault.place] == [
        ("scores", 2), ("scores", 3),
    ]  # fmt: skip


def test_an_edited_report_is_refused(demo: Path) -> None:
    evalgate.run_gate("golden/evalgate.yml", store="store")
    text = Path("store/report.json").read_text()
    Path("edited.json").write_text(text.replace('"decision": "PASS"', '"decision": "FAIL"', 1))
    with pytest.raises(evalgate.InputError):
        evalgate.load_report("edited.json")
    with pytest.raises(evalgate.InputError):
        evalgate.tabulate_reports(["store/report.json", "edited.json"])
