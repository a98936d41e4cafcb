"""A jinja prompt cannot include what it is measured by: dataset, schema, rubric, recorded outputs, configuration."""

from __future__ import annotations

import json

import pytest
from gated_project import World

CONFIG = """\
format: 1
targets:
  api: {{type: openai, base_url: "{url}", api_key_env: API_KEY, model: m, recordings: prompts/data/kept.jsonl}}
  app: {{type: recorded, path: prompts/data/recorded.jsonl}}
gates:
  - name: support
    prompt: prompts/support.j2
    baseline: prompts/before.j2
    dataset: prompts/data/cases.jsonl
    target: api
    checks: [{{type: json_schema, schema: prompts/data/schema.json, blocking: false}}, {{type: length, min_chars: 1}}]
    judges: [{{rubric: prompts/data/rubric.md, target: api}}]
  - name: second
    prompt: prompts/second.j2
    dataset: prompts/data/others.csv
    target: app
    checks: [{{type: length, min_chars: 1}}]
"""
RUBRIC = '---\nname: quality\nversion: "1.0.0"\nscale: {min: 1, max: 5}\ninputs: [query, output]\n---\nIs it right?\n'
MEASURING = ["cases.jsonl", "others.csv", "schema.json", "rubric.md", "recorded.jsonl", "kept.jsonl"]
WAYS = [
    "{{% include 'data/{}' %}}",
    "{{% set d %}}{{% include './data/../data/{}' %}}{{% endset %}}{{{{ d[:9] }}}}",
    "{{% import 'data/{}' as d %}}",
    "{{% include ['none.txt', 'data/{}'] ignore missing %}}",
    "{{% include 'between.txt' %}}",
]


def prepare(world: World) -> None:
    write = world.repository.write
    write("evalgate.yml", CONFIG.format(url=world.server.url))
    rows = [{"id": f"c{i}", "query": f"question {i}", "expected": f"the answer {i}"} for i in range(70)]
    write("prompts/data/cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    write("prompts/data/others.csv", "id,query\n" + "".join(f"c{i},another question {i}\n" for i in range(3)))
    write("prompts/data/schema.json", '{"type": "object"}')
    write("prompts/data/rubric.md", RUBRIC)
    write("prompts/data/recorded.jsonl", "".join(json.dumps({"case": f"c{i}", "text": "yes"}) + "\n" for i in range(3)))
    write("prompts/data/kept.jsonl", "")
    for name in ("support", "before", "second"):
        write(f"prompts/{name}.j2", f"Answer as the {name} version of the shop says.\n{{{{ query }}}}")
    write("prompts/tone.txt", "Be kind.")
    world.repository.commit("rules")
    world.repository.git("branch", "--force", "main")


@pytest.mark.parametrize(
    ("name", "way"), [*((name, WAYS[0]) for name in MEASURING), *(("cases.jsonl", way) for way in WAYS[1:])]
)
def test_a_file_that_measures_cannot_be_included(world: World, name: str, way: str) -> None:
    prepare(world)
    world.repository.write("prompts/between.txt", f"Words.\n{{% include 'data/{name}' %}}")
    world.repository.write("prompts/support.j2", f"Answer.\n{{{{ query }}}} {way.format(name)}")
    said = world.evalgate("validate")
    assert said.code == 2
    place = "prompts/between.txt:2" if "between" in way else "prompts/support.j2:2"
    assert f'{place}: the prompt includes "prompts/data/{name}", ' in said.err
    world.repository.commit("edit")
    for arguments in ((), ("--policy-ref", "base")):
        ended = world.evalgate("run", "--gate", "support", *arguments)
        assert ended.code == 2 and f'"prompts/data/{name}"' in ended.err
    assert not world.server.received


@pytest.mark.parametrize(
    ("made", "is_copy"),
    [
        (lambda lines: lines, True),
        (lambda lines: ["Words.", *reversed(lines)], True),
        (lambda lines: [f"  {line} \r" for line in lines[:40]], True),
        (lambda lines: lines[:5], False),
        (lambda lines: ["Be kind."], False),
    ],
)
def test_a_copy_of_the_dataset_is_the_dataset(world: World, made: object, is_copy: bool) -> None:
    prepare(world)
    lines = (world.root / "prompts/data/cases.jsonl").read_text().splitlines()
    world.repository.write("prompts/hints.txt", "\n".join(made(lines)))  # type: ignore[operator]
    world.repository.write("prompts/support.j2", "Answer.\n{{ query }} {% include 'hints.txt' %}")
    said = world.evalgate("validate")
    assert (said.code, "a copy of prompts/data/cases.jsonl" in said.err) == ((2, True) if is_copy else (0, False))


def test_other_files_and_prompts_can_be_included(world: World) -> None:
    prepare(world)
    text = "{{ query }}{% include 'tone.txt' %}{% include 'before.j2' %}{% include 'second.j2' %}"
    world.repository.write("prompts/support.j2", text)
    said = world.evalgate("validate")
    assert said.code == 0, said.err


def test_the_path_of_a_named_file_counts_from_the_current_folder(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(world)
    world.repository.write("prompts/new.j2", "Answer.\n{{ query }} {% include 'data/cases.jsonl' %}")
    monkeypatch.chdir(world.root / "prompts")
    said = world.evalgate("run", "--config", "../evalgate.yml", "--gate", "support", "--candidate", "new.j2")
    assert said.code == 2 and "new.j2:2: the prompt includes" in said.err
