"""Tests of code as conditions: the check holds where the code returns true, and code without a check is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from foreign_config import as_check, decide
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Case, Check
from evalgate.inputs.importers.javascript import read_javascript
from evalgate.inputs.importers.output_conditions import NoCheckError, make_check

CASE = Case(id="a", fields={}, line=1)
LINES = "output.trim().split('\\n').filter(l => l.trim()).length"
TEXTS: list[tuple[str, Callable[[str], bool]]] = [
    ("output.length <= 5 ? 1 : output.length > 20 ? 0 : 1 - (output.length - 5) / 9", lambda o: len(o) < 14),
    ("Math.max(0, 1 - output.length / 10);", lambda o: len(o) < 10),
    ("output.trim().length > 3", lambda o: len(o.strip()) > 3),
    ("output.trim().length === 4", lambda o: len(o.strip()) == 4),
    ("!(output.trim().length <= 2)", lambda o: len(o.strip()) > 2),
    (f"{LINES} === 2", lambda o: len([line for line in o.split("\n") if line.strip()]) == 2),
    (f"return {LINES} < 3", lambda o: len([line for line in o.split("\n") if line.strip()]) < 3),
    ("output.split('o').length >= 3", lambda o: o.count("o") >= 2),
    ("['ok', 'no'].some(w => output.toLowerCase().includes(w))", lambda o: "ok" in o.lower() or "no" in o.lower()),
    ("['ok', 'no'].every(w => output.includes(w))", lambda o: "ok" in o and "no" in o),
    ("const w = ['ok', 'no', 'x'].filter(w => output.includes(w)); return w.length >= 2", lambda o: sum(w in o for w in ("ok", "no", "x")) >= 2),
    ("if (!output.includes('ok')) { return { pass: false, score: 0, reason: `${output}` } }\nreturn { pass: true }", lambda o: "ok" in o),
    ("output.startsWith('ok') !== true", lambda o: not o.startswith("ok")),
    ("!output.endsWith('ok') || output === 'ok'", lambda o: not o.endswith("ok") or o == "ok"),
    ("/^o.$/i.test(output) && !/no/.test(output)", lambda o: len(o) == 2 and o[0] in "oO" and o[1] != "\n" and o != "no"),
    ("output.includes(context.vars.word)", lambda o: "x" in o),
    ("// code with a comment\noutput.includes('\\n\\n')", lambda o: "\n\n" in o),
]  # fmt: skip
VALUES: list[tuple[str, Callable[[Any], bool]]] = [
    ("JSON.parse(output).a === 1", lambda v: v.get("a") == 1 and v["a"] is not True),
    ("output.a !== 'x'", lambda v: v.get("a") != "x"),
    ("JSON.parse(output).a.b === 'x'", lambda v: isinstance(v.get("a"), dict) and v["a"].get("b") == "x"),
    ("typeof JSON.parse(output).a === 'string'", lambda v: isinstance(v.get("a"), str)),
    ("JSON.parse(output).a !== undefined && JSON.parse(output).b !== undefined", lambda v: "a" in v and "b" in v),
    ("const d = JSON.parse(output); return 'a' in d && !('b' in d)", lambda v: "a" in v and "b" not in v),
    ("Array.isArray(JSON.parse(output).a) && JSON.parse(output).a.length > 1", lambda v: isinstance(v.get("a"), list) and len(v["a"]) > 1),
    ("['x', 1].includes(JSON.parse(output).a)", lambda v: v.get("a") in ("x", 1) and v["a"] is not True),
    ("(JSON.parse(output).a ?? []).some(i => i.b === 'x')", lambda v: isinstance(v.get("a"), list) and any(isinstance(i, dict) and i.get("b") == "x" for i in v["a"])),
    ("JSON.parse(output).a == null", lambda v: v.get("a") is None),
    ("Object.keys(JSON.parse(output)).length === 1", lambda v: len(v) == 1),
    ("!JSON.parse(output).a.includes('x')", lambda v: isinstance(v["a"], str | list) and "x" not in v["a"]),
    ("!JSON.parse(output).a.some(i => i.b === 'x')", lambda v: isinstance(v["a"], list) and not any(i["b"] == "x" for i in v["a"])),
    ("!JSON.parse(output).a.b", lambda v: v["a"] is not None and not (isinstance(v["a"], dict) and v["a"].get("b"))),
    ("!JSON.parse(output)?.a?.b", lambda v: not (isinstance(v.get("a"), dict) and v["a"].get("b"))),
    ("const a = JSON.parse(output)?.a; return !a.b", lambda v: v["a"] is not None and not (isinstance(v["a"], dict) and v["a"].get("b"))),
    ("JSON.parse(output).a.trim().length > 0", lambda v: v["a"].strip() != ""),
    ("JSON.parse(output).a.toLowerCase() !== 'x'", lambda v: v["a"].lower() != "x"),
    ("JSON.parse(output).a", lambda v: v["a"] in (1, 2) or v["a"] is True),
    ("JSON.parse(output).a && JSON.parse(output).b", lambda v: v["a"] and (v["b"] in (1, 2) or v["b"] is True)),
    ("JSON.parse(output).a.length !== 1", lambda v: isinstance(v["a"], str | list) and len(v["a"]) != 1),
    ("JSON.parse(output).a.b === 1 || JSON.parse(output).b === 1", lambda v: v["a"] is not None and ((v["b"] == 1 and v["b"] is not True) or (v["a"]["b"] == 1 and v["a"]["b"] is not True))),
]  # fmt: skip
LEAVES = st.sampled_from(["x", "y", 1, 2, True, None])
INNER = st.one_of(
    LEAVES, st.fixed_dictionaries({"b": LEAVES}), st.lists(st.fixed_dictionaries({"b": LEAVES}), max_size=3)
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "b"]), INNER)


def convert(code: str) -> Check:
    made = make_check(read_javascript(code, {"word": "x"}))
    assert isinstance(made, dict), made
    return as_check(made)


CHECKS = [(code, convert(code), meaning) for code, meaning in TEXTS]
SCHEMAS = [(code, convert(code), meaning) for code, meaning in VALUES]


@given(
    st.lists(st.sampled_from(["ok", "OK", "no", "x", "o", " ", "\n", "word"]), min_size=1, max_size=9)
    .map("".join)
    .filter(str.strip)
)
def test_a_condition_on_the_text_decides_as_the_code_does(output: str) -> None:
    for code, check, meaning in CHECKS:
        assert decide(check, CASE, output) is meaning(output), code


@given(OBJECTS)
def test_a_condition_on_json_decides_as_the_code_does(value: dict[str, Any]) -> None:
    for code, check, meaning in SCHEMAS:
        try:
            holds = bool(meaning(value))
        except (AttributeError, KeyError, TypeError):
            holds = False
        assert decide(check, CASE, json.dumps(value)) is holds, (code, value)


@pytest.mark.parametrize("code", [code for code, _ in VALUES])
def test_an_output_that_is_no_json_passes_no_condition_on_json(code: str) -> None:
    assert decide(convert(code), CASE, "a text") is False


def test_a_number_is_compared_with_the_threshold() -> None:
    for code in (
        "JSON.parse(output).a",
        "output && JSON.parse(output).a",
        "output.includes('y') || JSON.parse(output).a",
    ):
        made = make_check(read_javascript(code, {}, 0.8))
        assert isinstance(made, dict)
        assert decide(as_check(made), CASE, '{"a": 0.9}') is True
        assert decide(as_check(made), CASE, '{"a": 0.3}') is False
    assert make_check(read_javascript("output.includes('y') || 0.3", {}, 0.8)) == {"type": "contains", "value": "y"}


def test_code_that_parses_first_fails_for_a_text_even_if_the_rest_holds() -> None:
    assert decide(convert("JSON.parse(output).a === 1 || output.includes('x')"), CASE, "x") is False
    assert decide(convert("output.includes('x') || JSON.parse(output).a === 1"), CASE, "x") is True


@pytest.mark.parametrize(
    ("code", "check"),
    [
        ("output[0].function.name === 'f'", {"type": "array", "minItems": 1}),
        ("JSON.parse(output[0].function.arguments).city === 'Bern'", {"type": "object", "required": ["arguments"]}),
    ],
)
def test_tool_calls_are_where_evalgate_has_them(code: str, check: dict[str, Any]) -> None:
    text = '{"tool_calls": [{"name": "f", "arguments": {"city": "Bern"}}]}'
    assert decide(convert(code), CASE, text) is True
    assert decide(convert(code), CASE, text.replace("Bern", "Basel").replace('"f"', '"g"')) is False
    assert set(check) and "tool_calls" in str(convert(code).options)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("for (const a of output) {}", "the statement for"),
        ("(JSON.parse(output).a || [])[0].b !== 'x'", "takes a part that may be missing"),
        ("new Date() > 0", "the word new"),
        ("process.exit(1)", "uses process"),
        ("require('fs')", "calls require"),
        ("context.vars.word + output", "computes with a value"),
        ("'pass'", "something else than a truth value"),
        ("const a = 1", "returns nothing"),
        ("output.length % 2 === 0", "the length in another way"),
        ("output.replace('a', 'b') === 'x'", "calls replace"),
        ("parseInt(output) > 3", "calls parseInt"),
        ("JSON.parse(output).a === JSON.parse(output).b", "two parts of the output"),
        ("[...output].length > 3", "spreads a list"),
        ("output." + "a." * 80 + "b === 1 &&", "ends too early"),
        ("(" * 90 + "output" + ")" * 90, "nested too deeply"),
        ("x" * 30_000, "too long"),
    ],
)
def test_other_code_has_no_check(code: str, why: str) -> None:
    with pytest.raises(NoCheckError, match=why):
        make_check(read_javascript(code, {"word": "x"}))
