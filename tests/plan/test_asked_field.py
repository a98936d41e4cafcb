"""The field that is the user message of a prompt which names none."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from plan.small_gate import dataset, faults, gate, plan, prompt

from evalgate.domain import Case, GoldenDataset, Message, PromptSettings, PromptVersion, Target
from evalgate.inputs.prompts import parse_prompt
from evalgate.plan.asked_field import ask_only_field

TEXT = "You are kind."


def cases(*names: str) -> GoldenDataset:
    made = [
        Case(id=f"c{n}", fields={"id": f"c{n}", "expected": "x", **{name: f"{name} {n}" for name in names}}, line=n + 1)
        for n in range(4)
    ]
    return dataset(*made)


def text(**changes: Any) -> PromptVersion:
    return prompt(TEXT, is_text=True, **changes)


def sent(candidate: PromptVersion, data: GoldenDataset, target: str = "api") -> list[tuple[str, str]]:
    made = plan(gate(target, judges=()), candidate=candidate, cases=data)
    (request,) = [trial.request for trial in made.trials if trial.case.id == "c1"]
    return [(message.role, message.content) for message in request.messages]


def test_the_only_field_is_the_user_message_of_a_text() -> None:
    assert sent(text(), cases("question")) == [("system", TEXT), ("user", "question 1")]
    system = prompt(TEXT, messages=(Message(role="system", content=TEXT),))
    assert sent(system, cases("Frage an uns")) == [("system", TEXT), ("user", "Frage an uns 1")]


def test_it_is_no_part_of_the_content() -> None:
    made = plan(gate(judges=()), candidate=text(), cases=cases("question"))
    assert (made.candidate.digest, made.candidate.asked) == (text().digest, "question")


def test_with_several_fields_the_prompt_is_refused() -> None:
    (fault,) = faults(candidate=text(), cases=cases("question", "note"), the_gate=gate(judges=()))
    assert "no message uses a field of the cases, so all 4 cases send the same request" in fault
    assert 'add the user message to the gate: `user: "{{note}}"`' in fault


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_a_stated_role_stays(role: str) -> None:
    stated = prompt(TEXT, messages=(Message(role=role, content=TEXT),))
    (fault,) = faults(candidate=stated, cases=cases("question"), the_gate=gate(judges=()))
    assert "no message uses a field" in fault


def test_a_text_that_uses_a_field_stays_the_user_message() -> None:
    assert sent(prompt("Answer {{question}}", is_text=True), cases("question")) == [("user", "Answer question 1")]


def test_functions_get_the_text_as_ever() -> None:
    assert sent(text(), cases("question"), "rag") == [("user", TEXT)]
    assert sent(text(), cases("question"), "app") == []


def test_a_user_message_of_the_gate_that_is_not_sent_is_a_fault() -> None:
    asking = replace(gate(judges=()), settings=PromptSettings(user="{{query}}"))
    (fault,) = faults(candidate=prompt(), the_gate=asking)
    assert fault.startswith("p.prompt.yml: `user` of the gate has no effect: the prompt has a user message of its own")
    assert plan(asking, candidate=text(user="{{query}}"))


TEXTS = [TEXT, "Answer {{question}}", "Answer {question}", "{{ question }}!", "user:\nBe kind."]
HEADS = ["", "role: user", "role: system", "template: jinja", "template: fstring", "model: n"]


@pytest.mark.parametrize("user", [None, "Q: {{question}}"])
def test_files_with_one_digest_are_sent_alike(user: str | None) -> None:
    target, data = Target(name="api", kind="openai", location="u", identity="u", model="m"), cases("question")
    files = [
        (name, f"---\n{head}\n---\n{text}" if head else text)
        for name in ("p.md", "p.j2", "p.txt")
        for head in HEADS
        for text in TEXTS
    ]
    files += [("p.prompt.yml", json.dumps({"messages": [{"role": "user", "content": text}]})) for text in TEXTS]
    known: dict[str, object] = {}
    for name, written in files:
        version = parse_prompt(written.encode(), name, "here", PromptSettings(user=user))
        asked = ask_only_field(version, data, target)
        assert asked.digest == version.digest
        said = [message.encode() for message in asked.render({"question": "Why?"})]
        assert known.setdefault(version.digest, (said, version.model)) == (said, version.model), (name, written)
