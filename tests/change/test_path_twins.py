"""No file that a disk may put in the place of one that a gate reads comes in with a change."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from gated_project import CONFIG, World
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from repository import Repository

from evalgate.change.base_policy import Sides, judge_change
from evalgate.errors import InputError
from evalgate.inputs.config import load_config
from evalgate.inputs.tree import CommitTree
from evalgate.services.git import Git
from evalgate.services.git_names import fold_path

JINJA = """\
---
name: support
version: "1.0.0"
---
{% include "part.txt" %} {{ query }} {{ context }}
{% include ["opt.txt", "part.txt"] ignore missing %}
{% import "texte/caf\u00e9.txt" as m %}
"""
READ = (
    "prompts/support.jinja",
    "prompts/part.txt",
    "prompts/opt.txt",
    "prompts/texte/caf\u00e9.txt",
    "prompts/texte",
    "cases.jsonl",
    "evalgate.yml",
    "evalgate.pins.yml",
    "schemas/answer.json",
    "schemas",
    "recordings.jsonl",
)
"""Files that the gate asks for, and folders of them. The second include and the pins are missing."""


@pytest.fixture
def jinja(world: World) -> World:
    """A project whose gate asks for all of READ, on main."""
    text = CONFIG.format(url=world.server.url).replace("support.prompt.yml", "support.jinja")
    text = text.replace("{type: is_json}", "{type: json_schema, schema: schemas/answer.json}")
    text = text.replace("model: m,", "model: m, recordings: recordings.jsonl,")
    files = {"prompts/part.txt": "Be exact.\n", "prompts/texte/caf\u00e9.txt": "{% macro x() %}a{% endmacro %}\n"}
    world.repository.git("switch", "--quiet", "main")
    world.repository.git("rm", "-q", "prompts/support.prompt.yml")
    world.repository.commit(
        "jinja",
        **{"evalgate.yml": text, "prompts/support.jinja": JINJA, "schemas/answer.json": '{"type": "object"}', **files},
    )
    world.repository.git("switch", "--quiet", "--force-create", "work")
    return world


def judge(root: Path, base: str, head: str) -> None:
    git = Git.open(root)
    config, own = (load_config(CommitTree(git, sha), "evalgate.yml", environment={}) for sha in (base, head))
    judge_change(config, own, git, Sides(policy=base, head=head, base=base))


@st.composite
def spellings(draw: st.DrawFn) -> str:
    """Another path, which some disks do not tell from one that the gate asks for."""
    path = draw(st.sampled_from(READ))
    form = draw(st.sampled_from(["NFC", "NFD"]))
    swapped = draw(st.lists(st.booleans(), min_size=len(path), max_size=len(path)))
    mixed = "".join(c.swapcase() if swap else c for c, swap in zip(path, swapped, strict=True))
    return unicodedata.normalize(form, mixed)


def try_out(repository: Repository, base: str, files: dict[str, str]) -> str:
    """Return the words of the refusal of a change that adds these files; empty if there is none."""
    repository.git("switch", "--quiet", "--detach", base)
    head = repository.commit("change", **files)
    try:
        judge(repository.root, base, head)
    except InputError as error:
        return "\n".join(f"{fault.place}: {fault.message}" for fault in error.faults)
    return ""


def test_no_file_takes_the_place_of_one_that_a_gate_reads(jinja: World) -> None:
    base = jinja.repository.git("rev-parse", "main")

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(twin=spellings())
    def holds(twin: str) -> None:
        assume(twin not in READ)
        found = try_out(jinja.repository, base, {twin: "x\n"})
        assert found.startswith(f"{twin}: "), twin
        assert "many disks keep only one" in found

    holds()


def test_files_of_other_names_come_in(jinja: World) -> None:
    base = jinja.repository.git("rev-parse", "main")
    others = ("prompts/parts.txt", "Part.txt", "prompts/Texte/other.txt", "docs/README.md", "docs/readme.md", "app.py")
    assert {fold_path(path) for path in READ}.isdisjoint(fold_path(path) for path in others)
    assert try_out(jinja.repository, base, dict.fromkeys(others, "x\n")) == ""


def test_a_file_that_is_only_spelt_otherwise_has_no_twin(jinja: World) -> None:
    repository, base = jinja.repository, jinja.repository.git("rev-parse", "main")
    repository.git("switch", "--quiet", "--detach", base)
    repository.git("mv", "prompts/part.txt", "prompts/Part.txt")
    repository.write("prompts/support.jinja", JINJA.replace("part.txt", "Part.txt"))
    judge(repository.root, base, repository.commit("spelt otherwise"))


def test_an_old_file_is_no_twin_until_a_prompt_includes_the_other(jinja: World) -> None:
    repository = jinja.repository
    repository.git("switch", "--quiet", "main")
    base = repository.commit("old", **{"prompts/more.txt": "Be kind.\n", "prompts/More.txt": "Be rude.\n"})
    assert try_out(repository, base, {"README": "x\n"}) == ""
    included = JINJA.replace("opt.txt", "more.txt")
    found = try_out(repository, base, {"prompts/support.jinja": included})
    assert found.startswith("prompts/More.txt: differs only in upper and lower case from prompts/more.txt, which a")


def test_the_command_refuses_it(jinja: World) -> None:
    jinja.application = lambda system, user: json.dumps({"answer": user})
    jinja.repository.commit("twin", **{"prompts/Opt.txt": "Answer rudely.\n"})
    ended = jinja.evalgate("run", "--policy-ref", "base", "--changed")
    assert ended.code == 2
    assert ended.err.startswith("prompts/Opt.txt: differs only in upper and lower case from prompts/opt.txt, which a")
