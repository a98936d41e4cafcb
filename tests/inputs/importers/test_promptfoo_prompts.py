"""Tests of the prompts of a configuration: in place, in files of all kinds, and chats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from foreign_config import Imported, import_valid

TESTS = [{"vars": {"q": each, "r": "x"}, "assert": [{"type": "contains", "value": "x"}]} for each in "ab"]


def read(folder: Path, prompts: Any, **files: str) -> Imported:
    return import_valid(folder, {"prompts": prompts, "providers": ["openai:m"], "tests": TESTS}, **files)


def list_messages(found: Imported) -> list[Any]:
    paths = [gate["prompt"] for gate in found.config["gates"]]
    return [yaml.safe_load(found.project.files[path])["messages"] for path in paths]


def test_a_text_is_one_user_message(tmp_path: Path) -> None:
    found = read(tmp_path, "Answer {{q}}")
    assert list_messages(found) == [[{"role": "user", "content": "Answer {{q}}"}]]


@pytest.mark.parametrize("text", ['[{"role": "system", "content": "Be kind."}, {"role": "user", "content": "{{q}}"}]',
                                  "- role: system\n  content: Be kind.\n- role: user\n  content: '{{q}}'\n"])  # fmt: skip
def test_a_chat_has_its_messages(tmp_path: Path, text: str) -> None:
    wanted = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "{{q}}"}]
    assert list_messages(read(tmp_path, [text])) == [wanted]


def test_a_file_with_lines_between_has_several_prompts(tmp_path: Path) -> None:
    found = read(tmp_path, "file://p.txt", p__txt="One {{q}}\n---\nTwo {{q}}\n")
    assert [messages[0]["content"] for messages in list_messages(found)] == ["One {{q}}", "Two {{q}}"]
    assert [gate["prompt"] for gate in found.config["gates"]] == ["prompts/p-1.prompt.yml", "prompts/p-2.prompt.yml"]


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.txt", "Hi {{q}}"), ("a.md", "# Hi\n{{q}}"), ("a.j2", "{% if q %}{{q}}{% endif %}"),
     ("a.json", '[{"role": "user", "content": "{{q}}"}]')],
)  # fmt: skip
def test_a_file_that_evalgate_reads_alike_stays(tmp_path: Path, name: str, text: str) -> None:
    found = read(tmp_path, [name], **{name.replace(".", "__"): text})
    assert found.project.kept == (name,)
    assert found.config["gates"][0]["prompt"] == name


def test_a_file_that_evalgate_reads_in_another_way_is_written_anew(tmp_path: Path) -> None:
    found = read(tmp_path, ["file://a.md"], a__md="---\nmode: x\n---\nHi {{q}}\n")
    assert found.project.kept == ()
    assert list_messages(found)[0][0]["content"] == "---\nmode: x\n---\nHi {{q}}\n"


def test_jsonl_yaml_and_patterns(tmp_path: Path) -> None:
    lines = [json.dumps([{"role": "user", "content": f"{n} {{{{q}}}}"}]) for n in (1, 2)]
    found = read(tmp_path, ["file://p/*"], **{"p/a__jsonl": "\n".join(lines), "p/b__yaml": f"{lines[0]}\n"})
    written = [yaml.safe_load(found.project.files[f"prompts/a-{n}.prompt.yml"])["messages"] for n in (1, 2)]
    assert [messages[0]["content"] for messages in written] == ["1 {{q}}", "2 {{q}}"]
    assert found.project.kept == ("p/b.yaml",)


def test_labels_name_the_gates_and_settings_are_the_prompts(tmp_path: Path) -> None:
    prompt = {"raw": "{{q}}", "label": "My prompt", "config": {"temperature": 0.5, "x": 1}}
    found = read(tmp_path, [prompt, {"id": "file://b.txt", "label": "two"}], b__txt="B {{q}}")
    document = yaml.safe_load(found.project.files["prompts/My-prompt.prompt.yml"])
    assert (document["name"], document["modelParameters"]) == ("My prompt", {"temperature": 0.5})
    assert [each.split(": ", 1)[1] for each in found.left_out] == ["the setting `x` of the prompt My prompt"]


def test_a_mapping_of_files_has_labels(tmp_path: Path) -> None:
    found = read(tmp_path, {"a.txt": "first"}, a__txt="One {{q}}\n---\nTwo {{q}}")
    assert [gate["prompt"] for gate in found.config["gates"]] == [
        "prompts/first-1.prompt.yml",
        "prompts/first-2.prompt.yml",
    ]


def test_a_prompt_that_only_some_providers_answer_has_one_of_them(tmp_path: Path) -> None:
    config = {"prompts": [{"raw": "A {{q}}", "label": "a"}, {"raw": "B {{q}}", "label": "b"}], "tests": TESTS,
              "providers": [{"id": "openai:m", "prompts": ["a"]}, {"id": "openai:n", "prompts": ["b"]}]}  # fmt: skip
    found = import_valid(tmp_path, config)
    assert [gate["target"] for gate in found.config["gates"]] == ["m", "n"]
