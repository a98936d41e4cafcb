"""A change is judged by both sides: by what the base has become since, and by what a merge makes of the two."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from change.recorded_project import CONFIG, PROMPT, Project, prompt_text
from change.test_base_policy import base_run, edited, judge
from gated_project import CONFIG as GATED
from gated_project import World, prompt

from evalgate.change.workspace import PullRequest, open_pull_request
from evalgate.errors import InputError
from evalgate.services.git import Git

PATTERN = CONFIG.replace("  - name: support\n    prompt: prompts/p.prompt.yml", "  - prompt: prompts/*.prompt.yml")
STEM = PATTERN.replace("dataset: cases.jsonl", "dataset: golden/{stem}.jsonl")
PINS = "format: 1\npins: {}\n# nothing is pinned yet\n"
# the policy files by what they are, and a loosening of each that a merge carries to wherever the file is moved
LOOSER: dict[str, tuple[str, Callable[[str], str]]] = {
    "configuration": ("evalgate.yml", lambda text: text.replace("json_schema, ", "json_schema, blocking: false, ")),
    "pins": ("evalgate.pins.yml", lambda text: text + "# more\n"),
    "dataset": ("cases.jsonl", lambda text: text + '{"id": "c", "query": "three"}\n'),
    "recordings": ("outputs.jsonl", lambda text: text + '{"case": "c", "text": "3"}\n'),
    "schema": ("schema.json", lambda text: text + "\n"),
    "rubric": ("rubrics/tone.md", lambda text: text + "Give 5.\n"),
}


def open_change(project: Project, config: str = "evalgate.yml") -> PullRequest:
    git = Git.open(project.root)
    return open_pull_request(git, config, policy="main", head="work", verify=lambda criterion: None)


def on_main(project: Project, message: str = "the base goes on", **files: str) -> None:
    project.git("switch", "--quiet", "main")
    project.commit(message, **files)
    project.git("switch", "--quiet", "work")


def paths(opened: PullRequest) -> list[str]:
    return [change.path for change in opened.change.changes]


def move(project: Project, what: str) -> str:
    """Move a policy file on the base, with the configuration adapted; return the configuration's path."""
    old, config = LOOSER[what][0], "evalgate.yml"
    folder = project.root / "moved"
    folder.mkdir()
    project.git("mv", old, f"moved/{old.rpartition('/')[2]}")
    text = CONFIG.replace(old, f"moved/{old.rpartition('/')[2]}")
    if what in ("configuration", "pins"):
        config = "moved/evalgate.yml"
        other = {"configuration": "evalgate.pins.yml", "pins": "evalgate.yml"}[what]
        project.git("mv", other, f"moved/{other}")
        text = CONFIG
        for path in ("prompts/p.prompt.yml", "cases.jsonl", "outputs.jsonl", "schema.json", "rubrics/tone.md"):
            text = text.replace(f" {path}", f" ../{path}")
    project.commit("moved", **{config: text})
    return config


@pytest.mark.parametrize("what", LOOSER)
@pytest.mark.parametrize("moved", [True, False])
def test_an_edit_of_the_rules_counts_wherever_the_base_has_moved_them(project: Project, what: str, moved: bool) -> None:
    """A merge carries the edit to the new path."""
    on_main(project, **{"evalgate.pins.yml": PINS})
    project.git("merge", "--quiet", "--ff-only", "main")
    path, loosen = LOOSER[what]
    project.commit("looser", **{path: loosen((project.root / path).read_text())})
    project.git("switch", "--quiet", "main")
    config = move(project, what) if moved else "evalgate.yml"
    project.git("switch", "--quiet", "work")
    opened = open_change(project, config)
    assert paths(opened) == [path]
    if what == "configuration" and not moved:
        assert opened.merged is not None and not opened.merged.config.gates[0].checks[0].blocking
    project.git("switch", "--quiet", "--create", "harmless", "main^" if moved else "main")
    project.git("branch", "--force", "work", project.commit("harmless", **{"README.md": "Read me."}))
    assert paths(open_change(project, config)) == []


def test_the_new_path_of_a_moved_configuration_hides_no_edit_of_the_old_one(project: Project) -> None:
    """The author copies the base's new file, so that the old one looks like any other."""
    project.git("switch", "--quiet", "main")
    project.write("evalgate.pins.yml", PINS)
    project.git("add", "--all")
    config = move(project, "configuration")
    project.git("switch", "--quiet", "work")
    project.git("checkout", "main", "--", config)
    project.commit("looser", **{"evalgate.yml": LOOSER["configuration"][1](CONFIG)})
    assert paths(open_change(project, config)) == ["evalgate.yml"]


@pytest.mark.parametrize("late", [True, False])
def test_a_prompt_that_a_pattern_of_the_base_matches_waits_for_a_person(project: Project, late: bool) -> None:
    if not late:
        on_main(project, **{"evalgate.yml": PATTERN})
        project.git("merge", "--quiet", "--ff-only", "main")
    project.commit("new", **{"prompts/new.prompt.yml": prompt_text()})
    if late:
        on_main(project, **{"evalgate.yml": PATTERN})
    opened = open_change(project)
    assert paths(opened) == ["prompts/new.prompt.yml"]
    assert all(change.is_new_prompt for change in opened.change.changes)
    assert opened.change.remarks == (
        'the gate "prompts/new.prompt.yml" is new: prompts/new.prompt.yml is not evaluated before this change is merged',
    )
    assert opened.merged is not None
    assert [gate.prompt for gate in opened.merged.config.gates] == ["prompts/new.prompt.yml", PROMPT]


def test_a_prompt_that_the_base_no_longer_excludes_waits_for_a_person(project: Project) -> None:
    narrow = PATTERN.replace("    dataset:", "    exclude: [prompts/new*]\n    dataset:")
    on_main(project, **{"evalgate.yml": narrow})
    project.git("merge", "--quiet", "--ff-only", "main")
    project.commit("new", **{"prompts/new.prompt.yml": prompt_text()})
    assert paths(open_change(project)) == []
    on_main(project, **{"evalgate.yml": PATTERN})
    assert paths(open_change(project)) == ["prompts/new.prompt.yml"]


def test_a_prompt_that_is_moved_in_a_pattern_of_the_base_is_followed(project: Project) -> None:
    project.git("mv", PROMPT, "prompts/q.prompt.yml")
    project.commit("moved", **{"evalgate.yml": CONFIG.replace(PROMPT, "prompts/q.prompt.yml")})
    on_main(project, **{"evalgate.yml": PATTERN})
    opened = open_change(project)
    assert [file.head for file in opened.change.prompts.values()] == ["prompts/q.prompt.yml"]


@pytest.mark.parametrize("late", ["the pattern", "its dataset", "nothing"])
def test_what_is_merged_is_valid(project: Project, late: str) -> None:
    """A prompt without the dataset that the pattern demands would break the base for all changes to come."""
    golden = {"golden/p.jsonl": '{"id": "a", "query": "one"}\n', "evalgate.yml": STEM}
    if late != "the pattern":
        on_main(project, **golden)
        project.git("merge", "--quiet", "--ff-only", "main")
    project.commit("new", **{"prompts/new.prompt.yml": prompt_text()})
    if late == "the pattern":
        on_main(project, **golden)
    if late == "its dataset":  # then the merge is valid, though the head alone is not
        on_main(project, **{"golden/new.jsonl": golden["golden/p.jsonl"]})
        assert paths(open_change(project)) == ["prompts/new.prompt.yml"]
        return
    with pytest.raises(InputError, match=r'no such file: "golden/new.jsonl"'):
        open_change(project)


@pytest.mark.parametrize("edit", ["none", "elsewhere", "conflict"])
def test_what_is_merged_is_valid_where_both_sides_edit_the_configuration(project: Project, edit: str) -> None:
    """The base demands a dataset for each prompt now; git merges the two edits unless they are of the same lines."""
    mine = {"none": CONFIG, "elsewhere": CONFIG.replace("format: 1\n", "# ours\nformat: 1\n"), "conflict": CONFIG}
    if edit == "conflict":
        mine[edit] = CONFIG.replace("name: support", "name: other")
    project.commit("new", **{"prompts/new.prompt.yml": prompt_text(), "evalgate.yml": mine[edit]})
    on_main(project, **{"evalgate.yml": STEM, "golden/p.jsonl": '{"id": "a", "query": "one"}\n'})
    if edit == "conflict":  # it cannot be merged as it is
        opened = open_change(project)
        assert opened.merged is not None and [gate.name for gate in opened.merged.config.gates] == ["other"]
        return
    with pytest.raises(InputError, match=r'no such file: "golden/new.jsonl"'):
        open_change(project)
    project.commit("cases", **{"golden/new.jsonl": '{"id": "a", "query": "one"}\n'})
    opened = open_change(project)
    assert opened.merged is not None and len(opened.merged.config.gates) == 2


def test_a_gate_that_the_base_removed_is_not_of_the_change(project: Project) -> None:
    other = (
        "  - {name: other, prompt: prompts/o.prompt.yml, dataset: o.jsonl, target: app, checks: [{type: is_json}]}\n"
    )
    both = CONFIG + other
    files = {"prompts/o.prompt.yml": prompt_text(), "o.jsonl": '{"id": "a", "query": "one"}\n'}
    on_main(project, **files, **{"evalgate.yml": both})
    project.git("merge", "--quiet", "--ff-only", "main")
    project.commit("other", **{"prompts/o.prompt.yml": prompt_text("1.0.1"), "o.jsonl": files["o.jsonl"] + "\n"})
    assert paths(open_change(project)) == ["o.jsonl"]
    on_main(project, **{"evalgate.yml": CONFIG})
    opened = open_change(project)
    assert (opened.change.changes, opened.change.remarks) == ((), ())


@pytest.fixture
def many(world: World) -> Iterator[World]:
    """A base whose pattern demands a dataset of its own for each prompt."""
    text = GATED.format(url=world.server.url).replace("  - name: support\n    prompt:", "  - prompt:")
    text = text.replace("prompts/support", "prompts/*").replace("cases.jsonl", "golden/{stem}.jsonl")
    rows = (world.root / "cases.jsonl").read_text()
    world.repository.commit("many", **{"evalgate.yml": text, "golden/support.jsonl": rows})
    world.repository.git("branch", "--force", "main", "work")
    yield world


def test_a_new_prompt_without_its_dataset_is_an_error_and_with_it_waits_for_a_person(many: World) -> None:
    many.repository.commit("new", **{"prompts/new.prompt.yml": prompt()})
    for narrow in ((), ("--changed",)):
        ended = base_run(many, *narrow)
        assert (ended.code, 'no such file: "golden/new.jsonl"' in ended.err) == (2, True)
    many.repository.commit("cases", **{"golden/new.jsonl": (many.root / "cases.jsonl").read_text()})
    assert edited(judge(many, "--changed", code=5)) == ["golden/new.jsonl", "prompts/new.prompt.yml"]
    many.repository.commit("broken", **{"prompts/new.prompt.yml": "messages: 3\n"})
    ended = base_run(many, "--changed")
    assert (ended.code, "prompts/new.prompt.yml:1" in ended.err) == (2, True)
    assert not many.server.received


@pytest.mark.parametrize("gated", [True, False])
def test_a_prompt_is_ungated_by_what_the_base_says_now(world: World, gated: bool) -> None:
    """A base that refuses ungated prompts, and gates the new one since the change branched off, or does not."""
    world.repository.commit("new", **{"prompts/new.prompt.yml": prompt()})
    text = "ungated: fail\n" + GATED.format(url=world.server.url)
    if gated:
        text = text.replace("  - name: support\n    prompt: prompts/support", "  - prompt: prompts/*")
    world.repository.git("switch", "--quiet", "main")
    world.repository.commit("strict", **{"evalgate.yml": text})
    world.repository.git("switch", "--quiet", "work")
    ended = base_run(world, "--changed")
    assert ended.code == (5 if gated else 2), ended.err
    assert ("no gate covers it: prompts/new.prompt.yml" in ended.err) is not gated


def test_a_change_that_refuses_ungated_prompts_has_to_gate_them(world: World) -> None:
    """Otherwise every change after it ends with an error."""
    strict = "ungated: fail\n" + GATED.format(url=world.server.url)
    world.repository.commit("strict", **{"evalgate.yml": strict, "prompts/old.prompt.yml": prompt()})
    ended = base_run(world, "--changed")
    assert (ended.code, "no gate covers it: prompts/old.prompt.yml" in ended.err) == (2, True)
    (world.root / "prompts/old.prompt.yml").unlink()
    world.repository.commit("gone")
    assert edited(judge(world, "--changed", code=5)) == ["evalgate.yml"]


@pytest.mark.parametrize("more", [True, False])
def test_a_fault_that_the_base_has_anyway_is_not_of_the_change(world: World, more: bool) -> None:
    """The base got a broken dataset since the change branched off; the change edits another one."""
    gate = "  - {name: second, prompt: prompts/b.md, dataset: second.jsonl, checks: [{type: is_json}]}\nrun:"
    text = GATED.format(url=world.server.url).replace("run:", gate)
    world.repository.git("switch", "--quiet", "main")
    world.repository.commit("broken", **{"evalgate.yml": text, "prompts/b.md": "{{query}}\n", "second.jsonl": "{"})
    world.repository.git("switch", "--quiet", "work")
    rows = (world.root / "cases.jsonl").read_text()
    world.repository.commit("cases", **{"cases.jsonl": "{" if more else rows + "\n"})
    if more:
        ended = base_run(world, "--changed")
        assert (ended.code, "cases.jsonl:1" in ended.err) == (2, True)
    else:
        assert edited(judge(world, "--changed", code=5)) == ["cases.jsonl"]
