"""Tests of assertions in Python: they are conditions as those in JavaScript are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from foreign_config import as_check, decide
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Case, Check
from evalgate.inputs.importers.output_conditions import NoCheckError, make_check
from evalgate.inputs.importers.python_syntax import read_python

CASE = Case(id="a", fields={}, line=1)


@pytest.mark.parametrize(
    ("code", "check"),
    [
        ("'a' in output", {"type": "contains", "value": "a"}),
        ("'a' not in output.lower()", {"type": "not_contains", "value": "a", "ignore_case": True}),
        ("10 <= len(output) < 20", {"type": "length", "min_chars": 10, "max_chars": 19}),
        ("len(output.split()) <= 5", {"type": "length", "max_words": 5}),
        ("max(0, len(output) - 300)", {"type": "length", "min_chars": 301}),
        ("context['vars']['topic'] in output", {"type": "contains", "value": "tents"}),
        ("any(w in output for w in ['a', 'b'])", {"type": "contains_any", "values": ["a", "b"]}),
        ("all(w not in output for w in ('a', 'b'))", {"type": "not_contains_any", "values": ["a", "b"]}),
        ("output.endswith(('a', 'b')) and True", {"type": "any_of", "checks": [{"type": "ends_with", "value": "a"}, {"type": "ends_with", "value": "b"}]}),
        ("re.search(r'^a', output) is not None", None),
        ("import json\ndata = json.loads(output)\nreturn data['a'] == 1", {"type": "json_schema", "schema": {"type": "object", "required": ["a"], "properties": {"a": {"const": 1}}}}),
        ("import json\nreturn 'a' in json.loads(output)['b']", {"type": "json_schema", "schema": {"type": "object", "required": ["b"], "properties": {"b": {"anyOf": [{"type": "object", "required": ["a"]}, {"type": "string", "pattern": "a"}, {"type": "array", "contains": {"const": "a"}}]}}}}),
        ("found = sum(1 for w in ['a', 'b'] if w in output)\nif found >= 2:\n    return {'pass': True, 'score': 1}\nreturn {'pass': False}", {"type": "contains_all", "values": ["a", "b"]}),
        ("1 if isinstance(output, str) and output.startswith('a') else 0", {"type": "starts_with", "value": "a"}),
    ],
)  # fmt: skip
def test_an_expression_is_a_check(code: str, check: Any) -> None:
    if check is None:
        with pytest.raises(NoCheckError):
            make_check(read_python(code, {}))
        return
    assert make_check(read_python(code, {"topic": "tents"})) == check


@pytest.mark.parametrize(
    "code",
    ["import os\nreturn os.system('x')", "exec('x')", "for a in output:\n    pass", "x = ", "[a for a in output]", "output.count('a') > 1",
     "lambda: 1", "a" * 30_000, "f(a=1)", "json.loads(output).get('a', [])[0] != 'x'",
     "json.loads(output).get('a', {})['b'] != 'x'"],
)  # fmt: skip
def test_other_code_has_no_check(code: str) -> None:
    with pytest.raises(NoCheckError):
        make_check(read_python(code, {}))


PARSED = "json.loads(output)"
ON_JSON = [
    f"{PARSED}['a']", f"not {PARSED}['a']", f"not {PARSED}.get('a')", f"not {PARSED}.get('a', True)",
    f"'x' not in {PARSED}['a']", f"'a' not in {PARSED}", f"{PARSED}['a'] != 'x'", f"{PARSED}.get('a') != 'x'",
    f"{PARSED}['a'] is not None", f"{PARSED}.get('a') is None", f"not len({PARSED}['a']) > 1",
    f"len({PARSED}['a']) != 1", f"len({PARSED}.get('a', [])) < 2", f"{PARSED}['a'].strip() != ''",
    f"len({PARSED}['a'].strip()) > 0", f"{PARSED}['a'].lower() != 'x'", f"not {PARSED}['a'].startswith('x')",
    f"not any(i['b'] < 0 for i in {PARSED}['a'])", f"not all(i['b'] > 0 for i in {PARSED}.get('a', []))",
    f"not isinstance({PARSED}['a'], str)", f"isinstance({PARSED}['a'], dict)", f"{PARSED}['a']['b'] != 'x'",
    f"all('b' in i for i in {PARSED}['a'])", f"not any('b' in i for i in {PARSED}['a'])",
    f"{PARSED}.get('a', {{}}).get('b') is not None", f"({PARSED}.get('a') or {{}}).get('b') is None",
    f"{PARSED}.get('a', {{}}).get('b') != 'x'", f"{PARSED}['a'][0] != 'x'", f"not ({PARSED}['a'] >= 0.5)",
    f"{PARSED}['a'] not in ['x', 'y']", f"not re.search('x', {PARSED}['a'])",
    f"{PARSED}['a'] == 1 or {PARSED}['b'] == 1", f"{PARSED}.get('a') and 'x' not in {PARSED}['a']",
    f"not ({PARSED}['a'] == 1 and {PARSED}['b'] == 1)", f"1 if {PARSED}['a'] == 1 else {PARSED}['b']",
    f"{PARSED}['a'] == 'x' or 'y' in output or {PARSED}['b'] == 1", f"'y' in output or {PARSED}['b'] != 1 or 'x' in output",
    f"'error' not in {PARSED} and {PARSED}['a']['b'] != 1", f"data = {PARSED}; return True",
    f"value = {PARSED}['a']['b']; return 'x' in output or len(output) > 9",
    f"other = {PARSED}['a'] != 'x'; return 'y' in output or other",
]  # fmt: skip
LEAVES = st.sampled_from(["x", "X", " x ", "  ", "", "y", -1, 0, 0.3, 1, False, None])
PLACES = st.one_of(LEAVES, st.lists(LEAVES, max_size=2), st.dictionaries(st.sampled_from(["a", "b"]), LEAVES))
VALUES = st.one_of(PLACES, st.dictionaries(st.sampled_from(["a", "b", "error"]), st.one_of(PLACES, st.lists(PLACES))))


def compile_code(code: str) -> Callable[[str], Any]:
    names: dict[str, Any] = {"json": json, "re": re}
    exec(f"def main(output): {code if 'return' in code else f'return {code}'}", names)
    main: Callable[[str], Any] = names["main"]
    return main


FUNCTIONS = {code: compile_code(code) for code in ON_JSON}


def convert(code: str, threshold: float | None) -> Check:
    made = make_check(read_python(code.replace("; ", "\n"), {}, threshold))
    assert isinstance(made, dict)
    return as_check(made)


CHECKS = [(code, threshold, convert(code, threshold)) for code in ON_JSON for threshold in (None, 0.5)]


@given(VALUES)
def test_a_check_holds_only_where_the_code_neither_fails_nor_refuses(value: Any) -> None:
    output = json.dumps(value)
    for code, threshold, check in CHECKS:
        if not decide(check, CASE, output):
            continue
        try:
            found = FUNCTIONS[code](output)
        except Exception as error:
            pytest.fail(f"{code} fails for {output}: {error!r}")
        assert found is True or (isinstance(found, float | int) and found >= (threshold or 1e-9)), (code, output)


def test_an_object_in_a_list_is_searched_by_its_keys() -> None:
    check = convert("all('b' in i for i in json.loads(output)['a'])", None)
    assert decide(check, CASE, '{"a": [{"b": 1}, ["b"]]}') is True
    assert decide(check, CASE, '{"a": [{"b": 1}, {"c": 1}]}') is False


def test_a_score_is_not_read_where_a_threshold_decides_on_it() -> None:
    code = "{'pass': True, 'score': 1 - len(output) / 100, 'reason': ''}"
    assert make_check(read_python(code, {})) is True
    with pytest.raises(NoCheckError, match="threshold"):
        read_python(code, {}, 0.5)
