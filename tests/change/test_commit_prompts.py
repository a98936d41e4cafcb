"""Prompts at commits: with the files that they include there, and as constants of Python files."""

from __future__ import annotations

import pytest
from change.recorded_project import CONFIG, Project

from evalgate.change.commit_prompts import list_states, load_prompt_at, resolve_at_commit
from evalgate.domain import NO_SETTINGS, PromptSettings
from evalgate.errors import InputError
from evalgate.inputs.prompts import load_prompt
from evalgate.services.git import Git

JINJA = "prompts/p.j2"
HEAD = "prompts/parts/head.txt"
CONSTANTS = "app/prompts.py"


@pytest.fixture
def included(project: Project) -> Project:
    """Make a gate on main whose prompt includes a file."""
    project.git("checkout", "--quiet", "main")
    config = CONFIG.replace("prompts/p.prompt.yml", JINJA)
    project.commit(**{"evalgate.yml": config, JINJA: "{% include 'parts/head.txt' %} {{ query }}", HEAD: "Be kind."})
    project.git("checkout", "--quiet", "-B", "work")
    return project


def test_included_files_are_read_at_the_commit(included: Project) -> None:
    first = included.git("rev-parse", "HEAD")
    included.write(HEAD, "Be short.")
    git = Git.open(included.root)
    then = load_prompt_at(git, first, JINJA, NO_SETTINGS)
    now = load_prompt(included.tree, JINJA)
    assert then.template.files == (("parts/head.txt", "Be kind."),)
    assert then.digest != now.digest


def test_an_edit_of_an_included_file_alone_changes_the_gate(included: Project) -> None:
    assert included.changed() == []
    included.write(HEAD, "Be short.")
    assert included.changed() == ["support"]
    (gate,) = included.config().gates
    found = included.resolve(gate)
    assert found.baseline is not None
    assert (found.baseline.template.files, found.candidate.template.files) == (
        (("parts/head.txt", "Be kind."),),
        (("parts/head.txt", "Be short."),),
    )


def test_on_the_default_branch_an_edit_of_an_included_file_counts(included: Project) -> None:
    included.git("checkout", "--quiet", "main")
    before = included.git("rev-parse", "HEAD")
    included.commit(**{HEAD: "Be short."})
    included.commit(**{"README.md": "x"})
    (gate,) = included.config().gates
    found = included.resolve(gate)
    assert found.baseline is not None
    assert (found.since, found.baseline.template.files) == (before, (("parts/head.txt", "Be kind."),))


def test_states_are_listed_once_each(included: Project) -> None:
    both = included.commit(**{HEAD: "Be short.", JINJA: "{% include 'parts/head.txt' %}! {{ query }}"})
    alone = included.commit(**{HEAD: "Be brief."})
    git = Git.open(included.root)
    version = load_prompt(included.tree, JINJA)
    states = list_states(git, version, [JINJA], ["HEAD"], first_parent=False)
    assert [(commit, oid is None) for commit, oid in states][-2:] == [(both, False), (alone, True)]


def test_a_constant_is_compared_with_itself(project: Project) -> None:
    project.git("checkout", "--quiet", "main")
    config = CONFIG.replace("prompts/p.prompt.yml", f"{CONSTANTS}:ANSWER")
    project.commit(**{"evalgate.yml": config, CONSTANTS: 'ANSWER = "Answer {{query}}"\nOTHER = "x"\n'})
    project.git("checkout", "--quiet", "-B", "work")
    project.write(CONSTANTS, 'OTHER = "y"\nANSWER = "Answer {{query}}"\n')
    assert project.changed() == []
    project.write(CONSTANTS, 'ANSWER = "Answer {{query}} now"\n')
    assert project.changed() == ["support"]
    (gate,) = project.config().gates
    assert (gate.prompt, gate.settings.constant, gate.named_prompt) == (CONSTANTS, "ANSWER", f"{CONSTANTS}:ANSWER")
    found = project.resolve(gate)
    assert found.baseline is not None
    assert found.baseline.messages[0].content == "Answer {{query}}"


def test_a_renamed_constant_is_compared_with_the_one_before(project: Project) -> None:
    project.commit(**{CONSTANTS: 'ANSWER = "Answer {{query}}"\n'})
    project.git("branch", "--force", "main")
    project.write(CONSTANTS, 'REPLY = "Reply to {{query}}"\n')
    project.write("evalgate.yml", CONFIG.replace("prompts/p.prompt.yml", f"{CONSTANTS}:REPLY"))
    (gate,) = project.config().gates
    found = project.resolve(gate, base_gate_prompt=f"{CONSTANTS}:ANSWER")
    assert found.baseline is not None
    assert found.baseline.messages[0].content == "Answer {{query}}"
    found = project.resolve(gate)
    assert found.baseline is None
    assert "has no REPLY in app/prompts.py" in found.baseline_note


def test_a_fault_at_a_commit_names_the_commit(project: Project) -> None:
    commit = project.commit(**{CONSTANTS: 'A = f"{x}"\n'})
    git = Git.open(project.root)
    with pytest.raises(InputError, match=rf"^{commit[:7]}:{CONSTANTS}:1:5: an f-string"):
        resolve_at_commit(git, commit, CONSTANTS, PromptSettings(constant="A"))


def test_the_settings_of_a_gate_apply_to_both_versions(project: Project) -> None:
    text = "Answer {query} as {{}}"
    config = CONFIG.replace("prompts/p.prompt.yml\n", 'prompts/p.md\n    template: fstring\n    user: "{{query}}"\n')
    project.commit(**{"evalgate.yml": config, "prompts/p.md": text})
    project.git("branch", "--force", "main")
    project.write("prompts/p.md", f"{text} now")
    (gate,) = project.config().gates
    found = project.resolve(gate)
    assert found.baseline is not None
    for version in (found.candidate, found.baseline):
        assert (version.template.syntax, version.user, version.messages[0].role) == ("fstring", "{{query}}", "system")
