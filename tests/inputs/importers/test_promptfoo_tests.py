"""Tests of the tests of a configuration: tables, files, lists of values, scenarios, templates in values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from foreign_config import Imported, import_at

from evalgate.inputs.importers.promptfoo_file import LARGEST_MEDIUM

CSV = (
    "question,__expected,__expected2,__description\n"
    '"Where, please?",icontains: here,"contains-any: a, ""b, c""",Place\n'
    "How?,fine,,\n"
)


def read(folder: Path, tests: Any, prompt: str = "{{question}}", **files: str) -> Imported:
    return import_at(folder, {"prompts": [prompt], "providers": ["openai:m"], "tests": tests}, **files)


def test_a_table_has_variables_and_expectations(tmp_path: Path) -> None:
    found = read(tmp_path, "file://tests.csv", tests__csv=CSV)
    assert found.cases == [{"id": "Place", "question": "Where, please?"}, {"id": "test-2", "question": "How?"}]
    assert found.checks == [
        {"type": "contains", "value": "here", "when": {"ids": ["Place"]}, "ignore_case": True},
        {"type": "contains_any", "values": ["a", "b, c"], "when": {"ids": ["Place"]}},
        {"type": "equals", "value": "fine", "when": {"ids": ["test-2"]}},
    ]


@pytest.mark.parametrize("name", ["t__yaml", "t__json", "t__jsonl"])
def test_tests_are_read_from_files(tmp_path: Path, name: str) -> None:
    rows = ['{"vars": {"question": "a"}, "assert": [{"type": "is-json"}]}', '{"vars": {"question": "b"}}']
    text = "\n".join(rows) if name == "t__jsonl" else f"[{', '.join(rows)}]"
    found = read(tmp_path, [f"file://{name.replace('__', '.')}"], **{name: text})
    assert [case["question"] for case in found.cases] == ["a", "b"]
    assert found.checks == [{"type": "is_json", "when": {"ids": ["test-1"]}}]


def test_lists_of_values_make_all_combinations_and_templates_are_filled_in(tmp_path: Path) -> None:
    variables = {"a": ["x", "y"], "b": [1, 2], "question": "{{a}} of {{b}}", "c": "{{question}}!"}
    found = read(tmp_path, [{"vars": variables}])
    assert [case["c"] for case in found.cases] == ["x of 1!", "x of 2!", "y of 1!", "y of 2!"]


def test_scenarios_are_each_configuration_with_each_test(tmp_path: Path) -> None:
    config = {
        "prompts": ["{{language}}: {{question}}"], "providers": ["openai:m"],
        "scenarios": [{"config": [{"vars": {"language": each}} for each in ("de", "fr")], "tests": [{"vars": {"question": "a"}, "assert": [{"type": "contains", "value": "{{language}}"}]}]}],
    }  # fmt: skip
    found = import_at(tmp_path, config)
    assert [(case["language"], case["question"]) for case in found.cases] == [("de", "a"), ("fr", "a")]
    assert found.checks == [{"type": "contains_all", "from": "language"}]


def test_values_are_shown_as_promptfoo_shows_them(tmp_path: Path) -> None:
    found = read(
        tmp_path, [{"vars": {"question": None, "b": True, "c": 2.0, "d": {"k": 1}}}], "{{question}}{{b}}{{c}}{{d}}{{e}}"
    )
    assert found.cases == [{"id": "test-1", "question": "", "b": "true", "c": 2, "d": '{"k":1}', "e": ""}]
    assert found.changed == ["the prompts use {{e}}, which no test gives: the field is empty"]
    kept = read(tmp_path, [{"vars": {"d": {"k": 1}, "b": True}}], "{{d.k}}{% if b %}x{% endif %}")
    assert kept.cases == [{"id": "test-1", "d": {"k": 1}, "b": True}]


@pytest.mark.parametrize(
    ("tests", "why"),
    [
        ("file://gone.csv", "the tests of file://gone.csv: the file is not at hand"),
        ("file://make.py", "code or a service makes them"),
        ("huggingface://datasets/x", "code or a service makes them"),
        ([{"vars": {"question": "file://gone.txt"}}], "the variable file://gone.txt: the file is not at hand"),
        ([{"vars": {"question": "file://make.js"}}], "code makes its value"),
        ([{"vars": {"question": "{{env.HOME}}"}}], 'the template in the variable "question"'),
        ([{"vars": {"question": "a"}, "providerOutput": "x"}], "the output that a test brings"),
    ],
)
def test_what_is_not_at_hand_is_named(tmp_path: Path, tests: Any, why: str) -> None:
    found = read(tmp_path, tests)
    assert len(found.left_out) == 1 and why in found.left_out[0]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"assertScoringFunction": "file://score.js"}, "assertScoringFunction"),
        ({"options": {"transformVars": "({...vars, question: 'b'})"}}, "transformVars"),
        ({"threshold": "0.8"}, "the threshold of a test, which is no number"),
        (
            {"assert": [{"type": "levenshtein", "value": "abc", "threshold": "{{question}}"}]},
            "its threshold is not a number",
        ),
    ],
)
def test_what_would_change_a_decision_is_named(tmp_path: Path, more: dict[str, Any], why: str) -> None:
    found = read(tmp_path, [{"vars": {"question": "a"}, "assert": [{"type": "contains", "value": "a"}], **more}])
    assert any(why in each for each in found.left_out)


def test_images_and_recordings_are_base64(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\xff\xd8\xff\xe0")  # what the bytes say counts
    (tmp_path / "b.MP3").write_bytes(b"\x00\xff")
    found = read(tmp_path, [{"vars": {"question": "a", "image": "file://a.png", "sound": "file://b.MP3"}}])
    assert found.left_out == []
    assert (found.cases[0]["image"], found.cases[0]["sound"]) == ("data:image/jpeg;base64,/9j/4A==", "AP8=")
    (tmp_path / "a.png").write_bytes(b"x" * (LARGEST_MEDIUM + 1))
    large = read(tmp_path, [{"vars": {"question": "a", "image": "file://a.png"}}])
    assert "has 4,194,305 bytes" in large.left_out[0]


def test_what_only_the_target_decides_is_to_do(tmp_path: Path) -> None:
    found = read(tmp_path, [{"vars": {"question": "a {{ NOT one }}"}, "provider": "openai:x", "providers": ["y"]}])
    assert found.left_out == [] and found.cases[0]["question"] == "a {{ NOT one }}"
    assert [each.split(": ", 1)[1] for each in found.open[:2]] == [
        "the `provider` of a test: the target of the gate answers it",
        "the `providers` to which a test is limited: the target of the gate answers it",
    ]
    assert found.changed[0].endswith('the variable "question" has braces without an expression: it stays a text')


def test_files_outside_of_the_folder_are_read_only_where_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("far")
    (tmp_path / "inner").mkdir()
    found = read(tmp_path / "inner", [{"vars": {"question": "file://../outside.txt"}}])
    assert found.cases[0]["question"] == "far"
    (tmp_path / "inner/link.txt").symlink_to(tmp_path / "outside.txt")
    assert read(tmp_path / "inner", [{"vars": {"question": "file://link.txt"}}]).left_out
