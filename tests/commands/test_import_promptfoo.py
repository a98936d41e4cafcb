"""Tests of `evalgate import promptfoo` on a configuration, and `evalgate init --from promptfooconfig.yaml`: files, text, exit codes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from gated_project import Ended
from repository import Repository

Run = Callable[..., Ended]

CONFIG = """\
prompts: ['Answer {{question}}']
providers: [openai:gpt-5-mini]
tests:
  - vars: {question: Where?}
    assert: [{type: contains, value: here}]
  - vars: {question: When?}
    assert: [{type: contains, value: now}, {type: ruby, value: x}]
"""


@pytest.fixture
def project(repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Repository:
    monkeypatch.chdir(repository.root)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key")
    monkeypatch.setenv("EVALGATE_HOME", str(tmp_path / "models"))
    (repository.root / "promptfooconfig.yaml").write_text(CONFIG)
    return repository


def test_the_import_is_valid_and_lists_what_is_missing(project: Repository, evalgate: Run) -> None:
    ended = evalgate("import", "promptfoo", "promptfooconfig.yaml")
    assert ended.code == 0, ended.err
    assert ended.out.splitlines() == [
        "written:",
        "  .evalgate/evalgate.schema.json",
        "  golden/cases.jsonl",
        "  prompts/cases.prompt.yml",
        "  .gitignore",
        "  evalgate.yml",
        "not carried over:",
        "  promptfooconfig.yaml:7:44: the assertion ruby: a check runs no code",
        "2 cases; 1 not carried over",
        "next: evalgate validate && evalgate run",
    ]
    config = (project.root / "evalgate.yml").read_text()
    assert config.startswith("# yaml-language-server: $schema=.evalgate/evalgate.schema.json\n")
    assert evalgate("validate").code == 0
    again = evalgate("import", "promptfoo", "promptfooconfig.yaml")
    assert (again.code, "evalgate.yml: exists already" in again.err) == (2, True)
    assert (project.root / "evalgate.yml").read_text() == config


def test_strict_exits_with_1_if_anything_is_missing(project: Repository, evalgate: Run) -> None:
    assert evalgate("import", "promptfoo", "promptfooconfig.yaml", "--strict").code == 1
    assert (project.root / "evalgate.yml").exists()
    (project.root / "evalgate.yml").unlink()
    (project.root / "promptfooconfig.yaml").write_text(CONFIG.replace("ruby, value", "contains, value"))
    assert evalgate("import", "promptfoo", "promptfooconfig.yaml", "--strict").code == 0


def test_init_writes_the_workflow_as_well(project: Repository, evalgate: Run) -> None:
    ended = evalgate("init", "--from", "promptfooconfig.yaml")
    assert ended.code == 0, ended.err
    assert "  .github/workflows/prompts.yml" in ended.out.splitlines()
    assert "write the owner and the commit of evalgate's repository" in ended.out
    assert evalgate("validate").code == 0


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("promptfooconfig.yaml", "results: {}", "is a file of results of promptfoo"),
        ("promptfooconfig.js", "x", "is code, which is not run"),
        ("gone.yaml", None, "no such file"),
        ("../promptfooconfig.yaml", None, "is outside of this folder"),
        ("promptfooconfig.yaml", "prompts: [a\n", "not valid YAML"),
    ],
)
def test_what_cannot_be_imported_is_refused(
    project: Repository, evalgate: Run, name: str, text: str | None, why: str
) -> None:
    if text is not None:
        (project.root / name).write_text(text)
    ended = evalgate("import", "promptfoo", name)
    assert (ended.code, why in ended.err) == (2, True), ended.err
    assert not (project.root / "evalgate.yml").exists() and not (project.root / "golden").exists()


def test_text_of_the_file_cannot_write_to_the_terminal(project: Repository, evalgate: Run) -> None:
    (project.root / "promptfooconfig.yaml").write_text(CONFIG.replace("ruby", '"\\e[31mred\\u202e"'))
    ended = evalgate("import", "promptfoo", "promptfooconfig.yaml")
    assert ended.code == 0 and "\x1b" not in ended.out and "\u202e" not in ended.out


def test_a_repository_below_its_top_is_fine_for_import(
    project: Repository, evalgate: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.root / "evals").mkdir()
    (project.root / "evals/promptfooconfig.yaml").write_text(CONFIG)
    monkeypatch.chdir(project.root / "evals")
    assert evalgate("init", "--from", "promptfooconfig.yaml").code == 2
    assert evalgate("import", "promptfoo", "promptfooconfig.yaml").code == 0


@pytest.mark.parametrize(("options", "why"), [
    (["--cases", "c.jsonl", "--strict"], "--strict is for a configuration"),
    (["--cases", "c.jsonl"], "is not a file of results of promptfoo"),
    (["--arm", "baseline"], "name what to write"),
])  # fmt: skip
def test_the_options_of_results_are_not_for_configurations(
    project: Repository, evalgate: Run, options: list[str], why: str
) -> None:
    ended = evalgate("import", "promptfoo", "promptfooconfig.yaml", *options)
    assert ended.code == 2 and why in " ".join(ended.err.split())
    assert not (project.root / "evalgate.yml").exists()
