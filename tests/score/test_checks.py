import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evalgate.domain import TOOL_CHECKS, Case, Check, Output, Score, Unscored, Usage
from evalgate.score import checks

CASE = Case(
    id="refund-001",
    fields={
        "expected": ["30 days", "tags attached"],
        "fact": "30 days",
        "answer": {"name": "Ann"},
        "count": 30,
        "none": [],
        "blank": "",
        "null": None,
    },
)


def run(type_, text="", *, negated=False, output=None, **options):
    if "from_" in options:
        options["from"] = options.pop("from_")
    check = Check(name="it", type=type_, options=options, negated=negated)
    return checks.score(check, CASE, output or Output(text=text))


PASS_AND_FAIL = [
    # text is compared stripped; case counts unless told otherwise
    ("equals", {"value": "Yes"}, " Yes\n", "yes"),
    ("equals", {"value": "STRASSE", "ignore_case": True}, "straße", "strase"),
    ("equals", {"from_": "fact"}, "30 days", "31 days"),
    # JSON values
    ("equals", {"value": 1, "at": "/a"}, '{"a": 1.0}', '{"a": true}'),
    ("equals", {"value": True, "at": "/a"}, '{"a": true}', '{"a": 1}'),
    ("equals", {"value": None, "at": "/a"}, '{"a": null}', '{"a": false}'),
    ("equals", {"value": "30", "at": "/a"}, '{"a": "30"}', '{"a": 30}'),
    ("equals", {"value": {"x": [1, 2], "y": "z"}}, '{"y": "z", "x": [1, 2.0]}', '{"y": "z", "x": [2, 1]}'),
    ("equals", {"value": [True]}, "[true]", "[1]"),
    ("equals", {"from_": "answer.name", "at": "/who/0"}, '{"who": ["Ann"]}', '{"who": ["Bob"]}'),
    ("contains", {"value": "30 days"}, "within 30 days.", "within 31 days."),
    ("contains", {"value": "Days", "ignore_case": True}, "30 DAYS", "30 DAY"),
    ("contains", {"value": "a", "at": "/x"}, '{"x": "cat"}', '{"x": "dog", "a": 1}'),
    ("contains", {"value": "é", "at": "/x"}, '{"x": "caf\\u00e9"}', '{"x": "cafe"}'),
    ("contains", {"value": "red", "at": "/x"}, '{"x": ["red", "blue"]}', '{"x": ["blue"]}'),
    ("contains", {"from_": "count"}, "30 it is", "31 it is"),
    ("contains", {"from_": "expected"}, "tags attached, 30 days", "30 days"),
    ("contains_any", {"values": ["x", "y"]}, "only y", "neither"),
    ("contains_any", {"from_": "expected"}, "30 days", "31 days"),
    ("contains_any", {"from_": "fact"}, "30 days", "31 days"),
    ("contains_all", {"values": ["x", "y"]}, "y, x", "only y"),
    ("contains_all", {"from_": "expected", "ignore_case": True}, "Tags Attached; 30 Days", "30 days"),
    ("regex", {"pattern": r"\b\d+ days\b"}, "in 30 days.", "in thirty days"),
    ("regex", {"pattern": "^a.c$"}, "abc", "a\nc"),
    ("regex", {"pattern": "^yes$", "ignore_case": True}, "YES", "YES\n"),
    ("regex", {"pattern": "^.é$", "at": "/x"}, '{"x": "né"}', '{"x": "nee"}'),
    ("is_json", {}, ' {"a": [1, null]}\n', "{'a': 1}"),
    ("is_json", {}, '"text"', '{"a": NaN}'),
    ("is_json", {}, "{}", '{"a": 1, "a": 1}'),
    ("is_json", {"at": "/args"}, '{"args": "{}"}', '{"args": "{"}'),
    ("required_fields", {"fields": ["a", "b.c"]}, '{"a": 0, "b": {"c": ""}}', '{"a": 0, "b": {}}'),
    ("required_fields", {"fields": ["a"]}, '{"a": false}', '{"a": null}'),
    ("required_fields", {"fields": ["b.c"]}, '{"b.c": 1}', '{"b": "c"}'),
    ("required_fields", {"fields": ["x"], "at": "/0"}, '[{"x": 1}]', '[{"y": 1}]'),
    ("required_fields", {"fields": ["x"]}, '{"x": 1}', '["x"]'),
    ("length", {"max_chars": 4}, "naïf", "naïfs"),
    ("length", {"max_chars": 1}, "\U0001f600", "e\u0301"),
    ("length", {"min_chars": 1}, " ", ""),
    ("length", {"max_words": 2}, " two \n words ", "now three words"),
    ("length", {"min_words": 2, "max_words": 3}, "two words", "one"),
    ("length", {"min_lines": 2}, "a\nb", "a\n"),
    ("length", {"max_lines": 1}, "a\n", "a\n\n"),
    ("length", {"max_lines": 0}, "", "a"),
    ("length", {"max_words": 1, "at": "/x"}, '{"x": "one"}', '{"x": "one two"}'),
    ("length", {"max_words": 1, "at": "/x"}, '{"x": "one"}', '{"x": null}'),
]


@pytest.mark.parametrize(("type_", "options", "good", "bad"), PASS_AND_FAIL)
def test_a_check_passes_and_fails(type_, options, good, bad):
    passed, failed = run(type_, good, **options), run(type_, bad, **options)
    assert (passed.value, failed.value) == (1.0, 0.0)
    assert passed.reason.startswith("must ") and failed.reason.startswith("must ")
    assert passed.reason != failed.reason


@pytest.mark.parametrize(
    ("type_", "options", "good", "bad"), [row for row in PASS_AND_FAIL if row[0] in checks.NEGATABLE]
)
def test_a_not_form_turns_pass_and_fail_around(type_, options, good, bad):
    assert run(type_, good, negated=True, **options).value == 0.0
    if isinstance(CASE.fields.get(options.get("from_")), list) and type_ == "contains":
        bad = "none of them"
    assert run(type_, bad, negated=True, **options).value == 1.0


def test_not_contains_with_a_list_forbids_each_text():
    assert run("contains", "only 30 days here", negated=True, from_="expected").value == 0.0


@pytest.mark.parametrize("type_", ["contains", "contains_any", "regex"])
@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"answer": "Größte Garantie, sagt er"}),
        f"```json\n{json.dumps([{'größte Garantie': 1}], indent=2)}\n```",
        f"So: {json.dumps('die größte Garantie')} ist es.",
        json.dumps({"inner": json.dumps({"a": "größte Garantie"})}),
    ],
)
def test_a_forbidden_text_is_found_in_json_with_escapes(type_, text):
    forbidden = {"pattern": "größte"} if type_ == "regex" else {"value": "größte"}
    assert "größte" not in text
    assert run(type_, text, negated=True, ignore_case=True, **forbidden).value == 0.0
    assert run(type_, text.replace("Garantie", "x"), negated=True, value="Garantie", pattern="Garantie").value == 1.0
    # a required text has to reach the reader as it is
    assert run(type_, text, **forbidden).value == 0.0


def test_an_anchor_of_a_forbidden_pattern_is_that_of_the_whole_output():
    text = json.dumps({"answer": "Sorry, größer"})
    assert run("regex", text, negated=True, pattern="^Sorry").value == 1.0


@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize(
    ("type_", "options"),
    [
        ("equals", {"value": "x", "at": "/a"}),
        ("equals", {"value": 3}),
        ("contains", {"value": "x", "at": "/a"}),
        ("contains_any", {"values": ["x"], "at": "/a"}),
        ("regex", {"pattern": "x", "at": "/a"}),
        ("contains_all", {"values": ["x"], "at": "/a"}),
    ],
)
def test_output_without_the_place_fails_in_both_forms(type_, options, negated):
    assert run(type_, "prose", negated=negated, **options).value == 0.0
    if "at" in options:
        missing = run(type_, '{"b": 1}', negated=negated, **options)
        assert missing == Score(value=0.0, reason='must have something at /a; found {"b": 1}')
    if type_ != "equals":
        assert run(type_, '{"a": null}', negated=negated, **options).reason == "must have text at /a; found null"


@pytest.mark.parametrize(
    ("type_", "options", "text", "negated", "reason"),
    [
        ("contains", {"value": "30 days"}, "two weeks", False, 'must contain "30 days"; found only "two weeks"'),
        ("contains", {"value": "AI"}, "as an AI", True, 'must not contain "AI"; found "AI"'),
        ("contains_all", {"values": ["a", "b", "c"]}, "b", False, 'must contain "a", "c"; found only "b"'),
        ("contains_any", {"values": ["a", "b"]}, "x", False, 'must contain any of "a", "b"; found none in "x"'),
        ("equals", {"value": 1, "at": "/n"}, '{"n": "1"}', False, 'must equal 1; found "1"'),
        ("regex", {"pattern": "a+"}, "b", False, 'must match "a+"; found none in "b"'),
        ("required_fields", {"fields": ["a", "b"]}, '{"a": 1}', False, 'must have "a", "b"; found no "b"'),
        ("length", {"max_words": 2}, "a b c", False, "must have at most 2 words; found 3 words"),
        (
            "length",
            {"min_chars": 1, "max_words": 2},
            "a b",
            False,
            "must have at least 1 chars, at most 2 words; found 3 chars, 2 words",
        ),
    ],
)
def test_the_reason_says_what_was_wanted_and_what_was_found(type_, options, text, negated, reason):
    assert run(type_, text, negated=negated, **options).reason == reason


def test_the_reason_says_where_a_text_stops_being_json():
    reason = run("is_json", "no").reason
    assert reason.startswith("must be JSON; found ") and reason.endswith(' at line 1, column 1, in "no"')


@pytest.mark.parametrize(
    ("type_", "options", "reason"),
    [
        ("contains", {"from_": "missing"}, 'case refund-001 has no field "missing"'),
        ("contains_all", {"from_": "answer.age"}, 'case refund-001 has no field "answer.age"'),
        ("equals", {"from_": "missing"}, 'case refund-001 has no field "missing"'),
        ("contains_all", {"from_": "none"}, 'case refund-001: the field "none" has no text to search for'),
        ("contains_any", {"from_": "blank"}, 'case refund-001: the field "blank" has no text to search for'),
        ("contains", {"from_": "null"}, 'case refund-001: the field "null" has no text to search for'),
        ("latency", {"max_seconds": 1}, "the seconds of this output were not measured"),
        ("latency", {"p95_seconds": 1}, "the seconds of this output were not measured"),
        ("cost", {"max_usd": 1}, "the cost of this output is unknown: its target has no prices, or reported no usage"),
        ("tokens", {"max_total": 1}, "the target reported no token usage for this output, or none below 2^53"),
    ],
)
def test_what_is_unknown_is_unscored(type_, options, reason):
    for negated in {False, type_ in checks.NEGATABLE}:
        assert run(type_, "text", negated=negated, **options) == Unscored(reason=reason)


MEASURED = Output(text="", seconds=2.0, cost_usd=0.01, usage=Usage(input_tokens=100, output_tokens=20))


@pytest.mark.parametrize(
    ("type_", "options", "value", "reason"),
    [
        ("latency", {"max_seconds": 2}, 1.0, "must take at most 2 seconds; found 2 seconds"),
        ("latency", {"max_seconds": 1.5, "p95_seconds": 1}, 0.0, "must take at most 1.5 seconds; found 2 seconds"),
        ("latency", {"p95_seconds": 1}, 1.0, "must keep its p95, which is decided over all cases; found 2 seconds"),
        ("cost", {"max_usd": 0.01}, 1.0, "must cost at most 0.01 usd; found 0.01 usd"),
        ("cost", {"max_usd": 0.005}, 0.0, "must cost at most 0.005 usd; found 0.01 usd"),
        ("tokens", {"max_input": 99}, 0.0, "must use at most 99 input tokens; found 100 input tokens"),
        (
            "tokens",
            {"max_output": 20, "max_total": 120},
            1.0,
            "must use at most 20 output tokens, at most 120 total tokens; found 20 output tokens, 120 total tokens",
        ),
        ("tokens", {"max_total": 119}, 0.0, "must use at most 119 total tokens; found 120 total tokens"),
    ],
)
def test_measurements_against_their_limits(type_, options, value, reason):
    assert run(type_, output=MEASURED, **options) == Score(value=value, reason=reason)


def test_nan_seconds_keep_no_limit():
    assert run("latency", output=Output(text="", seconds=float("nan")), max_seconds=5).value == 0.0


@given(st.floats(min_value=0, max_value=1e6), st.floats(min_value=0, max_value=1e6))
def test_a_shown_number_never_contradicts_the_score(seconds, limit):
    scored = run("latency", output=Output(text="", seconds=seconds), max_seconds=limit)
    shown = float(scored.reason.split("found ")[1].removesuffix(" seconds"))
    assert (shown <= limit) == (scored.value == 1.0)


@given(st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=5), st.data())
def test_every_line_break_starts_a_line(lines: list[str], data: st.DataObject) -> None:
    ends = st.sampled_from(["\n", "\r\n", "\r", "\u2028", "\u2029", "\x85", "\x0b", "\x0c"])
    text = "".join(line + data.draw(ends) for line in lines)
    assert run("length", text, max_lines=len(lines)).value == 1.0
    assert run("length", text, max_lines=len(lines) - 1).value == 0.0
    assert run("length", text.rstrip(), max_lines=len(lines) - 1).value == 0.0


@pytest.mark.parametrize("type_", ["contains", "regex", "equals", "is_json", "required_fields", "contains_all"])
@given(text=st.text())
def test_a_reason_is_short_and_no_text_raises(type_, text):
    options = {"value": text, "pattern": "x", "fields": [text] * 5, "values": [text] * 5}
    scored = run(type_, text * 50, **options)
    assert len(scored.reason) <= 200


@pytest.mark.parametrize(
    ("type_", "options"),
    [
        ("starts_with", {"value": "q"}),
        ("ends_with", {"value": "q", "transform": {"regex": "(.)$"}}),
        ("one_of", {"values": ["q", "r"], "ignore_case": True}),
        ("levenshtein", {"value": "quince", "max_distance": 2}),
        ("number", {"min": 10**9}),
        ("contains_json", {"schema": {"required": ["q"]}}),
        ("is_xml", {"elements": ["q/r"]}),
        ("is_sql", {"statements": ["drop"]}),
        ("no_refusal", {"transform": "last_code_block"}),
        ("contains", {"value": "quince", "words": True}),
        ("equals", {"value": "quince", "transform": ["last_code_block", {"pointer": "/q"}]}),
    ],
)
@given(text=st.text() | st.text("[]{}<>\"'`~/\\q1,.-e( \n\ud800\x00", max_size=60))
@example(text="")
@example(text="\u200b \n")
def test_no_text_raises_and_no_empty_one_passes(type_, options, text):
    scored = run(type_, text, **options)
    assert isinstance(scored, Score) and len(scored.reason) <= 200
    assert scored.value == 0.0 or text.strip(" \n\u200b")


def test_a_catastrophic_pattern_takes_linear_time():
    began = time.perf_counter()
    assert run("regex", "a" * 100_000 + "!", pattern="^(a+)+$").value == 0.0
    assert time.perf_counter() - began < 2


def test_a_lone_surrogate_from_json_can_be_searched():
    assert run("regex", '{"x": "\\ud800 ok"}', pattern="ok$", at="/x").value == 1.0


def test_deep_output_is_a_zero_not_a_crash():
    deep = "[" * 100_000 + "]" * 100_000
    assert run("is_json", deep).value == 0.0
    assert run("equals", deep, value=[]).value == 0.0


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (Check(name="x", type="contain"), "unknown type of check: contain"),
        (Check(name="x", type="length", options={"max_words": 1}, negated=True), "there is no not_length"),
        (Check(name="x", type="regex", options={"pattern": "(?=a)"}), r'RE2 refuses the pattern "\(\?=a\)": '),
        (Check(name="x", type="regex", options={"pattern": "(a"}), r'RE2 refuses the pattern "\(a": '),
        (Check(name="x", type="contains"), 'x: needs "value", "values" or "from"'),
        (Check(name="x", type="length", options={"at": "/a"}), "x: needs one of min_chars"),
        (Check(name="x", type="latency"), "x: needs one of max_seconds, p95_seconds"),
        (Check(name="x", type="required_fields", options={"fields": []}), 'x: needs "fields"'),
        (Check(name="x", type="equals", options={"value": 1, "at": "a"}), "is not a JSON Pointer"),
    ],
)
def test_a_check_that_cannot_work_is_refused_before_any_output(check, message):
    with pytest.raises(ValueError, match=message):
        checks.validate(check)


def test_refused_patterns_print_nothing(capfd):
    with pytest.raises(ValueError, match="RE2 refuses"):
        run("regex", "a", pattern="(?<!x)a")
    assert capfd.readouterr() == ("", "")


def test_every_row_of_the_table_is_a_valid_check():
    for type_, options, *_ in PASS_AND_FAIL:
        renamed = {name.removesuffix("_"): value for name, value in options.items()}
        checks.validate(Check(name="x", type=type_, options=renamed))
    elsewhere = {"json_schema", "contains_json", "latency", "cost", "tokens", "starts_with", "ends_with", "one_of"}
    elsewhere |= {"levenshtein", "no_refusal", "number", "is_xml", "is_sql", "python", "any_of", "all_of"}
    assert {row[0] for row in PASS_AND_FAIL} | elsewhere | TOOL_CHECKS == set(checks.TYPES)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (Check(name="c", type="is_json"), '{"a": 1}'),
        (Check(name="c", type="required_fields", options={"fields": ["a"]}), '{"a": 1}'),
        (Check(name="c", type="json_schema", options={"schema": {"type": "object"}}), '{"a": 1}'),
        (Check(name="c", type="equals", options={"value": "yes"}), "yes"),
        (Check(name="c", type="length", options={"max_words": 1}), "yes"),
        (Check(name="c", type="contains", options={"value": "bad"}, negated=True), "yes"),
    ],
)
def test_a_failure_because_of_reasoning_names_the_setting(check, answer):
    named = "begins with reasoning, which `strip_reasoning: true` of the target removes"
    for text in (f"<think>bad idea?</think>\n\n{answer}", f"bad idea?</think>{answer}"):
        scored = checks.score(check, Case(id="a", fields={}), Output(text=text))
        assert scored.value == 0.0
        assert named in scored.reason and len(scored.reason) <= 200
    wrong = checks.score(check, Case(id="a", fields={}), Output(text="<think>bad</think>bad bad"))
    assert wrong.value == 0.0 and named not in wrong.reason
