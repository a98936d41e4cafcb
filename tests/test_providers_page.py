"""Tests of the functions in docs/providers.md, with imitations of the packages that they import."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from evalgate.domain import classify_ending

PAGE = Path(__file__).parents[1] / "docs" / "providers.md"
MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "One."},
    {"role": "user", "content": "Two?"},
]


class Client:
    """A client whose every method, at any depth, takes keyword arguments, keeps them, and returns `reply`."""

    def __init__(self, reply: Any) -> None:
        self.reply = reply
        self.asked: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Client:
        return self

    def __call__(self, *args: Any, **asked: Any) -> Any:
        if not asked or "region_name" in asked:
            return self
        self.asked = asked
        return self.reply


CONVERSED = {
    "output": {"message": {"content": [{"text": "Two."}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 9, "outputTokens": 2},
}
MESSAGE = SimpleNamespace(
    content=[SimpleNamespace(type="thinking", thinking="hm"), SimpleNamespace(type="text", text="Two.")],
    stop_reason="end_turn",
    usage=SimpleNamespace(input_tokens=9, output_tokens=2),
)
GENERATED = SimpleNamespace(
    text="Two.",
    candidates=[SimpleNamespace(finish_reason=SimpleNamespace(name="STOP"))],
    usage_metadata=SimpleNamespace(prompt_token_count=9, candidates_token_count=2),
)


@pytest.mark.parametrize(
    ("package", "reply", "turns", "whole"),
    [
        ("boto3", CONVERSED, "messages", "end_turn"),
        ("anthropic", MESSAGE, "messages", "end_turn"),
        ("google.genai", GENERATED, "contents", "STOP"),
    ],
)
def test_the_function_sends_all_messages_and_returns_what_a_target_needs(
    monkeypatch: pytest.MonkeyPatch, package: str, reply: Any, turns: str, whole: str
) -> None:
    client = Client(reply)
    module = ModuleType(package)
    for name in ("client", "Anthropic", "Client"):
        setattr(module, name, client)
    if package.startswith("google."):
        google = ModuleType("google")
        google.genai = module  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "google", google)
    monkeypatch.setitem(sys.modules, package, module)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (code,) = [block for block in blocks if package.rpartition(".")[2] in block.splitlines()[0]]
    names: dict[str, Any] = {}
    exec(code, names)
    returned = names["answer"]({}, MESSAGES)
    assert returned == {
        "text": "Two.", "usage": {"input_tokens": 9, "output_tokens": 2}, "finish_reason": whole
    }  # fmt: skip
    assert classify_ending(whole) == "whole"
    assert len(client.asked[turns]) == 3
    assert "Be brief." in str({name: value for name, value in client.asked.items() if name != turns})


def test_every_provider_has_an_https_address_or_one_of_this_machine() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][2:]
    assert len(rows) == 14
    for row in rows:
        assert re.search(r"`https://[\w.-]+|`http://127\.0\.0\.1:\d+", row), row
