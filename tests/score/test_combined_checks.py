"""Several checks as one."""

from __future__ import annotations

import itertools

import pytest
from score.scored_outputs import HOSTILE, score, value

from evalgate.domain import Case, Check, Output, Score, Scored, Unscored
from evalgate.domain.output_calls import ToolCall
from evalgate.domain.report_criteria import make_check_criterion
from evalgate.score import case_options, checks
from evalgate.score.combined_checks import combine
from evalgate.score.observation import NotScoredError

YES = Check(name="a", type="contains", options={"value": "yes"})
OK = Check(name="b", type="starts_with", options={"value": "ok"})
NOT = Check(name="c", type="contains", options={"value": "no"}, negated=True)
ANY_GOOD = ["yes", "ok", "ok, yes", "well yes", " ok"]
ANY_BAD = ["", "no", "YES", "not ok", "\u200b"]
ALL_GOOD = ["ok yes", "ok, yes!", " ok yes", "ok yes yes", "okyes"]
ALL_BAD = ["", "yes", "ok", "yes ok", "ok yes no"]


def test_five_outputs_pass_and_five_fail() -> None:
    assert [value("any_of", text, parts=(YES, OK)) for text in ANY_GOOD] == [1.0] * 5
    assert [value("any_of", text, parts=(YES, OK)) for text in ANY_BAD] == [0.0] * 5
    assert [value("all_of", text, parts=(YES, OK, NOT)) for text in ALL_GOOD] == [1.0] * 5
    assert [value("all_of", text, parts=(YES, OK, NOT)) for text in ALL_BAD] == [0.0] * 5


def test_an_empty_output_passes_no_combination_of_forbidden_texts() -> None:
    for kind in ("any_of", "all_of"):
        assert [value(kind, text, parts=(NOT,)) for text in ("", " ", "\u200b", "fine")] == [0.0, 0.0, 0.0, 1.0]


def test_combinations_can_be_inside_each_other() -> None:
    inner = Check(name="d", type="any_of", parts=(YES, OK))
    assert [value("all_of", text, parts=(inner, NOT)) for text in ("yes", "yes no", "maybe")] == [1.0, 0.0, 0.0]


PASSED, FAILED, UNKNOWN = Score(value=1.0, reason="p"), Score(value=0.0, reason="f"), Unscored(reason="u")


@pytest.mark.parametrize("scores", list(itertools.product([PASSED, FAILED, UNKNOWN], repeat=3)))
def test_an_unknown_part_never_decides_for_a_pass(scores: tuple[Scored, ...]) -> None:
    for kind, decisive in (("any_of", PASSED), ("all_of", FAILED)):
        check = Check(name="it", type=kind, parts=(YES, OK, NOT))
        if decisive in scores:
            assert combine(check, scores).holds is (kind == "any_of")
        elif UNKNOWN in scores:
            with pytest.raises(NotScoredError, match=": u"):
                combine(check, scores)
        else:
            assert combine(check, scores).holds is (kind == "all_of")


def test_a_part_reads_the_fields_of_the_case() -> None:
    part = Check(name="p", type="length", from_case={"max_words": "most"})
    check = Check(name="it", type="all_of", parts=(part, Check(name="q", type="contains", options={"from": "f"})))
    case = Case(id="c", fields={"most": 2, "f": "x"})
    assert checks.score(check, case, Output(text="x y")) == Score(
        value=1.0, reason="must pass all of 2 checks; found all"
    )
    assert isinstance(found := checks.score(check, case, Output(text="x y z")), Score) and found.value == 0.0
    assert isinstance(checks.score(check, Case(id="c", fields={"f": "x"}), Output(text="x")), Unscored)
    wrong = Case(id="d", fields={"most": "many", "f": "x"})
    assert [case.id for case, _ in case_options.find_faults(check, iter([case, wrong]))] == ["d"]
    assert {name for each in check.nested for name in each.fields} == {"most", "f"}


def test_tool_calls_beside_text_are_unknown_to_parts_that_do_not_see_them() -> None:
    output = Output(text="fine", tool_calls=(ToolCall(name="say", arguments='{"t": "no"}'),))
    case = Case(id="c", fields={})
    assert checks.score(Check(name="it", type="all_of", parts=(NOT,)), case, output).reason.startswith("must pass all")
    unseen = checks.score(Check(name="it", type="all_of", parts=(OK,)), case, output)
    assert isinstance(unseen, Unscored) and checks.TOOL_CALLS in unseen.reason


def test_every_option_of_a_part_changes_the_digest() -> None:
    def digest(*parts: Check, kind: str = "any_of") -> str:
        return make_check_criterion(Check(name="it", type=kind, parts=parts)).digest

    others = [
        digest(YES),
        digest(OK),
        digest(YES, OK),
        digest(Check(name="a", type="contains", options={"value": "yes", "words": True})),
        digest(Check(name="a", type="contains", options={"value": "yes", "transform": "last_code_block"})),
        digest(Check(name="a", type="contains", options={"value": "yes"}, negated=True)),
        digest(Check(name="a", type="contains", from_case={"at": "f"}, options={"value": "yes"})),
        digest(YES, kind="all_of"),
        digest(Check(name="x", type="any_of", parts=(YES,))),
    ]
    assert len(set(others)) == len(others)
    assert digest(YES) == digest(Check(name="other", type="contains", options={"value": "yes"}))


def test_hostile_outputs_raise_nothing_and_fail() -> None:
    strict = Check(name="s", type="json_schema", options={"schema": {"type": "object", "required": ["z"]}})
    for text in HOSTILE:
        for kind in ("any_of", "all_of"):
            found = score(kind, text, parts=(strict, YES))
            assert isinstance(found, Score) and found.value == 0.0 and len(found.reason) <= 200


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (Check(name="x", type="any_of"), 'x: needs "checks"'),
        (Check(name="x", type="contains", options={"value": "a"}, parts=(YES,)), "has no parts"),
        (Check(name="x", type="any_of", parts=(Check(name="y", type="regex", options={"pattern": "("}),)), "RE2"),
        (Check(name="x", type="any_of", parts=(YES,), negated=True), "there is no not_any_of"),
    ],
)
def test_a_combination_that_cannot_work_is_refused(check: Check, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checks.validate(check)
