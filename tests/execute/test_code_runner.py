"""The check `python`, run by a real child process: what passes, what fails, and what is unscored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evalgate.domain import Case, Check, Output, Score, Scored, Unscored
from evalgate.errors import InputError
from evalgate.execute import code_runner
from evalgate.execute.code_runner import CodeRunner
from evalgate.mask import Mask
from evalgate.score.python_code import read_result

CODE = """\
import os, sys, time
from helpers import POLITE

print("printed at import")

def polite(output, case):
    print("printed in a call")
    return POLITE in output.lower()

def share(output):
    return min(1.0, len(output.split()) / 10)

def grounded(output, case):
    found = case["expected"] in output
    return found, f"looked for {case['expected']}"

def as_mapping(output, case):
    return {"score": float(case["id"] in output), "reason": "the id"}

def in_list(output, case):
    return output in {"a", "b"}

def not_a_number(output):
    return float("nan")

def too_large(output):
    return 2

def nothing(output):
    pass

def text(output):
    return "yes"

def fails(output):
    raise ValueError("secret-key-123 is wrong")

def leaves(output):
    sys.exit("bye")

def dies(output):
    os._exit(3)

def hangs(output):
    time.sleep(60)

def writes(output):
    os.write(1, b"not json\\n")
    sys.stdout.write("{}\\n")
    return True

def greedy(output):
    return len(bytearray(64 * 1024 ** 3)) > 0

def sees(output):
    return not any("KEY" in name for name in os.environ), " ".join(sorted(os.environ))

def asks_for_input(output):
    return sys.stdin.read() == ""
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("code")
    (made / "tone.py").write_text(CODE)
    (made / "helpers.py").write_text("POLITE = 'please'\n")
    return made


@pytest.fixture(scope="module")
def runner(folder: Path) -> Iterator[CodeRunner]:
    environment = {"PATH": "/bin", "API_KEY": "secret-key-123"}
    with CodeRunner(folder, read_result, environment=environment, mask=Mask(["secret-key-123"])) as made:
        yield made


def score(runner: CodeRunner, text: str, **options: object) -> Scored:
    case = Case(id="c1", fields={"expected": "30 days", "lang": "en"}, tags=("a",))
    return runner.run(Check(name="own", type="python", options=options), case, Output(text=text))


def path(name: str) -> dict[str, object]:
    return {"path": f"tone.{name}"}


@pytest.mark.parametrize(
    ("options", "passing", "failing"),
    [
        (path("polite"), "Please wait.", "Wait."),
        (path("grounded"), "Within 30 days.", "At any time."),
        (path("as_mapping"), "This is c1.", "This is c2."),
        ({"expression": "len(output) < 10 and case['lang'] == 'en'"}, "short", "a text that is long"),
        ({"expression": "all(word.isalpha() for word in output.split())"}, "only words", "4 words"),
    ],
    ids=lambda value: str(next(iter(value.values()))) if isinstance(value, dict) else "",
)
def test_what_the_code_says_is_the_score(
    runner: CodeRunner, options: dict[str, object], passing: str, failing: str
) -> None:
    holds, fails = score(runner, passing, **options), score(runner, failing, **options)
    assert isinstance(holds, Score) and isinstance(fails, Score)
    assert (holds.value, fails.value) == (1.0, 0.0)
    assert holds.reason and fails.reason


def test_a_number_and_a_reason_are_kept(runner: CodeRunner) -> None:
    assert score(runner, "one two three", **path("share")) == Score(value=0.3, reason="tone.share is 0.3")
    assert score(runner, "no", **path("grounded")) == Score(value=0.0, reason="looked for 30 days")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (path("not_a_number"), "tone.not_a_number returned nan; it must return a bool, a number from 0 to 1"),
        (path("too_large"), "returned 2; it must"),
        (path("nothing"), "returned None; it must"),
        (path("text"), "returned 'yes'; it must"),
        (path("fails"), "the code failed: ValueError: *** is wrong (at tone.py:"),
        (path("leaves"), "the code failed: SystemExit: bye"),
        (path("greedy"), "the code failed: MemoryError"),
        (path("dies"), "the code failed: its process ended with exit code 3"),
        ({"expression": "case['absent']"}, "the code failed: KeyError: 'absent'"),
        ({"expression": "output"}, "output returned 'text'; it must"),
    ],
    ids=lambda value: str(next(iter(value.values()))) if isinstance(value, dict) else "",
)
def test_anything_else_is_unscored_and_never_a_pass(
    runner: CodeRunner, options: dict[str, object], reason: str
) -> None:
    scored = score(runner, "text", **options)
    assert isinstance(scored, Unscored)
    assert reason in scored.reason
    assert score(runner, "please", **path("polite")).value == 1.0, "the next output is scored"


def test_code_that_hangs_is_ended_and_after_three_times_not_run(runner: CodeRunner) -> None:
    for _ in range(3):
        assert score(runner, "x", **path("hangs"), timeout=0.05).reason == "the code failed: it took over 0.05 s"
    assert score(runner, "x", **path("hangs"), timeout=0.05).reason == "not run: it took over 0.05 s for 3 outputs"
    runner._timeouts.clear()


def test_what_the_code_prints_and_reads_is_not_the_protocol(runner: CodeRunner) -> None:
    assert score(runner, "x", **path("writes")) == Score(value=1.0, reason="tone.writes is true")
    assert score(runner, "x", **path("asks_for_input")).value == 1.0


def test_the_child_has_no_variable_that_could_be_a_secret(runner: CodeRunner) -> None:
    seen = score(runner, "x", **path("sees"))
    assert isinstance(seen, Score) and seen.value == 1.0
    assert set(seen.reason.split()) <= {"PATH", "PYTHONHASHSEED", "PYTHONUTF8", "LC_CTYPE"}


def test_one_process_scores_all_outputs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    real = code_runner._Child

    def start(*arguments: object) -> object:
        started.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(code_runner, "_Child", start)
    with CodeRunner(folder, read_result, environment={}) as made:
        assert all(score(made, f"please {n}", **path("polite")).value == 1.0 for n in range(200))
    assert len(started) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.f", "the check \"own\" cannot load absent.f: ModuleNotFoundError: No module named 'absent'"),
        ("tone.absent", "AttributeError: "),
        ("broken.f", "ZeroDivisionError: division by zero (at broken.py:1, in <module>)"),
        ("three.f", "takes neither (output, case) nor (output)"),
    ],
)
def test_a_function_that_cannot_be_loaded_is_an_error(
    folder: Path, runner: CodeRunner, name: str, message: str
) -> None:
    (folder / "broken.py").write_text("1 / 0\n")
    (folder / "three.py").write_text("def f(a, b, c): pass\n")
    with pytest.raises(InputError) as raised:
        runner.load([Check(name="own", type="python", options={"path": name})])
    assert message in str(raised.value)
