"""The digest of a gate's rules: what changes it, and what does not."""

from __future__ import annotations

import pytest
from gated_project import World

from evalgate.gate.options import CallMode, Selection, open_for_run
from evalgate.gate.plans import make_plans
from evalgate.gate.rules_digest import digest_rules
from evalgate.store.store import Store


def digest(world: World) -> str:
    workspace = open_for_run(world.root / "evalgate.yml", Selection(), environment={"API_KEY": "k"})
    store = Store(root=world.root / ".evalgate")
    (plan,) = make_plans(workspace, workspace.config.gates, Selection(), CallMode(), store)
    return digest_rules(plan, workspace.config)


def test_two_versions_are_judged_by_the_same_rules(world: World) -> None:
    world.edit()
    first = digest(world)
    assert len(first) == 64
    world.edit("2.0.0", "Answer in German, and name neither a price nor a date, whatever the question is.")
    assert digest(world) == first
    world.repository.commit("another baseline")
    world.repository.git("branch", "--force", "main")
    world.edit("2.0.1", "Be kind.")
    assert digest(world) == first


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("evalgate.yml", "model: m,", "model: n,"),
        ("evalgate.yml", "- {type: is_json}", "- {type: is_json, strict: true}"),
        ("evalgate.yml", "- {type: is_json}", "- {type: is_json, transform: last_code_block}"),
        ("evalgate.yml", "- {type: is_json}", "- {type: all_of, name: is_json, checks: [{type: is_json}]}"),
        ("evalgate.yml", "- {rubric: faithfulness}", "- {rubric: faithfulness, name: true_to_it}"),
        ("evalgate.yml", "samples: {baseline: 1", "samples: {baseline: 2"),
        ("evalgate.yml", "policy: {stop_early: false}", "policy: {stop_early: false, attempts: strict}"),
        ("evalgate.yml", "name: support", "name: helpdesk"),
        ("evalgate.yml", "    judges:", "    thresholds: {fact: {max_drop: 0.1}}\n    judges:"),
        ("cases.jsonl", "question 7", "question seven"),
        ("cases.jsonl", '"id": "case-007"', '"id": "case-007", "cluster": "c"'),
    ],
)
def test_an_edit_of_a_rule_changes_it(world: World, file: str, old: str, new: str) -> None:
    world.edit()
    first = digest(world)
    path = world.root / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert digest(world) != first


def test_a_comment_and_the_budget_are_no_rules(world: World) -> None:
    world.edit()
    first = digest(world)
    path = world.root / "evalgate.yml"
    path.write_text(path.read_text().replace("run: {attempts: 2}", "# faster\nrun: {attempts: 3, concurrency: 2}"))
    assert digest(world) == first
