"""One answer to which version is in production: the gate's own file, else the registry, else what is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from gated_project import World, prompt

from evalgate.change.pins import Pin
from evalgate.change.production import BaselineArm, ProductionVersions, load_production, read_production
from evalgate.change.workspace import Commit, PullRequest, WorkingTree, open_commit, open_pull_request, open_workspace
from evalgate.domain import Gate, PromptVersion
from evalgate.errors import InputError, Place
from evalgate.inputs.prompts import load_prompt
from evalgate.inputs.tree import WorkTree
from evalgate.score.criterion import validate_criterion
from evalgate.services.commit_view import CommitView
from evalgate.services.git import Git

GATE = Gate(
    name="support",
    prompt="prompts/support.prompt.yml",
    dataset="cases.jsonl",
    candidate_target="api",
    baseline_target="api",
    checks=(),
    judges=(),
    thresholds={},
)


def pinned(world: World) -> ProductionVersions:
    git = Git.open(world.root)
    version = load_prompt(WorkTree(world.root), GATE.prompt)
    pin = Pin(
        gate="support",
        version=version.version,
        digest=version.digest,
        ref=git.resolve("HEAD"),
        signed_off_by="Ada",
        at="2026-01-02T03:04:05+00:00",
        place=Place(path="evalgate.pins.yml"),
    )
    return ProductionVersions(find={"support": pin}.get, git=git)


def fail() -> PromptVersion:
    pytest.fail("the registry has the version")


def test_a_pinned_version_is_in_production_whatever_lies_in_the_working_tree(world: World) -> None:
    registry, tree = pinned(world), WorkTree(world.root)
    world.edit("1.1.0")
    assert load_production(GATE, tree, registry, fail).version == "1.0.0"


def test_the_own_baseline_file_of_a_gate_goes_before_the_registry(world: World) -> None:
    world.repository.write("prompts/live.prompt.yml", prompt("0.9.0"))
    own = replace(GATE, baseline="prompts/live.prompt.yml")
    assert load_production(own, WorkTree(world.root), pinned(world), fail).version == "0.9.0"


def test_where_no_version_is_recorded_the_caller_says_which_it_is(world: World) -> None:
    tree = WorkTree(world.root)
    other = replace(GATE, name="other")
    here = load_prompt(tree, GATE.prompt)
    assert load_production(other, tree, pinned(world), lambda: here) is here
    assert load_production(GATE, tree, None, lambda: here) is here
    assert read_production(None, Git.open(world.root), None) is None


def test_a_pin_of_another_content_is_an_error_and_no_version(world: World) -> None:
    registry = pinned(world)
    pin = registry.find("support")
    assert pin is not None
    pin = replace(pin, digest="0" * 64)
    with pytest.raises(InputError, match="pin"):
        replace(registry, find={"support": pin}.get).find_version(GATE)


def test_what_a_run_looks_at_is_one_of_three_types(world: World, tmp_path: Path) -> None:
    git, config = Git.open(world.root), world.root / "evalgate.yml"
    head = git.resolve("HEAD")
    assert isinstance(open_workspace(config, verify=None), WorkingTree)
    assert isinstance(open_commit(CommitView(git, head), "evalgate.yml", verify=None), Commit)
    change = open_pull_request(git, "evalgate.yml", policy="main", head=head, verify=validate_criterion)
    assert isinstance(change, PullRequest) and set(change.change.prompts) == {"support"}


@pytest.mark.parametrize("declared", [None, "0.9.0", "1.0.0"])
@pytest.mark.parametrize("same", [True, False])
def test_a_release_has_the_number_that_the_registry_gave_it(world: World, declared: str | None, same: bool) -> None:
    """Its file may declare none, or another; another version counts as the release only without a number."""
    version = replace(load_prompt(WorkTree(world.root), GATE.prompt), version=declared)
    pin = pinned(world).find("support")
    assert pin is not None
    released = replace(pin, version="1.4.0", registry="revision 1 of git:origin", digest=version.digest)
    other = released if same else replace(released, digest="0" * 64)
    arm = BaselineArm(version=version, notes=(), pin=other)
    assert arm.find_published_number(version) == ("1.4.0" if same or declared is None else None)
    assert arm.find_published_number(None) is None
    assert replace(arm, pin=pin).find_published_number(version) is None, "a pin has the number of its file"
