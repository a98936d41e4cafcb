"""Tests of the file of sent prompts."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalgate.domain import Arm, InputField
from evalgate.domain.sent_prompts import SentCase, SentMessage, SentPrompt
from evalgate.errors import InputError
from evalgate.store.prompt_lines import find_case, read_run_id, write_prompts


def _make_case(gate: str, case: str, *texts: str) -> SentCase:
    messages = tuple(SentMessage(role="user", content=text) for text in texts)
    prompts = tuple(
        SentPrompt(arm=arm, messages=messages, settings={"tools": [{"x": text} for text in texts]}) for arm in Arm
    )
    return SentCase(gate=gate, case=case, fields=tuple(InputField(name="q", text=t) for t in texts), prompts=prompts)


def test_what_is_written_is_found(tmp_path: Path) -> None:
    path = tmp_path / "report.prompts.jsonl"
    cases = [
        _make_case("support", "a", "same", "line\nend"),
        _make_case("billing", "a", "\u00e9 \ud800", "same", ""),
        _make_case("support", "text"),
    ]
    write_prompts(path, "r1", cases)
    assert read_run_id(path) == "r1"
    assert [find_case(path, one.gate, one.case) for one in cases] == cases
    assert find_case(path, "support", "unknown") is None


def test_a_text_stands_once(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    system = SentMessage(role="system", content="the same for all")
    prompts = tuple(SentPrompt(arm=arm, messages=(system,)) for arm in Arm)
    write_prompts(path, "r1", [SentCase(gate="g", case=f"c{n}", fields=(), prompts=prompts) for n in range(9)])
    assert path.read_text().count("the same for all") == 1


@pytest.mark.parametrize("text", ["", "x\n", "[]\n", "[" * 100_000, '{"format": 2, "run_id": "r1"}\n'])
def test_another_file_has_no_run(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.jsonl"
    assert read_run_id(path) is None
    path.write_text(text)
    assert read_run_id(path) is None


@pytest.mark.parametrize(
    "row",
    [
        "{", "[1]", '{"gate": "g"}', '{"gate": "g", "case": "c", "fields": [["a", 7]], "prompts": []}', '{"text": 5}',
        '{"text": "t"}\n{"gate": "g", "case": "c", "fields": [[5, 0]], "prompts": []}', "[" * 100_000,
    ],
)  # fmt: skip
def test_a_damaged_line_is_named(tmp_path: Path, row: str) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(f'{{"format": 1, "run_id": "r1"}}\n{row}\n')
    with pytest.raises(InputError, match="damaged"):
        find_case(path, "g", "c")
