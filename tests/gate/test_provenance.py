"""Where the content that is published comes from."""

from __future__ import annotations

from pathlib import Path

import pytest
from langfuse_project import LangfuseWorld, langfuse, source_world

from evalgate.change.workspace import Commit
from evalgate.domain import GatePlan
from evalgate.errors import InputError
from evalgate.gate.options import CallMode, Selection, open_for_run
from evalgate.gate.plans import make_plans
from evalgate.gate.provenance import choose_gates, find_provenance, refuse_moved
from evalgate.release.promotion import Actor
from evalgate.release.registry import RefusedError
from evalgate.store.store import Store

__all__ = ["langfuse", "source_world"]
KEYS = {"API_KEY": "k", "LANGFUSE_PUBLIC_KEY": "pk-lf-test", "LANGFUSE_SECRET_KEY": "sk-lf-test"}
BY = Actor(id="0a1b2c3d", who="grace", at="2026-11-30T12:00:00Z")


def open_head() -> Commit:
    found = open_for_run(Path("evalgate.yml"), Selection(head="HEAD"), environment=KEYS)
    assert isinstance(found, Commit)
    return found


def make_plan(workspace: Commit, number: int) -> GatePlan:
    selection = Selection(candidate=f"langfuse:support@{number}", head="HEAD", first=True)
    (plan,) = make_plans(workspace, workspace.config.gates, selection, CallMode(), Store(root=Path(".evalgate")))
    return plan


def test_a_version_in_langfuse_has_its_author_and_its_message_and_no_commit(source_world: LangfuseWorld) -> None:
    source_world.langfuse.prompts.versions("support")[0]["createdBy"] = "Ada"
    workspace = open_head()
    found = find_provenance(workspace, make_plan(workspace, 1), None, BY)
    assert (found.author, found.git_sha, found.source) == ("Ada", None, "langfuse:support@1")
    assert found.reason == "first"
    assert find_provenance(workspace, make_plan(workspace, 2), None, BY).author == "grace"  # made with a key
    assert find_provenance(workspace, make_plan(workspace, 2), "Because.", BY).reason == "Because."
    source_world.save("Without a message {{query}}")
    with pytest.raises(RefusedError, match="no reason says why"):
        find_provenance(workspace, make_plan(workspace, 3), None, BY)


def test_a_number_that_was_given_again_is_refused(source_world: LangfuseWorld) -> None:
    workspace = open_head()
    plan = make_plan(workspace, 2)
    refuse_moved(workspace, plan)
    source_world.langfuse.prompts.delete("support", version=2, label=None)
    with pytest.raises(RefusedError, match="does not exist"):
        refuse_moved(workspace, plan)


def test_gates_in_langfuse_are_left_out_where_files_are_published(source_world: LangfuseWorld) -> None:
    source_world.repository.write("a.md", "Answer {{query}}")
    text = (source_world.root / "evalgate.yml").read_text()
    source_world.repository.write("evalgate.yml", text.replace("\nlangfuse:", f"\n{GATE}langfuse:"))
    source_world.repository.commit("two gates")
    workspace = open_head()
    gates = workspace.config.gates
    assert choose_gates(workspace, gates, None, named=False) == gates[1:]
    with pytest.raises(InputError, match="is published by the number of a version"):
        choose_gates(workspace, gates, None, named=True)
    assert choose_gates(workspace, gates[:1], "langfuse:support@2", named=False) == gates[:1]


GATE = """\
  - prompt: a.md
    dataset: langfuse:golden
    checks: [{type: is_json}]
"""
