"""Tests of assertions that a model decides: their rubric files, inputs and targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from foreign_config import Imported, import_at, import_valid

from evalgate.inputs.importers.promptfoo_judges import RUBRICS


def read(folder: Path, *assertions: dict[str, Any], **more: Any) -> Imported:
    tests = [{"vars": {"question": "Why?", "context": "c"}, "assert": list(assertions)}]
    return import_valid(
        folder, {"prompts": ["{{question}}{{context}}"], "providers": ["openai:m"], "tests": tests, **more}
    )


def test_every_judged_assertion_becomes_a_judge(tmp_path: Path) -> None:
    kinds = [kind for kind in RUBRICS if not kind.startswith("not-")]
    asserts = [{"type": kind, "value": "v"} if RUBRICS[kind].field else {"type": kind} for kind in kinds]
    found = read(
        tmp_path,
        *asserts,
        {"type": "not-llm-rubric", "value": "rude"},
        {"type": "model-graded-factuality", "value": "w"},
    )
    assert found.left_out == []
    assert [judge["rubric"] for judge in found.shared["judges"]] == [
        *(f"rubrics/{kind}.md" for kind in kinds), "rubrics/not-llm-rubric.md", "rubrics/factuality_2.md",
    ]  # fmt: skip
    text = found.project.files["rubrics/factuality.md"]
    assert 'inputs: ["context?", "question?", output]' in text and "Reference:\nv" in text
    assert "inputs: [context, " in found.project.files["rubrics/context-faithfulness.md"]


def test_the_grader_is_the_target(tmp_path: Path) -> None:
    options = {"options": {"provider": {"id": "openai:chat:gpt-5"}}}
    found = read(tmp_path, {"type": "llm-rubric", "value": "v"}, defaultTest=options)
    assert found.shared["judges"] == [{"rubric": "rubrics/llm-rubric.md", "target": "gpt-5"}]
    assert found.config["targets"]["gpt-5"]["model"] == "gpt-5"


@pytest.mark.parametrize(
    ("assertion", "why"),
    [
        ({"type": "llm-rubric", "value": " "}, "its text is empty"),
        ({"type": "not-factuality", "value": "x"}, "its opposite has no rubric"),
        ({"type": "context-recall", "value": "x", "contextTransform": "output.x"}, "code takes its context"),
    ],
)
def test_what_cannot_be_judged_is_named(tmp_path: Path, assertion: dict[str, Any], why: str) -> None:
    (said,) = read(tmp_path, assertion, {"type": "is-json"}).left_out
    assert why in said


def test_a_judge_without_its_context_is_named(tmp_path: Path) -> None:
    config = {"prompts": ["{{q}}"], "tests": [{"vars": {"q": "a"}, "assert": [{"type": "context-faithfulness"}]}]}
    assert "the test has no variable context" in import_at(tmp_path, config).left_out[0]


def test_what_decides_in_another_way_is_told(tmp_path: Path) -> None:
    found = read(tmp_path, {"type": "similar", "value": "v"}, {"type": "llm-rubric", "value": "v", "rubricPrompt": "x"})
    assert [each.split(": ", 1)[1] for each in found.changed] == [
        "the assertion similar: a judge compares the meaning, not embeddings",
        "the assertion llm-rubric: the rubric's own words ask, not those of `rubricPrompt`",
    ]


def test_braces_in_a_criterion_are_text(tmp_path: Path) -> None:
    found = read(tmp_path, {"type": "llm-rubric", "value": "{% raw %}says {{name}}{% endraw %}"})
    assert found.cases[0]["criteria"] == "says {{name}}"
