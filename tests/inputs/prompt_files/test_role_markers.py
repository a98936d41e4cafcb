"""Texts with role markers."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.inputs.prompt_files.role_markers import find_first_marker, split_roles
from evalgate.inputs.schema_check import SchemaCheck, load


def split(text: str, **options: bool) -> tuple[list[tuple[str, str]], list[int], list[str]]:
    checker = SchemaCheck(load("prompt.schema.json"), "p.prompty")
    messages, starts = split_roles(text, 1, checker, **options)
    lines = [0 if start is None else start.line for start in starts]
    return [(m.role, m.content) for m in messages], lines, [str(fault) for fault in checker.faults]


@pytest.mark.parametrize("mark", ["{}:", "# {}:", "  {} :", "## {}: ", "{}[name=x]:"])
def test_markers_begin_messages(mark: str) -> None:
    text = f"{mark.format('system')}\nBe kind.\n\n{mark.format('User')}\n\nWhy?\n{mark.format('assistant')}\nSo."
    assert split(text)[:2] == ([("system", "Be kind."), ("user", "Why?"), ("assistant", "So.")], [2, 6, 8])


def test_what_stands_before_the_first_marker_is_a_system_message() -> None:
    assert split("Be kind.\nuser:\nWhy?")[0] == [("system", "Be kind."), ("user", "Why?")]
    assert split("Only this.")[0] == [("system", "Only this.")]


def test_a_word_in_a_sentence_is_no_marker() -> None:
    assert split("user:\nThe user: x\nsystem: y")[0] == [("user", "The user: x\nsystem: y")]


@pytest.mark.parametrize("role", ["{{ item.role }}", "{{item['role']}}", "# {{item.role}}"])
def test_a_loop_over_messages_is_a_history(role: str) -> None:
    content = role.replace("role", "content").removeprefix("# ")
    text = f"system:\nBe kind.\n{{% for item in talk %}}\n{role}:\n{content}\n{{% endfor %}}\nuser:\n{{{{ query }}}}"
    assert split(text) == (
        [("system", "Be kind."), ("history", "{{talk}}"), ("user", "{{ query }}")],
        [2, 0, 8],
        [],
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("user:\n\nassistant:\nx", "p.prompty:"),
        ("user:\nx\ntool:\ny", "p.prompty:3:1: a message of the role tool needs the call"),
        ("user:\nSee ![a](b.png)", "p.prompty:2:5: an image in Markdown would be sent as text"),
    ],
)
def test_faults_have_their_places(text: str, wanted: str) -> None:
    (fault, *_) = split(text, with_images=True)[2]
    assert fault.startswith(wanted)


def test_the_first_line_tells_a_chat() -> None:
    assert find_first_marker("\n\n# system:\nx")
    assert not find_first_marker("x\nsystem:\ny")
    assert not find_first_marker("x")


LONG = 30_000
"""A pattern that reads a text of this length again from each of its positions takes half a minute."""


@pytest.mark.parametrize(
    "text",
    [
        f"user:\nWhy?\n{' ' * LONG}x",
        f"user:\nWhy?\n#{' ' * LONG}x",
        f"user:\n{{% for a in b %}}{' ' * LONG}x",
        "user:\nWhy?\n" * (LONG // 2),
    ],
    ids=["blanks", "blanks behind a sign", "blanks in a loop", "markers"],
)
def test_a_long_text_is_read_in_one_pass(text: str) -> None:
    start = time.process_time()
    assert find_first_marker(text)
    messages, lines, faults = split(text)
    assert time.process_time() - start < 3
    assert len(messages) == len(lines) and not faults


@given(st.lists(st.sampled_from(("system:\nBe kind.\n", "user:\n\n\nWhy?\n", "\n", " x\n")), max_size=12))
def test_the_line_of_a_message_is_that_of_its_first_word(parts: list[str]) -> None:
    text = f"system:\nStart.\n{''.join(parts)}"
    messages, lines, _ = split(text)
    for (_, content), line in zip(messages, lines, strict=True):
        assert text.split("\n")[line - 1].strip() == content.split("\n")[0].strip()
