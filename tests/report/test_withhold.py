"""Case texts leave the machine only where the configuration allows it, in every format, and the verdict stays."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from action.gated_pull_request import Hub, hub  # noqa: F401 - a fixture
from chat_server import Reply, completion
from gated_project import CONFIG, World
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalgate.decide import policy
from evalgate.domain import Failure, GateReport, InputField, Output, PromptChange, Report, Score, Unscored, Verdict
from evalgate.gate import reports
from evalgate.report import withhold
from evalgate.store import report_json

FILES = ("out.json", "out.md", "out.html", "out.csv", "out.txt", "out.xml")
OUTPUTS = tuple(argument for name in FILES for argument in ("--output", name))
SECRET = re.compile(r"(INPUT|OUTPUT|REASON|EXPECTED)-(\d+)")
FALLEN = frozenset(range(0, 64, 4))


def set_up(world: World, texts: str, *, fallen: frozenset[int] = FALLEN, blocking: bool = False) -> None:
    """Each text of a case says what it is and of which case; the candidate is worse on the `fallen` ones."""
    config = CONFIG.format(url=world.server.url) + f"report: {{texts: {texts}}}\n"
    if blocking:
        config = config.replace("from: expected, blocking: false", "from: expected")
    rows = [
        {"id": f"case-{n:03}", "query": f"INPUT-{n} ?", "context": f"EXPECTED-{n} .", "expected": f"EXPECTED-{n} ."}
        for n in range(64)
    ]
    world.repository.write("evalgate.yml", config)
    world.repository.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    world.repository.git("switch", "--quiet", "main")
    world.repository.commit("texts")
    world.repository.git("switch", "--quiet", "work")
    world.repository.git("merge", "--quiet", "--ff-only", "main")
    world.edit()

    def application(system: str, user: str) -> str:
        (number,) = {int(n) for _, n in SECRET.findall(user)}
        is_bad = "Be brief" in system and number in fallen
        return json.dumps({"answer": f"OUTPUT-{number} " + ("nothing" if is_bad else f"EXPECTED-{number} .")})

    def grade(judged: str) -> Reply:
        numbers = {int(n) for _, n in SECRET.findall(judged)}
        score = 1 if "nothing" in judged else 5
        return Reply(body=completion(json.dumps({"reason": f"REASON-{min(numbers)}", "score": score})))

    world.application, world.grade = application, grade


def add_reasoning(world: World) -> None:
    """Let every answer come with reasoning of its own that repeats the text."""
    inner = world.application

    def application(system: str, user: str) -> Reply:
        text = inner(system, user)
        assert isinstance(text, str)
        return Reply(body=completion(text, message={"content": text, "reasoning_content": f"Hm: {text}"}))

    world.application = application


def texts_in(*texts: str) -> set[int]:
    return {int(number) for text in texts for _, number in SECRET.findall(text)}


def written(world: World) -> dict[str, str]:
    return {name: (world.root / name).read_text(encoding="utf-8") for name in FILES}


@pytest.mark.parametrize("blocking", [True, False])
def test_none_keeps_no_text_in_any_format(world: World, blocking: bool) -> None:
    set_up(world, "none", blocking=blocking)
    add_reasoning(world)
    ended = world.evalgate("run", *OUTPUTS)
    assert (ended.code, texts_in(ended.out, ended.err)) == (1, set())
    for name, text in written(world).items():
        assert texts_in(text) == set(), name
        assert re.search(r"case-\d{3}", text), name
        assert withhold.WITHHELD in text or name == "out.csv"
    stored = (world.root / ".evalgate" / "report.json").read_text()
    assert texts_in(stored) == set(range(64))
    for verb in ("report", "decide"):
        for form in ("terminal", "markdown", "html", "csv", "json", "junit"):
            ended = world.evalgate(verb, "--format", form)
            assert texts_in(ended.out, ended.err) == set(), (verb, form)


def test_what_an_endpoint_calls_its_model_is_told_where_it_may_be_a_name(world: World) -> None:
    """An endpoint may repeat in its reply's `model` what it was asked; a name has no white space, and ends."""
    set_up(world, "none")
    inner, names = world.application, {"Be brief": "meta/llama-3.1:8b", "": "meta/llama-3.0:8b"}
    world.application = lambda system, user: Reply(body=completion(inner(system, user), model=f"{system} {user}"))
    assert world.evalgate("run", *OUTPUTS).code == 1
    assert texts_in(*written(world).values()) == set()
    assert "was served by" in json.dumps(world.report("out.json")["gates"][0]["notes"])
    world.application = lambda system, user: Reply(body=completion(inner(system, user), model="x" * 201 + "INPUT-1"))
    world.evalgate("run", "--no-cache", "--store", ".evalgate/other", *OUTPUTS)
    assert texts_in(*written(world).values()) == set()
    world.application = lambda system, user: Reply(
        body=completion(inner(system, user), model=next(name for said, name in names.items() if said in system))
    )
    world.evalgate("run", "--no-cache", "--store", ".evalgate/third", *OUTPUTS)
    gate = world.report("out.json")["gates"][0]
    assert {one["outcome"]["served_by"] for one in gate["results"]} == set(names.values())
    assert "meta/llama-3.1:8b" in json.dumps(gate["notes"])


def test_failing_keeps_the_texts_of_the_cases_that_are_shown(world: World) -> None:
    set_up(world, "failing")
    add_reasoning(world)
    ended = world.evalgate("run", *OUTPUTS)
    assert ended.code == 1
    for name, text in written(world).items():
        assert texts_in(text) <= FALLEN, name
    assert texts_in(written(world)["out.json"]) == FALLEN
    assert {"INPUT", "OUTPUT", "REASON"} <= {what for what, _ in SECRET.findall(written(world)["out.json"])}
    assert texts_in(written(world)["out.html"])


def test_all_is_the_default_and_keeps_everything(world: World) -> None:
    set_up(world, "all")
    assert world.evalgate("run", *OUTPUTS).code == 1
    assert texts_in(written(world)["out.json"]) == set(range(64))
    assert "texts" not in world.report("out.json")
    for name, text in written(world).items():
        assert ("INPUT-" in text) is (name != "out.csv"), f"{name}: the report shows what a case asked"


@pytest.mark.parametrize("texts", ["none", "failing"])
@pytest.mark.parametrize("fallen", [FALLEN, frozenset[int](), frozenset(range(2))])
def test_a_report_without_texts_is_decided_to_the_same_verdict(world: World, texts: str, fallen: frozenset[int]) -> None:  # fmt: skip
    set_up(world, texts, fallen=fallen)
    ended = world.evalgate("run", *OUTPUTS)
    whole = json.loads((world.root / ".evalgate" / "report.json").read_text())
    assert [_decided(gate) for gate in world.report("out.json")["gates"]] == [_decided(g) for g in whole["gates"]]
    assert world.report("out.json")["texts"] == texts
    for more in ((), ("--config", "evalgate.yml")):
        again = world.evalgate("decide", "out.json", *more, "--output", "again.json")
        assert again.code == ended.code, again.err
        assert (world.root / "again.json").read_bytes() == (world.root / "out.json").read_bytes()


def _decided(gate: dict[str, Any]) -> object:
    names = ("decision", "exit_code", "counts", "look", "flips", "tags", "comparisons", "blocking", "units")
    findings = [{**finding, "sentence": ""} for finding in gate["findings"]]
    return {name: gate[name] for name in names}, findings


def test_shards_without_texts_are_merged_to_the_same_verdict(world: World) -> None:
    set_up(world, "none")
    for number in (1, 2):
        world.evalgate("run", "--shard", f"{number}/2", "--output", f"part{number}.json")
        assert texts_in((world.root / f"part{number}.json").read_text()) == set()
    merged = world.evalgate("merge", "part1.json", "part2.json", *OUTPUTS)
    assert (merged.code, texts_in(merged.out, *written(world).values())) == (1, set())
    assert world.report("out.json")["texts"] == "none"
    inputs = world.report("out.json")["gates"][0]["inputs"]
    assert {f"case-{number:03}" for number in FALLEN} <= set(inputs)
    assert {(one["name"], one["text"]) for fields in inputs.values() for one in fields} == {
        ("query", withhold.WITHHELD),
        ("context", withhold.WITHHELD),
    }


def test_a_constant_output_is_seen_and_not_told(world: World) -> None:
    set_up(world, "none")
    inner = world.application
    world.application = lambda system, user: '{"answer": "OUTPUT-1"}' if "Be brief" in system else inner(system, user)
    ended = world.evalgate("run", *OUTPUTS)
    assert ended.code != 0
    gate = world.report("out.json")["gates"][0]
    assert gate["constant_output"] == {"text": withhold.WITHHELD, "cases": 64}
    assert texts_in(*written(world).values()) == set()
    assert world.evalgate("decide", "out.json").code == ended.code


@pytest.mark.parametrize("texts", ["none", "failing"])
def test_comment_summary_annotations_status_and_artifacts_hold_no_more(hub: Hub, texts: str) -> None:  # noqa: F811
    set_up(hub.world, texts, blocking=True)
    hub.base = hub.world.repository.git("rev-parse", "main")
    hub.push()
    ran = hub.run()
    assert ran.code == 1, ran.log
    folder = Path(ran.outputs["report-json"]).parent
    artifacts = [path.read_text(encoding="utf-8") for path in folder.iterdir()]
    assert len(artifacts) == 3
    told = texts_in(ran.log, ran.summary, str(ran.outputs), json.dumps(hub.server.state), *artifacts)
    assert told == set() if texts == "none" else told and told <= FALLEN
    assert re.search(r"case-\d{3}", hub.comments[0])


def _refusing(status: int, text: str) -> Reply:
    """An endpoint that repeats what it was asked where it says why it does not answer."""
    error = {"error": {"message": f"cannot take: {text}", "code": text[:40], "param": text}}
    match status:
        case 200:
            return Reply(body=error)
        case 201:  # an answer that an error ended
            choice = {**completion(text)["choices"][0], "finish_reason": text[:50]}
            return Reply(body={**completion(text), "choices": [choice]})
        case 202:  # no JSON
            return Reply(body=f"<html>{text}".encode())
    return Reply(status=status, body=error)


@pytest.mark.parametrize("texts", ["none", "failing", "all"])
@pytest.mark.parametrize("status", [200, 201, 202, 400, 401, 402, 404])
def test_an_endpoint_that_repeats_what_it_was_asked_is_not_quoted(world: World, texts: str, status: int) -> None:
    set_up(world, texts)
    world.application = lambda system, user: _refusing(status, user)
    ended = world.evalgate("run", *OUTPUTS)
    files = [(world.root / name).read_text(encoding="utf-8") for name in FILES if (world.root / name).exists()]
    told = texts_in(ended.out, ended.err, *files)
    assert ended.code in (3, 4)
    assert bool(told) is (texts == "all")
    assert ended.code == 4 or texts == "all" or "withheld" in ended.err


@pytest.mark.parametrize("mode", ["cached", "quick", "full"])
def test_the_hook_quotes_no_more_than_a_report(world: World, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setenv("PRE_COMMIT", "1")  # HEAD is looked at, whatever standard input is
    set_up(world, "none", blocking=True)
    config = (world.root / "evalgate.yml").read_text()
    strict = config.replace("from: expected}", "from: expected, strict: true}")
    assert strict != config
    world.repository.write("evalgate.yml", strict)
    world.repository.commit("edit")
    if mode == "cached":
        assert world.evalgate("run").code == 1
    ended = world.evalgate("hook", "run", "--mode", mode)
    assert (ended.code, texts_in(ended.out, ended.err)) == (1, set())


def test_an_unknown_value_is_named(world: World) -> None:
    set_up(world, "some")
    ended = world.evalgate("validate")
    assert ended.code == 2
    assert re.search('"some" for "texts"', ended.err)


OUTCOMES = st.one_of(
    st.builds(Output, text=st.sampled_from(["yes", "no", "a long answer", ""]), finish_reason=st.sampled_from(["stop", "length"])),
    st.builds(Failure, kind=st.sampled_from(["unusable", "infrastructure"]), message=st.just("told of TEXT")),
)  # fmt: skip
SCORES = st.one_of(
    st.builds(Score, value=st.sampled_from([0.0, 0.25, 1.0]), reason=st.just("because of TEXT")),
    st.builds(Unscored, reason=st.just("without TEXT")),
)


@given(data=st.data(), mode=st.sampled_from(["none", "failing"]))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # fmt: skip
def test_any_evidence_is_decided_alike_without_its_texts(world: World, data: Any, mode: Any) -> None:
    gate = _gate(world)
    results = tuple(
        _drawn(result, data.draw(OUTCOMES), {name: data.draw(SCORES) for name in result.scores})
        for result in gate.evidence.results[:40]
    )
    order = tuple(dict.fromkeys(result.case for result in results))
    dataset = policy.replace(gate.evidence.dataset, cases=len(order))
    evidence = policy.replace(gate.evidence, results=results, confirmations=(), order=order, dataset=dataset)
    decided = policy.decide(evidence, gate.thresholds, gate.policy, gate.level_policy)
    report = policy.replace(reports.make_report([decided]), texts=mode)
    shown = withhold.withhold_texts(report, policy.decide)
    assert withhold.withhold_texts(shown, policy.decide) == shown
    read = report_json.read(report_json.render(shown), "r.json")
    assert reports.verify_report(read, "r.json") == shown
    (after,) = shown.gates
    assert (after.decision, after.exit_code, after.counts) == (decided.decision, decided.exit_code, decided.counts)
    assert (after.comparisons, after.blocking, after.flips) == (decided.comparisons, decided.blocking, decided.flips)
    assert [f.decision for f in after.findings] == [f.decision for f in decided.findings]
    if mode == "none":
        assert "TEXT" not in report_json.render(shown).replace(withhold.WITHHELD, "")
        assert "a long answer" not in report_json.render(shown)


_KNOWN: dict[str, GateReport] = {}


def _gate(world: World) -> GateReport:
    """One real run's gate, made once."""
    if "gate" not in _KNOWN:
        set_up(world, "all")
        world.evalgate("run", "--output", "out.json")
        report: Report = report_json.read((world.root / "out.json").read_text(), "out.json")
        assert report.decision is Verdict.FAIL
        _KNOWN["gate"] = report.gates[0]
    return _KNOWN["gate"]


def _drawn(result: Any, outcome: Any, scores: Any) -> Any:
    return policy.replace(result, outcome=outcome, scores=scores, replies={"faithfulness": (Output(text="TEXT"),)})


@pytest.mark.parametrize(("mode", "is_kept"), [("all", True), ("failing", True), ("none", False)])
def test_the_difference_of_the_prompts_is_withheld_with_all_texts(samples, mode: Any, is_kept: bool) -> None:
    part = InputField(name="system", text="Be brief.")
    gate = samples.failing().gates[0]
    evidence = replace(gate.evidence, prompt_change=PromptChange(baseline=(), candidate=(part,)))
    bare = withhold.withhold_gate(replace(gate, evidence=evidence), mode, policy.decide)
    assert (bare.evidence.prompt_change is not None) is is_kept
