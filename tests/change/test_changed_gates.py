"""Which gates a change affects: by content, without parsing what is equal."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest
from change.recorded_project import CONFIG, FILES, PROMPT, RUBRIC, Project, prompt_text

from evalgate.change import changed_gates
from evalgate.errors import GitError
from evalgate.services.git import Git


def test_nothing_changed_is_told_without_parsing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    config = project.config()
    monkeypatch.setattr(changed_gates, "load_config", None)
    monkeypatch.setattr(changed_gates, "load_prompt", None)
    project.write("README.md", "other files do not matter")
    os.utime(project.root / PROMPT, (1, 1))
    assert changed_gates.find_changed_gates(config.gates, project.tree, Git.open(project.root), config) == ()


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (PROMPT, prompt_text(text="Answer {{query}} in two sentences.")),
        (PROMPT, prompt_text("1.0.1")),
        ("cases.jsonl", FILES["cases.jsonl"].replace("two", "three")),
        ("cases.jsonl", FILES["cases.jsonl"].splitlines()[0] + "\n"),
        ("outputs.jsonl", FILES["outputs.jsonl"].replace('"2"', '"3"')),
        ("schema.json", '{"type": "array"}\n'),
        ("rubrics/tone.md", RUBRIC.replace("the tone", "the manners")),
        ("evalgate.yml", CONFIG + "    thresholds: {tone: {min: 0.5}}\n"),
        ("evalgate.yml", CONFIG + "policy: {max_drop: 0.1}\n"),
        ("evalgate.yml", CONFIG.replace("model: j", "model: k")),
        ("evalgate.yml", CONFIG + "    samples: {candidate: 2}\n"),
        ("evalgate.yml", CONFIG.replace("schema: schema.json}", "schema: schema.json, blocking: false}")),
    ],
)
def test_what_a_verdict_depends_on_is_a_change(project: Project, path: str, content: str) -> None:
    project.write(path, content)
    assert project.changed() == ["support"]
    project.commit()
    assert project.changed() == ["support"]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (PROMPT, prompt_text(extra="description: for people only\n")),
        (PROMPT, prompt_text().replace("\n", "\r\n")),
        ("cases.jsonl", "\n".join(reversed(FILES["cases.jsonl"].splitlines())) + "\n"),
        ("schema.json", json.dumps({"type": "object"}, indent=4)),
        ("evalgate.yml", "# a comment\n" + CONFIG),
        ("evalgate.yml", CONFIG + "run: {concurrency: 2}\n"),
        ("evalgate.yml", CONFIG.replace("app", "application")),
        ("evalgate.yml", CONFIG.replace("GRADER_KEY", "OTHER_KEY")),
        ("evalgate.yml", CONFIG.replace("name: support", "name: another")),
    ],
)
def test_what_no_verdict_depends_on_is_no_change(project: Project, path: str, content: str) -> None:
    project.write(path, content)
    assert project.changed() == []


def test_moving_files_is_no_change(project: Project) -> None:
    moved = CONFIG.replace("    name: support\n", "")
    for old, new in (
        (PROMPT, "prompts/deep/renamed.prompt.yml"),
        ("schema.json", "schema/answer.json"),
        ("rubrics/tone.md", "judges/tone.md"),
        ("outputs.jsonl", "data/outputs.jsonl"),
    ):
        (project.root / new).parent.mkdir(parents=True, exist_ok=True)
        (project.root / old).rename(project.root / new)
        moved = moved.replace(old, new)
    project.write("evalgate.yml", moved)
    assert project.changed() == []


def test_only_the_gates_that_changed_are_kept(project: Project) -> None:
    project.git("checkout", "--quiet", "main")
    second = CONFIG + CONFIG[CONFIG.index("  - name") :].replace("support", "second").replace(PROMPT, "q.prompt.yml")
    project.commit(**{"evalgate.yml": second, "q.prompt.yml": prompt_text(text="Second {{query}}")})
    project.git("checkout", "--quiet", "-b", "edit")
    project.write("q.prompt.yml", prompt_text("1.0.1", "Second, {{query}}"))
    assert project.changed() == ["second"]
    third = second + CONFIG[CONFIG.index("  - name") :].replace("support", "third").replace(PROMPT, "r.prompt.yml")
    project.write("evalgate.yml", third)
    project.write("r.prompt.yml", prompt_text(text="Third {{query}}"))
    assert project.changed() == ["second", "third"]


@pytest.mark.parametrize("before", ["targets: [broken", None])
def test_a_configuration_missing_or_broken_at_the_merge_base_is_a_change(project: Project, before: str | None) -> None:
    project.git("checkout", "--quiet", "main")
    if before is None:
        project.git("rm", "--quiet", "evalgate.yml")
        project.commit()
    else:
        project.commit(**{"evalgate.yml": before})
    project.git("checkout", "--quiet", "-b", "mend")
    project.write("evalgate.yml", CONFIG)
    assert project.changed() == ["support"]


def test_changed_before_the_first_commit_and_without_git(bare_project: Project) -> None:
    config = bare_project.config()
    with pytest.raises(GitError, match="--changed needs a git repository"):
        changed_gates.find_changed_gates(config.gates, bare_project.tree, None, config)
    bare_project.git("init", "--quiet")
    assert bare_project.changed() == ["support"]


def test_recordings_count_by_their_content(project: Project) -> None:
    project.git("checkout", "--quiet", "main")
    with_recordings = CONFIG.replace("path: outputs.jsonl}", "path: outputs.jsonl, recordings: rec.jsonl}")
    live = with_recordings.replace("type: recorded, path: outputs.jsonl", 'type: python, function: "m:f"')
    project.commit(**{"evalgate.yml": live})
    project.git("checkout", "--quiet", "-b", "record")
    assert project.changed() == []
    project.write("rec.jsonl", "{}\n")
    assert project.changed() == ["support"]
    project.git("checkout", "--quiet", "main")
    project.commit()
    project.git("checkout", "--quiet", "-B", "record")
    assert project.changed() == []
    project.write("rec.jsonl", '{"new": 1}\n')
    assert project.changed() == ["support"]


def test_a_gate_keeps_its_digest_when_only_its_name_differs(project: Project) -> None:
    config = project.config()
    renamed = replace(config.gates[0], name="renamed")
    git = Git.open(project.root)
    project.write("evalgate.yml", "# touched\n" + CONFIG)
    assert changed_gates.find_changed_gates([renamed], project.tree, git, config) == ()
