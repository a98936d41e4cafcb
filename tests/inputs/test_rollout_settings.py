from __future__ import annotations

import math
from pathlib import Path

import pytest

from evalgate.domain.rollout import LangfuseRowFilter, RolloutSettings, RowSource, Stage
from evalgate.errors import InputError
from evalgate.inputs.config import read_release
from evalgate.inputs.rollout_settings import read_stages
from evalgate.inputs.tree import WorkTree


def read(tmp_path: Path, text: str) -> RolloutSettings:
    (tmp_path / "evalgate.yml").write_text(f"release:\n  registry: sqlite:r.sqlite3\n{text}")
    found = read_release(WorkTree(tmp_path), "evalgate.yml")
    assert found is not None
    return found.rollout


def test_the_defaults_are_those_of_the_documentation(tmp_path: Path) -> None:
    found = read(tmp_path, "")
    assert found == RolloutSettings() and found.watches_gate
    assert [(one.share, one.hours) for one in found.rules.stages] == [(500, 24), (2500, 24), (5000, 24)]
    assert read(tmp_path, "  rollout: {}\n") == found


def test_every_key_is_read(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """\
  rollout:
    rows: {command: [python, export.py, --since, "7"], timeout_seconds: 30}
    stages: [{share: 2.5, hours: 48}, 50]
    staging_hours: 0
    scores: {helpful: 0.05}
    floors: {helpful: 0.7}
    max_errors: 0.01
    max_slow: 0.02
    max_expensive: 0.03
    alpha: 0.01
    settle_minutes: 5
    hold_hours: 100
    when_held: rollback
    score_per_day: 200
    holdback: 5
    notify: [page, oncall]
""",
    )
    rules = found.rules
    assert rules.stages == (Stage(share=250, hours=48), Stage(share=5000, hours=24), Stage(share=9500, hours=0))
    assert (rules.scores, rules.floors, rules.holdback) == ({"helpful": 0.05}, {"helpful": 0.7}, 500)
    assert (rules.max_errors, rules.max_slow, rules.max_expensive, rules.alpha) == (0.01, 0.02, 0.03, 0.01)
    assert (rules.staging_hours, rules.settle_minutes, rules.hold_hours, rules.when_held) == (0, 5, 100, "rollback")
    assert found.rows == RowSource(command=("python", "export.py", "--since", "7"), timeout_seconds=30)
    assert rules.score_per_day == 200 and rules.criteria == {}
    assert found.notify == ("page", "oncall") and not found.watches_gate


@pytest.mark.parametrize(("text", "files"), [("rows/*.jsonl", ("rows/*.jsonl",)), ("[a, b]", ("a", "b"))])
def test_rows_are_files(tmp_path: Path, text: str, files: tuple[str, ...]) -> None:
    assert read(tmp_path, f"  rollout: {{rows: {text}}}\n").rows == RowSource(files=files)


@pytest.mark.parametrize(("text", "chosen"), [
    ("langfuse", LangfuseRowFilter()),
    ("{langfuse: {}}", LangfuseRowFilter()),
    ("{langfuse: {environments: [production, eu]}}", LangfuseRowFilter(environments=("production", "eu"))),
])  # fmt: skip
def test_rows_are_observations_of_langfuse(tmp_path: Path, text: str, chosen: LangfuseRowFilter) -> None:
    assert read(tmp_path, f"  rollout: {{rows: {text}}}\n").rows == RowSource(langfuse=chosen)


def test_a_file_may_be_named_langfuse(tmp_path: Path) -> None:
    assert read(tmp_path, "  rollout: {rows: ./langfuse}\n").rows == RowSource(files=("./langfuse",))
    assert read(tmp_path, "  rollout: {rows: [langfuse]}\n").rows == RowSource(files=("langfuse",))


def test_scores_without_a_drop_have_the_usual_one_and_none_can_be_written(tmp_path: Path) -> None:
    assert read(tmp_path, "  rollout: {scores: [helpful, kind]}\n").rules.scores == {"helpful": 0.10, "kind": 0.10}
    empty = read(tmp_path, "  rollout: {scores: {}}\n")
    assert empty.rules.scores == {} and not empty.watches_gate


@pytest.mark.parametrize(("text", "message"), [
    ("{stage: [5]}", 'unknown key "stage"; did you mean "stages"?'),
    ("{stages: [5, 5]}", "3:25: 5 % is not above the stage before it"),
    ("{stages: [50, 25]}", "25 % is not above the stage before it"),
    ("{stages: [0.001]}", "0.001 is not a share above 0 and below 100 %, in steps of 0.01"),
    ("{stages: [100]}", "must be less than 100"),
    ("{stages: []}", '"stages" is empty'),
    ("{stages: [{hours: 4}]}", '"share" is missing'),
    ("{stages: [50, 97], holdback: 5}", "the holdback leaves 95 %: not above the last stage"),
    ("{scores: {helpful: 0}}", "must be more than 0"),
    ("{scores: {helpful: 1.5}}", "must be at most 1"),
    ("{scores: {errors: 0.1}}", '3:22: a score cannot be called "errors"'),
    ("{scores: [helpful, slow]}", 'a score cannot be called "slow"'),
    ("{scores: [helpful], floors: {unscored: 0.1}}", 'a score cannot be called "unscored"'),
    ("{alpha: 0.7}", "must be at most 0.5"),
    ("{when_held: panic}", "unknown value"),
    ("{rows: {}}", '"rows" needs one of: command, langfuse'),
    ("{rows: 7}", "quote it"),
    ("{rows: {langfuse: {environment: [a]}}}", 'unknown key "environment"; did you mean "environments"?'),
    ("{rows: {langfuse: {environments: []}}}", '"environments" is empty'),
    ("{rows: {langfuse: {}, command: [a]}}", '"command" and "langfuse" exclude each other'),
    ("{rows: {langfuse: {}, timeout_seconds: 5}}", '"timeout_seconds" is for a command'),
    ("{notify: page}", "must be a list"),
    ("{holdback: 50}", "must be less than 50"),
])  # fmt: skip
def test_a_fault_has_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        read(tmp_path, f"  rollout: {text}\n")
    told = "\n".join(str(one) for one in refused.value.faults)
    assert message in told and "evalgate.yml:3" in told


def test_stages_of_a_command_line() -> None:
    assert read_stages([5, 25.5]) == (Stage(share=500, hours=24), Stage(share=2550, hours=24))
    for share in (-1, 0, 100, 1e-320, math.inf, -math.inf, math.nan):
        with pytest.raises(ValueError, match="not a share above 0"):
            read_stages([5, share])


@pytest.mark.parametrize(("value", "words"), [("9", "must be 0, or 10 or more"), ("-1", "-1"), ("2.5", "2.5")])
def test_too_few_scored_answers_are_a_fault_with_its_place(tmp_path: Path, value: str, words: str) -> None:
    with pytest.raises(InputError, match=r"evalgate\.yml:4:20") as caught:
        read(tmp_path, f"  rollout:\n    score_per_day: {value}\n")
    assert words in str(caught.value)
