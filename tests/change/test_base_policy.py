"""A change judged by its base: the prompts are its own, and nothing else is."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from commands.test_run import by_fact, worse_when_brief
from gated_project import CASES, CONFIG, Ended, World, prompt

MANNER = "Be brief, always and everywhere, please."
RUDE = "Be brief, always and everywhere, rudely."
FILE = "prompts/support.prompt.yml"


def judge(world: World, *arguments: str, code: int) -> dict[str, Any]:
    """The report of `evalgate run --policy-ref base`, with the working tree's own files being of no account."""
    ended = base_run(world, *arguments)
    assert ended.code == code, ended.out + ended.err
    return world.report()


def base_run(world: World, *arguments: str) -> Ended:
    (world.root / "report.json").unlink(missing_ok=True)
    return world.evalgate("run", "--policy-ref", "base", "--output", "report.json", *arguments)


def rude(world: World) -> None:
    """Whoever is told to be rude answers no JSON, which fails."""
    world.application = lambda system, user: "no json" if "rudely" in system else json.dumps({"answer": user})


def edited(report: dict[str, Any]) -> list[str]:
    return [change["path"] for change in report["policy_changes"]]


def test_a_prompt_alone_is_judged_as_ever(world: World) -> None:
    world.edit()
    world.repository.commit()
    report = judge(world, code=0)
    (gate,) = report["gates"]
    assert (gate["level"]["effective"], report["policy_changes"], gate["decision"]) == ("MINOR", [], "PASS")
    assert gate["candidate"]["source"].endswith(f":{FILE}")
    assert "the merge base with main" not in gate["notes"][0]
    assert world.evalgate("run", "--output", "plain.json").code == 0
    assert world.report("plain.json")["gates"][0]["comparisons"] == gate["comparisons"]


def test_nothing_of_the_working_tree_is_read(world: World) -> None:
    world.edit()
    world.repository.commit()
    for path in (FILE, "cases.jsonl", "evalgate.yml"):
        (world.root / path).write_text("{")
    (world.root / "prompts").rename(world.root / "elsewhere")
    report = judge(world, code=0)
    assert report["gates"][0]["candidate"]["version"] == "1.1.0"


def lax(world: World) -> str:
    return CONFIG.format(url=world.server.url).replace("{type: is_json}", "{type: is_json, blocking: false}")


LAXER: dict[str, dict[str, str]] = {
    "the configuration": {"evalgate.yml": "LAX"},
    "the cases": {"cases.jsonl": json.dumps({"id": "one", "query": "q", "context": "c", "expected": "q"}) + "\n"},
    "no configuration": {"evalgate.yml": "GONE"},
}


@pytest.mark.parametrize("what", LAXER)
@pytest.mark.parametrize("narrow", [(), ("--changed",)])
def test_a_change_cannot_judge_itself_by_rules_of_its_own(world: World, what: str, narrow: tuple[str, ...]) -> None:
    rude(world)
    world.edit("1.1.0", RUDE)
    for path, content in LAXER[what].items():
        if content == "GONE":
            (world.root / path).unlink()
        else:
            world.repository.write(path, lax(world) if content == "LAX" else content)
    world.repository.commit()
    report = judge(world, *narrow, code=1)
    (gate,) = report["gates"]
    assert (gate["decision"], gate["dataset"]["cases"], report["exit_code"]) == ("FAIL", CASES, 1)
    assert edited(report) == list(LAXER[what])
    assert gate["level"]["effective"] == "MAJOR"
    assert gate["level"]["reasons"][0] == f"edits {', '.join(LAXER[what])}; the base's version of the policy is used"
    if what == "the configuration":
        assert world.evalgate("run", *narrow).code != 1, "by its own rules it would not have failed"


def test_a_change_cannot_pin_itself_as_its_baseline(world: World) -> None:
    world.application, world.grade = worse_when_brief, by_fact
    world.edit("1.1.0")
    world.repository.commit()
    assert world.evalgate("baseline", "pin", "--by", "myself").code == 0
    world.repository.commit("pin")
    report = judge(world, code=1)
    (gate,) = report["gates"]
    assert (gate["baseline"]["version"], edited(report)) == ("1.0.0", ["evalgate.pins.yml"])


def test_a_change_cannot_bring_the_answers(world: World) -> None:
    """Recordings that only the change has are none."""
    config = CONFIG.format(url=world.server.url).replace("model: m,", "model: m, recordings: recordings.jsonl,")
    world.repository.write("evalgate.yml", config)
    world.repository.commit("recorded")
    world.repository.git("branch", "--force", "main", "work")
    world.edit()
    assert world.evalgate("run", "--record").code == 0
    world.repository.commit()
    calls = len(world.server.received)
    assert world.evalgate("run").code == 0, "as the change would have it"
    ended = base_run(world)
    assert ended.code == 3
    assert "recordings.jsonl" in ended.err
    assert len(world.server.received) == calls
    assert edited(judge(world, "--live", code=5)) == ["recordings.jsonl"]


def test_a_version_number_need_not_say_that_the_policy_is_edited(world: World) -> None:
    world.edit()
    world.repository.write("cases.jsonl", (world.root / "cases.jsonl").read_text().replace("question 1", "question 01"))
    world.repository.commit()
    report = judge(world, code=5)
    (gate,) = report["gates"]
    assert (gate["level"]["declared"], gate["level"]["minimum"], gate["level"]["effective"]) == (
        "MINOR",
        "MINOR",
        "MAJOR",
    )
    assert (report["decision"], report["sign_off"]) == ("PASS", None)
    assert [r["kind"] for r in gate["requirements"]] == ["canary", "sign_off"]


def test_an_edit_of_the_policy_alone_makes_no_call_and_waits(world: World) -> None:
    world.repository.write("evalgate.yml", lax(world))
    world.repository.commit()
    report = judge(world, "--changed", code=5)
    assert (report["gates"], edited(report), report["decision"]) == ([], ["evalgate.yml"], "PASS")
    assert not world.server.received
    assert world.evalgate("report", "--format", "markdown").code == 0


def test_nothing_is_edited_and_nothing_is_gated(world: World) -> None:
    world.repository.commit(**{"other.txt": "x", "prompts/note.md": "of no gate"})
    report = judge(world, "--changed", code=0)
    assert (report["gates"], report["policy_changes"], report["warnings"]) == ([], [], [])


def test_the_tip_of_the_base_judges_and_not_what_the_change_began_with(world: World) -> None:
    """A branch of before the rules were tightened is judged by the tight ones."""
    rude(world)
    git = world.repository.git
    git("switch", "--quiet", "main")
    world.repository.write("evalgate.yml", lax(world))
    world.repository.commit("lax")
    git("branch", "--force", "work", "main")
    world.repository.write("evalgate.yml", CONFIG.format(url=world.server.url))
    tight = world.repository.commit("tight")
    git("switch", "--quiet", "work")
    world.edit("1.1.0", RUDE)
    world.repository.commit()
    report = judge(world, "--changed", code=1)
    assert report["policy_changes"] == [], "the change did not edit it"
    assert report["gates"][0]["level"]["effective"] == "MINOR"
    world.edit("1.1.1")
    world.repository.write("evalgate.yml", CONFIG.format(url=world.server.url))
    world.repository.commit()
    report = judge(world, "--changed", "--default-branch", tight, code=0)
    assert report["policy_changes"] == [], "what it brings has been merged already"


def test_the_baseline_is_the_merge_base_though_the_base_went_on(world: World) -> None:
    git = world.repository.git
    git("switch", "--quiet", "main")
    world.edit("1.0.1", "Be exact and correct.")
    world.repository.commit("elsewhere")
    git("switch", "--quiet", "work")
    world.edit("1.1.0")
    start = git("merge-base", "main", "work")
    world.repository.commit()
    (gate,) = judge(world, code=0)["gates"]
    assert gate["baseline"]["source"] == f"{start[:7]}:{FILE}"
    assert gate["baseline"]["version"] == "1.0.0"


def test_a_renamed_prompt_is_followed(world: World) -> None:
    rude(world)
    (world.root / FILE).unlink()
    world.repository.write("prompts/renamed.prompt.yml", prompt("1.1.0", RUDE))
    world.repository.write(
        "evalgate.yml", CONFIG.format(url=world.server.url).replace(FILE, "prompts/renamed.prompt.yml")
    )
    world.repository.commit()
    report = judge(world, "--changed", code=1)
    (gate,) = report["gates"]
    assert gate["candidate"]["source"].endswith(":prompts/renamed.prompt.yml")
    assert gate["baseline"]["source"].endswith(f":{FILE}")
    assert gate["level"]["effective"] == "MINOR"
    assert (edited(report), report["warnings"]) == ([], []), "to name the new path is not an edit of the rules"


def test_a_plain_rename_has_to_be_said_in_the_configuration(world: World) -> None:
    """What is merged is valid, so that the next change is not an error."""
    new = "prompts/renamed.prompt.yml"
    world.repository.git("mv", FILE, new)
    world.repository.commit("renamed")
    ended = base_run(world, "--changed")
    assert ended.code == 2
    assert f"name the new path under `prompt:` in the configuration; a file with similar content is {new}" in ended.err
    world.repository.write("evalgate.yml", CONFIG.format(url=world.server.url).replace(FILE, new))
    world.repository.commit("said")
    report = judge(world, "--changed", code=0)
    assert (report["gates"], report["policy_changes"], report["warnings"]) == ([], [], [])


@pytest.mark.parametrize(
    "decoy",
    [
        *("prompts/old.md", "zz/old.prompt.yml", "prompts/old.j2", "zz/old.prompt", "zz/old.prompty", "zz/old.poml"),
        *("prompts/old.toml", "zz/old.xml", "zz/old.mdx", "prompts/old", "zz/old.v2", "prompts/old.yml.bak"),
    ],
)
def test_a_second_new_prompt_beside_a_moved_one_waits_for_a_person(world: World, decoy: str) -> None:
    new = "prompts/renamed.prompt.yml"
    world.repository.git("mv", FILE, new)
    world.repository.write(decoy, prompt("1.1.0", RUDE))
    world.repository.write("evalgate.yml", CONFIG.format(url=world.server.url).replace(FILE, new))
    world.repository.commit("renamed")
    report = judge(world, "--changed", code=5)
    assert edited(report) == ["evalgate.yml"]
    moved = f'the gate "support" moves to {new}; {decoy} is new or edited, and no gate covers it'
    assert report["warnings"][0] == moved
    named = f"1 file looks like a prompt, and no gate covers it: {decoy}"
    assert report["warnings"][1:] == ([named] if ".prompt" in decoy else [])


@pytest.mark.parametrize("twin", ["prompts/Support.prompt.yml", "Prompts/support.prompt.yml"])
def test_a_file_that_differs_from_a_gated_one_in_capitals_alone_is_refused(world: World, twin: str) -> None:
    rude(world)
    world.repository.commit("twin", **{twin: prompt("1.1.0", RUDE)})
    ended = base_run(world, "--changed")
    assert ended.code == 2
    assert f"{twin}: differs only in upper and lower case from {FILE}" in ended.err
    world.repository.git("rm", "-q", FILE)
    world.repository.commit("moved", **{"evalgate.yml": CONFIG.format(url=world.server.url).replace(FILE, twin)})
    assert judge(world, "--changed", code=1)["policy_changes"] == []


@pytest.mark.parametrize("link", ["Prompts", "PROMPTS"])
def test_a_link_that_differs_from_the_folder_of_a_gated_prompt_in_capitals_alone_is_refused(
    world: World, link: str
) -> None:
    world.repository.write("other/support.prompt.yml", prompt("1.1.0", RUDE))
    (world.root / link).symlink_to("other")
    world.repository.commit("link")
    ended = base_run(world, "--changed")
    assert ended.code == 2
    assert f"{link}: differs only in upper and lower case from prompts, which holds a gated prompt" in ended.err


def test_a_file_whose_name_writes_an_accent_in_another_way_is_refused(world: World) -> None:
    new, twin = "prompts/caf\u00e9.prompt.yml", "prompts/cafe\u0301.prompt.yml"
    git = world.repository.git
    git("switch", "--quiet", "main")
    git("mv", FILE, new)
    world.repository.commit("moved", **{"evalgate.yml": CONFIG.format(url=world.server.url).replace(FILE, new)})
    git("switch", "--quiet", "--force-create", "work")
    world.repository.commit("twin", **{twin: prompt("1.1.0", RUDE)})
    ended = base_run(world, "--changed")
    assert ended.code == 2
    assert "looks the same as" in ended.err.replace("\n", " ")


@pytest.mark.parametrize("decoy", ["prompts/spare.md", "zz/spare.prompt.yml"])
def test_an_ungated_prompt_that_is_edited_beside_a_moved_one_waits_for_a_person(world: World, decoy: str) -> None:
    git = world.repository.git
    git("switch", "--quiet", "main")
    world.repository.commit("spare", **{decoy: prompt(), "README.md": "Read me.\n", "app.py": "FILE = 1\n"})
    git("switch", "--quiet", "--force-create", "work")
    new = "texts/renamed.prompt.yml"
    (world.root / "texts").mkdir()
    git("mv", FILE, new)
    files = {"README.md": "Prompts lie in texts.\n", "app.py": "FILE = 2\n"}
    world.repository.commit("said", **files, **{"evalgate.yml": CONFIG.format(url=world.server.url).replace(FILE, new)})
    assert edited(judge(world, "--changed", code=0)) == [], "code and its manual are edited with every move"
    world.repository.commit("worse", **{decoy: prompt("1.1.0", RUDE)})
    assert edited(judge(world, "--changed", code=5)) == ["evalgate.yml"]


def test_a_gate_that_is_named_by_its_path_moves_with_it(world: World) -> None:
    new = "prompts/other-name.prompt.yml"
    unnamed = CONFIG.format(url=world.server.url).replace("name: support\n    ", "")
    rude(world)
    git = world.repository.git
    git("switch", "--quiet", "main")
    world.repository.commit("unnamed", **{"evalgate.yml": unnamed})
    git("switch", "--quiet", "-C", "work", "main")
    git("rm", "--quiet", FILE)
    world.repository.write(new, prompt("1.1.0", RUDE))
    world.repository.write("evalgate.yml", unnamed.replace(FILE, new))
    world.repository.commit()
    report = judge(world, "--changed", code=1)
    assert (report["gates"][0]["name"], edited(report), report["warnings"]) == ("support", [], [])


@pytest.mark.parametrize(
    "edit",
    [
        ("baseline: 1, candidate: 1", "baseline: 2, candidate: 1"),
        ("{type: is_json}", "{type: is_json, blocking: false}"),
        ("attempts: 2", "attempts: 3"),
        ("stop_early: false", "stop_early: true"),
    ],
)
def test_an_edit_of_more_than_the_path_is_one_of_the_rules(world: World, edit: tuple[str, str]) -> None:
    new = "prompts/renamed.prompt.yml"
    world.repository.git("mv", FILE, new)
    text = CONFIG.format(url=world.server.url).replace(FILE, new)
    assert edit[0] in text
    world.repository.write("evalgate.yml", text.replace(*edit))
    world.repository.commit()
    assert edited(judge(world, "--changed", code=5)) == ["evalgate.yml"]


def test_a_prompt_that_the_base_renamed_is_followed(world: World) -> None:
    rude(world)
    git = world.repository.git
    git("switch", "--quiet", "main")
    git("mv", FILE, "prompts/moved.prompt.yml")
    world.repository.write(
        "evalgate.yml", CONFIG.format(url=world.server.url).replace(FILE, "prompts/moved.prompt.yml")
    )
    world.repository.commit("moved")
    git("switch", "--quiet", "work")
    world.edit("1.1.0", RUDE)
    world.repository.commit()
    report = judge(world, "--changed", code=1)
    (gate,) = report["gates"]
    assert (gate["candidate"]["source"][8:], gate["baseline"]["source"][8:]) == (FILE, FILE)
    assert report["policy_changes"] == []


def test_a_prompt_that_is_gone_is_an_error(world: World) -> None:
    world.repository.git("rm", "--quiet", FILE)
    world.repository.commit()
    ended = base_run(world)
    assert ended.code == 2
    assert f'{FILE}: gate "support": {FILE} does not exist at' in ended.err
    world.repository.write(
        "prompts/other.prompt.yml",
        "version: 1.0.1\nmessages: [{role: user, content: 'Something else: {{query}}'}]\n",
    )
    world.repository.write(
        "evalgate.yml", CONFIG.format(url=world.server.url).replace(FILE, "prompts/other.prompt.yml")
    )
    world.repository.commit()
    (gate,) = judge(world, code=1)["gates"]
    assert gate["findings"][0]["kind"] == "level", "whatever it holds, it is compared with what it replaces"


def test_a_gate_that_is_taken_out_with_its_prompt_waits_for_a_sign_off(world: World) -> None:
    config = CONFIG.format(url=world.server.url).replace(FILE, "prompts/b.md").replace("support", "second")
    world.repository.git("rm", "--quiet", FILE)
    world.repository.write("prompts/b.md", "{{query}}\n")
    world.repository.write("evalgate.yml", config)
    world.repository.commit()
    report = judge(world, code=5)
    assert (report["gates"], edited(report)) == ([], ["evalgate.yml"])
    said = " ".join(report["warnings"])
    assert 'this change removes the gate "support"' in said
    assert 'the gate "second" is new: prompts/b.md is not evaluated before this change is merged' in said


def test_a_gate_that_is_younger_than_the_change_is_left_out(world: World) -> None:
    git = world.repository.git
    git("switch", "--quiet", "main")
    second = "  - {name: second, prompt: prompts/b.md, dataset: cases.jsonl, checks: [{type: is_json}]}\nrun:"
    world.repository.write("evalgate.yml", CONFIG.format(url=world.server.url).replace("run:", second))
    world.repository.commit(**{"prompts/b.md": "{{query}}\n"})
    git("switch", "--quiet", "work")
    world.edit()
    world.repository.commit()
    report = judge(world, code=0)
    assert [gate["name"] for gate in report["gates"]] == ["support"]
    assert report["warnings"] == ['the gate "second" was added after this change branched off; it has no prompts/b.md']


@pytest.mark.parametrize("linked", [FILE, "prompts", "cases.jsonl", "evalgate.yml"])
def test_a_link_is_refused(world: World, linked: str, tmp_path: Path) -> None:
    place = world.root / linked
    aside = place.with_name("aside")
    place.rename(aside)
    place.symlink_to(aside.name)
    world.repository.commit()
    ended = base_run(world, "--changed")
    assert ended.code == 2
    assert f":{linked} is a symbolic link" in ended.err
    assert not world.server.received


def test_a_link_in_the_working_tree_does_not_lead_to_another_configuration(world: World) -> None:
    """Beside the strict one the base has a lax one, as an example."""
    rude(world)
    git = world.repository.git
    git("switch", "--quiet", "main")
    for folder, text in (("conf", CONFIG.format(url=world.server.url)), ("examples", lax(world))):
        moved = text.replace(FILE, f"../{FILE}").replace("cases.jsonl", "../cases.jsonl")
        world.repository.write(f"{folder}/evalgate.yml", moved)
    world.repository.commit("two of them")
    git("branch", "--force", "work", "main")
    git("switch", "--quiet", "work")
    world.edit("1.1.0", RUDE)
    (world.root / "conf").rename(world.root / "was")
    (world.root / "conf").symlink_to("examples")
    world.repository.commit()
    ended = base_run(world, "--config", "conf/evalgate.yml", "--store", "store")
    assert ended.code == 2
    assert "conf is a symbolic link" in ended.err


@pytest.mark.parametrize(
    ("path", "content", "place"),
    [
        ("evalgate.yml", "format: 1\ngates: [{promt: x}]\n", "evalgate.yml:2:"),
        ("cases.jsonl", "{", "cases.jsonl:1"),
        (FILE, "messages: 3\n", f"{FILE}:1:"),
    ],
)
def test_what_a_change_brings_has_to_be_sound(world: World, path: str, content: str, place: str) -> None:
    world.edit()
    world.repository.commit(**{path: content})
    ended = base_run(world, "--changed")
    assert ended.code == 2
    assert place in ended.err
    assert not world.server.received


def test_a_change_need_not_mend_what_it_found_broken(world: World) -> None:
    """Its branch began at a broken configuration that the base has mended since."""
    git = world.repository.git
    git("switch", "--quiet", "main")
    world.repository.commit(**{"evalgate.yml": "format: 1\ngates: [{promt: x}]\n"})
    git("branch", "--force", "work", "main")
    world.repository.commit(**{"evalgate.yml": CONFIG.format(url=world.server.url)})
    git("switch", "--quiet", "work")
    world.edit()
    world.repository.commit()
    assert judge(world, "--changed", code=0)["policy_changes"] == []
    world.repository.commit(**{"cases.jsonl": (world.root / "cases.jsonl").read_text() + "\n"})
    assert base_run(world, "--changed").code == 2, "what it brings cannot be validated"


def test_cases_that_the_base_took_out_are_no_loss_of_the_change(world: World) -> None:
    git = world.repository.git
    git("switch", "--quiet", "main")
    rows = (world.root / "cases.jsonl").read_text().splitlines(keepends=True)
    world.repository.commit(**{"cases.jsonl": "".join(rows[2:])})
    git("switch", "--quiet", "work")
    world.edit()
    world.repository.commit()
    report = judge(world, code=0)
    assert (report["gates"][0]["dataset"]["cases"], report["gates"][0]["dataset"]["lost"]) == (CASES - 2, [])
    assert report["policy_changes"] == []


def test_a_change_that_takes_cases_out_is_judged_by_all(world: World) -> None:
    rows = (world.root / "cases.jsonl").read_text().splitlines(keepends=True)
    world.edit()
    world.repository.commit(**{"cases.jsonl": "".join(rows[2:])})
    report = judge(world, code=5)
    assert (report["gates"][0]["dataset"]["cases"], edited(report)) == (CASES, ["cases.jsonl"])


def test_from_any_folder_the_same_configuration_is_meant(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.edit()
    world.repository.commit()
    shutil.rmtree(world.root / "prompts")
    (world.root / "evalgate.yml").unlink()
    link = tmp_path / "by-another-name"
    link.symlink_to(world.root)
    for folder, path in ((tmp_path, world.root), (tmp_path, link), (world.root / "tmp", Path("..")), (link, Path())):
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        out = tmp_path / "out.json"
        ended = world.evalgate(
            "run", "--policy-ref", "base", "--config", str(path / "evalgate.yml"), "--output", str(out)
        )
        assert ended.code == 0, ended.err
        assert json.loads(out.read_text())["gates"][0]["candidate"]["version"] == "1.1.0"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "none").mkdir()
    ended = world.evalgate("run", "--policy-ref", "base", "--config", "none/evalgate.yml")
    assert ended.code == 2
    assert "is not in a git repository" in ended.err


def test_a_shallow_clone_says_what_it_lacks(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.edit()
    world.repository.commit()
    git = world.repository.git
    git("clone", "--quiet", "--depth", "1", "--no-single-branch", f"file://{world.root}", str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    ended = world.evalgate("run", "--policy-ref", "base", "--default-branch", "origin/main")
    assert ended.code == 2
    assert "fetch the history" in ended.err


def test_a_base_that_is_broken_judges_nothing(world: World) -> None:
    git = world.repository.git
    git("switch", "--quiet", "main")
    sha = world.repository.commit(**{"evalgate.yml": "format: 1\ngates: [{promt: x}]\n"})
    git("switch", "--quiet", "work")
    world.edit()
    world.repository.commit()
    ended = base_run(world)
    assert ended.code == 2
    assert f"{sha[:7]}:evalgate.yml:2:" in ended.err
    assert "fix the base before" in ended.err


def test_the_first_configuration_is_a_policy_change(world: World) -> None:
    git = world.repository.git
    git("switch", "--quiet", "--orphan", "empty")
    git("commit", "--quiet", "--allow-empty", "--message", "nothing yet")
    git("switch", "--quiet", "--create", "first")
    git("checkout", "--quiet", "work", "--", ".")
    world.repository.commit("all of it")
    report = judge(world, "--default-branch", "empty", code=5)
    assert (report["gates"], edited(report)) == ([], ["evalgate.yml"])
    assert "has no evalgate.yml: there are no gates before one is merged" in report["warnings"][0]
    world.repository.commit(**{"evalgate.yml": "gates: 3\n"})
    assert base_run(world, "--default-branch", "empty").code == 2
    git("rm", "--quiet", "evalgate.yml")
    world.repository.commit("none at all")
    ended = base_run(world, "--default-branch", "empty")
    assert (ended.code, "evalgate.yml: no such file" in ended.err) == (2, True)


def test_a_function_is_not_the_bases(world: World) -> None:
    git = world.repository.git
    git("switch", "--quiet", "main")
    api = CONFIG.format(url=world.server.url)
    config = api.replace("targets:\n", 'targets:\n  own: {type: python, function: "app:answer"}\n')
    config = config.replace("    dataset:", "    target: own\n    dataset:").replace(
        "{rubric: faithfulness}", "{rubric: faithfulness, target: api}"
    )
    world.repository.write("evalgate.yml", config)
    world.repository.write("app.py", "raise SystemExit('imported')\n")
    world.repository.commit("a function")
    git("branch", "--force", "work", "main")
    git("switch", "--quiet", "work")
    world.edit()
    world.repository.commit()
    ended = base_run(world)
    assert ended.code == 2, ended.err
    assert 'target "own" is a function, app:answer: the change could edit its code' in ended.err
    assert "policy-ref: head" in ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--candidate", "HEAD"), "--candidate: with the base's policy the candidate is a commit's prompt"),
        (("--record",), "recordings are written to the working tree"),
        (("--baseline", FILE), f'--baseline: "{FILE}" is not a git ref'),
        (("--head", "nowhere"), 'git knows no commit named "nowhere"'),
        (("--gate", "other"), 'no gate is named "other"'),
    ],
)
def test_options_that_do_not_go_with_it(world: World, arguments: tuple[str, ...], message: str) -> None:
    world.edit()
    world.repository.commit()
    ended = base_run(world, *arguments)
    assert (ended.code, message in ended.err) == (2, True), ended.err


def test_a_file_named_like_a_commit_is_not_taken_for_it(world: World) -> None:
    """Whoever makes the change knows the sha that the workflow names as the baseline."""
    sha = world.repository.git("rev-parse", "main")
    world.edit()
    world.repository.commit(**{sha: prompt("9.9.9", RUDE), f"{sha}.md": "x"})
    (gate,) = judge(world, "--baseline", sha, code=0)["gates"]
    assert gate["baseline"]["source"] == f"{sha[:7]}:{FILE}"


def test_any_commit_can_be_judged(world: World) -> None:
    rude(world)
    world.edit("1.1.0", RUDE)
    bad = world.repository.commit()
    world.edit("1.1.1")
    world.repository.commit()
    assert judge(world, "--head", bad, code=1)["gates"][0]["candidate"]["version"] == "1.1.0"
    assert world.evalgate("run", "--head", bad, "--output", "report.json").code == 1
    assert world.report()["gates"][0]["candidate"]["source"].startswith(bad[:7])
    ended = world.evalgate("plan", "--head", bad, "--policy-ref", "base")
    assert (ended.code, "support: MINOR" in ended.out) == (0, True)


def test_pins_are_those_of_the_tip(world: World) -> None:
    git = world.repository.git
    git("switch", "--quiet", "main")
    world.edit("1.0.1", "Be exact and correct.")
    world.repository.commit("released after the change had begun")
    assert world.evalgate("baseline", "pin", "--by", "ann").code == 0
    world.repository.commit("pin")
    git("switch", "--quiet", "work")
    world.edit()
    world.repository.commit()
    (gate,) = judge(world, code=0)["gates"]
    assert gate["notes"][0].startswith("the baseline is pinned to 1.0.1")
    assert gate["baseline"]["version"] == "1.0.1"
    assert "not an ancestor" not in gate["notes"][0]


def test_a_verdict_without_the_edit_is_not_that_with_it(world: World) -> None:
    world.edit("1.0.1", "Be exact!")
    world.repository.commit()
    assert judge(world, code=0)["gates"][0]["level"]["effective"] == "PATCH"
    world.repository.write("cases.jsonl", (world.root / "cases.jsonl").read_text() + "\n")
    world.repository.commit()
    report = judge(world, code=5)
    assert report["gates"][0]["level"]["effective"] == "MAJOR"
    assert [c["criterion"] for c in report["gates"][0]["comparisons"]] == [
        "is_json",
        "fact",
        "faithfulness",
        "answered",
    ]
    calls = len(world.server.received)
    again = judge(world, code=5)
    assert len(world.server.received) == calls
    assert again["gates"][0]["findings"] == report["gates"][0]["findings"]


def test_a_verdict_beside_policy_changes_is_not_drawn_anew(world: World) -> None:
    """Its gate passes without a sign-off, the report does not."""
    config = CONFIG.format(url=world.server.url).replace("policy: {", "policy: {major: {sign_off: false}, ")
    world.repository.commit(**{"evalgate.yml": config})
    world.repository.git("branch", "--force", "main", "work")
    world.edit()
    world.repository.commit(**{"cases.jsonl": (world.root / "cases.jsonl").read_text() + "\n"})
    first = judge(world, code=5)
    assert (first["gates"][0]["exit_code"], first["exit_code"]) == (0, 5)
    (gate,) = judge(world, code=5)["gates"]
    assert gate["notes"][-1].startswith(f"decided before, in run {first['run_id']}")


def test_a_history_with_two_merge_bases_does_not_choose_the_one_that_suits_it(world: World) -> None:
    """Between two merge bases git merges by both: what equals one of them is an edit all the same."""
    rude(world)
    git, root = world.repository.git, world.root
    world.edit("1.1.0", RUDE)
    world.repository.commit("rude, on a branch of its own")
    rude_text = (root / FILE).read_text()
    git("switch", "--quiet", "--create", "side")
    world.repository.commit("nothing", **{"a.txt": "a"})
    side = git("rev-parse", "HEAD")
    git("switch", "--quiet", "work")
    world.edit("1.0.0", "Be exact.")
    good = world.repository.commit("taken back")
    git("switch", "--quiet", "main")
    git("merge", "--quiet", "--no-ff", "-m", "one", good)
    git("merge", "--quiet", "--no-ff", "-m", "other", side)  # nothing of it is rude: it was taken back
    assert (root / FILE).read_text() == prompt()
    git("switch", "--quiet", "--create", "crossing", side)
    git("merge", "--quiet", "--no-commit", good)
    (root / FILE).write_text(rude_text)
    world.repository.commit("crossing")
    assert len(git("merge-base", "--all", "main", "crossing").splitlines()) == 2
    git("switch", "--quiet", "main")
    git("merge", "--quiet", "--no-ff", "--no-commit", "crossing")
    assert (root / FILE).read_text() == rude_text  # what a merge makes of it
    git("merge", "--abort")
    git("switch", "--quiet", "crossing")
    ended = base_run(world, "--changed")
    assert ended.code == 2, ended.out
    assert "2 merge bases" in ended.err
    assert world.evalgate("run", "--changed").code == 1
    git("merge", "--quiet", "-s", "ours", "-m", "joined", "main")
    judge(world, "--changed", code=1)


def test_a_rename_among_many_is_followed_as_far_as_a_merge_follows_it(world: World) -> None:
    """Where a rename is missed, a gate looks younger than the change: git gives up sooner in a diff than in a merge."""
    rude(world)
    world.edit("1.1.0", RUDE)
    world.repository.commit("rude")
    for what, limit in (("diff", "1"), ("merge", "7000")):  # as it is by default, but for smaller numbers
        world.repository.git("config", f"{what}.renameLimit", limit)
    git, root = world.repository.git, world.root
    git("switch", "--quiet", "main")
    for number in range(3):
        world.repository.write(f"notes/{number}.txt", f"a note, the {number}. of some\n" * 9)
    (root / FILE).rename(root / "prompts" / "new.prompt.yml")
    text = (root / "prompts" / "new.prompt.yml").read_text()
    (root / "prompts" / "new.prompt.yml").write_text(text + "# moved\n")
    config = (root / "evalgate.yml").read_text().replace(FILE, "prompts/new.prompt.yml")
    world.repository.commit("renamed", **{"evalgate.yml": config})
    git("merge", "--quiet", "--no-commit", "--no-ff", "work")
    assert "rudely" in (root / "prompts" / "new.prompt.yml").read_text()  # a merge does follow it
    git("merge", "--abort")
    git("switch", "--quiet", "work")
    judge(world, "--changed", code=1)


def test_a_picture_of_the_cases_is_that_of_the_base(world: World) -> None:
    """A picture belongs to the dataset: the change's own is not used, and editing it waits for a person."""
    write, picture = world.repository.write, b"\x89PNG\r\n\x1a\n"
    text = prompt("1.1.0").replace(
        'content: "{{query}}\\n{{context}}"', "content: [{type: text, text: '{{query}}'}, {type: image, image: a.png}]"
    )
    world.repository.git("switch", "--quiet", "main")
    write(FILE, text)
    write("a.png", picture + b"old")
    write("evalgate.yml", CONFIG.format(url=world.server.url).replace("{rubric: faithfulness}", "{rubric: relevance}"))
    world.repository.commit("pictures")
    world.repository.git("switch", "--quiet", "--create", "pictured")
    write(FILE, text.replace('"1.1.0"', '"2.0.0"').replace("Be exact.", MANNER))
    write("a.png", picture + b"new")
    world.repository.commit("another picture")
    images: list[str] = []
    plain = world.server.script

    def script(received: Any, number: int) -> Any:
        content = received.body["messages"][-1]["content"]
        if isinstance(content, list):
            images.append(content[1]["image_url"]["url"])
            received.body["messages"][-1]["content"] = content[0]["text"]
        return plain(received, number)  # type: ignore[operator]

    world.server.script = script
    report = world.evalgate("run", "--policy-ref", "base", "--output", "report.json") and world.report()
    assert edited(report) == ["a.png"]
    assert images and {url.partition(",")[2] for url in images} == {"iVBORw0KGgpvbGQ="}


def test_code_variants_are_those_of_head_and_of_its_first_parent(world: World) -> None:
    """Only a configuration that trusts functions has any: without, a report names no code."""
    from evalgate.change.base_policy import list_code_variants
    from evalgate.inputs.config import load_config
    from evalgate.inputs.tree import WorkTree
    from evalgate.services.git import Git

    world.repository.commit("code", **{"app.py": "def answer(case):\n    return case\n"})
    world.repository.commit("other code", **{"app.py": "def answer(case):\n    return ''\n"})
    git, plain = Git.open(world.root), load_config(WorkTree(world.root), "evalgate.yml")
    assert list_code_variants(plain, git) == (plain,)
    (name, target) = next(iter(plain.targets.items()))
    trusting = replace(plain, trust_code=True, targets={**plain.targets, name: replace(target, kind="python")})
    variants = list_code_variants(trusting, git)
    codes = [one.targets[name].options.get("code") for one in variants]
    assert codes[0] is None and len(set(codes)) == 3
