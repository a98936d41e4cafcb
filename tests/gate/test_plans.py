"""What a change can hide from the diff of its prompt: the model behind a target, cases and gates that are gone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from gated_project import CASES, CONFIG, World, prompt

OUTPUTS = "".join(json.dumps({"case": f"case-{i:03}", "text": f'{{"a": "fact {i}"}}'}) + "\n" for i in range(CASES))
SECOND = """\
  - name: second
    prompt: prompts/second.prompt.yml
    dataset: cases.jsonl
    checks: [{type: is_json}]
run:"""


def config(world: World, *edits: tuple[str, str]) -> str:
    text = CONFIG.format(url=world.server.url)
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return text


def on_main(world: World, **files: str) -> None:
    """The files as they are at the merge base."""
    world.repository.git("switch", "--quiet", "main")
    world.repository.commit(**files)
    world.repository.git("switch", "--quiet", "work")
    world.repository.git("merge", "--quiet", "main")


def gate_of(world: World, *arguments: str) -> dict[str, object]:
    ended = world.evalgate("run", *arguments, "--output", "report.json")
    assert (world.root / "report.json").exists(), ended.err
    return world.report()["gates"][0]


def test_another_model_in_the_configuration_is_a_major_change(world: World) -> None:
    world.repository.write("evalgate.yml", config(world, ("model: m,", "model: m-2,")))
    gate = gate_of(world)
    level = gate["level"]
    assert (level["effective"], level["declared"]) == ("MAJOR", None)
    assert level["reasons"] == ['target "api": model m -> m-2 in evalgate.yml']
    assert any("both arms were answered by the" in note for note in gate["notes"])
    assert world.report()["exit_code"] == 5, "a MAJOR change awaits a sign-off"


def test_another_host_in_the_configuration_is_a_major_change(world: World) -> None:
    url = world.server.url.replace("127.0.0.1", "localhost")
    world.repository.write("evalgate.yml", config(world, (world.server.url, url)))
    (reason,) = gate_of(world)["level"]["reasons"]
    assert reason.startswith(f'target "api": base_url {world.server.url} -> {url}')


def test_arms_with_different_models_are_a_major_change(world: World) -> None:
    edits = (
        (
            "gates:",
            f'  new: {{type: openai, base_url: "{world.server.url}", api_key_env: API_KEY, model: m-2}}\ngates:',
        ),
        ("    samples", "    target: {candidate: new, baseline: api}\n    samples"),
        ("{rubric: faithfulness}", "{rubric: faithfulness, target: api}"),
    )
    world.repository.write("evalgate.yml", config(world, *edits))
    gate = gate_of(world)
    assert gate["level"]["minimum"] == "MAJOR"
    (reason,) = gate["level"]["reasons"]
    assert reason == 'the candidate is answered by "new", the baseline by "api": model m -> m-2'
    assert {r.body["model"] for r in world.server.received} == {"m", "m-2"}


@pytest.mark.parametrize("before", [None, "targets: [broken"])
def test_without_a_sound_configuration_at_the_merge_base_nothing_is_claimed(world: World, before: str | None) -> None:
    mine = config(world, ("model: m,", "model: m-2,"))
    if before is None:
        world.repository.git("rm", "--quiet", "evalgate.yml")
    else:
        world.repository.write("evalgate.yml", before)
    world.repository.commit()
    world.repository.git("branch", "--force", "main", "HEAD")
    world.repository.write("evalgate.yml", mine)
    gate = gate_of(world)
    assert (gate["level"]["effective"], gate["level"]["reasons"]) == ("PATCH", [])


def test_one_target_for_a_baseline_file_and_its_candidate_is_no_difference(world: World) -> None:
    text = config(world, ("    dataset", "    baseline: prompts/old.prompt.yml\n    dataset"))
    on_main(world, **{"evalgate.yml": text, "prompts/old.prompt.yml": prompt("0.9.9")})
    gate = gate_of(world)
    assert gate["level"]["minimum"] == "PATCH"
    assert gate["dataset"]["cases"] == CASES


def test_one_recorded_file_for_both_versions_is_refused(world: World) -> None:
    text = config(
        world,
        ("gates:", "  app: {type: recorded, path: o.jsonl}\ngates:"),
        ("    samples", "    target: app\n    samples"),
    )
    text = text.replace("{rubric: faithfulness}", "{rubric: faithfulness, target: api}")
    on_main(world, **{"evalgate.yml": text, "o.jsonl": OUTPUTS})
    assert world.evalgate("validate").code == 0
    world.edit()
    ended = world.evalgate("run")
    assert ended.code == 2
    assert "the file would be compared with itself" in ended.err
    assert "target: {candidate: ..., baseline: ...}" in ended.err


def test_named_versions_are_gated_whatever_has_changed(world: World) -> None:
    nothing = world.evalgate("run", "--changed")
    assert (nothing.code, "nothing to gate" in nothing.out) == (0, True)
    (world.root / "old.prompt.yml").write_text(prompt("0.9.0", "Be something else entirely, please, and often."))
    ended = world.evalgate("run", "--changed", "--baseline", "old.prompt.yml", "--output", "report.json")
    assert "nothing to gate" not in ended.out
    assert world.report()["gates"][0]["counts"]["decided"] == 3 * CASES
    world.evalgate("run", "--changed", "--candidate", "old.prompt.yml", "--output", "report.json")
    assert world.report()["gates"][0]["candidate"]["version"] == "0.9.0"


def test_cases_taken_out_of_the_dataset_are_lost(world: World) -> None:
    rows = (world.root / "cases.jsonl").read_text().splitlines(keepends=True)
    world.repository.write(
        "cases.jsonl", "".join([*reversed(rows[:60]), '{"id": "n", "query": "q", "context": "c", "expected": "q"}\n'])
    )
    world.edit()
    lost = [f"case-{i:03}" for i in range(60, CASES)]
    assert gate_of(world)["dataset"]["lost"] == lost
    (world.root / "old.prompt.yml").write_text(prompt("0.9.0"))
    assert gate_of(world, "--baseline", "old.prompt.yml")["dataset"]["lost"] == lost
    assert gate_of(world, "--baseline", "main")["dataset"]["lost"] == lost


def test_cases_are_lost_however_the_configuration_hides_it(world: World) -> None:
    rows = (world.root / "cases.jsonl").read_text().splitlines(keepends=True)
    world.repository.write("few.jsonl", "".join(rows[4:]))
    text = config(world, ("dataset: cases.jsonl", "dataset: few.jsonl"), ("name: support", "name: renamed"))
    world.repository.write("evalgate.yml", text)
    world.edit()
    assert gate_of(world)["dataset"]["lost"] == [f"case-{i:03}" for i in range(4)]


def test_a_dataset_that_is_new_has_lost_nothing(world: World) -> None:
    on_main(world, **{"evalgate.yml": "targets: [broken"})
    (world.root / "cases.jsonl").rename(world.root / "other.jsonl")
    world.repository.write("evalgate.yml", config(world, ("cases.jsonl", "other.jsonl")))
    world.edit()
    assert gate_of(world)["dataset"]["lost"] == []


def test_a_gate_that_is_gone_is_told(world: World) -> None:
    both = config(world, ("run:", SECOND))
    on_main(world, **{"evalgate.yml": both, "prompts/second.prompt.yml": prompt()})
    assert "warnings" not in world.evalgate("run", "--changed").out
    world.repository.write("evalgate.yml", config(world))
    said = 'the gate "second" was removed from evalgate.yml since the merge base'
    ended = world.evalgate("run", "--changed", "--output", "report.json")
    assert ended.code == 0
    warning, ungated = world.report()["warnings"]
    assert warning.startswith(said)
    assert ungated.endswith("no gate covers it: prompts/second.prompt.yml")
    world.evalgate("run", "--output", "report.json")
    assert any(w.startswith(said) for w in world.report()["warnings"])
    world.repository.write("evalgate.yml", both.replace("name: second", "name: renamed"))
    world.evalgate("run", "--changed", "--output", "report.json")
    assert world.report()["warnings"] == []


def test_recorded_outputs_are_read_before_anything_is_asked(world: World) -> None:
    world.repository.write("new.jsonl", "".join(OUTPUTS.splitlines(keepends=True)[:-5]))
    world.repository.write("old.jsonl", '{"case": "a"}\n{"case": "b", "text": 5}\n')
    recorded = "  new: {type: recorded, path: new.jsonl}\n  old: {type: recorded, path: old.jsonl}\n"
    text = config(
        world,
        ("gates:", f"{recorded}gates:"),
        ("    samples", "    target: {candidate: new, baseline: old}\n    samples"),
        ("{rubric: faithfulness}", "{rubric: faithfulness, target: api}"),
    )
    world.repository.write("evalgate.yml", text)
    for verb in ("validate", "run"):
        ended = world.evalgate(verb)
        assert ended.code == 2
        assert (
            "new.jsonl: 5 of 64 cases of cases.jsonl have no output: case-059, case-060, case-061 and 2 more"
            in ended.err
        )
        assert "old.jsonl:1:1" in ended.err and "old.jsonl:2:" in ended.err
    assert not world.server.received
    world.repository.write("cases.jsonl", "")
    ended = world.evalgate("validate")
    assert "the dataset is empty" in ended.err and "old.jsonl:2:" in ended.err
    world.repository.write("cases.jsonl", '{"id": "case-001", "query": "q", "context": "c", "expected": "e"}\n')
    world.repository.write("old.jsonl", OUTPUTS)
    assert world.evalgate("validate").code == 0, "outputs of cases that are no more do not matter"


def test_one_file_is_not_for_several_gates_wherever_it_is_counted_from(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = config(world, ("run:", SECOND))
    on_main(world, **{"evalgate.yml": both, "prompts/second.prompt.yml": prompt()})
    (world.root / "sub").mkdir()
    monkeypatch.chdir(Path("sub"))
    ended = world.evalgate("run", "--config", "../evalgate.yml", "--candidate", "prompts/second.prompt.yml")
    assert ended.code == 2
    assert "is one file, but 2 gates are configured" in ended.err
