"""What another role says now is a change, wherever the text stood before: moving words is no way around the level."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan.support_prompt import WORDS, messages, minimum

from evalgate.domain import Level, Message, PromptVersion
from evalgate.domain.templates import Template
from evalgate.plan.prompt_diff import compare_words, describe_differences

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


@pytest.mark.parametrize(
    ("text", "level", "reason"),
    [
        (WORDS.replace("word7 ", "other "), Level.PATCH, "0.990 % of the words changed"),
        (WORDS + " a b c d e", Level.PATCH, "4.717 % of the words changed"),
        (WORDS + " a b c d e f", Level.MINOR, "5.607 % of the words changed (PATCH: at most 5 %)"),
        (WORDS.replace(" ", "\n  "), Level.PATCH, "only white space or notation changed"),
    ],
)
def test_share_of_changed_words(text: str, level: Level, reason: str) -> None:
    changed = messages(f"system: {text}", "user: {{query}}")
    assert minimum(messages=changed) == (level, [reason])


@pytest.mark.parametrize(
    ("new", "old", "share"),
    [
        ("a b c d", "a b c d", 0.0),
        ("a b X d", "a b c d", 0.25),
        ("a b X Y Z d", "a b c d", 0.5),
        ("", "a b", 1.0),
        ("", "", 0.0),
        ("c d a b", "a b c d", 1.0),
        ("a b\nc d", "a b c d", 0.0),
        ("退款需要五天", "退款需要六天", 1 / 6),
    ],
)
def test_word_diff(new: str, old: str, share: float) -> None:
    assert compare_words([("", new)], [("", old)]).share == pytest.approx(share)


@given(st.lists(st.sampled_from("abc\n"), max_size=12), st.lists(st.sampled_from("abc\n"), max_size=12))
def test_share_is_a_share_and_zero_only_for_equal_words(one: list[str], other: list[str]) -> None:
    new, old = " ".join(one), " ".join(other)
    share = compare_words([("", new)], [("", old)]).share
    assert 0 <= share <= 1
    assert (share == 0) == (new.split() == old.split())


def test_a_long_prompt_is_compared_quickly() -> None:
    lines = [f"line {number} says the same the same the same" for number in range(5_000)]
    edited = [line.replace("same", "other", 1) if number % 50 == 0 else line for number, line in enumerate(lines)]
    assert compare_words([("", "\n".join(edited))], [("", "\n".join(lines))]).share == pytest.approx(100 / 45_000)


def jinja(text: str, **files: str) -> PromptVersion:
    return replace(version(("user", text)), template=Template(syntax="jinja", files=tuple(files.items())))


LONG = "\n".join(RULES)


@pytest.mark.parametrize(
    ("new", "wanted"),
    [
        (f"{LONG}\n{{{{ query | trim }}}}", "template logic changed"),
        (f"{LONG}\n{{% if query %}}{{{{ query }}}}{{% endif %}}", "template logic changed"),
        (f"{{% raw %}}{LONG}{{% endraw %}}\n{{{{ query }}}}", "template logic changed"),
    ],
)
def test_an_edit_of_the_logic_of_a_template_is_minor(new: str, wanted: str) -> None:
    found, reasons = level(jinja(new), jinja(f"{LONG}\n{{{{ query }}}}"))
    assert found is Level.MINOR
    assert wanted in reasons


@pytest.mark.parametrize(
    "new", [f"{LONG} please\n{{{{ query }}}}", f"{LONG}\n{{{{query}}}}", f"{LONG}\n{{{{- query }}}}"]
)
def test_words_and_notation_of_a_template_are_a_patch(new: str) -> None:
    assert level(jinja(new), jinja(f"{LONG}\n{{{{ query }}}}"))[0] is Level.PATCH


@given(first=st.integers(0, 37), count=st.integers(3, 40), back=st.booleans())
@pytest.mark.parametrize("kind", ["comment", "condition", "branch", "loop"])
def test_rules_that_a_comment_or_a_tag_reaches_over_count_as_changed(
    kind: str, first: int, count: int, back: bool
) -> None:
    inside, after = RULES[first : first + count], RULES[first + count :]
    opened, closed = {
        "comment": ("", ""),
        "condition": ("{% if query %}Hello.", "{% endif %}"),
        "branch": ("{% if query %}{% else %}Hello.", "{% endif %}"),
        "loop": ("{% for item in query %}Hello.", "{% endfor %}"),
    }[kind]
    before, within = [*RULES[:first], opened], [*inside, *after, "{{ query }}"]
    moved = ["{#", *inside, "#}"] if kind == "comment" else [*inside, closed]
    old = jinja("\n".join([*before, closed, *within]))
    new = jinja("\n".join([*before, *moved, *after, "{{ query }}"]))
    found, reasons = level(*((new, old) if not back else (old, new)))
    assert found is Level.MINOR
    assert "of the words changed" in reasons[0]


def test_an_edited_comment_is_no_changed_word() -> None:
    old = jinja(f"{{# {LONG} #}}{LONG}{{{{ query }}}}")
    assert level(jinja(f"{{# why #}}{LONG}{{{{ query }}}}"), old) == (
        Level.PATCH,
        ["only white space or notation changed"],
    )


def test_included_files_count_like_messages() -> None:
    text = "{% include 'a' %}{{ query }}"
    assert level(jinja(text, a=f"{LONG} please"), jinja(text, a=LONG))[0] is Level.PATCH
    assert level(jinja(text, a=LONG.upper()), jinja(text, a=LONG))[0] is Level.MINOR
    assert level(jinja(text, a=f"{LONG}{{{{ context }}}}"), jinja(text, a=LONG))[0] is Level.MAJOR
    assert (
        "template logic changed"
        in level(jinja(text, a=f"{LONG}{{% if query %}}x{{% endif %}}"), jinja(text, a=LONG))[1]
    )


def test_another_syntax_is_major() -> None:
    assert level(jinja("{{ query }}"), version(("user", "{{ query }}"))) == (
        Level.MAJOR,
        ["template syntax mustache -> jinja"],
    )


def test_a_name_with_spaces_is_a_variable() -> None:
    assert level(version(("user", "{{first name}}")), version(("user", "{{größe}}"))) == (
        Level.MAJOR,
        ["variable added: {{first name}}", "variable removed: {{größe}}"],
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"response_format": "schema"}, "order of properties in the response schema changed"),
        ({"tools": "schema"}, "order of properties in the tools changed"),
        ({"parameters": "schema"}, "parameter guided_json"),
    ],
)
def test_another_order_of_properties_is_major(change: dict[str, str], reason: str) -> None:
    def make(*names: str) -> PromptVersion:
        schema = {"type": "object", "properties": {name: {"type": "string"} for name in names}}
        sent: dict[str, Any] = {
            "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}},
            "tools": ({"type": "function", "function": {"name": "f", "parameters": schema}},),
            "parameters": {"guided_json": schema},
        }
        return replace(version(("user", "Answer {{query}}.")), **{name: sent[name] for name in change})

    found, reasons = level(make("reasoning", "answer"), make("answer", "reasoning"))
    assert found is Level.MAJOR
    assert len(reasons) == 1 and reasons[0].startswith(reason)
