"""Rubric files and the built-in rubrics."""

from __future__ import annotations

import pytest

from evalgate.errors import InputError
from evalgate.inputs.rubrics import load_rubric, parse_rubric

from .conftest import RUBRIC, Project


@pytest.mark.parametrize("name", ["faithfulness", "relevance"])
def test_built_in_rubrics(project: Project, name: str) -> None:
    rubric = load_rubric(project.tree, name)
    assert (rubric.name, rubric.path) == (name, f"evalgate/score/rubrics/{name}.md")
    assert rubric.minimum < rubric.maximum
    assert "output" in rubric.inputs
    assert rubric.instruction and rubric.version


def test_a_rubric_of_one_s_own(project: Project) -> None:
    project.write("rubrics/tone.md", RUBRIC.replace("\n", "\r\n"))
    rubric = load_rubric(project.tree, "rubrics/tone.md")
    assert (rubric.name, rubric.version, rubric.minimum, rubric.maximum) == ("tone", "1.0.0", 1, 5)
    assert rubric.inputs == ("query", "context?", "output")
    assert rubric.instruction == "Is it friendly?"
    with pytest.raises(InputError, match='unknown rubric "tone"'):
        load_rubric(project.tree, "tone")


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("name: tone\n", "", 'r.md:2:1: "name" is missing in the front matter'),
        ('"1.0.0"', "1.0", 'r.md:3:10: version is a number here (1.0): quote it, "1.0.0"'),
        ("max: 5", "max: 1", 'r.md:4:8: "min" must be less than "max"'),
        ("max: 5", "max: five", 'r.md:4:22: "max" must be a whole number, not "five"'),
        (", output", "", 'r.md:5:9: "output" must be among the inputs'),
        (", output", ", output?", 'r.md:5:9: "output" must be among the inputs'),
        ("query,", "query, query?,", "r.md:5:9: an input is given twice"),
        ("Is it friendly?\n", "", "r.md:7:1: the rubric has no instruction below its front matter"),
        ("friendly?", "friendly?\nHere: {{output}}", "r.md:8:7: a rubric cannot have variables: {{output}}"),
        ("inputs:", "input:", 'r.md:5:1: unknown key "input"; did you mean "inputs"?'),
        (RUBRIC, "no front matter", 'r.md:1:1: "name" is missing in the front matter'),
    ],
)
def test_a_faulty_rubric_is_refused_with_the_place(old: str, new: str, wanted: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_rubric(RUBRIC.replace(old, new).encode(), "r.md")
    assert any(str(each).startswith(wanted) for each in caught.value.faults), str(caught.value)
