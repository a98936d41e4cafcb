"""Something is compared with something else: on the default branch, with edited or lost cases, with equal outputs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from gated_project import CASES, CONFIG, World, prompt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from repository import Repository


def run(world: World, *arguments: str) -> dict:
    world.ended = world.evalgate("run", "--output", "report.json", *arguments)
    return world.report()["gates"][0]


def remarks(gate: dict) -> list[str]:
    return [finding["sentence"] for finding in gate["findings"] if finding["kind"] == "remark"]


def rows(world: World) -> list[dict]:
    return [json.loads(line) for line in (world.root / "cases.jsonl").read_text().splitlines()]


def write_rows(world: World, edited: list[dict]) -> None:
    world.repository.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in edited))


@pytest.mark.parametrize("arguments", [(), ("--changed",), ("--policy-ref", "base"), ("--head", "HEAD")])
def test_a_bad_prompt_on_the_default_branch_is_compared_with_the_one_before(world: World, arguments: list[str]) -> None:
    world.application = lambda system, user: "no" if "rudely" in system else json.dumps({"answer": user})
    world.repository.git("switch", "--quiet", "main")
    world.edit(manner="Be brief, always and everywhere, rudely.")
    world.repository.commit("bad")
    ended = world.evalgate("run", *arguments)
    assert ended.code == 1, ended.out + ended.err


@pytest.mark.parametrize("where", ["main", "--detach"])
@pytest.mark.parametrize("arguments", [(), ("--policy-ref", "base"), ("--head", "HEAD"), ("--default-branch", "main")])
@pytest.mark.parametrize("depth", [(), ("--depth", "1")])
def test_a_clone_knows_what_the_last_commit_of_its_default_branch_brought(  # noqa: PLR0917
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    arguments: tuple[str, ...],
    depth: tuple[str, ...],
) -> None:
    world.application = lambda system, user: "no" if "rudely" in system else json.dumps({"answer": user})
    world.repository.git("switch", "--quiet", "main")
    world.edit(manner="Be brief, always and everywhere, rudely.")
    world.repository.commit("bad")
    world.repository.git("clone", "--quiet", *depth, world.root.as_uri(), str(tmp_path / "clone"))
    clone = Repository(tmp_path / "clone")
    clone.git("checkout", "--quiet", where)
    monkeypatch.chdir(clone.root)
    ended = world.evalgate("run", "--changed", *arguments)
    assert ended.code == (2 if depth else 1), ended.out + ended.err
    assert ("fetch-depth: 0" in ended.err) is bool(depth)


@pytest.mark.parametrize("arguments", [(), ("--changed",), ("--policy-ref", "base")])
def test_a_stale_branch_does_not_hide_the_one_of_origin(world: World, arguments: tuple[str, ...]) -> None:
    """What was mended in between is undone: against the state before that it is not a loss."""
    world.application = lambda system, user: "no" if "rudely" in system else json.dumps({"answer": user})
    git = world.repository.git
    world.repository.commit("bad", **{"prompts/support.prompt.yml": prompt("1.0.1", "Be brief, and rudely so.")})
    git("branch", "--force", "main")
    world.repository.commit("good", **{"prompts/support.prompt.yml": prompt("1.1.0", "Be brief, as ever, please.")})
    git("update-ref", "refs/remotes/origin/main", "HEAD")
    world.repository.commit("bad", **{"prompts/support.prompt.yml": prompt("1.2.0", "Be rudely brief, always so.")})
    ended = world.evalgate("run", "--default-branch", "main", *arguments)
    assert ended.code == 1, ended.out + ended.err


def test_a_commit_of_the_default_branch_is_compared_from_any_branch(world: World) -> None:
    world.application = lambda system, user: "no" if "rudely" in system else json.dumps({"answer": user})
    world.repository.git("switch", "--quiet", "main")
    world.edit(manner="Be brief, always and everywhere, rudely.")
    world.repository.commit("bad")
    world.repository.git("switch", "--quiet", "work")
    ended = world.evalgate("run", "--changed", "--head", "main")
    assert ended.code == 1, ended.out + ended.err


def test_with_no_other_version_nothing_is_compared(world: World) -> None:
    world.repository.git("switch", "--quiet", "main")
    ended = world.evalgate("run")
    assert (ended.code, "no earlier version to compare with" in ended.err) == (2, True)
    assert not world.server.received


OTHER = """\
  - name: other
    prompt: prompts/other.prompt.yml
    dataset: cases.jsonl
    samples: {baseline: 1, candidate: 1}
    checks: [{type: is_json}]
run:"""


@pytest.mark.parametrize("arguments", [(), ("--policy-ref", "base"), ("--default-branch", "main")])
@pytest.mark.parametrize("code", [0, 1])
def test_a_prompt_that_was_never_different_keeps_no_other_gate_from_its_verdict(
    world: World, code: int, arguments: tuple[str, ...]
) -> None:
    world.application = lambda system, user: "no" if "rudely" in system else json.dumps({"answer": user})
    world.repository.git("switch", "--quiet", "main")
    config = CONFIG.format(url=world.server.url).replace("run:", OTHER)
    files = {"evalgate.yml": config, "prompts/other.prompt.yml": prompt("1.0.0", "Be another.")}
    world.repository.commit("another gate", **files)
    world.repository.git("commit", "--quiet", "--allow-empty", "--message", "later")
    world.edit(
        manner="Be brief, always and everywhere, rudely." if code else "Be brief, always and everywhere, please."
    )
    if arguments:
        world.repository.commit("edit")
    first, other = (world.evalgate("run", "--output", "report.json", *arguments), world.report()["gates"][1])
    assert first.code == code, first.out + first.err
    assert (other["name"], other["decision"]) == ("other", "PASS")
    assert any(note.startswith("unchanged: ") for note in other["notes"])
    ended = world.evalgate("run", "--gate", "other", *arguments)
    assert (ended.code, "no earlier version to compare with" in ended.err) == (2, True)


def test_in_a_repository_of_one_commit_a_gate_that_is_not_edited_is_unchanged(world: World) -> None:
    git = world.repository.git
    config = CONFIG.format(url=world.server.url).replace("run:", OTHER)
    files = {"evalgate.yml": config, "prompts/other.prompt.yml": prompt("1.0.0", "Be another.")}
    world.repository.commit("another gate", **files)
    git("branch", "--force", "main", git("commit-tree", "HEAD^{tree}", "-m", "the only one"))
    git("switch", "--quiet", "main")
    world.edit()
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 0, ended.out + ended.err
    assert world.report()["gates"][1]["baseline"] is not None


def test_a_prompt_that_the_last_commit_of_the_default_branch_brought_is_new(world: World) -> None:
    world.application = lambda system, user: "no" if "another" in system else json.dumps({"answer": user})
    world.repository.git("switch", "--quiet", "main")
    world.edit()
    config = CONFIG.format(url=world.server.url).replace("run:", OTHER)
    files = {"evalgate.yml": config, "prompts/other.prompt.yml": prompt("1.0.0", "Be another.")}
    world.repository.commit("another gate", **files)
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 1, ended.out + ended.err
    support, other = world.report()["gates"]
    assert (support["decision"], other["decision"], other["baseline"]) == ("PASS", "FAIL", None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{type: is_json}", "{type: is_json, strict: true}"),
        ("samples: {baseline: 1, candidate: 1}", "samples: {baseline: 1, candidate: 1, wavering: 1}"),
        ("dataset: cases.jsonl", "dataset: cases.jsonl\n    answered: {cut: allow}"),
    ],
)
def test_an_edit_of_what_a_verdict_depends_on_changes_the_gate(world: World, old: str, new: str) -> None:
    text = CONFIG.format(url=world.server.url)
    assert old in text
    world.repository.write("evalgate.yml", text.replace(old, new))
    assert world.evalgate("run", "--changed", "--output", "report.json").code == 0
    assert [gate["name"] for gate in world.report()["gates"]] == ["support"]


@pytest.mark.parametrize("named", ["prompts/support.prompt.yml", "./prompts/../prompts/support.prompt.yml"])
def test_a_baseline_that_is_the_prompt_itself_is_refused_at_its_place(world: World, named: str) -> None:
    text = CONFIG.format(url=world.server.url).replace("dataset:", f"baseline: {named}\n    dataset:")
    world.repository.write("evalgate.yml", text)
    ended = world.evalgate("run")
    assert ended.code == 2
    assert "evalgate.yml:7:15" in ended.err
    assert "compared with itself" in ended.err


@pytest.mark.parametrize("where", ["outside", "no repository", "repository"])
def test_a_file_is_no_baseline_of_itself_wherever_it_lies(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    arguments = ["--baseline", "prompts/../prompts/support.prompt.yml"]
    if where == "outside":
        (tmp_path / "it.prompt.yml").write_text(prompt())
        arguments = ["--candidate", str(tmp_path / "it.prompt.yml"), "--baseline", str(tmp_path / "it.prompt.yml")]
    if where == "no repository":
        copy = tmp_path / "copy"
        shutil.copytree(world.root, copy, ignore=shutil.ignore_patterns(".git"))
        monkeypatch.chdir(copy)
    ended = world.evalgate("run", *arguments)
    assert (ended.code, "is the candidate itself" in ended.err) == (2, True), ended.out + ended.err


@pytest.mark.parametrize("named", ["HEAD", "work", "HEAD~0"])
def test_a_commit_that_holds_the_working_trees_prompt_is_no_baseline_of_it(world: World, named: str) -> None:
    world.edit()
    world.repository.commit("edit")
    ended = world.evalgate("run", "--baseline", named)
    assert (ended.code, "is the candidate itself" in ended.err) == (2, True)
    world.edit("1.2.0", manner="Be kind, with everybody, on each and every day.")
    assert world.evalgate("run", "--baseline", named).code == 0


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("arguments", [(), ("--changed",), ("--head", "HEAD")])
def test_a_baseline_file_that_the_change_makes_equal_to_its_prompt_is_refused(
    world: World, is_new: bool, arguments: tuple[str, ...]
) -> None:
    world.repository.git("switch", "--quiet", "main")
    text = CONFIG.format(url=world.server.url).replace("dataset:", "baseline: live.prompt.yml\n    dataset:")
    if not is_new:
        world.repository.commit("a baseline file", **{"live.prompt.yml": prompt(), "evalgate.yml": text})
    world.repository.git("switch", "--quiet", "--force-create", "work")
    worse = prompt("1.1.0", "Be brief, always and everywhere, rudely.")
    copied = {"live.prompt.yml": worse, "evalgate.yml": text}
    world.repository.commit("edit", **{"prompts/support.prompt.yml": worse}, **copied)
    ended = world.evalgate("run", *arguments)
    assert (ended.code, "equal to the candidate" in ended.err) == (2, True)


def test_a_revert_to_the_baseline_file_and_a_promotion_are_let_through(world: World) -> None:
    text = CONFIG.format(url=world.server.url).replace("dataset:", "baseline: live.prompt.yml\n    dataset:")
    edited = prompt("1.1.0", "Be brief, always and everywhere, please.")
    world.repository.git("switch", "--quiet", "main")
    files = {"evalgate.yml": text, "prompts/support.prompt.yml": edited, "live.prompt.yml": prompt()}
    world.repository.commit("a baseline file", **files)
    world.repository.git("switch", "--quiet", "--force-create", "work")
    world.repository.write("live.prompt.yml", edited)
    assert world.evalgate("run").code == 0
    world.repository.git("checkout", "--quiet", "--", ".")
    world.repository.write("prompts/support.prompt.yml", prompt())
    assert world.evalgate("run").code == 0


@settings(max_examples=12, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    gone=st.sets(st.integers(0, CASES - 1), max_size=20),
    edited=st.sets(st.integers(0, CASES - 1), max_size=CASES),
    named=st.sampled_from([(), ("--baseline", "main"), ("--baseline", "refs/heads/main"), ("--baseline", "old.yml")]),
)
def test_what_became_of_the_cases_is_told_however_the_baseline_is_named(
    world: World, gone: set[int], edited: set[int], named: tuple[str, ...]
) -> None:
    world.repository.git("checkout", "--quiet", "--", ".")
    world.repository.write("old.yml", prompt())
    before = rows(world)
    after = [{**row, "query": f"other {n}"} if n in edited else row for n, row in enumerate(before) if n not in gone]
    write_rows(world, after)
    world.edit()
    gate = run(world, *named)
    kept = edited - gone
    assert gate["dataset"]["lost"] == [before[n]["id"] for n in sorted(gone)]
    assert gate["dataset"]["edited"] == len(kept)
    told = [sentence for sentence in remarks(gate) if "edited" in sentence]
    assert bool(told) is (len(kept) > len(after) / 2)
    if gone:
        assert gate["decision"] == "INCONCLUSIVE"
        assert world.ended.code == 4


def test_cases_that_the_policy_lets_go_are_still_told(world: World) -> None:
    text = CONFIG.format(url=world.server.url).replace("policy: {", "policy: {removed_cases: allow, ")
    world.repository.write("evalgate.yml", text)
    write_rows(world, rows(world)[4:])
    world.edit()
    assert "4 cases of the baseline's dataset were removed" in " ".join(remarks(run(world)))


def test_equal_outputs_of_different_prompts_are_told(world: World) -> None:
    world.edit()
    assert "All outputs are identical" in " ".join(remarks(run(world)))
    world.application = lambda system, user: json.dumps(
        {"answer": user, "b": "brief" in system and "question 7" in user}
    )
    world.edit(manner="Be brief, everywhere and always, please.")
    assert "identical" not in " ".join(remarks(run(world)))


@pytest.mark.parametrize("renames_ids", [False, True])
def test_a_gate_of_which_every_name_changes_is_compared_with_what_it_was(world: World, renames_ids: bool) -> None:
    """Configuration, gate, prompt and dataset move together, and the prompt is rewritten."""
    world.application = lambda system, user: "no" if "rudely" in user else json.dumps({"answer": user})
    world.repository.git("mv", "prompts/support.prompt.yml", "help.prompt.yml")
    world.repository.git("mv", "cases.jsonl", "golden.jsonl")
    world.repository.git("mv", "evalgate.yml", "gates.yml")
    rewritten = json.dumps({"version": "2.0.0", "messages": [{"role": "user", "content": "rudely, now: {{query}}"}]})
    world.repository.write("help.prompt.yml", rewritten)
    if renames_ids:
        read = (world.root / "golden.jsonl").read_text().splitlines()
        moved = [json.loads(row) | {"id": f"new-{number}"} for number, row in enumerate(read)]
        world.repository.write("golden.jsonl", "".join(json.dumps(row) + "\n" for row in moved))
    text = (world.root / "gates.yml").read_text()
    for old, new in (("prompts/support.prompt.yml", "help.prompt.yml"), ("cases.jsonl", "golden.jsonl")):
        text = text.replace(old, new)
    world.repository.write("gates.yml", text.replace("name: support", "name: help"))
    world.repository.commit("moved")
    gate = run(world, "--config", "gates.yml")
    assert gate["baseline"] is not None
    assert world.ended.code == 1, world.ended.out


TEXT = "prompts/support.md"
USER = '    user: "{{query}} {{context}}"\n'


@pytest.fixture
def text(world: World) -> World:
    """The same project with a prompt that is one text, whose user message is the gate's."""
    world.application = lambda system, user: json.dumps({"answer": user})
    world.grade = lambda judged: 1 if "SHORT" in judged else 5
    git = world.repository.git
    git("switch", "--quiet", "main")
    config = (world.root / "evalgate.yml").read_text().replace("prompts/support.prompt.yml", TEXT)
    config = config.replace("    dataset:", f"{USER}    dataset:")
    world.repository.commit("text", **{"evalgate.yml": config, TEXT: "Answer from the context, kindly and exactly.\n"})
    git("switch", "--quiet", "--force-create", "work")
    return world


def edit_user(world: World, new: str, old: str = "{{context}}") -> None:
    config = world.root / "evalgate.yml"
    text = config.read_text()
    assert old in text
    world.repository.write("evalgate.yml", text.replace(old, new))


def test_each_version_is_asked_with_the_user_message_that_its_side_configures(text: World) -> None:
    edit_user(text, "{{context}} SHORT")
    gate = run(text, "--changed")
    assert gate["decision"] == "FAIL"
    assert gate["level"]["effective"] == "MINOR"
    assert "the user message of the gate changed" in gate["level"]["reasons"]
    assert gate["candidate"]["digest"] != gate["baseline"]["digest"]
    sent = {one.body["messages"][-1]["content"].endswith(" SHORT") for one in text.server.received}
    assert sent == {True, False}


@pytest.mark.parametrize("arguments", [(), ("--baseline", "main~1"), ("--baseline", "HEAD~1")])
def test_an_edit_of_the_user_message_is_compared_on_the_default_branch(text: World, arguments: list[str]) -> None:
    text.repository.git("switch", "--quiet", "main")
    edit_user(text, "{{context}} SHORT")
    text.repository.commit("short")
    gate = run(text, *arguments)
    assert gate["decision"] == "FAIL"


@pytest.mark.parametrize("arguments", [(), ("--baseline", "main")])
def test_an_edit_of_the_user_message_is_no_second_content_of_the_version_before(
    world: World, arguments: list[str]
) -> None:
    versioned = '{"version": "%s", "messages": [{"role": "system", "content": "Answer from the context, kindly."}]}'
    git = world.repository.git
    git("switch", "--quiet", "main")
    config = (world.root / "evalgate.yml").read_text().replace("support.prompt.yml", "support.prompt.json")
    files = {"prompts/support.prompt.json": versioned % "1.0.0"}
    world.repository.commit("json", **{"evalgate.yml": config.replace("    dataset:", f"{USER}    dataset:"), **files})
    git("switch", "--quiet", "--force-create", "work")
    edit_user(world, "{{context}} Be brief.")
    gate = run(world, *arguments)
    assert (gate["decision"], gate["level"]["findings"][0]["kind"]) == ("FAIL", "version")
    world.repository.write("prompts/support.prompt.json", versioned % "1.1.0")
    gate = run(world, *arguments)
    assert (gate["decision"], gate["level"]["findings"], gate["level"]["effective"]) == ("PASS", [], "MINOR")


def test_a_pinned_release_is_asked_with_the_user_message_that_was_pinned(text: World) -> None:
    text.repository.git("switch", "--quiet", "main")
    assert text.evalgate("baseline", "pin", "--gate", "support", "--by", "grace").code == 0
    text.repository.commit("pin")
    text.repository.git("switch", "--quiet", "--force-create", "work")
    edit_user(text, "{{context}} SHORT")
    gate = run(text)
    assert gate["decision"] == "FAIL", text.ended.err
    assert any("pinned" in note for note in gate["notes"])


def test_a_baseline_file_is_asked_with_the_user_message_before_the_change(text: World) -> None:
    git = text.repository.git
    git("switch", "--quiet", "main")
    config = (text.root / "evalgate.yml").read_text().replace(USER, f"{USER}    baseline: prompts/live.md\n")
    text.repository.commit("live", **{"evalgate.yml": config, "prompts/live.md": "Answer from the context, always.\n"})
    git("switch", "--quiet", "--force-create", "work")
    edit_user(text, "{{context}} SHORT")
    assert run(text)["decision"] == "FAIL"


@pytest.mark.parametrize(("field", "level"), [("context", "MINOR"), ("expected", "PATCH")])
def test_other_columns_that_are_sent_make_a_change_at_least_minor(text: World, field: str, level: str) -> None:
    git = text.repository.git
    git("switch", "--quiet", "main")
    found = [{**row, "one": row[field], "two": f"{row[field]} SHORT"} for row in rows(text)]
    write_rows(text, [{name: value for name, value in row.items() if name != field} for row in found])
    edit_user(text, f"    fields: {{{field}: one}}\n    dataset:", "    dataset:")
    text.repository.commit("columns")
    git("switch", "--quiet", "--force-create", "work")
    edit_user(text, f"{field}: two", f"{field}: one")
    gate = run(text)
    assert gate["level"]["effective"] == level
    assert any(f"the columns of {field} changed" in note for note in gate["notes"]) is (level == "MINOR")
