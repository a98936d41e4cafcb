"""What another role says now is a change, wherever the text stood before: moving words is no way around the level."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Level, Message, PromptVersion
from evalgate.plan.prompt_diff import describe_differences

RULES = [f"rule {number} forbids that number {number} is told" for number in range(40)]


def version(*said: tuple[str, str]) -> PromptVersion:
    messages = tuple(Message(role=role, content=text) for role, text in said)
    return PromptVersion(name="p", path="p.prompt.yml", source="working tree", messages=messages)


def level(new: PromptVersion, old: PromptVersion) -> tuple[Level, list[str]]:
    return describe_differences(new, old, minor_share=0.05, minor_words=60)


@given(moved=st.integers(1, 39), back=st.booleans())
def test_lines_that_another_role_says_now_count_as_changed_words(moved: int, back: bool) -> None:
    before = version(("system", "\n".join(RULES)), ("user", "{{query}}"))
    after = version(("system", "\n".join(RULES[:-moved])), ("user", "\n".join([*RULES[-moved:], "{{query}}"])))
    found, reasons = level(*((before, after) if back else (after, before)))
    words = 8 * moved
    assert found is (Level.PATCH if words <= 0.05 * (8 * 40 + 1) else Level.MINOR)
    assert reasons != ["only white space or notation changed"]


@pytest.mark.parametrize("seed", range(5))
def test_words_dealt_out_to_other_roles_are_no_patch(seed: int) -> None:
    roles = random.Random(seed)
    before = version(("system", "\n".join(RULES[:20])), ("user", "\n".join([*RULES[20:], "{{query}}"])))
    dealt: dict[str, list[str]] = {"system": ["be kind"], "user": ["{{query}}"]}
    for rule in RULES:
        dealt[roles.choice(["system", "user"])].append(rule)
    after = version(*((role, "\n".join(lines)) for role, lines in dealt.items()))
    assert level(after, before)[0] is Level.MINOR


@pytest.mark.parametrize(("role", "text"), [("system", "{{query}}"), ("system", "Asked: {{ query }}")])
def test_a_variable_under_another_role_is_major(role: str, text: str) -> None:
    rules = "\n".join(RULES)
    before = version(("system", rules), ("user", "{{query}}\nBe kind."))
    after = version((role, f"{rules}\n{text}"), ("user", "Be kind."))
    assert level(after, before) == (Level.MAJOR, ["variable {{query}} moved: user -> system"])
    assert level(before, after) == (Level.MAJOR, ["variable {{query}} moved: system -> user"])


def test_a_variable_that_stands_under_one_more_role_is_judged_by_its_words() -> None:
    rules = "\n".join(RULES)
    before = version(("system", rules), ("user", "{{query}} {{context}}"))
    after = version(("system", f"{rules}\n{{{{query}}}}"), ("user", "{{query}} {{context}}"))
    assert level(after, before)[0] is Level.PATCH
