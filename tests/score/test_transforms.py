"""Transforms: what of an output a check examines."""

from __future__ import annotations

import time
from typing import Any

import pytest
from score.scored_outputs import HOSTILE, score, value

from evalgate.domain import Case, Check, Output, Score
from evalgate.domain.output_calls import ToolCall
from evalgate.score import checks
from evalgate.score.transforms import find_last_code_block

BLOCK = "Text\n```python\nfirst\n```\nmore\n~~~~\nlast\n~~~\n~~~~\nend"
ROWS: list[tuple[Any, list[str], list[str]]] = [
    (
        "last_code_block",
        ["```\nyes\n```", "no\n```\nno\n```\n```yaml\nyes\n```", "~~~\nyes\n~~~\n", "   ```\nyes\n ```", "````\nyes\n````"],
        ["", "yes", "```\nno\n```", "```\nyes\n```\n```\nyes", "```\n\n```"],
    ),
    (
        {"regex": r"Answer:\s*(\w+)"},
        ["Answer: yes", "x Answer:yes!", "Answer: yes Answer: no", "Answer:\nyes", "So. Answer: yes."],
        ["", "yes", "Answer: no", "Answer: ", "answer: yes"],
    ),
    (
        {"pointer": "/a/0"},
        ['{"a": ["yes"]}', '{"a": [" yes "]}', '{"a": ["yes", 1]}', ' {"a": ["yes"]}', '{"b": 1, "a": ["yes"]}'],
        ["", "yes", '{"a": []}', '{"a": [null]}', '{"a": [""]}'],
    ),
    (
        ["last_code_block", {"pointer": "/q"}, {"regex": "^..yes$", "group": 0}, {"regex": "(x)?(y.*)", "group": 2}],
        [f'```\n{{"q": "{start}yes"}}\n```' for start in ("--", "  ", "__", "aa", "ab")],
        ['```\n{"q": "yes"}\n```', '{"q": "--yes"}', "```\n--yes\n```", '```\n{"q": null}\n```', '```\n{"q": "--no"}\n```'],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "good", "bad"), ROWS)
def test_five_outputs_pass_and_five_fail(steps: Any, good: list[str], bad: list[str]) -> None:
    assert [value("equals", text, value="yes", transform=steps) for text in good] == [1.0] * 5
    assert [value("equals", text, value="yes", transform=steps) for text in bad] == [0.0] * 5


@pytest.mark.parametrize("kind", ["contains", "regex", "equals"])
def test_a_forbidden_text_needs_the_place_as_well(kind: str) -> None:
    options: dict[str, Any] = {"value": "bad", "pattern": "bad", "transform": "last_code_block"}
    check = Check(name="it", type=kind, options=options, negated=True)
    for text, wanted in (("no block", 0.0), ("bad\n```\ngood\n```", 1.0), ("```\nbad\n```", 0.0)):
        scored = checks.score(check, Case(id="c", fields={}), Output(text=text))
        assert isinstance(scored, Score) and scored.value == wanted


def test_tool_calls_are_not_in_what_a_transform_takes() -> None:
    call = ToolCall(name="refund", arguments="{}")
    check = Check(name="it", type="contains", options={"value": "x", "transform": "last_code_block"}, negated=True)
    scored = checks.score(check, Case(id="c", fields={}), Output(text="```\na\n```", tool_calls=(call,)))
    assert scored.reason.startswith(checks.TOOL_CALLS)


def test_the_last_block_is_the_last_that_ends() -> None:
    assert find_last_code_block(BLOCK) == "last\n~~~\n"
    assert find_last_code_block("``` a`b\nx\n```") is None
    assert find_last_code_block("```\nx\n``` y\n") is None
    assert find_last_code_block("```\r\nx\r\n```\r") == "x\n"
    assert find_last_code_block("a\u2028```\nx\n```") is None


@pytest.mark.parametrize("steps", ["last_code_block", {"pointer": "/a"}, {"regex": "^(a+)+$"}, {"regex": "(?s)(.*)x"}])
def test_hostile_outputs_pass_nothing_in_little_time(steps: Any) -> None:
    began = time.perf_counter()
    for text in HOSTILE:
        scored = score("equals", text, value="yes", transform=steps)
        assert not (isinstance(scored, Score) and scored.value == 1.0)
    assert time.perf_counter() - began < 10


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("last_block", "unknown step"),
        ({"regex": "(a"}, "RE2 refuses"),
        ({"regex": "(a)", "group": 2}, "has no group 2"),
        ({"pointer": "a"}, "is not a JSON Pointer"),
        ({"pointer": "/a", "group": 1}, '"group" of a transform needs "regex"'),
        ({}, 'needs "pointer" or "regex"'),
    ],
)
def test_steps_that_cannot_be_used_are_refused(steps: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score("equals", "x", value="x", transform=[steps])
