"""A change that edits the code of the function that answers."""

from __future__ import annotations

import pytest
from gated_project import World

CONFIG = """\
format: 1
targets:
  app: {type: python, function: "shop.answer:answer", version: "1"}
gates:
  - name: support
    prompt: prompts/support.prompt.yml
    dataset: cases.jsonl
    target: app
    samples: {baseline: 1, candidate: 1}
    checks: [{type: contains, name: fact, from: expected}]
"""
ANSWER = "from shop.search import find\n\n\ndef answer(case, messages):\n    return find(case)\n"
SEARCH = "def find(case):\n    return case['context']\n"
FILES = {"shop/__init__.py": "", "shop/answer.py": ANSWER, "shop/search.py": SEARCH, "shop/other.py": ""}


@pytest.mark.parametrize(
    ("path", "is_named"), [("shop/search.py", True), ("shop/answer.py", True), ("shop/other.py", False)]
)
def test_an_edit_of_the_code_that_answers_is_named(world: World, path: str, is_named: bool) -> None:
    world.repository.git("switch", "--quiet", "main")
    world.repository.commit("application", **{"evalgate.yml": CONFIG, **FILES})
    world.repository.git("switch", "--quiet", "work")
    world.repository.git("merge", "--quiet", "--ff-only", "main")
    world.repository.commit("edited", **{path: FILES[path] + "\n\nLIMIT = 1\n"})
    assert world.evalgate("run", "--output", "report.json").code == 0
    notes = [note for note in world.report()["gates"][0]["notes"] if "the comparison does not show" in note]
    assert len(notes) == is_named and all(f"is edited ({path})" in note for note in notes)
