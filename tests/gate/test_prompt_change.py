"""What differs between two prompts, as a report keeps it."""

from __future__ import annotations

from dataclasses import replace

from plan.small_gate import plan, prompt

from evalgate.domain import Message, PromptVersion
from evalgate.domain.masking import in_force
from evalgate.gate.case_inputs import LONGEST
from evalgate.gate.prompt_change import compare_prompts
from evalgate.mask import Mask

SECRET = "secret-key-123"


def compare(old: PromptVersion, new: PromptVersion) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    found = compare_prompts(plan(baseline=old, candidate=new))
    assert found is not None
    return ([(one.name, one.text) for one in side] for side in (found.baseline, found.candidate))


def test_only_parts_that_differ_are_kept() -> None:
    shared = Message(role="user", content="{{query}}")
    old = prompt(messages=(Message(role="system", content="Be exact."), shared), parameters={"temperature": 0, "n": 1})
    new = replace(
        old, messages=(Message(role="system", content="Be brief."), shared), parameters={"temperature": 1, "n": 1}
    )
    before, after = compare(old, new)
    assert before == [("temperature", "0"), ("system", "Be exact.")]
    assert after == [("temperature", "1"), ("system", "Be brief.")]


def test_models_formats_and_tools_are_parts() -> None:
    old = prompt(model="a")
    new = replace(old, model="b", response_format={"type": "text"}, tools=({"name": "look"},))
    before, after = compare(old, new)
    assert before[0] == ("model", "a")
    assert [name for name, _ in after] == ["model", "response format", "tool 1"]


def test_equal_prompts_and_a_new_prompt_have_no_change() -> None:
    assert compare_prompts(plan(baseline=prompt("{{query}}"), candidate=prompt("{{query}}"))) is None
    assert compare_prompts(replace(plan(), baseline=None)) is None


def test_a_long_text_is_cut_and_a_secret_is_masked() -> None:
    with in_force(Mask([SECRET])):
        _, after = compare(prompt("{{query}}"), prompt(f"{{{{query}}}} {SECRET} {'x' * LONGEST}"))
    ((_, text),) = after
    assert SECRET not in text and text.endswith("more characters ...]") and len(text) < LONGEST + 60
