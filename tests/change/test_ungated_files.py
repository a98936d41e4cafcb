"""Prompts that no gate covers, and prompts of a pattern that a change adds, moves or removes."""

from __future__ import annotations

import pytest
from gated_project import World, prompt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalgate.change.base_policy import Sides, judge_change
from evalgate.change.ungated_files import describe_ungated, find_ungated
from evalgate.inputs.config import load_config
from evalgate.inputs.tree import CommitTree, WorkTree
from evalgate.services.git import Git

CONFIG = """\
format: 1
targets:
  api: {{type: openai, base_url: "{url}", api_key_env: API_KEY, model: m}}
defaults: {{dataset: cases.jsonl, samples: {{baseline: 1}}, checks: [{{type: length, min_chars: 1}}]}}
ungated: {ungated}
gates:
  - prompt: prompts/**/*.prompt.yml
"""


@pytest.fixture
def many(world: World) -> World:
    return configure(world)


def configure(world: World, ungated: str = "warn") -> World:
    world.repository.write("evalgate.yml", CONFIG.format(url=world.server.url, ungated=ungated))
    for name in ("a/one", "a/two"):
        world.repository.write(f"prompts/{name}.prompt.yml", prompt().replace("outdoor shop", f"shop {name}"))
    world.repository.commit("many")
    world.repository.git("branch", "--force", "main")
    return world


def run(world: World, *arguments: str) -> tuple[int, str, list[str]]:
    world.repository.git("add", "--all")
    world.repository.git("commit", "--quiet", "--allow-empty", "-m", "edit")
    (world.root / "report.json").unlink(missing_ok=True)
    ended = world.evalgate("run", "--output", "report.json", *arguments)
    report = world.report() if (world.root / "report.json").exists() else {"warnings": [], "gates": []}
    return ended.code, ended.err + " ".join(report["warnings"]), [gate["name"] for gate in report["gates"]]


def move(world: World, to: str) -> None:
    target = world.root / to
    target.parent.mkdir(parents=True, exist_ok=True)
    (world.root / "prompts/a/one.prompt.yml").rename(target)


def test_a_file_that_looks_like_a_prompt_is_named(many: World) -> None:
    for path in ("old/x.prompt.md", "prompts/a/notes.yml", "prompts/a/README.yml", "docs/page.md", "src/y.prompty"):
        many.repository.write(path, "x")
    config = load_config(WorkTree(many.root), "evalgate.yml")
    found = find_ungated(config, WorkTree(many.root))
    assert found == ("old/x.prompt.md", "src/y.prompty")
    (sentence,) = describe_ungated(found)
    assert sentence.startswith("2 files look like prompts, and no gate covers them: old/x.prompt.md")
    assert describe_ungated(()) == ()
    said = many.evalgate("validate")
    assert said.code == 0
    assert sentence in said.out
    code, told, _ = run(many)
    assert code == 0
    assert sentence in told


def test_a_file_beside_a_prompt_of_the_same_suffix_looks_like_one(world: World) -> None:
    for path in ("texts/one.md", "texts/two.md", "texts/README.md", "texts/data.txt", "page.md", "other/page.md"):
        world.repository.write(path, "Answer {{query}}")
    config = CONFIG.format(url=world.server.url, ungated="warn")
    world.repository.write("evalgate.yml", config.replace("prompts/**/*.prompt.yml", "texts/one.md"))
    tree = WorkTree(world.root)
    assert find_ungated(load_config(tree, "evalgate.yml"), tree) == ("prompts/support.prompt.yml", "texts/two.md")
    world.repository.write("evalgate.yml", config.replace("prompts/**/*.prompt.yml", "page.md"))
    assert find_ungated(load_config(tree, "evalgate.yml"), tree) == ("prompts/support.prompt.yml",)


@pytest.mark.parametrize("name", ["shared.j2", "shared.prompt.j2", "parts/shared.prompt.j2"])
def test_a_file_that_a_gated_prompt_includes_has_a_gate(world: World, name: str) -> None:
    (world.root / "prompts/support.prompt.yml").unlink()
    world.repository.write("texts/one.j2", f'{{% include "{name}" %}} {{{{ query }}}}')
    world.repository.write(f"texts/{name}", '{% include "inner.j2" %}')
    world.repository.write("texts/inner.j2", "Be exact.")
    config = CONFIG.format(url=world.server.url, ungated="fail")
    world.repository.write("evalgate.yml", config.replace("prompts/**/*.prompt.yml", "texts/one.j2"))
    tree = WorkTree(world.root)
    assert find_ungated(load_config(tree, "evalgate.yml"), tree) == ()
    assert "no gate covers" not in world.evalgate("validate").err
    world.repository.write("texts/other.j2", "Be wrong.")
    assert find_ungated(load_config(tree, "evalgate.yml"), tree) == ("texts/other.j2",)
    assert "no gate covers it: texts/other.j2" in world.evalgate("validate").err


def test_ungated_fail_refuses_and_ignore_says_nothing(many: World) -> None:
    many.repository.write("old/x.prompt.md", "x")
    configure(many, "fail")
    assert many.evalgate("validate").code == 2
    code, told, _ = run(many)
    assert code == 2
    assert "old/x.prompt.md" in told
    assert run(many, "--policy-ref", "base")[0] == 2
    configure(many, "ignore")
    code, told, _ = run(many)
    assert code == 0
    assert "old/x.prompt.md" not in told


def test_only_the_edited_prompt_of_a_pattern_is_changed(many: World) -> None:
    assert run(many, "--changed")[2] == []
    many.repository.write(
        "prompts/a/two.prompt.yml", prompt("1.1.0", "Be brief.").replace("outdoor shop", "shop a/two")
    )
    for arguments in (("--changed",), ("--changed", "--policy-ref", "base")):
        code, _, gates = run(many, *arguments)
        assert (code, gates) == (0, ["prompts/a/two.prompt.yml"])


def test_a_prompt_that_is_moved_inside_its_pattern_keeps_its_baseline(many: World) -> None:
    move(many, "prompts/c/renamed.prompt.yml")
    code, told, gates = run(many)
    assert code == 0
    assert "removed" not in told
    assert "prompts/c/renamed.prompt.yml" in gates
    named = {gate["name"]: gate for gate in many.report()["gates"]}["prompts/c/renamed.prompt.yml"]
    assert named["baseline"]["source"].endswith("prompts/a/one.prompt.yml")
    code, _, gates = run(many, "--policy-ref", "base")
    assert code == 0
    assert "prompts/a/one.prompt.yml" in gates


@pytest.mark.parametrize("to", ["elsewhere/one.prompt.yml", "prompts/a/one.txt", "data/one.json"])
def test_a_prompt_cannot_be_moved_out_of_its_pattern(many: World, to: str) -> None:
    move(many, to)
    for arguments in ((), ("--changed",), ("--policy-ref", "base"), ("--policy-ref", "base", "--changed")):
        code, told, _ = run(many, *arguments)
        assert code == 2, told
        assert to in told or "prompts/a/one.prompt.yml" in told


@pytest.mark.parametrize("to", ["prompts/a/b/One.prompt.yml", "prompts/a/one.md", "src/one.txt"])
def test_a_prompt_that_is_moved_out_of_its_pattern_and_rewritten_is_known_by_its_name(many: World, to: str) -> None:
    text = (many.root / "evalgate.yml").read_text()
    assert "prompts/**/*.prompt.yml" in text
    many.repository.git("switch", "--quiet", "main")
    many.repository.commit(
        "narrower", **{"evalgate.yml": text.replace("prompts/**/*.prompt.yml", "prompts/*/*.prompt.yml")}
    )
    many.repository.git("switch", "--quiet", "work")
    many.repository.git("merge", "--quiet", "--ff-only", "main")
    (many.root / "prompts/a/one.prompt.yml").unlink()
    many.repository.write(to, "Other words, one and all. {{query}}\n")
    for arguments in ((), ("--changed",)):
        code, told, _ = run(many, *arguments)
        assert code == 2 and f"{to} has its name, which no gate covers" in told


def test_a_note_with_the_old_name_of_a_moved_prompt_is_no_move(many: World) -> None:
    move(many, "prompts/a/first.prompt.yml")
    many.repository.write("prompts/a/one.md", "It is called first now.\n")
    code, _, gates = run(many)
    assert code == 0 and "prompts/a/first.prompt.yml" in gates


def test_removing_a_prompt_of_a_pattern_is_said_and_needs_a_person(many: World) -> None:
    (many.root / "prompts/a/one.prompt.yml").unlink()
    code, told, gates = run(many)
    assert code == 0
    assert 'the gate "prompts/a/one.prompt.yml" was removed' in told
    assert "prompts/a/one.prompt.yml" not in gates
    code, told, _ = run(many, "--policy-ref", "base", "--changed")
    assert code == 5, told


def test_a_new_prompt_of_a_pattern_is_gated_and_said_under_the_rules_of_the_base(many: World) -> None:
    many.repository.write("prompts/new.prompt.yml", prompt().replace("outdoor shop", "new shop"))
    code, _, gates = run(many, "--changed")
    assert (code, gates) == (0, ["prompts/new.prompt.yml"])
    many.repository.commit("new")
    code, told, _ = run(many, "--changed", "--policy-ref", "base")
    assert 'the gate "prompts/new.prompt.yml" is new' in told
    assert code == 5, "it is not evaluated, so a person has to agree"


def judge(world: World, base: str) -> tuple[list[str], str]:
    """Return the edited rules and the remarks on HEAD, judged by a commit of the base."""
    git = Git.open(world.root)
    head = git.resolve("HEAD")
    config, own = (load_config(CommitTree(git, sha), "evalgate.yml", environment={}) for sha in (base, head))
    found = judge_change(config, own, git, Sides(policy=base, head=head, base=base))
    return [change.path for change in found.changes], " ".join(found.remarks)


def test_no_file_without_a_gate_comes_in_beside_a_moved_prompt_unseen(many: World) -> None:
    base = many.repository.git("rev-parse", "main")
    old, worse = "prompts/a/one.prompt.yml", prompt(manner="Be rude to everyone.")

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        to=st.sampled_from(["prompts/a/three.prompt.yml", "prompts/archive/one.prompt.yml"]),
        folder=st.sampled_from(["", "live/", "prompts/", "prompts/a/", "prompts/a/old/"]),
        name=st.sampled_from(["one", "support", "README", "x"]),
        suffix=st.sampled_from(["", ".txt", ".md", ".yml", ".prompt.md", ".jinja", ".json", ".py", ".png"]),
    )
    def holds(to: str, folder: str, name: str, suffix: str) -> None:
        many.repository.git("switch", "--quiet", "--detach", base)
        move(many, to)
        many.repository.commit("move", **{folder + name + suffix: worse})
        edited, remarks = judge(many, base)
        is_code = suffix in (".py", ".png")
        assert edited == ([] if is_code else [old])
        assert (f"{folder}{name}{suffix} is new or edited, and no gate covers it" in remarks) is not is_code

    holds()


def test_a_file_without_a_gate_that_is_edited_beside_a_moved_prompt_waits(many: World) -> None:
    many.repository.git("switch", "--quiet", "main")
    base = many.repository.commit("notes", **{"prompts/a/notes.md": "x\n", "README.md": "x\n", "app.py": "x\n"})
    many.repository.git("switch", "--quiet", "--detach", base)
    move(many, "prompts/a/three.prompt.yml")
    many.repository.commit("move", **{"README.md": "The prompt has moved.\n", "app.py": "y\n"})
    assert judge(many, base) == ([], "")
    many.repository.commit("worse", **{"prompts/a/notes.md": prompt(manner="Be rude to everyone.")})
    assert judge(many, base)[0] == ["prompts/a/one.prompt.yml"]
