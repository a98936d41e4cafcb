"""Tests of the findings about cases."""

from __future__ import annotations

from dataclasses import replace

from evalgate.domain import (
    DEFAULT_LEVELS,
    Case,
    Check,
    Condition,
    Gate,
    GoldenDataset,
    Judge,
    Policy,
    PromptVersion,
    Rubric,
)
from evalgate.domain.messages import Message
from evalgate.plan.case_lint import CaseFinding, CaseRecord, find_case_findings

POLICY = Policy(levels=DEFAULT_LEVELS)
PROMPT = PromptVersion(
    name="p",
    path="p.md",
    source="p.md",
    messages=(Message(role="user", content="Such as: it takes thirty working days. {{query}}"),),
)
GATE = Gate(
    name="p",
    prompt="p.md",
    dataset="d.jsonl",
    candidate_target="t",
    baseline_target="t",
    checks=(Check(name="fact", type="contains", options={"from": "expected"}),),
)
WORDS = ["parcel", "invoice", "password", "voucher", "warranty", "courier", "receipt", "address", "colour", "language"]


def case(number: int, **fields: object) -> Case:
    own = {"query": f"what about the {WORDS[number]}?", "expected": f"answer to the {WORDS[number]}", **fields}
    tags = tuple(own.pop("tags", ()))
    return Case(id=f"c{number}", fields=own, tags=tags, line=number + 1)


CASES = [case(number) for number in range(10)]


def lint(*cases: Case, policy: Policy = POLICY, record: CaseRecord | None = None) -> list[CaseFinding]:
    dataset = GoldenDataset(path="d.jsonl", cases=(*cases, *CASES[len(cases) :]))
    return list(find_case_findings(dataset, [GATE], [PROMPT], policy, least_in_tag=8, shown_drop=0.21, record=record))


def only(found: list[CaseFinding]) -> tuple[str, str, int]:
    assert len(found) == 1, found
    assert found[0].place.path == "d.jsonl" and found[0].hint
    return found[0].kind, found[0].message, found[0].place.line


def test_a_sound_dataset_has_no_finding() -> None:
    assert lint() == []


def test_placeholders_and_empty_answers_are_found() -> None:
    assert only(lint(case(0, query="REPLACE: query 1")))[0::2] == ("placeholder", 1)
    kind, message, line = only(lint(CASES[0], case(1, expected=" ")))
    assert (kind, line) == ("empty_expected", 2) and "expected, which the check fact reads" in message


def test_an_empty_field_of_a_judge_is_found_where_it_applies() -> None:
    rubric = Rubric(
        name="r",
        version="1.0.0",
        path="r.md",
        instruction="Judge.",
        inputs=("query", "expected?", "output"),
        minimum=1,
        maximum=5,
    )
    judge = Judge(name="tone", rubric=rubric, target="t", unless=Condition(ids=("c2",)))
    gate = replace(GATE, checks=(), judges=(judge,))
    cases = (case(0), case(1, expected=" ", output=""), case(2, expected=""))
    dataset = GoldenDataset(path="d.jsonl", cases=cases)
    findings = find_case_findings(dataset, [gate], [PROMPT], POLICY, least_in_tag=8, shown_drop=0.21)
    empty = [(one.message, one.place.line) for one in findings if one.kind == "empty_expected"]
    assert empty == [("case c1: expected, which the judge tone reads, is empty", 2)]


def test_near_duplicates_are_found_unless_they_are_of_one_cluster() -> None:
    text = "the courier left the parcel with a neighbour whom I do not know"
    first, second = case(0, query=text), case(1, query=f"{text}!")
    assert only(lint(first, second))[0::2] == ("near_duplicate", 2)
    assert lint(replace(first, cluster="x"), replace(second, cluster="x")) == []
    assert "both count as one" in only(lint(first, case(1, query=f"{text} ")))[1]


def test_an_answer_in_the_prompt_or_in_the_question_is_found() -> None:
    kind, message, _ = only(lint(case(0, expected="It takes thirty working days")))
    assert kind == "leaked_answer" and "is in the prompt p.md" in message
    kind, message, _ = only(lint(case(0, query="is it the long answer?", expected="the long answer")))
    assert kind == "leaked_answer" and "is in its own query" in message


def test_a_class_and_a_source_are_no_leaks() -> None:
    assert lint(*(case(number, expected="thirty working days") for number in range(3))) == []
    sources = (case(number, query=f"{WORDS[number]}: the answer {WORDS[number]}", expected=f"the answer {WORDS[number]}")
               for number in range(8))  # fmt: skip
    assert lint(*sources) == []


def test_small_tags_are_found_but_for_critical_ones() -> None:
    tagged = [case(number, tags=["rare"]) for number in range(3)]
    assert "has 3 of the 8 units" in only(lint(*tagged))[1]
    assert "8 units reliably show a drop of 0.21" in lint(*tagged)[0].hint
    assert "blocking tag" in only(lint(*tagged, policy=replace(POLICY, blocking_tags=("rare",))))[1]
    assert lint(*tagged, policy=replace(POLICY, critical_tags=("rare",))) == []
    assert lint(*(case(number, tags=["often"]) for number in range(8))) == []


def test_cases_that_every_version_passes_are_found_from_two_versions_on() -> None:
    always = frozenset({"c0", "c1", "gone"})
    assert "2 of 10 cases" in only(lint(record=CaseRecord(cases=always, versions=2)))[1]
    assert lint(record=CaseRecord(cases=always, versions=1)) == []


def test_fields_that_nothing_uses_are_found() -> None:
    assert only(lint(case(0, note="x")))[1] == "no prompt, rubric or check uses the field note"


def test_long_lists_are_cut() -> None:
    cases = [case(number % 10, query=f"REPLACE: query {number}") for number in range(30)]
    dataset = GoldenDataset(path="d.jsonl", cases=tuple(replace(one, id=str(n)) for n, one in enumerate(cases)))
    found = list(find_case_findings(dataset, [GATE], [PROMPT], POLICY, least_in_tag=8, shown_drop=0.21))
    marked = [one for one in found if one.kind == "placeholder"]
    assert len(marked) == 21 and marked[-1].message == "and 10 more cases with placeholders"
