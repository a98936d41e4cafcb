"""A change that goes back to the version that the present one replaced."""

from __future__ import annotations

import io
import json

import pytest
from gated_project import World, prompt
from hypothesis import given
from hypothesis import strategies as st
from release.documents import make_document, make_version

from evalgate.change.reverts import _find_earlier, _State, take_back
from evalgate.domain import Message, PromptVersion
from evalgate.release.sqlite_registry import SqliteRegistry

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


def test_a_registry_on_the_disk_is_no_edit_of_the_rules(shop: World) -> None:
    config = (shop.root / "evalgate.yml").read_text() + 'release: {registry: "sqlite:releases.sqlite3"}\n'
    shop.repository.git("switch", "--quiet", "main")
    shop.repository.commit("a registry", **{"evalgate.yml": config})
    shop.repository.git("switch", "--quiet", "--force-create", "back")
    one = make_version("1.0.0")
    SqliteRegistry(shop.root / "releases.sqlite3").append(make_document(one, name="other", labels={"production": one}))
    shop.repository.write(PATH, GOOD)
    assert "goes back to 1.1.0" in sentence(run(shop))


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


def state(letter: str, spaces: int) -> _State:
    messages = (Message(role="user", content=f"Say{' ' * (1 + spaces)}{letter}."),)
    return _State(version=PromptVersion(name="p", path="p", source="s", messages=messages), commit="c")


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 2)), min_size=1, max_size=10), st.data())
def test_no_white_space_makes_a_version_that_was_taken_back_one_to_go_back_to(
    said: list[tuple[str, int]], data: st.DataObject
) -> None:
    back = data.draw(st.tuples(st.sampled_from("abcd"), st.integers(0, 2)))
    states = [state(*one) for one in said]
    found = _find_earlier(states, states[-1].version, state(*back).version)
    standing, withdrawn = take_back((letter, spaces) for letter, spaces in said)
    if found is not None:
        assert found.version.digest == state(*back).version.digest
        assert back[0] not in withdrawn
    if not any(spaces for _, spaces in [*said, back]):
        is_before = len(standing) > 1 and standing[-2][0] == back[0]
        assert (found is not None) is (is_before and back[0] not in withdrawn)


def test_a_version_whose_end_differed_only_in_white_space_was_reverted(shop: World) -> None:
    pass_good(shop)
    git = shop.repository.git
    git("switch", "--quiet", "main")
    shop.repository.commit("take 1.2.0 and 1.1.0 back", **{PATH: prompt("1.2.1").replace("friendly ", "friendly  ")})
    git("switch", "--quiet", "--force-create", "again")
    shop.repository.write(PATH, GOOD)
    assert not sentence(run(shop))


OTHER = """\
  - name: other
    prompt: prompts/other.j2
    dataset: cases.jsonl
    samples: {baseline: 1, candidate: 1}
    checks: [{type: is_json}]
"""


@pytest.fixture
def pair(shop: World) -> World:
    """The same project with a second gate, whose jinja prompt includes a file."""
    git = shop.repository.git
    git("switch", "--quiet", "main")
    config = (shop.root / "evalgate.yml").read_text().replace("gates:\n", f"gates:\n{OTHER}")
    files = {
        "prompts/other.j2": "Hello. {% include 'p/a.j2' %} {{query}} {{context}}\n",
        "prompts/p/a.j2": "Be kind.\n",
    }
    shop.repository.commit("other", **{"evalgate.yml": config, **files})
    git("switch", "--quiet", "--force-create", "back")
    return shop


@pytest.mark.parametrize("arguments", [(), ("--policy-ref", "base")])
@pytest.mark.parametrize(
    "files",
    [
        {"prompts/p/a.j2": "Be kind to all.\n"},
        {"prompts/other.j2": "Hello all. {% include 'p/a.j2' %} {{query}} {{context}}\n"},
        {"prompts/p/a.j2": "Be kind.\n{% include 'p/b.j2' %}", "prompts/p/b.j2": "Always.\n"},
    ],
    ids=["an included file", "the prompt", "a new included file"],
)
def test_an_edit_of_another_prompt_or_of_what_it_includes_makes_it_no_revert(
    pair: World, files: dict[str, str], arguments: tuple[str, ...]
) -> None:
    pair.repository.commit("back", **{PATH: GOOD})
    assert sentence(run(pair, "--gate", "support", *arguments))
    pair.repository.commit("and more", **files)
    gate = run(pair, "--gate", "support", *arguments)
    assert not sentence(gate)
    assert gate["exit_code"] == 1


@pytest.mark.parametrize("arguments", [(), ("--policy-ref", "base")])
def test_an_edit_of_an_included_file_can_be_reverted_once(pair: World, arguments: tuple[str, ...]) -> None:
    git = pair.repository.git
    git("switch", "--quiet", "main")
    pair.repository.commit("ruder", **{"prompts/p/a.j2": "Be rude.\n"})
    git("switch", "--quiet", "--force-create", "back")
    pair.repository.commit("kind again", **{"prompts/p/a.j2": "Be kind.\n"})
    assert "goes back" in sentence(run(pair, "--gate", "other", *arguments))
    git("switch", "--quiet", "main")
    git("merge", "--quiet", "--ff-only", "back")
    git("switch", "--quiet", "--force-create", "again")
    pair.repository.commit("rude again", **{"prompts/p/a.j2": "Be rude.\n"})
    assert not sentence(run(pair, "--gate", "other", *arguments))


def test_a_merged_revert_of_an_included_file_is_one_on_the_default_branch(pair: World) -> None:
    pair.repository.git("switch", "--quiet", "main")
    for text in ("Be rude.\n", "Be kind.\n"):
        pair.repository.commit("edit", **{"prompts/p/a.j2": text})
    assert "goes back" in sentence(run(pair, "--gate", "other"))
    pair.repository.commit("edit", **{"prompts/p/a.j2": "Be rude.\n", PATH: prompt("1.4.0")})
    pair.repository.commit("edit", **{"prompts/p/a.j2": "Be kind.\n", PATH: prompt("1.5.0", "Be exact, please.")})
    assert not sentence(run(pair, "--gate", "other"))


def test_the_hook_lets_a_revert_through(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    pass_good(shop)
    head = shop.repository.commit("back", **{PATH: GOOD})
    told = f"refs/heads/back {head} refs/heads/back {'0' * 40}\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(told.encode())))
    ended = shop.evalgate("hook", "run", "origin", "url", "--default-branch", "main")
    assert ended.code == 0, ended.err
    assert not shop.server.received
