"""Where versions come from, their history, and which gates changed; on real repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from change.recorded_project import CONFIG, PROMPT, Project, prompt_text

from evalgate.change import merge_base as base
from evalgate.change.versions import Versions
from evalgate.domain import DEFAULT_LEVELS, Gate, Policy
from evalgate.errors import EvalgateError, GitError, InputError
from evalgate.plan.level import decide_level
from evalgate.services.git import Git


def test_working_tree_against_the_merge_base(project: Project) -> None:
    base = project.git("rev-parse", "HEAD")
    project.git("checkout", "--quiet", "main")
    project.commit(**{PROMPT: prompt_text("1.0.1", "main went on {{query}}")})
    project.git("checkout", "--quiet", "work")
    project.write(PROMPT, prompt_text("1.1.0", "Edited {{query}}"))
    found = project.resolve()
    assert (found.candidate.version, found.candidate.source) == ("1.1.0", "working tree")
    assert found.baseline is not None
    assert (found.baseline.version, found.baseline.source) == ("1.0.0", f"{base[:7]}:{PROMPT}")
    assert found.baseline_note == f"{base[:7]}, the merge base with main"


def test_on_the_default_branch_the_last_different_version_is_the_baseline(project: Project) -> None:
    project.git("checkout", "--quiet", "main")
    with pytest.raises(GitError, match="no earlier version to compare with"):
        project.resolve()
    first = project.git("rev-parse", "HEAD")
    project.commit(**{PROMPT: prompt_text("1.1.0", "Edited {{query}}")})
    project.commit(**{PROMPT: prompt_text("1.1.1", "Edited  {{query}}")})
    project.commit(**{"README.md": "other files do not matter"})
    found = project.resolve()
    assert found.baseline is not None
    assert (found.candidate.version, found.baseline.version, found.since) == ("1.1.1", "1.0.0", first)
    project.write(PROMPT, prompt_text("1.2.0", "Not committed {{query}}"))
    found = project.resolve()
    assert found.baseline is not None
    assert (found.baseline.version, found.since) == ("1.1.1", None)


def test_on_the_default_branch_what_is_in_production_goes_first(project: Project) -> None:
    project.git("checkout", "--quiet", "main")
    pinned = project.resolve(is_edited=lambda commit: True).candidate
    for number in (1, 2):
        project.commit(**{PROMPT: prompt_text(f"1.{number}.0", f"Edited {number} times {{{{query}}}}")})
    last = project.git("rev-parse", "HEAD^")
    found = project.resolve(production=lambda: pinned)
    assert found.baseline is not None
    assert (found.baseline.version, found.since) == ("1.0.0", last)
    found = project.resolve(production=lambda: found.candidate)
    assert found.baseline is not None
    assert found.baseline.version == "1.1.0", "what is in production is the candidate itself"


@pytest.mark.parametrize("named", [PROMPT, f"./{PROMPT}"])
def test_a_candidate_is_not_named_as_its_own_baseline(
    project: Project, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    with pytest.raises(InputError, match="the candidate itself"):
        project.resolve(baseline=named)
    with pytest.raises(InputError, match="the candidate itself"):
        project.resolve(baseline="HEAD", candidate="work")
    with pytest.raises(InputError, match="the candidate itself"):
        project.resolve(baseline="HEAD")  # nothing is edited
    project.write(PROMPT, prompt_text("1.1.0", "Edited {{query}}"))
    assert project.resolve(baseline="HEAD").baseline is not None, "what is committed is another state of it"


@pytest.mark.parametrize("option", ["baseline", "default_branch"])
def test_a_tag_does_not_hide_the_branch_of_its_name(project: Project, option: str) -> None:
    project.commit(**{PROMPT: prompt_text("1.1.0", "Edited {{query}}")})
    project.git("tag", "main")
    project.write(PROMPT, prompt_text("1.2.0", "Edited again {{query}}"))
    found = project.resolve(**{option: "main"})
    assert found.baseline is not None
    assert found.baseline.version == "1.0.0"


def test_detached_head(project: Project) -> None:
    project.commit(**{PROMPT: prompt_text("1.1.0", "Edited {{query}}")})
    project.git("checkout", "--quiet", "--detach")
    found = project.resolve()
    assert found.baseline is not None
    assert (found.candidate.version, found.baseline.version) == ("1.1.0", "1.0.0")


def test_a_prompt_new_on_this_branch(project: Project) -> None:
    base = project.git("rev-parse", "HEAD")
    project.write("prompts/new.prompt.yml", prompt_text("1.0.0", "New {{query}}"))
    gate = Gate(name="g", prompt="prompts/new.prompt.yml", dataset="d", candidate_target="app", baseline_target="app")
    found = project.resolve(gate)
    assert found.baseline is None
    assert found.baseline_note == f"new on this branch: {base[:7]}, the merge base with main, has no {gate.prompt}"


def test_before_the_first_commit(bare_project: Project) -> None:
    bare_project.git("init", "--quiet", "--initial-branch", "main")
    found = bare_project.resolve()
    assert (found.baseline, found.history) == (None, ())
    assert found.baseline_note == "new: the repository has no commit yet"


@pytest.mark.parametrize("committed", [True, False])
def test_a_renamed_prompt_keeps_its_baseline(project: Project, committed: bool) -> None:
    (project.root / PROMPT).rename(project.root / "prompts/q.prompt.yml")
    if committed:
        project.commit()
    gate = Gate(name="g", prompt="prompts/q.prompt.yml", dataset="d", candidate_target="app", baseline_target="app")
    found = project.resolve(gate)
    assert found.baseline is not None
    assert found.baseline.digest == found.candidate.digest
    assert found.baseline.path == PROMPT


def test_a_gate_pointed_at_another_prompt_is_compared_with_the_one_in_use(project: Project) -> None:
    project.git("checkout", "--quiet", "main")
    other = "prompts/other.prompt.yml"
    project.commit(**{other: prompt_text("3.0.0", "Other {{query}}")})
    project.git("checkout", "--quiet", "-b", "switch")
    project.write("evalgate.yml", CONFIG.replace(PROMPT, other))
    config = project.config()
    found_base = base.find_base(project.tree, Git.open(project.root), config)
    before = found_base.gate_at_base(config.gates[0]) if found_base else None
    assert before is not None and before.prompt == PROMPT
    found = project.resolve(config.gates[0], base_gate_prompt=before.prompt)
    assert found.baseline is not None
    assert (found.candidate.version, found.baseline.version) == ("3.0.0", "1.0.0")


def test_an_untouched_configuration_is_not_read_at_the_merge_base(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = project.config()
    monkeypatch.setattr(base, "load_config", None)
    found = base.find_base(project.tree, Git.open(project.root), config)
    assert found is not None and (found.config, found.edited) == (config, False)


@pytest.mark.parametrize("role", ["candidate", "baseline"])
def test_a_ref(project: Project, role: str) -> None:
    sha = project.commit(**{PROMPT: prompt_text("1.1.0", "Edited {{query}}")})
    project.git("tag", "-a", "v1.1", "-m", "tag")
    project.write(PROMPT, prompt_text("9.9.9", "Not committed {{query}}"))
    found = project.resolve(**{role: "v1.1"})
    version = found.candidate if role == "candidate" else found.baseline
    assert version is not None
    assert (version.version, version.source) == ("1.1.0", f"{sha[:7]}:{PROMPT}")


def test_a_candidate_ref_has_its_own_merge_base(project: Project) -> None:
    fork = project.git("rev-parse", "HEAD")
    project.git("checkout", "--quiet", "-b", "other", "main")
    project.commit(**{PROMPT: prompt_text("2.0.0", "Other {{query}}")})
    project.git("checkout", "--quiet", "main")
    project.commit(**{PROMPT: prompt_text("1.0.1", "Main {{query}}")})
    found = project.resolve(candidate="other")
    assert found.baseline is not None
    assert found.baseline.source.startswith(fork[:7])


def test_a_file_wins_over_a_ref_of_its_name(project: Project) -> None:
    project.git("branch", "variant.prompt.yml")
    project.write("variant.prompt.yml", prompt_text("4.0.0", "Variant {{query}}"))
    for role in ("candidate", "baseline"):
        found = project.resolve(**{role: "variant.prompt.yml"})
        version = found.candidate if role == "candidate" else found.baseline
        assert version is not None
        assert (version.version, version.source) == ("4.0.0", "variant.prompt.yml")


def test_a_file_counts_from_the_current_folder_first(project: Project) -> None:
    Path("variant.prompt.yml").write_text(prompt_text("5.0.0", "Here {{query}}"))
    project.write("variant.prompt.yml", prompt_text("4.0.0", "At the root {{query}}"))
    found = project.resolve(candidate="variant.prompt.yml")
    assert found.candidate.version == "5.0.0"
    assert "the candidate is not in the repository: earlier versions were not checked" in found.baseline_note


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"candidate": "nowhere"}, '--candidate: "nowhere" is neither a file nor a git ref'),
        ({"baseline": "--help"}, '--baseline: "--help" is neither a file nor a git ref'),
        (
            {"candidate": "x", "git": None},
            '--candidate: "x" is not a file, and not a git ref: there is no git repository',
        ),
    ],
)
def test_neither_file_nor_ref(project: Project, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        project.resolve(**options)
    assert message in str(error.value)


def test_a_ref_without_the_prompt(project: Project) -> None:
    project.git("rm", "--quiet", PROMPT)
    sha = project.commit()
    project.write(PROMPT, prompt_text("2.0.0", "Quite another text, and {{query}}"))
    with pytest.raises(GitError) as error:
        project.resolve(baseline="HEAD")
    assert f'--baseline: "HEAD" ({sha[:7]}) has no {PROMPT}' in str(error.value)


def test_a_prompt_that_is_spelt_otherwise_at_the_merge_base_is_no_new_one(project: Project) -> None:
    other = "prompts/P.prompt.yml"
    gate = Gate(name="g", prompt=other, dataset="cases.jsonl", candidate_target="app", baseline_target="app")
    project.git("checkout", "--quiet", "-B", "edit")
    (project.root / PROMPT).unlink()
    project.commit(**{other: 'version: "1.1.0"\nmessages: [{role: user, content: "{{query}}"}]\n'})
    found = project.resolve(gate)
    assert found.baseline is not None and found.baseline.version == "1.0.0"


def test_the_configured_baseline_is_compared_and_the_option_wins(project: Project) -> None:
    project.write("base.prompt.yml", prompt_text("0.9.0", "Earlier {{query}}"))
    gate = Gate(
        name="g",
        prompt=PROMPT,
        baseline="base.prompt.yml",
        dataset="d",
        candidate_target="app",
        baseline_target="app",
    )
    found = project.resolve(gate)
    assert found.baseline is not None
    assert (found.baseline.version, found.baseline.source) == ("0.9.0", "base.prompt.yml")
    project.write(PROMPT, prompt_text("1.1.0", "Edited {{query}}"))
    by_option = project.resolve(gate, baseline="main").baseline
    assert by_option is not None and by_option.version == "1.0.0"
    alone = project.resolve(gate, git=None)
    assert alone.baseline == found.baseline
    assert "no git repository: earlier versions were not checked" in alone.baseline_note


def test_without_a_repository_a_missing_baseline_is_an_error(bare_project: Project) -> None:
    with pytest.raises(GitError) as error:
        bare_project.resolve()
    assert "is not in a git repository" in str(error.value)
    assert "--baseline FILE" in str(error.value)


def test_without_git_it_says_so(bare_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(GitError, match="git is not installed"):
        bare_project.resolve()


def test_a_prompt_outside_the_repository(project: Project, tmp_path: Path) -> None:
    outside = tmp_path / "outside.prompt.yml"
    outside.write_text(prompt_text())
    gate = Gate(name="g", prompt=outside.as_posix(), dataset="d", candidate_target="app", baseline_target="app")
    with pytest.raises(GitError, match="is outside the git repository"):
        project.resolve(gate)


def test_a_symbolic_link_at_the_merge_base_is_refused(project: Project) -> None:
    project.git("checkout", "--quiet", "main")
    (project.root / PROMPT).unlink()
    project.write("real.prompt.yml", prompt_text())
    (project.root / PROMPT).symlink_to("../real.prompt.yml")
    project.commit()
    project.git("checkout", "--quiet", "-b", "mend")
    (project.root / PROMPT).unlink()
    project.write(PROMPT, prompt_text("2.0.0"))
    with pytest.raises(GitError, match="is a symbolic link"):
        project.resolve()


def test_a_symbolic_link_as_a_candidate_file_is_refused(project: Project) -> None:
    Path("link.prompt.yml").symlink_to(project.root / PROMPT)
    with pytest.raises(EvalgateError, match="symbolic link"):
        project.resolve(candidate="link.prompt.yml")


def test_a_broken_prompt_at_the_merge_base_is_placed_there(project: Project) -> None:
    project.git("checkout", "--quiet", "main")
    sha = project.commit(**{PROMPT: "messages: []\nwrong: key\n"})
    project.write(PROMPT, prompt_text())
    with pytest.raises(InputError) as error:
        project.resolve()
    assert all(str(fault).startswith(f"{sha[:7]}:{PROMPT}:") for fault in error.value.faults)


def test_shallow_clone(project: Project, tmp_path: Path) -> None:
    project.commit(**{PROMPT: prompt_text("1.1.0", "Edited {{query}}")})
    clone = tmp_path / "clone"
    order = ["git", "clone", "--quiet", "--depth=1", "--no-single-branch", project.root.as_uri(), str(clone)]
    subprocess.run(order, check=True)
    shallow = Project(clone)
    with pytest.raises(GitError, match="fetch-depth: 0"):
        shallow.resolve(default_branch="main")
    named = shallow.resolve(baseline="origin/main")
    assert "this clone is shallow" in named.baseline_note


def numbers(found: Versions) -> list[tuple[str, str]]:
    return [(release.commit[:7], release.version) for release in found.history]


def test_history_has_each_content_of_the_declared_numbers_once(project: Project) -> None:
    first = project.git("rev-parse", "HEAD")[:7]
    draft = project.commit(**{PROMPT: prompt_text("1.1.0", "Draft {{query}}")})[:7]
    project.commit(**{PROMPT: "not: [a prompt 1.1.0"})
    final = project.commit(**{PROMPT: prompt_text("1.1.0", "Final {{query}}")})[:7]
    project.commit(**{PROMPT: prompt_text("1.1.0", "Final {{query}}", extra="description: other\n")})
    project.commit(**{PROMPT: prompt_text("7.0.0", "Unrelated {{query}}")})
    project.write(PROMPT, prompt_text("1.1.0", "Final {{query}}"))
    found = project.resolve()
    assert numbers(found) == [(first, "1.0.0"), (draft, "1.1.0"), (final, "1.1.0")]
    assert found.history[2].digest == found.candidate.digest != found.history[1].digest


def test_published_history_is_the_default_branch_s_own(project: Project) -> None:
    first = project.git("rev-parse", "HEAD")[:7]
    project.commit(**{PROMPT: prompt_text("1.1.0", "Draft {{query}}")})
    project.commit(**{PROMPT: prompt_text("1.1.0", "Final {{query}}")})
    assert numbers(project.resolve(immutability="published")) == [(first, "1.0.0")]
    project.git("checkout", "--quiet", "main")
    project.git("merge", "--quiet", "--no-ff", "-m", "merge", "work")
    merge = project.git("rev-parse", "HEAD")[:7]
    assert numbers(project.resolve(immutability="published")) == [(first, "1.0.0"), (merge, "1.1.0")]
    assert len(project.resolve(immutability="history").history) == 3


def test_history_reaches_behind_a_rename_in_the_working_tree(project: Project) -> None:
    first = project.git("rev-parse", "HEAD")[:7]
    (project.root / PROMPT).rename(project.root / "q.prompt.yml")
    gate = Gate(name="g", prompt="q.prompt.yml", dataset="d", candidate_target="app", baseline_target="app")
    assert numbers(project.resolve(gate)) == [(first, "1.0.0")]


def test_a_candidate_file_is_bound_by_its_own_history_only(project: Project) -> None:
    project.write("variant.prompt.yml", prompt_text("1.0.0", "Variant {{query}}"))
    assert project.resolve(candidate=str(project.root / "variant.prompt.yml"), baseline=PROMPT).history == ()


def test_without_declared_numbers_history_is_not_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.git("checkout", "--quiet", "main")
    project.commit(**{PROMPT: prompt_text(None)})
    project.git("checkout", "--quiet", "-b", "later")
    project.write(PROMPT, prompt_text(None, "Edited {{query}}"))
    monkeypatch.setattr(Git, "history", None)
    assert project.resolve().history == ()


@pytest.mark.parametrize(
    ("extra", "committed", "reason"),
    [
        ("change: to be brief\n", False, "to be brief"),
        ("change: to be brief\n", True, "to be brief"),
        ("", True, "Shorten the answers"),
        ("", False, ""),
        ("change: an earlier one\n", True, "Shorten the answers"),
    ],
)
def test_why_a_prompt_without_a_version_was_changed(project: Project, extra: str, committed: bool, reason: str) -> None:
    project.git("checkout", "--quiet", "main")
    project.commit(**{PROMPT: prompt_text(None, extra="change: an earlier one\n")})
    project.git("checkout", "--quiet", "-b", "later")
    project.write(PROMPT, prompt_text(None, "Answer {{query}} in one word.", extra))
    if committed:
        project.commit("Shorten the answers\n\nNobody reads them.")
        project.commit("Say hello", **{"README.md": "hello"})
    found = project.resolve()
    assert found.reason == reason
    level = decide_level(found.candidate, found.baseline, policy=Policy(levels=DEFAULT_LEVELS))
    assert (level.declared, level.effective, level.findings) == (None, level.minimum, ())
