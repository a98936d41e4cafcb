"""The pin: what changes are compared with, merge after merge, is the release that a human signed off."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from gated_project import CASES, CONFIG, Ended, World, prompt

PINS = "evalgate.pins.yml"


def to_main(world: World) -> str:
    """Commits the working tree, and makes it the default branch."""
    sha = world.repository.commit()
    world.repository.git("branch", "--force", "main", "HEAD")
    return sha


def pinned(world: World, **changes: str) -> str:
    """Version 1.0.0 is pinned on main, with `changes` to the entry; the sha it is pinned to."""
    ended = world.evalgate("baseline", "pin", "--by", "Ada Lovelace")
    assert ended.code == 0, ended.err
    sha = world.repository.git("rev-parse", "HEAD")
    respell(world, **changes)
    to_main(world)
    return sha


def respell(world: World, **changes: str) -> None:
    text = (world.root / PINS).read_text()
    for key, value in changes.items():
        text = re.sub(rf"{key}: .*", f"{key}: {value}", text)
    world.repository.write(PINS, text)


def run(world: World, *arguments: str) -> dict[str, Any]:
    world.ended = world.evalgate("run", "--output", "report.json", *arguments)
    assert (world.root / "report.json").exists(), world.ended.err
    return world.report()["gates"][0]


def refused(world: World, *arguments: str) -> Ended:
    ended = world.evalgate("run", *arguments)
    assert ended.code == 2
    assert not world.server.received
    return ended


def version_2(world: World) -> None:
    """1.1.0 is merged: from here the merge base is not what is pinned."""
    world.edit()
    to_main(world)
    world.repository.write("prompts/support.prompt.yml", prompt("1.1.1", "Be brief, always and everywhere,  please."))


def test_the_baseline_is_the_pinned_release_and_the_level_that_since_the_merge_base(world: World) -> None:
    sha = pinned(world)
    version_2(world)
    gate = run(world)
    assert (gate["baseline"]["version"], gate["candidate"]["version"]) == ("1.0.0", "1.1.1")
    assert gate["baseline"]["source"] == f"{sha[:7]}:prompts/support.prompt.yml"
    assert gate["level"]["effective"] == gate["level"]["declared"] == "PATCH", "what this change does"
    pin, level = gate["notes"][:2]
    assert pin.startswith(f"the baseline is pinned to 1.0.0 ({sha[:7]}), signed off by Ada Lovelace at 20")
    main = world.repository.git("rev-parse", "--short=7", "main")
    assert level == f"the change level is determined against {main}, the merge base with main"
    assert "signed off by Ada Lovelace" in world.ended.out
    systems = {r.body["messages"][0]["content"] for r in world.server.received}
    assert any("Be exact." in system for system in systems)
    assert "signed off by Ada Lovelace" in world.evalgate("baseline", "show").out
    assert f"0 calls to make, {2 * CASES} answers cached" in world.evalgate("plan").out


def test_editing_or_removing_the_pin_in_the_same_change_has_no_effect(world: World) -> None:
    pinned(world)
    world.edit()
    release = to_main(world)
    world.edit("1.2.0", "Be something else, always and everywhere.")
    assert world.evalgate("baseline", "pin", "--by", "me", "--ref", "main").code == 0
    assert json.dumps(release) in (world.root / PINS).read_text()
    assert run(world)["baseline"]["version"] == "1.0.0"
    world.repository.commit("with its own pin")
    assert run(world)["baseline"]["version"] == "1.0.0"
    (world.root / PINS).unlink()
    assert run(world)["baseline"]["version"] == "1.0.0"
    world.repository.git("checkout", "--quiet", "--", ".")
    world.repository.git("branch", "--force", "main", "HEAD")
    world.edit("1.3.0", "Be another thing, always and everywhere.")
    assert run(world)["baseline"]["version"] == "1.1.0", "merged, it counts"


def test_moving_the_configuration_or_renaming_the_gate_does_not_shake_off_the_pin(world: World) -> None:
    pinned(world)
    version_2(world)
    text = (world.root / "evalgate.yml").read_text()
    world.repository.write("evalgate.yml", text.replace("name: support", "name: renamed"))
    world.repository.write(PINS, (world.root / PINS).read_text().replace('"support"', '"renamed"'))
    assert run(world)["baseline"]["version"] == "1.0.0"
    world.repository.write("evalgate.yml", text)
    world.repository.git("checkout", "--quiet", "--", PINS)
    world.repository.git("mv", "evalgate.yml", "moved.yml")
    assert run(world, "--config", "moved.yml")["baseline"]["version"] == "1.0.0"


def test_a_prompt_that_was_renamed_since_is_found_where_it_was(world: World) -> None:
    pinned(world)
    world.repository.git("mv", "prompts/support.prompt.yml", "prompts/help.prompt.yml")
    text = (world.root / "evalgate.yml").read_text().replace("prompts/support", "prompts/help")
    world.repository.write("evalgate.yml", text)
    to_main(world)
    changed = prompt("1.1.0", "Be brief, always and everywhere, please.")
    world.repository.write("prompts/help.prompt.yml", changed)
    gate = run(world)
    assert gate["baseline"]["source"].endswith(":prompts/support.prompt.yml")


@pytest.mark.parametrize("arguments", [(), ("--policy-ref", "base")])
def test_a_pinned_prompt_that_was_moved_and_rewritten_since_is_found_by_its_content(
    world: World, arguments: tuple[str, ...]
) -> None:
    pinned(world)
    new = "texts/answers.prompt.yml"
    text = (world.root / "evalgate.yml").read_text().replace("prompts/support.prompt.yml", new)
    (world.root / "prompts/notes.md").write_text("no prompt {{\n")
    world.repository.git("rm", "-q", "prompts/support.prompt.yml")
    other = prompt("1.1.0").split("messages:", 1)[0] + 'messages: [{role: user, content: "{{query}} {{context}}"}]\n'
    world.repository.commit("move", **{"evalgate.yml": text, new: other})
    world.repository.git("branch", "--force", "main")
    world.repository.commit("edit", **{new: other.replace("{{query}} ", "Answer me: {{query}} ").replace("1.1", "1.2")})
    assert run(world, *arguments)["baseline"]["version"] == "1.0.0"


@pytest.mark.parametrize("where", ["option", "gate"])
def test_a_version_that_is_named_goes_before_the_pin_and_a_note_says_so(world: World, where: str) -> None:
    sha = pinned(world)
    world.repository.write("old.prompt.yml", prompt("0.9.0", "Be something else entirely."))
    text = CONFIG.format(url=world.server.url)
    if where == "gate":
        text = text.replace("    dataset", "    baseline: old.prompt.yml\n    dataset")
    world.repository.write("evalgate.yml", text)
    to_main(world)
    world.edit()
    gate = run(world, *(["--baseline", "old.prompt.yml"] if where == "option" else []))
    assert gate["baseline"]["version"] == "0.9.0"
    (note,) = [note for note in gate["notes"] if "pinned" in note]
    assert note.startswith(f"not compared with the pinned 1.0.0 ({sha[:7]}), signed off by Ada Lovelace")
    assert note.endswith("old.prompt.yml was named instead")


def test_a_named_version_that_is_the_pinned_one_has_no_note(world: World) -> None:
    pinned(world)
    world.repository.write("copy.prompt.yml", prompt("1.0.0"))
    world.edit()
    gate = run(world, "--baseline", "copy.prompt.yml")
    assert gate["baseline"]["version"] == "1.0.0"
    assert not [note for note in gate["notes"] if "pinned" in note]


WRONG = {
    "other content": ({"digest": json.dumps("0a" * 32)}, "is pinned to content 0a0a0a0a0a0a, but"),
    "another version": ({"version": '"3.0.0"'}, "is pinned to 3.0.0, but"),
    "no such commit": ({"ref": json.dumps("1b" * 20)}, "which is not in this repository"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_pin_that_is_not_true_is_an_error_with_place_and_hint(world: World, name: str) -> None:
    changes, why = WRONG[name]
    pinned(world, **changes)
    main = world.repository.git("rev-parse", "--short=7", "main")
    world.edit()
    ended = refused(world)
    assert re.search(rf'^{main}:{PINS}:\d+:\d+: gate "support" is pinned to', ended.err, re.MULTILINE)
    assert why in ended.err
    assert 'evalgate baseline pin --gate "support" --by NAME' in ended.err
    assert run(world, "--baseline", "main")["baseline"]["version"] == "1.0.0"


@pytest.mark.parametrize("name", [*WRONG, "true"])
def test_a_pin_that_is_not_true_is_an_error_before_it_is_merged(world: World, name: str) -> None:
    pinned(world)
    if name != "true":
        respell(world, **WRONG[name][0])
    else:
        respell(world, signed_off_by="Grace")
    world.repository.commit("pin")
    ended = world.evalgate("run", "--changed", "--policy-ref", "base")
    assert ended.code == (5 if name == "true" else 2), ended.out + ended.err
    assert (WRONG[name][1] in ended.err) if name != "true" else not ended.err


def test_a_pin_on_a_commit_without_the_prompt_is_an_error(world: World) -> None:
    tree = world.repository.git("mktree")
    empty = world.repository.git("commit-tree", tree, "-m", "empty")
    pinned(world, ref=json.dumps(empty))
    world.edit()
    assert "which has no prompts/support.prompt.yml" in refused(world).err


def test_a_commit_that_is_no_ancestor_is_named_as_such(world: World) -> None:
    aside = world.repository.git("commit-tree", "HEAD^{tree}", "-m", "on a branch that was squashed")
    ended = world.evalgate("baseline", "pin", "--by", "Ada", "--ref", aside)
    assert f"{aside[:7]} is not on main: once its branch is deleted, the pinned commit is lost" in ended.err
    to_main(world)
    world.edit()
    assert run(world)["notes"][0].endswith("; that commit is not an ancestor of HEAD")


BROKEN = {
    "unknown key": ("pins: {}\npinz: {}\n", "2:1: unknown key"),
    "empty": ("", "1:1: is empty: pins were expected"),
    "no YAML": ("pins: [", "1:"),
    "short ref": ('pins:\n  support: {ref: "abc"}\n', '2:18: "ref" must be a full commit id'),
    "unknown gate": ("pins:\n  suport: {}\n", '2:3: unknown gate "suport"; did you mean "support"?'),
    "no date": (
        f'pins:\n  support: {{digest: "{"0a" * 32}", ref: "{"0a" * 20}", signed_off_by: A, at: "2026-13-01T00:00:00Z"}}\n',
        '"at" is not a date: 2026-13-01',
    ),
    "a number for a version": (
        "pins:\n  support: {version: 1.0}\n",
        '2:22: "version" is a number here (1.0): quote it',
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_an_error_with_its_place_before_it_is_merged(world: World, name: str) -> None:
    text, why = BROKEN[name]
    world.repository.write(PINS, text)
    for verb in (["run"], ["run", "--changed"], ["validate"], ["plan"], ["baseline", "show"], ["baseline", "sample"]):
        ended = world.evalgate(*verb)
        assert (ended.code, why in ended.err) == (2, True), ended.err
        assert ended.err.startswith(f"{PINS}:")


def test_a_pinned_prompt_that_the_dataset_does_not_fit_any_more_asks_for_a_newer_pin(world: World) -> None:
    pinned(world)
    world.repository.write("prompts/support.prompt.yml", prompt("2.0.0").replace("\\n{{context}}", ""))
    to_main(world)
    rows = [json.loads(line) for line in (world.root / "cases.jsonl").read_text().splitlines()]
    text = "".join(json.dumps({k: v for k, v in row.items() if k != "context"}) + "\n" for row in rows)
    world.repository.write("cases.jsonl", text)
    config = (world.root / "evalgate.yml").read_text().replace("rubric: faithfulness", "rubric: relevance")
    world.repository.write("evalgate.yml", config)
    ended = refused(world)
    assert "the variable {{context}} is given by no case" in ended.err
    assert "the baseline is the pinned release; pin a newer one" in ended.err
    assert ended.err.count("{{context}}") == 1


def test_without_a_change_of_its_own_a_gate_is_unchanged_pin_or_not(world: World) -> None:
    pinned(world)
    version_2(world)
    world.repository.git("checkout", "--quiet", "--", ".")
    ended = world.evalgate("run", "--changed")
    assert (ended.code, "No gated prompt has changed" in ended.out) == (0, True)
    assert not world.server.received


def test_small_losses_add_up_against_the_pin(world: World) -> None:
    """Each step takes two more of 64 cases from 5 to 4: never provable by itself, and sure after three."""

    def application(system: str, user: str) -> str:
        step = re.search(r"step (\d)", system)
        return json.dumps({"answer": user, "step": int(step[1]) if step else 0})

    def grade(judged: str) -> int:
        step, question = re.search(r'"step": (\d)', judged), re.search(r"question (\d+)", judged)
        return 4 if step and question and int(question[1]) < 2 * int(step[1]) else 5

    world.application, world.grade = application, grade
    pinned(world)
    against_last, against_pin = [], []
    for step in (1, 2, 3):
        world.edit(f"1.{step}.0", f"Be brief, always and everywhere, please, step {step}.")
        against_last.append(run(world, "--baseline", "main")["decision"])
        gate = run(world)
        assert (gate["baseline"]["version"], gate["level"]["effective"]) == ("1.0.0", "MINOR")
        against_pin.append(gate["decision"])
        to_main(world)
    assert against_last == ["PASS", "PASS", "PASS"]
    assert (against_pin[0], against_pin[2]) == ("PASS", "FAIL")
    assert world.evalgate("baseline", "pin", "--by", "Ada, who accepts the loss").code == 0
    to_main(world)
    world.edit("1.4.0", "Be brief, always and everywhere, please, and be kind, step 3.")
    assert run(world)["decision"] == "PASS"


def test_the_pinned_release_is_what_is_sampled_after_a_merge(world: World) -> None:
    pinned(world)
    world.edit()
    to_main(world)
    ended = world.evalgate("baseline", "sample")
    assert "support 1.0.0, digest" in ended.out
    world.server.received.clear()
    world.edit("1.2.0", "Be something else, always and everywhere.")
    gate = run(world)
    assert gate["stored_baseline"] is not None
    assert not any("Be exact." in r.body["messages"][0]["content"] for r in world.server.received)


def test_a_baseline_file_of_the_gate_is_what_is_sampled(world: World) -> None:
    world.repository.write("old.prompt.yml", prompt("0.9.0"))
    text = CONFIG.format(url=world.server.url).replace("    dataset", "    baseline: old.prompt.yml\n    dataset")
    world.repository.write("evalgate.yml", text)
    assert "support 0.9.0, digest" in world.evalgate("baseline", "sample").out


def test_only_what_is_committed_is_pinned(world: World) -> None:
    world.edit()
    ended = world.evalgate("baseline", "pin", "--by", "Ada")
    assert ended.code == 2
    assert "prompts/support.prompt.yml: the prompt is not the committed one" in ended.err
    assert not (world.root / PINS).exists()
    assert world.evalgate("baseline", "pin", "--by", "Ada", "--ref", "HEAD").code == 0
    assert 'version: "1.0.0"' in (world.root / PINS).read_text()
    for arguments, why in (
        (["--by", " "], "--by is blank"),
        (["--by", "A", "--ref", "nowhere"], 'git knows no commit named "nowhere"'),
        (["--by", "A", "--gate", "suport"], 'no gate is named "suport"'),
        ([], "--by"),
    ):
        ended = world.evalgate("baseline", "pin", *arguments)
        assert (ended.code, why in ended.err) == (2, True), ended.err


def test_other_gates_keep_their_pins_and_a_prompt_without_a_version_has_none(world: World) -> None:
    second = "  - {name: second, prompt: prompts/second.md, dataset: cases.jsonl, checks: [{type: is_json}]}\n"
    config = CONFIG.format(url=world.server.url).replace("run:", f"{second}run:")
    world.repository.write("evalgate.yml", config)
    world.repository.write("prompts/second.md", "Say {{query}}\n")
    to_main(world)
    assert world.evalgate("baseline", "pin", "--by", 'Ada "A." #1', "--gate", "second").code == 0
    assert world.evalgate("baseline", "pin", "--by", "Bea", "--gate", "support").code == 0
    out = world.evalgate("baseline", "show").out
    assert "second: pinned to no version (" in out
    assert 'signed off by Ada "A." #1' in out
    assert "support: pinned to 1.0.0" in out
    to_main(world)
    world.repository.write("prompts/second.md", "Say this: {{query}}\n")
    gate = run(world, "--gate", "second")
    assert gate["notes"][0].startswith("the baseline is pinned to no version")
