"""Who answers, end to end: recorded outputs, a Python function, and recordings of a model."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from chat_server import error
from gated_project import CASES, World

from evalgate.domain import EMBEDDED_MODELS
from evalgate.execute.providers import local_model

ARMS = ("candidate", "baseline")

CHECKED = """\
format: 1
targets:
{targets}
gates:
  - name: support
    prompt: prompts/support.prompt.yml
    dataset: cases.jsonl
    target: {target}
    samples: {samples}
    checks:
      - {{type: is_json}}
      - {{type: contains, name: fact, from: expected}}
run: {{attempts: 2}}
policy: {{stop_early: false}}
"""

JUDGED = """\
    judges: [{rubric: faithfulness}]
    thresholds: {faithfulness: {min: 0.7}}
"""

APP = """\
import json
from pathlib import Path

def two(case, messages):
    brief = "brief" in messages[0]["content"]
    return json.dumps({"answer": "something else" if brief and int(case["query"].split()[1]) % 2 else case["context"]})

def one(case):
    return json.dumps({"answer": case["context"]})
"""


def configure(
    world: World, targets: str, target: str, samples: str = "{baseline: 1, candidate: 1}", more: str = ""
) -> None:
    """The configuration is main's as well: only the prompt is ever under change. `more` is the end of the gate."""
    text = CHECKED.format(targets=targets, target=target, samples=samples)
    world.repository.write("evalgate.yml", text.replace("run: {", f"{more}run: {{"))
    world.repository.git("add", "--", ":(exclude)prompts", ".")
    world.repository.git("commit", "--quiet", "--message", "configured")
    world.repository.git("branch", "--force", "main", "HEAD")


def outputs(wrong: Callable[[int], bool] = lambda n: False, repeats: int = 1) -> str:
    rows = [
        {
            "case": f"case-{n:03}",
            "repeat": repeat,
            "text": json.dumps({"answer": "something else" if wrong(n) else f"fact {n}"}),
            "latency": 0.5,
        }
        for n in range(CASES)
        for repeat in range(repeats)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


def recorded(world: World, samples: str = "{baseline: 1, candidate: 1}", **files: str) -> None:
    for arm, content in files.items():
        world.repository.write(f"{arm}.jsonl", content)
    targets = "\n".join(f"  {arm}: {{type: recorded, path: {arm}.jsonl}}" for arm in ARMS)
    configure(world, targets, "{candidate: candidate, baseline: baseline}", samples)


def app(world: World, monkeypatch: pytest.MonkeyPatch, source: str = APP) -> None:
    """The user's module, as a new process would import it."""
    world.repository.write("shop_app.py", source)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "shop_app", raising=False)
    importlib.invalidate_caches()


def python(world: World, function: str) -> None:
    configure(world, f'  app: {{type: python, function: "shop_app:{function}"}}', "app")


@pytest.mark.parametrize(("regressed", "code"), [(False, 0), (True, 1)])
def test_recorded_outputs_are_compared_without_a_call(world: World, regressed: bool, code: int) -> None:
    recorded(world, candidate=outputs(lambda n: regressed and n % 2 == 1), baseline=outputs())
    world.edit()
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == code, ended.out + ended.err
    gate = world.report()["gates"][0]
    assert gate["calls"]["made"] == 0
    fact = next(c for c in gate["comparisons"] if c["criterion"] == "fact")
    assert fact["regressed"] == [f"case-{n:03}" for n in range(1, CASES, 2) if regressed]
    assert not world.server.received


def test_outputs_that_were_recorded_before_the_prompt_was_edited_are_none_of_its_own(world: World) -> None:
    """An edit of the prompt alone would be judged by what an earlier prompt answered."""
    recorded(world, candidate=outputs(), baseline=outputs())
    world.edit()

    def notes() -> list[str]:
        assert world.evalgate("run", "--output", "report.json").code == 0
        return [note for note in world.report()["gates"][0]["notes"] if note.startswith("candidate.jsonl is what it")]

    assert len(notes()) == 1
    world.repository.commit("edit")
    ended = world.evalgate("run", "--policy-ref", "base", "--default-branch", "main")
    assert ended.code == 2
    assert "it holds no outputs of the edited prompt" in " ".join(ended.err.split())
    world.repository.write("candidate.jsonl", outputs().replace('"latency": 0.5', '"latency": 0.25'))
    assert notes() == []
    world.repository.git("switch", "--quiet", "--discard-changes", "--force-create", "other", "main")
    world.repository.commit("nothing that is gated", **{"docs.md": "x"})
    ended = world.evalgate("run", "--policy-ref", "base", "--default-branch", "main")
    assert ended.code == 0, ended.out + ended.err


def test_more_recorded_outputs_than_are_asked_are_refused_before_anything_runs(world: World) -> None:
    recorded(world, candidate=outputs(repeats=3), baseline=outputs(repeats=3), samples="{baseline: 3, candidate: 1}")
    world.edit()
    ended = world.evalgate("run")
    assert ended.code == 2
    assert 'candidate.jsonl: gate "support", candidate: 3 outputs of case case-' in ended.err
    assert f"are recorded, 1 are used; also {CASES - 1} more cases" in ended.err
    assert "samples: {candidate: 3}" in ended.err
    assert "baseline.jsonl" not in ended.err
    recorded(world, samples="{baseline: 3, candidate: 3}")
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 0, ended.err
    assert len(world.report()["gates"][0]["results"]) == 6 * CASES


def test_a_function_that_is_shown_the_prompt_is_gated(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    app(world, monkeypatch)
    python(world, "two")
    world.edit()
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 1, ended.out + ended.err
    gate = world.report()["gates"][0]
    assert gate["calls"] == {"made": 2 * CASES, "cached": 0, "saved": 0, "stopped": 0, "confirming": 0}
    assert gate["comparisons"][1]["regressed"] == [f"case-{n:03}" for n in range(1, CASES, 2)]


def test_a_function_that_sees_no_prompt_cannot_tell_two_prompts_apart(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    app(world, monkeypatch)
    python(world, "one")
    world.repository.commit("another file", **{"README.md": "for people"})
    assert world.evalgate("run").code == 0, "the same prompt twice: there is nothing to tell apart"
    world.edit()
    ended = world.evalgate("run")
    assert ended.code == 2
    assert 'gate "support": the function shop_app:one of target "app" does not get the prompt' in ended.err
    assert "(case, messages)" in ended.err
    assert "target: {candidate, baseline}" in ended.err
    both = '  old: {type: python, function: "shop_app:one"}\n  new: {type: python, function: "shop_app:two"}'
    configure(world, both, "{candidate: new, baseline: old}")
    assert world.evalgate("run").code == 1, "two functions are two applications"


@pytest.fixture
def judged_app(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A function answers and an endpoint judges, which may break in the middle."""
    app(world, monkeypatch)
    api = f'  api: {{type: openai, base_url: "{world.server.url}", api_key_env: API_KEY, model: m}}'
    targets = f'{api}\n  app: {{type: python, function: "shop_app:two"}}'
    configure(world, targets, "app", more="    judges: [{rubric: faithfulness, target: api}]\n")
    world.edit(manner="Be kind, always and everywhere, please.")
    world.grade = lambda judged: error(401, "expired") if len(world.server.received) > 20 else 5
    assert world.evalgate("run").code == 3
    world.grade = lambda judged: 5
    return world


def test_a_run_that_broke_goes_on_where_it_stopped(judged_app: World, monkeypatch: pytest.MonkeyPatch) -> None:
    app(judged_app, monkeypatch)
    ended = judged_app.evalgate("run", "--output", "report.json")
    assert ended.code == 0, ended.out + ended.err
    calls = judged_app.report()["gates"][0]["calls"]
    assert calls["cached"] >= 20 + 20, "judgements, and at least as many answers of the function"
    assert calls["made"] + calls["cached"] == 3 * CASES


def test_a_run_that_broke_takes_no_answer_of_a_function_that_has_changed(
    judged_app: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    app(judged_app, monkeypatch, APP.replace('"brief" in', '"kind" in'))
    ended = judged_app.evalgate("run", "--output", "report.json")
    assert ended.code == 1, ended.out + ended.err
    fact = next(c for c in judged_app.report()["gates"][0]["comparisons"] if c["criterion"] == "fact")
    assert fact["regressed"] == [f"case-{n:03}" for n in range(1, CASES, 2)]


def test_a_run_that_broke_takes_no_answer_from_another_state_of_a_data_file(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the answers from yesterday's data, and half from today's, are those of no application."""
    source = (
        "import json, pathlib\n\n\n"
        "def answer(case, messages):\n"
        "    facts = json.loads((pathlib.Path(__file__).parent / 'data' / 'facts.json').read_text())\n"
        "    return json.dumps({'answer': facts['prefix'] + case['context']})\n"
    )
    world.repository.write("data/facts.json", '{"prefix": "old "}')
    app(world, monkeypatch, source)
    api = f'  api: {{type: openai, base_url: "{world.server.url}", api_key_env: API_KEY, model: m}}'
    targets = f'{api}\n  app: {{type: python, function: "shop_app:answer"}}'
    configure(world, targets, "app", more="    judges: [{rubric: faithfulness, target: api}]\n")
    world.edit(manner="Be kind, always and everywhere, please.")
    world.grade = lambda judged: error(401, "expired") if len(world.server.received) > 20 else 5
    assert world.evalgate("run").code == 3
    world.grade = lambda judged: 5
    world.repository.write("data/facts.json", '{"prefix": "new "}')
    app(world, monkeypatch, source)
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 0, ended.out + ended.err
    texts = {result["outcome"]["text"].split()[1][1:] for result in world.report()["gates"][0]["results"]}
    assert texts == {"new"}


@pytest.mark.parametrize("versions", [("1", "1"), ("1", "2"), (None, None)])
def test_a_function_is_paid_once_for_each_version_that_it_declares(
    world: World, monkeypatch: pytest.MonkeyPatch, versions: tuple[str | None, str | None]
) -> None:
    """Its answers are the same, so are the checks: what is not asked again is kept under the declared version."""
    source = (
        "import json\n\nCALLS = []\n\n\n"
        "def answer(case, messages):\n"
        "    CALLS.append(case)\n"
        "    return json.dumps({'answer': case['context']})\n"
    )
    app(world, monkeypatch, source)
    world.edit()
    calls, warned = [], []
    for version in versions:
        declared = "" if version is None else f', version: "{version}"'
        target = f'  app: {{type: python, function: "shop_app:answer"{declared}}}'
        if target not in (world.root / "evalgate.yml").read_text():
            configure(world, target, "app")
        ended = world.evalgate("run", "--output", "report.json")
        assert ended.code == 0, ended.out + ended.err
        calls.append(len(sys.modules["shop_app"].CALLS))
        warned.append(sum("function without a `version`" in said for said in world.report()["warnings"]))
    assert (calls[1] == calls[0]) is (versions == ("1", "1"))
    assert warned == ([0, 0] if versions[0] else [1, 1])


@pytest.fixture(params=["openai", "local"])
def replayed(request: pytest.FixtureRequest, world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A target with recordings, of both kinds; the embedded model's server is the scripted one."""
    if request.param == "openai":
        target = f'{{type: openai, base_url: "{world.server.url}", model: m, recordings: kept/recordings.jsonl}}'
    else:
        target = f"{{type: local, model: {next(iter(EMBEDDED_MODELS))}, recordings: kept/recordings.jsonl}}"

        def start(*args: Any) -> SimpleNamespace:
            return SimpleNamespace(base_url=world.server.url, fingerprint="scripted", close=lambda: None)

        monkeypatch.setattr(local_model, "start", start)
    configure(world, f"  model: {target}", "model", more=JUDGED)
    world.edit()
    return world


def how(world: World) -> list[str]:
    if "type: local" in (world.root / "evalgate.yml").read_text():
        return ['pip install "prompt-evalgate[local]"', "evalgate model pull", "evalgate run --record"]
    return ["evalgate run --record"]


@pytest.mark.parametrize("grade", [5, 2])
def test_recordings_replay_the_run_without_a_call(replayed: World, grade: int, monkeypatch: pytest.MonkeyPatch) -> None:
    replayed.grade = lambda judged: grade
    first = replayed.evalgate("run", "--record", "--output", "report.json")
    assert first.code == (0 if grade == 5 else 1), first.out + first.err
    made = replayed.report()["gates"][0]
    lines = (replayed.root / "kept/recordings.jsonl").read_text().splitlines()
    assert made["calls"]["made"] == len(lines) == 3 * CASES
    replayed.server.close()
    monkeypatch.setattr(local_model, "start", lambda *args: pytest.fail("the model was started"))
    again = replayed.evalgate("run", "--store", "elsewhere", "--output", "report.json")
    assert again.code == first.code, again.err
    found = replayed.report()["gates"][0]
    assert found["calls"] == {"made": 0, "cached": 3 * CASES, "saved": CASES, "stopped": 0, "confirming": 0}
    assert found["comparisons"] == made["comparisons"]
    assert [result["scores"] for result in found["results"]] == [result["scores"] for result in made["results"]]
    planned = replayed.evalgate("plan", "--store", "elsewhere")
    assert f"0 calls to make, {4 * CASES} answers cached" in planned.out


def test_an_edit_is_not_answered_by_recordings_of_another_prompt(replayed: World) -> None:
    assert replayed.evalgate("run", "--record").code == 0
    received = len(replayed.server.received)
    replayed.edit("1.2.0", "Be funny about everything you say.")
    ended = replayed.evalgate("run")
    assert ended.code == 3
    assert "kept/recordings.jsonl has no recording for case case-" in ended.err
    assert ", candidate, repeat 0" in ended.err
    for command in how(replayed):
        assert command in ended.err
    assert len(replayed.server.received) == received


def test_recordings_that_are_not_there_yet(replayed: World) -> None:
    ended = replayed.evalgate("run")
    assert ended.code == 3
    assert 'kept/recordings.jsonl: no such file; the answers of target "model" are to be read from it' in ended.err
    for command in how(replayed):
        assert command in ended.err
    assert not replayed.server.received
    planned = replayed.evalgate("plan")
    assert planned.code == 0, planned.err
    assert f"{4 * CASES} calls to make, 0 answers cached" in planned.out


def test_live_ignores_recordings_and_record_lays_new_answers_over_the_old(replayed: World) -> None:
    path = replayed.root / "kept/recordings.jsonl"
    assert replayed.evalgate("run", "--record").code == 0
    before = set(path.read_text().splitlines())
    replayed.application = lambda system, user: json.dumps({"answer": user, "more": True})
    assert replayed.evalgate("run", "--live", "--no-cache", "--output", "report.json").code == 0
    assert replayed.report()["gates"][0]["calls"]["made"] == 3 * CASES
    assert set(path.read_text().splitlines()) == before
    assert replayed.evalgate("run", "--record").code == 0
    keys = [json.loads(line)["key"] for line in path.read_text().splitlines()]
    assert keys == sorted(set(keys))
    assert len(keys) == 4 * CASES, "the answers' keys are the same, the judgements of the new answers are new"


def test_a_judge_that_refused_is_asked_again_by_the_next_run(world: World) -> None:
    world.edit()
    world.grade = lambda judged: "" if re.search(r"question [34]\b", judged) else 5
    first = world.evalgate("run", "--output", "report.json")
    assert first.code == 4, first.out + first.err
    world.grade = lambda judged: 5
    assert world.evalgate("run", "--output", "report.json").code == 0
    assert world.report()["gates"][0]["calls"]["made"] == 2
