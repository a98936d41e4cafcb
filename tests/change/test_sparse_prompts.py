"""A prompt of a pattern that a sparse checkout leaves out is not taken for one that was removed."""

from __future__ import annotations

import pytest
from gated_project import World, prompt

CONFIG = """\
format: 1
targets:
  api: {{type: openai, base_url: "{url}", api_key_env: API_KEY, model: m}}
gates:
  - prompt: prompts/**/*.prompt.yml
    exclude: [prompts/drafts/**]
    dataset: cases.jsonl
    samples: {{baseline: 1}}
    checks: [{{type: length, min_chars: 1}}]
"""


@pytest.fixture
def sparse(world: World) -> World:
    world.repository.write("evalgate.yml", CONFIG.format(url=world.server.url))
    for name in ("a/one", "b/two", "drafts/three"):
        world.repository.write(f"prompts/{name}.prompt.yml", prompt().replace("outdoor shop", f"shop {name}"))
    world.repository.commit("many")
    world.repository.git("branch", "--force", "main")
    return world


def leave_out(world: World, folder: str) -> None:
    world.repository.git("sparse-checkout", "set", "--no-cone", "/*", f"!/{folder}/")


@pytest.mark.parametrize("edited", ["prompts/b/two.prompt.yml", "prompts/b/new.prompt.yml"])
@pytest.mark.parametrize("changed", [["--changed"], []])
def test_an_edited_prompt_that_is_left_out_is_an_error(sparse: World, edited: str, changed: list[str]) -> None:
    sparse.repository.commit("edit", **{edited: prompt("1.1.0", "Be wrong.")})
    leave_out(sparse, "prompts/b")
    said = sparse.evalgate("run", *changed)
    assert said.code == 2
    assert f"{edited}: is left out of this sparse checkout" in said.err
    assert "one.prompt.yml" not in said.err


def test_what_no_pattern_reads_may_be_left_out(sparse: World) -> None:
    leave_out(sparse, "prompts/drafts")
    said = sparse.evalgate("run", "--changed")
    assert said.code == 0, said.err


def test_a_prompt_that_is_removed_is_said_to_be_removed(sparse: World) -> None:
    leave_out(sparse, "prompts/drafts")
    sparse.repository.git("rm", "--quiet", "prompts/b/two.prompt.yml")
    sparse.repository.commit("remove")
    said = sparse.evalgate("run", "--changed")
    assert said.code == 0, said.err
    assert '"prompts/b/two.prompt.yml" was removed' in said.out
