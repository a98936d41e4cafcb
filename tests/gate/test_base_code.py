"""Checks that are code, in a run: whose code it is, and that a verdict is of this code alone."""

from __future__ import annotations

from typing import Any

import pytest
from change.test_base_policy import base_run
from gated_project import World

CHECK = '      - {type: python, name: polite, path: tone.polite}\n      - {type: python, name: long, expression: "len(output) > 3"}\n'
CODE = (
    "import words\n\n\ndef polite(output, case):\n    return words.GOOD in output and case['id'].startswith('case')\n"
)


@pytest.fixture
def coded(world: World) -> World:
    """The base has two checks that are code, and trusts it."""
    config = (world.root / "evalgate.yml").read_text()
    config = config.replace("    checks:\n", f"    checks:\n{CHECK}").replace(
        "policy: {", "policy: {trust_code: true, "
    )
    world.repository.write("evalgate.yml", config)
    world.repository.write("tone.py", CODE)
    world.repository.write("words.py", "GOOD = 'answer'\n")
    world.repository.commit("checks")
    world.repository.git("branch", "--force", "main", "HEAD")
    return world


def checked(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in report["gates"][0]["blocking"] if one["criterion"] == name)


def find_digest(report: dict[str, Any]) -> str:
    criteria = (
        report["gates"][0]["evidence"]["criteria"]
        if "evidence" in report["gates"][0]
        else report["gates"][0]["criteria"]
    )
    return next(one["digest"] for one in criteria if one["name"] == "polite")


def run(world: World) -> dict[str, Any]:
    world.evalgate("run", "--output", "report.json")
    return world.report()


def test_the_code_of_the_working_tree_decides_and_is_part_of_the_criterion(coded: World) -> None:
    coded.edit()
    report = run(coded)
    assert report["decision"] == "PASS", report
    assert (checked(report, "polite")["failed"], checked(report, "polite")["cases"]) == (0, 64)
    coded.repository.write("words.py", "GOOD = 'ans'\n")
    assert find_digest(run(coded)) != find_digest(report), "a stored verdict is of other code"


def test_the_base_s_code_decides_about_a_change_which_is_told_to_edit_it(coded: World) -> None:
    coded.edit()
    coded.repository.write("words.py", "GOOD = 'never to be found'\n")
    coded.repository.write("tone.py", "raise SystemExit('the code of the change')\n\ndef polite(output): ...\n")
    coded.repository.commit("an edit of prompt and code")
    ended = base_run(coded)
    assert ended.code == 5, ended.out + ended.err
    report = coded.report()
    assert report["decision"] == "PASS"
    assert {one["path"] for one in report["policy_changes"]} == {"tone.py", "words.py"}


def test_without_trust_a_check_that_is_code_is_an_error(coded: World) -> None:
    config = (coded.root / "evalgate.yml").read_text()
    coded.repository.write("evalgate.yml", config.replace("trust_code: true, ", ""))
    ended = coded.evalgate("validate")
    assert ended.code == 2
    assert 'evalgate.yml:10:9: a check of type "python" runs code of the repository' in ended.err
    assert "trust_code" in ended.err


def test_code_that_fails_decides_nothing(coded: World) -> None:
    coded.edit()
    coded.repository.write("tone.py", "def polite(output):\n    raise ValueError('secret-key-123')\n")
    ended = coded.evalgate("run", "--output", "report.json")
    assert ended.code == 4
    assert "the code failed: ValueError: ***" in (coded.root / "report.json").read_text()


def test_a_function_that_cannot_be_imported_is_an_error_before_any_call(coded: World) -> None:
    coded.edit()
    coded.repository.write("words.py", "1 / 0\n")
    ended = coded.evalgate("run")
    assert ended.code == 2
    assert 'the check "polite" cannot load tone.polite: ZeroDivisionError' in ended.err
    assert not coded.server.received
