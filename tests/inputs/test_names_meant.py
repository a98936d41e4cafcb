"""Names that are meant to be others: tags of a policy, fields of the cases in rubrics and checks, columns of scores."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalgate.change.workspace import open_workspace
from evalgate.commands.decide import decide_scores
from evalgate.commands.validate import validate
from evalgate.domain import Case, GoldenDataset, Policy
from evalgate.domain.names import find_meant
from evalgate.errors import InputError
from evalgate.inputs.importers.given_scores import GivenScores
from evalgate.inputs.score_rows import load_scores
from evalgate.plan.faults import MOST_SLIPS, find_tag_faults
from evalgate.score.criterion import validate_criterion

from .conftest import CONFIG, Project

RUBRIC = '---\nname: tone\nversion: "1.0.0"\nscale: {{min: 1, max: 5}}\ninputs: {}\n---\nGrade it.\n'
SLIPS = [*("critcal", "crtical", "criticaal", "cirtical", "criticals", "\u0441ritical", "criti\u0441\u0430l")]
SLIPS += ['"critical"', "#critical", "critical!", "critical;refund", "refund, Critical", "a|critical"]
OTHERS = ["important", "criticality", "non-critical", "uncritical", "critique", "critical path", "tier-1", "c#", "c++"]


@pytest.fixture
def faults(project: Project) -> Callable[[], list[str]]:
    return lambda: project.faults(
        lambda: validate(open_workspace(project.root / "evalgate.yml", verify=validate_criterion))
    )


def _tagged(project: Project, *tags: str) -> None:
    rows = [{"id": f"c{number}", "query": "q", "tags": [tag]} for number, tag in enumerate(tags)]
    project.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("tag", SLIPS)
@pytest.mark.parametrize("beside", [(), ("critical",)])
def test_a_tag_that_is_meant_to_be_critical_is_refused(
    project: Project, faults: Callable[[], list[str]], tag: str, beside: tuple[str, ...]
) -> None:
    _tagged(project, tag, *beside)
    (fault,) = faults()
    assert fault.startswith("cases.jsonl:1: the policy does not name the tag ")
    assert fault.endswith('did you mean "critical"?')


@pytest.mark.parametrize("tag", OTHERS)
def test_a_tag_of_its_own_is_none(project: Project, tag: str) -> None:
    _tagged(project, tag, "critical", "c", "tier-2")
    project.write("evalgate.yml", CONFIG + "policy: {blocking_tags: [c, tier-2]}\n")
    assert validate(open_workspace(project.root / "evalgate.yml", verify=validate_criterion))


@pytest.mark.parametrize("tag", [*SLIPS, *OTHERS])
def test_tags_of_scores_are_told_alike(project: Project, tag: str) -> None:
    rows = [{"case": "c", "arm": arm, "criterion": "x", "value": 1, "tag": tag} for arm in ("baseline", "candidate")]
    project.write("scores.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    read = load_scores(project.tree, "scores.jsonl")

    def decide() -> None:
        decide_scores(GivenScores(rows=tuple(read), path="scores.jsonl"), floors={}, max_drop=None, level=None)

    if tag in OTHERS:
        decide()
        return
    with pytest.raises(InputError, match=r'scores.jsonl:1: the tag .* did you mean "critical"\?'):
        decide()


def test_tags_beside_tag_are_refused(project: Project) -> None:
    row = {"case": "c", "arm": "candidate", "criterion": "x", "value": 1, "tag": "", "tags": "critical"}
    project.write("scores.jsonl", json.dumps(row) + "\n")
    (told,) = project.faults(lambda: load_scores(project.tree, "scores.jsonl"))
    assert 'unknown key "tags" beside "tag"' in told


@settings(deadline=None)
@given(name=st.text("abcdefgh", min_size=7, max_size=12), data=st.data())
def test_one_slip_of_a_long_name_is_found_and_two_are_not_looked_for(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(name) - 2))
    for made in (
        name[:at] + name[at + 1 :],
        name[:at] + "z" + name[at:],
        f"{name[:at]}{name[at + 1]}{name[at]}{name[at + 2 :]}",
    ):
        assert find_meant(made, [name], slips=[name]) == name
    assert find_meant(f"{name[:at]}1{name[at:]}", [name], slips=[name]) is None
    assert find_meant(f"un{name}", [name], slips=[name]) is None
    assert find_meant(name[:at] + "zz" + name[at:], [name], slips=[name]) is None


@settings(max_examples=20, suppress_health_check=list(HealthCheck), deadline=None)
@given(name=st.sampled_from(["expcted", "Expected", "expectd", "outptu", "Output", "expectde"]))
def test_an_optional_input_of_a_rubric_that_is_meant_to_be_a_field(
    project: Project, faults: Callable[[], list[str]], name: str
) -> None:
    _rubric(project, ["query", f"{name}?", "output"])
    (fault,) = faults()
    assert f'the input "{name}?" of the rubric tone is given by no case' in fault


@pytest.mark.parametrize("name", ["history", "context", "expected", "tone"])
def test_an_optional_input_may_be_given_by_no_case(project: Project, name: str) -> None:
    _rubric(project, ["query", f"{name}?", "output"])
    assert validate(open_workspace(project.root / "evalgate.yml", verify=validate_criterion))


@pytest.mark.parametrize("path", ["expcted", "expected.a"])
@pytest.mark.parametrize("kind", ["contains", "not_contains", "equals"])
def test_a_check_that_compares_with_what_no_case_gives_is_refused(
    project: Project, faults: Callable[[], list[str]], path: str, kind: str
) -> None:
    project.write("cases.jsonl", '{"id": "a", "query": "q", "expected": "x"}\n{"id": "b", "query": "q"}\n')
    project.write("evalgate.yml", CONFIG.replace("{type: is_json}", f"{{type: {kind}, from: {path}}}"))
    (fault,) = faults()
    assert fault.startswith(f'cases.jsonl: the field "{path}" of the check {kind} is given by no case')
    assert 'did you mean "expected"?' in fault


def _rubric(project: Project, inputs: list[str]) -> None:
    project.write("tone.md", RUBRIC.format(json.dumps(inputs)))
    project.write("cases.jsonl", '{"id": "a", "query": "q", "expected": "x"}\n')
    project.write(
        "evalgate.yml", CONFIG.replace("{type: is_json}", "{type: is_json}\n    judges:\n      - {rubric: tone.md}")
    )


@pytest.mark.parametrize("name", ["evalgate.pins.yaml", "evalgate.pin.yml", "evalgate-pins.yml", "evalgate.pins.json"])
def test_pins_under_another_name_are_not_passed_over(
    project: Project, faults: Callable[[], list[str]], name: str
) -> None:
    project.write("cases.jsonl", '{"id": "a", "query": "q"}\n')
    project.write(name, '{"format": 1, "pins": {}}\n')
    (fault,) = faults()
    assert fault.startswith(f"{name}: is not read: pins are read from evalgate.pins.yml")
    project.write("evalgate.pins.yml", '{"format": 1, "pins": {}}\n')
    assert validate(open_workspace(project.root / "evalgate.yml", verify=validate_criterion))


def tagged(*tags: str) -> GoldenDataset:
    cases = tuple(Case(id=f"c{place}", fields={}, tags=(tag,), line=place + 1) for place, tag in enumerate(tags))
    return GoldenDataset(path="cases.jsonl", cases=cases)


@given(st.integers(1, 6), st.integers(0, 6))
def test_a_tag_of_many_cases_is_a_tag_of_its_own_beside_one_that_is_a_letter_longer(few: int, own: int) -> None:
    policy = Policy(levels={}, blocking_tags=("contract",))
    dataset = tagged(*["contact"] * few, *["contract"] * own)
    faults = [fault.message for fault in find_tag_faults([dataset], policy, "evalgate.yml")]
    assert bool(faults) == (own == 0 or few <= MOST_SLIPS), faults
