"""The inputs of a report: which fields, of which cases, as which texts."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

from gated_project import World
from plan.small_gate import POLICY, TARGETS, case, dataset, gate, plan, prompt

from evalgate.decide import evidence as evidences
from evalgate.decide import policy
from evalgate.domain import Arm, Message, Output, Result, Score, Shard
from evalgate.domain.masking import in_force
from evalgate.domain.messages import make_history
from evalgate.domain.templates import Template
from evalgate.gate import case_inputs
from evalgate.gate.case_inputs import LONGEST, LONGEST_UNCHANGED, add_inputs, read_input
from evalgate.mask import Mask

SECRET = "secret-key-123"


def read(one, **changes) -> dict[str, str]:
    """The input of a case, whose plan is of this case and another one."""
    made = plan(cases=dataset(one, case(99)), **changes)
    return {field.name: field.text for field in read_input(made, one, TARGETS)}


def test_the_fields_that_one_of_the_prompts_uses_are_the_input() -> None:
    assert read(case(1)) == {"query": "q1", "context": "text"}
    assert read(case(1), candidate=prompt("{{query}}")) == {"query": "q1"}
    assert list(read(case(1), candidate=prompt("{{context}}"), baseline=prompt("{{query}}"))) == ["query", "context"]


def test_the_field_of_a_path_in_jinja_is_shown_as_json() -> None:
    one, path = case(1, query={"text": "Where?", "page": 3}), "{{ query['text'] }}"
    made = plan(
        candidate=prompt(path, template=Template(syntax="jinja")), cases=dataset(one, case(2, query={"text": "?"}))
    )
    assert [field.text for field in read_input(made, one, TARGETS)] == ['{"text": "Where?", "page": 3}']


def test_the_only_field_that_is_asked_is_the_input() -> None:
    system = prompt(messages=(Message(role="system", content="Be exact."),))
    cases = dataset(case(1, context=None), case(2, context=None))
    made = plan(gate(judges=()), candidate=system, cases=cases)
    assert [field.name for field in read_input(made, cases.cases[0], TARGETS)] == ["query"]


def test_a_function_and_recorded_outputs_have_all_fields_but_the_expected_answer() -> None:
    unknown = prompt("{{only_the_application_knows}}", model=None)
    assert read(case(1), the_gate=gate("app"), candidate=unknown) == {"query": "q1", "context": "text"}
    assert read(case(1), the_gate=gate("app"), candidate=prompt("{{query}}")) == {"query": "q1"}
    assert read(case(1), the_gate=gate("rag"), candidate=prompt("{{query}}")) == {"query": "q1", "context": "text"}


def test_a_history_is_shown_message_by_message_and_an_embedded_file_by_its_length() -> None:
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(3_000)).decode()
    parts = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
    ]
    talk = [{"role": "user", "content": "Hello"}, {"role": "user", "content": parts}]
    one, history = case(1, talk=talk), replace(prompt(), messages=(make_history("talk"), *prompt().messages))
    made = plan(candidate=history, cases=dataset(one, case(2, talk=talk)))
    shown = {field.name: field.text for field in read_input(made, one, TARGETS)}
    assert shown["talk"].startswith("user: Hello\nuser: Look")
    assert "AAAA" not in shown["talk"] and len(shown["talk"]) < 200
    assert one.fields["talk"] == talk, "the case itself stays as it is"


def test_a_long_field_is_cut_and_says_so() -> None:
    text = read(case(1, query="x" * (LONGEST + 1_234)))["query"]
    assert text == "x" * LONGEST + " [1,234 more characters ...]"


def test_a_secret_in_a_case_is_masked() -> None:
    with in_force(Mask([SECRET])):
        assert SECRET not in read(case(1, query=f"my key is {SECRET}"))["query"]


def test_a_shard_has_whole_inputs_and_a_gate_short_ones_of_its_first_unchanged_cases(monkeypatch) -> None:
    monkeypatch.setattr(case_inputs, "MOST_LISTED", 3)
    long = "x" * (LONGEST_UNCHANGED + 7)
    made = plan(cases=dataset(*(case(number, query=f"{number}{long}") for number in range(5))))
    rows = [
        Result(
            case=case_id,
            arm=Arm.CANDIDATE,
            repeat=0,
            tags=(),
            outcome=Output(text="yes"),
            scores={"faithfulness": Score(value=1.0), "answered": Score(value=1.0)},
        )
        for case_id in made.order
    ]
    for shard, expected in ((None, 3), (Shard(number=1, of=2), 5)):
        evidence = evidences.make_evidence(replace(made, shard=shard), TARGETS, results=rows)
        found = add_inputs(policy.decide_at_level(evidence, {}, POLICY), made, TARGETS).evidence.inputs
        assert {*found} == {*made.order[:expected]}
        cut = {field.text.endswith(" more characters ...]") for field, *_ in found.values()}
        assert cut == {shard is None}


def test_a_run_shows_the_question_of_each_case_that_it_names_and_hides_keys(world: World) -> None:
    rows = [json.loads(row) for row in (world.root / "cases.jsonl").read_text().splitlines()]
    rows[3]["query"] += f" with {SECRET}"
    world.repository.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    world.edit()
    world.application = lambda system, user: (
        "no JSON" if "Be brief" in system and "question 3 " in user else json.dumps({"answer": user})
    )
    ended = world.evalgate("run", "--output", "report.json", "--output", "report.md", "--output", "report.html")
    assert ended.code == 1
    (found,) = world.report()["gates"]
    assert [field["name"] for field in found["inputs"]["case-003"]] == ["query", "context"]
    shown = [ended.out, *((world.root / f"report.{suffix}").read_text() for suffix in ("json", "md", "html"))]
    assert all("question 3" in text and SECRET not in text for text in shown)
    # the verdict stands on what was measured: a stored report is read, and shows the same
    again = world.evalgate("report", "report.json")
    assert (again.code, "question 3" in again.out) == (0, True)
