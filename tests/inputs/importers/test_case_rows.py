"""Tests of the rows of a dataset that are made of other tools' tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalgate.errors import InputError
from evalgate.inputs.importers.case_rows import CaseRows, encode_cases, join_texts
from evalgate.inputs.importers.foreign_json import ForeignPart
from evalgate.inputs.tree import WorkTree


def messages(*said: tuple[str, object]) -> list[ForeignPart]:
    return [ForeignPart(data={"role": role, "content": content}, path="x") for role, content in said]


def test_messages_become_a_question_and_what_was_said_before() -> None:
    found = CaseRows(path="x")
    text = [{"type": "text", "text": "Why?"}]
    found.add_messages(
        messages(("system", "A"), ("user", "Hi"), ("assistant", "Yes?"), ("user", text)), {"expected": 1}
    )
    found.add_messages(messages(("system", "B"), ("user", "How?")), {})
    found.finish()
    assert found.rows == [
        {
            "system": "A",
            "history": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}],
            "input": "Why?",
            "expected": 1,
        },
        {"system": "B", "input": "How?"},
    ]
    assert found.left_out == {}


def test_a_shared_system_message_belongs_into_the_prompt() -> None:
    found = CaseRows(path="x")
    for asks in ("Why?", "How?"):
        found.add_messages(messages(("system", "Be\n brief."), ("user", asks)), {})
    found.finish()
    assert [row for row in found.rows if "system" in row] == []
    assert next(iter(found.left_out)).endswith('"Be brief."')


def test_what_cannot_be_a_case_is_told() -> None:
    found = CaseRows(path="x")
    found.add_messages(messages(("user", "Why?"), ("assistant", "So")), {})
    with pytest.raises(InputError, match="x: the file has no cases; a case whose last message is not the user's"):
        found.finish()
    with pytest.raises(InputError, match="not text, such as an image"):
        found.add_messages(messages(("user", [{"type": "image_url"}])), {})


def test_fields_with_a_meaning_of_their_own_are_renamed() -> None:
    found = CaseRows(path="x")
    found.add({"id": "7", "tags": "a", "query": "q", "none": None}, name="one", tags=["t"])
    assert found.rows == [{"id": "one", "id_value": "7", "tags_value": "a", "query": "q", "tags": ["t"]}]
    assert len(found.left_out) == 2


def test_rows_are_written_as_a_dataset_that_can_be_read(tmp_path: Path) -> None:
    rows = [{"id": "a", "input": "ä"}, {"input": "b"}]
    data = encode_cases(rows, "c.jsonl", WorkTree(tmp_path))
    assert [json.loads(line) for line in data.decode().splitlines()] == rows
    with pytest.raises(InputError, match='the id "a" is given twice'):
        encode_cases([rows[0], rows[0]], "c.jsonl", WorkTree(tmp_path))


def test_only_lists_of_texts_are_joined() -> None:
    assert join_texts(["a", "b"]) == "a\n\nb"
    assert (join_texts([]), join_texts(["a", 1]), join_texts("a")) == ([], ["a", 1], "a")
