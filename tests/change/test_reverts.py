"""A change that goes back to the version that the present one replaced."""

from __future__ import annotations

import io
import json

import pytest
from gated_project import World, prompt
from hypothesis import given
from hypothesis import strategies as st

from evalgate.change.reverts import take_back

PATH = "prompts/support.prompt.yml"
GOOD = prompt("1.1.0", "Be brief, always and everywhere, please.")
BAD = prompt("1.2.0", "Be brief, always and everywhere, rudely.")


@pytest.fixture
def shop(world: World) -> World:
    """A project whose main has 1.0.0, 1.1.0 and a bad 1.2.0, and a branch that starts there. No verdict is stored."""
    world.application = lambda system, user: "no" if "rudely" in system else json.dumps({"answer": user})
    world.repository.git("switch", "--quiet", "main")
    world.repository.commit("good", **{PATH: GOOD})
    world.repository.commit("bad", **{PATH: BAD})
    world.repository.git("switch", "--quiet", "--force-create", "back")
    return world


def run(world: World, *arguments: str) -> dict:
    world.ended = world.evalgate("run", "--output", "report.json", *arguments)
    assert world.ended.code in (0, 1, 4, 5), world.ended.err
    return world.report()["gates"][0]


def pass_good(world: World) -> None:
    """Let 1.1.0 pass on its own branch, so that its verdict is stored."""
    world.repository.git("switch", "--quiet", "--detach", "main~2")
    world.repository.write(PATH, GOOD)
    assert run(world, "--default-branch", "main~2")["exit_code"] == 0
    world.repository.git("checkout", "--quiet", "--", ".")
    world.repository.git("switch", "--quiet", "back")
    world.server.received.clear()


def sentence(gate: dict) -> str:
    return next((one["sentence"] for one in gate["findings"] if one["kind"] == "revert"), "")


@pytest.mark.parametrize("arguments", [(), ("--changed",), ("--policy-ref", "base"), ("--head", "HEAD")])
def test_a_revert_to_a_version_with_a_stored_pass_passes_without_a_call(
    shop: World, arguments: tuple[str, ...]
) -> None:
    pass_good(shop)
    shop.repository.commit("back", **{PATH: GOOD})
    gate = run(shop, *arguments)
    assert (gate["decision"], gate["exit_code"], gate["requirements"]) == ("PASS", 0, [])
    assert not shop.server.received
    told = sentence(gate)
    assert "goes back to 1.1.0" in told and "1.2.0 replaced" in told and "passed in run" in told
    assert told in " ".join(shop.ended.out.split())
    assert gate["revert"]["version"] == "1.1.0"
    assert shop.evalgate("decide", "report.json").code == 0
    assert shop.evalgate("decide", "report.json", "--max-drop", "0.01").code == 4


def test_a_revert_without_a_stored_pass_is_measured_and_its_number_may_go_back(shop: World) -> None:
    shop.repository.write(PATH, GOOD)
    gate = run(shop)
    assert gate["exit_code"] == 0
    assert shop.server.received
    assert "no PASS of it" in sentence(gate)


def test_a_revert_without_a_stored_pass_that_is_worse_fails(shop: World) -> None:
    shop.application = lambda system, user: "no" if "please" in system else json.dumps({"answer": user})
    shop.repository.write(PATH, GOOD)
    assert run(shop)["decision"] == "FAIL"


def test_a_run_without_earlier_answers_measures_a_revert(shop: World) -> None:
    pass_good(shop)
    shop.repository.write(PATH, GOOD)
    assert run(shop, "--no-cache")["exit_code"] == 0
    assert shop.server.received


def test_a_revert_to_the_pinned_release_passes_as_such(shop: World) -> None:
    git = shop.repository.git
    git("switch", "--quiet", "main")
    git("checkout", "--quiet", "main~1", "--", PATH)
    shop.repository.commit("back")
    assert shop.evalgate("baseline", "pin", "--gate", "support", "--by", "grace").code == 0
    shop.repository.commit("pin")
    shop.repository.commit("worse", **{PATH: prompt("1.3.0", "Be rudely brief, always and everywhere.")})
    git("switch", "--quiet", "--force-create", "back")
    shop.repository.write(PATH, GOOD)
    gate = run(shop)
    assert gate["exit_code"] == 0
    assert not shop.server.received
    assert "signed off by grace" in sentence(gate)


@pytest.mark.parametrize("other", ["cases.jsonl", "evalgate.yml"])
def test_any_other_edit_of_the_gate_makes_it_no_revert(shop: World, other: str) -> None:
    pass_good(shop)
    file = shop.root / other
    shop.repository.write(PATH, GOOD)
    file.write_text(file.read_text().replace("fact 3", "fact three").replace("attempts: 2", "attempts: 1"))
    gate = run(shop)
    assert gate["exit_code"] == 1
    assert "older" in gate["findings"][0]["sentence"]
    assert not sentence(gate)


@pytest.mark.parametrize(
    "content",
    [GOOD.replace("please", "thanks"), prompt("1.0.0"), GOOD.replace("{{query}}", "{{query}}\u200b")],
    ids=["another text", "the version before that", "hidden text"],
)
def test_another_content_under_an_older_number_fails(shop: World, content: str) -> None:
    pass_good(shop)
    shop.repository.write(PATH, content)
    gate = run(shop)
    assert gate["exit_code"] == 1
    assert not sentence(gate)


def test_a_version_that_was_reverted_itself_is_an_ordinary_change(shop: World) -> None:
    pass_good(shop)
    shop.repository.git("switch", "--quiet", "main")
    shop.repository.commit("back", **{PATH: GOOD})
    shop.repository.git("switch", "--quiet", "--force-create", "again")
    shop.repository.write(PATH, BAD)
    gate = run(shop)
    assert gate["decision"] == "FAIL"
    assert not sentence(gate)


def test_the_change_before_can_be_taken_back_after_a_revert(shop: World) -> None:
    shop.repository.git("switch", "--quiet", "main")
    shop.repository.commit("back", **{PATH: GOOD})
    shop.repository.git("switch", "--quiet", "--force-create", "further")
    shop.repository.write(PATH, prompt("1.0.0"))
    assert "goes back to 1.0.0" in sentence(run(shop))


def test_a_merged_revert_passes_on_the_default_branch(shop: World) -> None:
    pass_good(shop)
    shop.repository.git("switch", "--quiet", "main")
    shop.repository.commit("back", **{PATH: GOOD})
    gate = run(shop)
    assert gate["exit_code"] == 0
    assert "passed in run" in sentence(gate)


@given(st.lists(st.sampled_from("abcd"), max_size=12))
def test_what_stands_is_the_path_to_the_last_state(states: list[str]) -> None:
    standing, withdrawn = take_back((state, place) for place, state in enumerate(states))
    names = [name for name, _ in standing]
    assert len(set(names)) == len(names)
    assert names[-1:] == states[-1:]
    assert names[:1] == states[:1]
    assert {*names, *withdrawn} == set(states)
    assert all(states[place] == name for name, place in standing)


def test_the_hook_lets_a_revert_through(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    pass_good(shop)
    head = shop.repository.commit("back", **{PATH: GOOD})
    told = f"refs/heads/back {head} refs/heads/back {'0' * 40}\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(told.encode())))
    ended = shop.evalgate("hook", "run", "origin", "url", "--default-branch", "main")
    assert ended.code == 0, ended.err
    assert not shop.server.received
