"""Tests of `evalgate show`: the cases that are worth a look, and all that is known of one of them."""

from __future__ import annotations

import json
import re

from gate.test_redraw import by_fact, worse_when_brief
from gated_project import World

SHOWN = "case-001"


def test_show_explains_a_failed_gate(world: World) -> None:
    world.application, world.grade = worse_when_brief, by_fact
    rows = (world.root / "cases.jsonl").read_text().replace('"fact 1", "exp', '"fact 1 secret-key-123", "exp')
    world.repository.write("cases.jsonl", rows)
    world.edit()
    assert world.evalgate("run", "--output", "report.json").code == 1

    listed = world.evalgate("show")
    assert listed.code == 0
    assert "Worse" in listed.out and "faithfulness 1.000 -> 0.000" in listed.out
    assert "case-002" not in listed.out
    groups = json.loads(world.evalgate("show", "--format", "json").out)["gates"]["support"]
    assert [row["group"] for row in groups] == ["worse"] * 32

    # the prompts are those of the run, also after another edit
    world.edit(version="1.2.0", manner="Write like a pirate.")
    page = world.evalgate("show", SHOWN)
    assert page.code == 0
    text = " ".join(page.out.split())
    assert "Be brief, always and everywhere, please." in text and "pirate" not in text
    assert "question 1" in text and "something else" in text and "faithfulness 0.000: as scripted" in text
    assert "[-exact.-]" in text and "{+brief," in text
    assert "candidate, sample 1 of 1" in text and "baseline, sample 1 of 1" in text
    assert "finish stop" in text and "100 input and 10 output tokens" in text
    assert "secret-key-123" not in page.out and "fact 1 ***" in text
    assert max(map(len, page.out.split("\n"))) <= 80
    assert "\x1b" not in page.out

    found = json.loads(world.evalgate("show", SHOWN, "--format", "json").out)[0]
    assert [prompt["arm"] for prompt in found["prompts"]] == ["baseline", "candidate"]
    assert found["prompts"][0]["messages"][1]["content"].startswith("question 1\n")
    assert {one["arm"] for one in found["samples"]} == {"baseline", "candidate"}
    one_arm = world.evalgate("show", SHOWN, "--arm", "candidate", "--format", "markdown").out
    assert "baseline, sample" not in one_arm and "**candidate, sample 1 of" in one_arm

    # without what the run kept, the files of now are used only if they are those of the run
    (world.root / ".evalgate" / "report.prompts.jsonl").unlink()
    assert "the candidate has changed since" in " ".join(world.evalgate("show", SHOWN).out.split())
    world.edit()
    again = world.evalgate("show", SHOWN, "--report", "report.json")
    assert "Be brief, always and everywhere, please." in " ".join(again.out.split())


def test_what_cannot_be_shown_is_named(world: World) -> None:
    assert "no report is kept here" in world.evalgate("show").err
    world.repository.write("evalgate.yml", (world.root / "evalgate.yml").read_text() + "report: {texts: none}\n")
    world.edit()
    assert world.evalgate("run", "--first", "3", "--output", "part.json").code == 4
    listed = world.evalgate("show").out.strip().split("\n")
    assert listed[0] == listed[-1] == "part of the cases: not a gate"
    case = next(found[0] for row in listed if (found := re.search(r"case-\d+", row)))
    page = world.evalgate("show", case).out
    assert "Texts are withheld: the configuration has `report: {texts: none}`" in " ".join(page.split())
    assert "question" not in page and "You answer" not in page and "(text withheld)" in page
    for given, message in (
        ("case-", 'several cases begin with "case-"'),
        ("cse-001", 'did you mean "case-'),
        (case[:-1] + "x", "did you mean"),
    ):
        ended = world.evalgate("show", given)
        assert ended.code == 2
        assert message in ended.err
    assert 'did you mean "support"?' in world.evalgate("show", case, "--gate", "suport").err
    unrun = next(one for one in world.report("part.json")["gates"][0]["order"] if one not in "".join(listed))
    assert "this case was not run" in world.evalgate("show", unrun, "--report", "part.json").out
    (world.root / ".evalgate" / "part.prompts.jsonl").write_text('{"format": 1, "run_id": ')
    assert world.evalgate("show", case).code == 0
