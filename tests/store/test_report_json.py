"""The stored report: exact in both directions, the same bytes every time, and strict about what it takes back."""

from __future__ import annotations

import io
import json as stdlib
import types
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass, replace
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalgate.domain import (
    RULE,
    Admission,
    Evidence,
    Failure,
    GateReport,
    Output,
    Report,
    Result,
    Score,
    Usage,
    Verdict,
)
from evalgate.domain.stored_result import StoredResult
from evalgate.errors import InputError
from evalgate.store import codec, report_json, report_json_stream
from evalgate.store import results as shelf
from evalgate.store.results import ResultStore
from evalgate.store.results_file import ResultsFile

PLAIN: Mapping[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=5),
    float: st.floats(allow_nan=False, allow_infinity=False),
    int: st.integers(-5, 10**12),
    bool: st.booleans(),
}

_AMOUNT = st.none() | st.floats(0, 1e12)
_COUNT = st.integers(0, 10**12)
MEASURED: Mapping[str, st.SearchStrategy[Any]] = {
    "seconds": _AMOUNT,
    "cost_usd": _AMOUNT,
    "usage": st.none() | st.builds(Usage, input_tokens=_COUNT, output_tokens=_COUNT),
}
"""What an outcome measured; other numbers measure nothing."""


def anything(kind: Any) -> st.SearchStrategy[Any]:
    """Every value a field of the domain can hold, from its type."""
    if get_origin(kind) is not None:
        return _generic(get_origin(kind), get_args(kind))
    if kind is Output:
        # The wire form has one spelling for the usual reason.
        return _build(kind, finish_reason=st.sampled_from(["stop", "length"]), **MEASURED)
    if kind is Failure:
        # The price of a failure is written with its tokens.
        return _build(kind, **MEASURED).map(
            lambda failure: failure if failure.usage else replace(failure, cost_usd=None)
        )
    if is_dataclass(kind):
        return _build(kind)
    return st.sampled_from(list(kind)) if issubclass(kind, Enum) else PLAIN[kind]


def _generic(origin: Any, arguments: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if origin in (Union, types.UnionType):
        return st.one_of([st.none() if choice is type(None) else anything(choice) for choice in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(anything(arguments[0]), max_size=2).map(tuple)
    assert issubclass(origin, Mapping)
    return st.dictionaries(anything(arguments[0]), anything(arguments[1]), max_size=2)


def _build(kind: Any, **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    free = {name: anything(of) for name, of in codec.type_hints_of(kind).items() if name not in fixed}
    return st.builds(kind, **free, **fixed)


def _passes_unsigned(report: Report) -> bool:
    """Whether it passes though the policy is edited, which no report that evalgate wrote does."""
    return bool(report.policy_changes) and report.exit_code.lets_merge and report.sign_off is None


REPORTS = _build(Report, rule=st.integers(1, RULE)).filter(lambda report: not _passes_unsigned(report))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(REPORTS)
def test_any_report_comes_back_exactly(report: Report) -> None:
    text = report_json.render(report)
    again = report_json.read(text, "report.json")
    assert again == report
    assert report_json.render(again) == text


def test_equal_reports_have_equal_bytes_whatever_the_order_of_their_mappings(samples) -> None:
    report = samples.failing()
    gate = report.gates[0]
    first = gate.evidence.results[0]
    turned = replace(first, scores=dict(reversed(list(first.scores.items()))))
    assert list(turned.scores) != list(first.scores)
    other = replace(gate, evidence=replace(gate.evidence, results=(turned, *gate.evidence.results[1:])))
    assert report_json.render(replace(report, gates=(other,))) == report_json.render(report)


def test_every_field_of_a_gate_is_written() -> None:
    fields = {*codec.type_hints_of(Evidence), *codec.type_hints_of(GateReport)} - {"evidence"}
    assert set(report_json._GATE_KEYS) == fields


def test_the_file_is_ascii_and_ends_with_a_newline(samples) -> None:
    text = report_json.render(samples.hostile())
    assert text.isascii()
    assert not set(text) & {chr(code) for code in (*range(10), *range(11, 32), 127)}
    assert text.endswith("}\n")
    assert stdlib.loads(text)["gates"][0]["name"] == samples.HOSTILE


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_is_not_written(samples, number: float) -> None:
    gate = samples.passing().gates[0]
    result = replace(gate.evidence.results[0], scores={"facts": Score(value=number)})
    report = samples.report(replace(gate, evidence=replace(gate.evidence, results=(result,))))
    with pytest.raises(ValueError):
        report_json.render(report)


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        report_json.read(text, "out/report.json")
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "out/report.json:1:1: not JSON: "),
        ('{"format": 1,\n  oops}', "out/report.json:2:3: not JSON: "),
        ("[" * 100_000, "out/report.json: not a report of evalgate: nested too deeply"),
        ("NaN", "out/report.json: not a report of evalgate: NaN is not a number in JSON"),
        ('{"a": 1e999}', "out/report.json: not a report of evalgate: the number is too large"),
        ('{"a": 1, "a": 2}', 'out/report.json: not a report of evalgate: the key "a" is given twice'),
        ("[]", "out/report.json: not a report of evalgate: expected an object, found a list"),
        (
            '{"format": 2}',
            "out/report.json: not a report of evalgate: format: written by a newer evalgate (format 2; this one reads 1)",
        ),
        (
            '{"format": 1}',
            'not a report of evalgate: missing "tool", "run_id", "created_at", "decision", "exit_code", ...',
        ),
    ],
)
def test_what_is_no_report_is_refused_with_its_place(text: str, message: str) -> None:
    assert message in refused(text)


def _first(data: Any, name: str) -> Any:
    return data["gates"][0][name][0]


EDITS: dict[str, tuple[Callable[[Any], None], str]] = {
    "another word": (
        lambda data: data["gates"][0].update(decision="MAYBE"),
        'gates[0].decision: "MAYBE" is not one of "PASS", "FAIL", "INCONCLUSIVE"',
    ),
    "a number as a word": (lambda data: data.update(decision=1), "decision: a whole number is not one of"),
    "a missing key": (lambda data: _first(data, "findings").pop("blocks"), 'gates[0].findings[0]: missing "blocks"'),
    "an unknown key": (lambda data: _first(data, "results").update(extra=1), 'gates[0].results[0]: unknown "extra"'),
    "an unknown key of an outcome": (
        lambda data: _first(data, "results")["outcome"].update(extra=1),
        'gates[0].results[0].outcome: unknown "extra"',
    ),
    "true for a number": (
        lambda data: data["gates"][0]["counts"].update(decided=True),
        "gates[0].counts.decided: expected a whole number, found true or false",
    ),
    "text for a number": (
        lambda data: _first(data, "results")["outcome"].update(seconds="fast"),
        "gates[0].results[0].outcome.seconds: expected a number, found a string",
    ),
    "text for a score": (
        lambda data: _first(data, "results")["scores"]["facts"].update(value="1"),
        "gates[0].results[0].scores.facts.value: expected a number, found a string",
    ),
    "half a score": (
        lambda data: _first(data, "results")["scores"].update(facts={"unscored": "x", "value": 1}),
        'gates[0].results[0].scores.facts: unknown "value"',
    ),
    "no outcome": (
        lambda data: _first(data, "results").update(outcome={}),
        "gates[0].results[0].outcome: not an outcome: KeyError: 'text'",
    ),
    "an unknown failure": (
        lambda data: _first(data, "results").update(outcome={"failure": "bored", "message": ""}),
        "gates[0].results[0].outcome: not an outcome: ValueError: unknown kind of failure: 'bored'",
    ),
    "another level": (
        lambda data: data["gates"][0]["level"].update(effective="HUGE"),
        'gates[0].level.effective: "HUGE" is not one of "PATCH", "MINOR", "MAJOR"',
    ),
    "another level of the policy": (
        lambda data: data["gates"][0]["policy"]["levels"].update(HUGE={}),
        'gates[0].policy.levels: "HUGE" is not one of',
    ),
    "a sum that is off": (
        lambda data: data["usage"].update(input_tokens=1),
        "usage.input_tokens: expected 51234, found 1",
    ),
    "another tool": (lambda data: data["tool"].update(name="other"), 'tool.name: expected "evalgate", found "other"'),
    "a later rule": (
        lambda data: data.update(rule=RULE + 1),
        f"rule: written by a newer evalgate (rule {RULE + 1}; this one decides by rule {RULE})",
    ),
    "a rule before the first": (lambda data: data.update(rule=0), "rule: 0 is not the number of a rule"),
    "a word for a rule": (lambda data: data.update(rule="2"), "rule: expected a whole number, found a string"),
    "true for a rule": (lambda data: data.update(rule=True), "rule: expected a whole number, found true or false"),
    "a new key left out": (lambda data: data["gates"][0].pop("blocking"), 'gates[0]: missing "blocking"'),
    "an old format": (lambda data: data.update(format=0), "format: expected 1, found 0"),
    "true for the format": (lambda data: data.update(format=True), "format: expected 1, found true"),
    "a number that is not an exit code": (
        lambda data: data.update(exit_code=6),
        "exit_code: 6 is not one of 0, 1, 2, 3, 4, 5, 130",
    ),
    "a number that is not an exit code of a gate": (
        lambda data: data["gates"][0].update(exit_code=-1),
        "gates[0].exit_code: -1 is not one of 0, 1, 2, 3, 4, 5, 130",
    ),
    "a word for an exit code": (
        lambda data: data["gates"][0].update(exit_code="PASS"),
        "gates[0].exit_code: expected a whole number, found a string",
    ),
    "false for an exit code": (
        lambda data: data.update(exit_code=False),
        "exit_code: expected a whole number, found true or false",
    ),
    "a fraction for an exit code": (
        lambda data: data["gates"][0].update(exit_code=0.0),
        "gates[0].exit_code: expected a whole number, found a number",
    ),
    "a list for an object": (
        lambda data: data["gates"][0].update(thresholds=[]),
        "gates[0].thresholds: expected an object, found a list",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_report_is_refused(samples, name: str) -> None:
    edit, message = EDITS[name]
    data = stdlib.loads(report_json.render(samples.failing()))
    edit(data)
    text = refused(stdlib.dumps(data))
    assert text.startswith("out/report.json: not a report of evalgate: ")
    assert message in text
    assert "evalgate run --format json" in text


def test_the_layout_of_the_file_is_free(samples) -> None:
    report = samples.failing()
    assert report_json.read(stdlib.dumps(stdlib.loads(report_json.render(report)), indent=4), "x") == report


@pytest.mark.parametrize("admission", [one for one in Admission if not one.lets_merge])
def test_the_report_of_a_run_that_broke_off_keeps_its_exit_code(samples, admission: Admission) -> None:
    text = report_json.render(samples.report(decision=Verdict.INCONCLUSIVE, exit_code=admission))
    assert stdlib.loads(text)["exit_code"] == int(admission)
    assert report_json.read(text, "x").exit_code is admission


def read_by_lines(text: str) -> Report | None:
    return report_json_stream.read(io.StringIO(text), ResultStore(ResultsFile()).put)


def laid_out(data: Any) -> str:
    """As `render` lays a report out, whatever the data is."""
    return "".join(report_json._iterate_json(data, 0)) + "\n"


def results(report: Report) -> list[Result]:
    return [r for gate in report.gates for r in (*gate.evidence.results, *gate.evidence.confirmations)]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(REPORTS)
def test_any_report_that_has_results_is_read_by_lines(report: Report) -> None:
    text = report_json.render(report)
    again = read_by_lines(text)
    assert (again is not None) == any(results(report))
    if again is not None:
        assert all(isinstance(result, StoredResult) for result in results(again))
        assert report_json.render(again) == text
        assert codec.encode(again) == codec.encode(report)


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_report_is_refused_in_the_same_words_where_results_have_their_lines(samples, name: str) -> None:
    data = stdlib.loads(report_json.render(samples.failing()))
    EDITS[name][0](data)
    text = laid_out(data)
    with pytest.raises(InputError) as caught:
        shelf.read(io.StringIO(text), "out/report.json")
    assert str(caught.value) == refused(text)
