"""A change that takes critical and blocking tags from its own cases: they still count, and the gate does not pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from gated_project import CASES, World

CONFIG = """\
format: 1
targets:
  api: {{type: openai, base_url: "{url}", api_key_env: API_KEY, model: m}}
gates:
  - name: support
    prompt: prompts/support.prompt.yml
    dataset: cases.jsonl
    samples: {{baseline: 3, candidate: 1}}
    checks: [{{type: contains, name: fact, from: expected, blocking: false}}]
    thresholds: {{fact: {{max_drop: 0.1}}}}
policy: {{{policy}}}
"""
BROKEN = 8


def write(world: World, tags: Callable[[int], list[str]], policy: str = "") -> None:
    world.repository.write("evalgate.yml", CONFIG.format(url=world.server.url, policy=policy))
    rows = (
        {
            "id": f"case-{i:03}",
            "query": f"question {i}",
            "context": f"fact {i}",
            "expected": f"fact {i}",
            "tags": tags(i),
        }
        for i in range(CASES)
    )
    world.repository.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def become_base(world: World) -> None:
    world.repository.commit("rules")
    world.repository.git("branch", "--force", "main")


def run(world: World) -> tuple[int, dict[str, Any]]:
    code = world.evalgate("run", "--output", "report.json").code
    return code, {} if code == 2 else world.report()["gates"][0]


def critical(i: int) -> list[str]:
    return ["critical"] if i == BROKEN else []


@pytest.fixture
def breaking(world: World) -> World:
    """Make a project whose edit breaks one critical case for good, and no other."""
    world.application = lambda system, user: (
        "nothing" if "brief" in system and user.startswith(f"question {BROKEN}\n") else user
    )
    write(world, critical)
    become_base(world)
    world.edit()
    return world


@pytest.mark.parametrize("left", [[], ["other"], ["Critical"], ["critical-2"]], ids="+".join)
def test_a_case_stays_critical_for_the_change_that_takes_its_tag(breaking: World, left: list[str]) -> None:
    assert run(breaking)[0] == 1
    write(breaking, lambda i: left if i == BROKEN else [])
    code, gate = run(breaking)
    if code == 2:  # a slip of the pen is an error of the dataset
        return
    assert code == 1
    assert gate["dataset"]["untagged"] == {"critical": ["case-008"]}
    assert any(f["kind"] == "broken" and f["decision"] == "FAIL" for f in gate["findings"])
    assert breaking.evalgate("decide", "report.json").code == 1


def test_a_tag_that_is_taken_from_a_sound_case_blocks_until_the_policy_allows_it(breaking: World) -> None:
    breaking.application = lambda system, user: user
    write(breaking, lambda i: [])
    code, gate = run(breaking)
    assert code == 4
    sentences = [f["sentence"] for f in gate["findings"] if f["blocks"] and f["decision"] == "INCONCLUSIVE"]
    assert sentences == [
        "The tag critical was removed from 1 case of the baseline's dataset (case-008): put it back, or set "
        "policy.removed_cases: allow."
    ]
    write(breaking, lambda i: [], policy="removed_cases: allow")
    code, gate = run(breaking)
    assert code in {0, 5}, "the policy was edited in the same change"
    assert any("which the policy allows from now on" in f["sentence"] for f in gate["findings"])


@pytest.mark.parametrize("policy", ["blocking_tags: [even]", "critical_tags: [even]"])
def test_other_tags_of_the_policy_protect_in_the_same_way(world: World, policy: str) -> None:
    write(world, lambda i: ["odd" if i % 2 else "even"], policy)
    become_base(world)
    world.edit()
    assert run(world)[0] == 0
    write(world, lambda i: ["odd"] if i % 2 or i == 2 else ["even"], policy)
    code, gate = run(world)
    assert (code, gate["dataset"]["untagged"]) == (4, {"even": ["case-002"]})


def test_tags_that_protect_nothing_and_new_tags_may_change(breaking: World) -> None:
    breaking.application = lambda system, user: user
    write(breaking, lambda i: [*critical(i), "critical", "new"] if i < 9 else critical(i))
    code, gate = run(breaking)
    assert code == 0
    assert "untagged" not in gate["dataset"]
    become_base(breaking)
    breaking.edit("1.2.0", "Be brief, always and everywhere, dear.")
    write(breaking, lambda i: ["critical", "other"] if i < 9 else [])
    assert run(breaking)[0] == 0
