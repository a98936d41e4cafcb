import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from evalgate.domain import Case, Check, Output, Score, Unscored
from evalgate.score import checks, value_schema

CASE = Case(id="c1", fields={})
ANSWER = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"answer": {"type": "string"}, "escalate": {"type": "boolean"}},
    "required": ["answer", "escalate"],
    "additionalProperties": False,
}


def make(loaded, documents=None, **options):
    return Check(
        name="json_schema",
        type="json_schema",
        options={"schema": loaded, "schema_path": "schema/answer.json", **options},
        documents=documents or {},
    )


def run(loaded, text, documents=None, **options):
    return checks.score(make(loaded, documents, **options), CASE, Output(text=text))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"answer": "a", "escalate": true}', "no fault"),
        ('{"answer": 1, "escalate": true}', "at /answer: "),
        ('{"answer": "a"}', "at the top: "),
        ('{"answer": "a", "escalate": true, "x": 1}', "at the top: unexpected property 'x'"),
        ("[]", "at the top: "),
    ],
)
def test_the_worst_fault_and_its_place(text, found):
    scored = run(ANSWER, text)
    assert scored.value == (1.0 if found == "no fault" else 0.0)
    assert scored.reason.startswith(f"must fit schema/answer.json; found {found}")


def test_prose_is_a_zero():
    assert run(ANSWER, "I think so").value == 0.0


def test_a_place_in_the_output_can_be_held_against_a_schema():
    assert run({"type": "integer"}, '{"n": [7]}', at="/n/0").value == 1.0
    assert run({"type": "integer"}, '{"n": ["7"]}', at="/n/0").value == 0.0


def test_a_long_value_leaves_room_for_the_fault():
    value = "x" * 5000
    (wrong,) = Draft202012Validator({"type": "integer"}).iter_errors(value)
    reason = run({"type": "integer"}, f'"{value}"').reason
    assert reason.endswith(wrong.message.rpartition("x")[2]) and len(reason) <= 200


@pytest.mark.parametrize(
    ("dialect", "keywords", "bad"),
    [
        (None, {"prefixItems": [{"type": "string"}]}, "[1]"),
        ("https://json-schema.org/draft/2020-12/schema", {"prefixItems": [{"type": "string"}]}, "[1]"),
        ("https://json-schema.org/draft/2019-09/schema", {"items": [{"type": "string"}]}, "[1]"),
        ("http://json-schema.org/draft-07/schema#", {"items": [{"type": "string"}]}, "[1]"),
        ("http://json-schema.org/draft-07/schema", {"if": {"minimum": 1}, "then": {"minimum": 5}}, "2"),
        ("http://json-schema.org/draft-04/schema#", {"maximum": 3, "exclusiveMaximum": True}, "3"),
    ],
)
def test_the_draft_is_the_one_the_schema_names(dialect, keywords, bad):
    named = {} if dialect is None else {"$schema": dialect}
    assert run({**named, **keywords}, bad).value == 0.0
    assert run(named, bad).value == 1.0


@pytest.mark.parametrize("number", ["03", "04", "06", "07"])
@pytest.mark.parametrize("end", ["", "#"])
def test_a_draft_that_is_named_by_https_is_that_draft(number, end):
    named = {"$schema": f"https://json-schema.org/draft-{number}/schema{end}"}
    limit = {"maximum": 3, "exclusiveMaximum": True} if number in ("03", "04") else {"exclusiveMaximum": 3}
    assert run({**named, **limit}, "3").value == 0.0
    assert run({**named, **limit}, "2").value == 1.0
    # in a document that a schema of another draft refers to, and as what is referred to itself
    other = {"file:///b.json": {**named, **limit}}
    assert run({"$ref": "file:///b.json"}, "3", other).value == 0.0
    assert run({"$ref": f"https://json-schema.org/draft-{number}/schema{end}"}, '{"properties": 1}').value == 0.0


def test_a_draft_that_is_none_is_refused_by_https_too():
    with pytest.raises(ValueError, match="is not a known draft"):
        value_schema.make_validator(make({"$schema": "https://json-schema.org/draft-05/schema"}))


@pytest.mark.parametrize("look", ["", "(?=)", "(?!x)", "(?=.*)"])
@pytest.mark.parametrize(
    ("pattern", "text", "holds"),
    [
        ("^{}abc$", "abc", True),
        ("^{}abc$", "abc\n", False),
        ("^{}(abc$|def$)", "def\n", False),
        ("^{}[$a]+$", "a$", True),
        ("^{}[$a]+$", "a$\n", False),
        ("^{}[]$]+$", "]$", True),
        (r"^{}a\$$", "a$", True),
        (r"^{}a\$", "a$\n", True),
        ("(?m)^{}abc$", "abc\nd", True),
    ],
)
def test_the_end_is_the_end_of_the_text_in_every_engine(look, pattern, text, holds):
    found = run({"pattern": pattern.format(look)}, json.dumps(text))
    assert found.value == float(holds)


@pytest.mark.parametrize("look", ["", "(?=)", "(?!x)", "(?=.*)"])
@pytest.mark.parametrize("pattern", [r"^{}\d+$", r"^{}[\d-]+$", r"^{}\w+$", r"^{}[^\D]+$", r"^{}[^x\W]+$"])
@given(digits=st.text("0123456789", min_size=1), shift=st.sampled_from((0x660, 0x966, 0xFF10)))
def test_digits_are_those_of_ascii_in_every_engine(look, pattern, digits, shift):
    foreign = "".join(chr(shift + int(digit)) for digit in digits)
    wanted = {"pattern": pattern.format(look)}
    assert run(wanted, json.dumps(digits)).value == 1.0
    assert run(wanted, json.dumps(foreign)).value == 0.0


def test_a_fault_of_the_package_decides_nothing(monkeypatch):
    beside = {"$schema": "https://json-schema.org/draft/2019-09/schema", "items": True, "unevaluatedItems": False}
    with pytest.raises(ValueError, match="jsonschema cannot use the schema: TypeError"):
        checks.validate(make(beside))
    check = make({"type": "object"})
    checks.validate(check)

    def fail(errors):
        raise TypeError(errors)

    monkeypatch.setattr("jsonschema.exceptions.best_match", fail)
    assert value_schema.find_fault(check, {}) == Unscored(reason="jsonschema failed on this output: TypeError")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uuid", "123e4567-e89b-12d3-a456-426614174000"),
        ("date", "2024-02-03"),
        ("time", "12:00:00Z"),
        ("date-time", "2024-02-03T12:00:00Z"),
        ("duration", "P1D"),
        ("ipv4", "1.2.3.4"),
        ("ipv6", "::1"),
        ("hostname", "a1.b2"),
        ("uri", "http://a/1"),
        ("email", "a@b1"),
    ],
)
@given(st.data())
def test_a_format_takes_no_line_break_and_no_foreign_digit(name, text, data):
    digits = [place for place, sign in enumerate(text) if sign.isdigit()]
    place = data.draw(st.sampled_from(digits))
    foreign = text[:place] + chr(data.draw(st.sampled_from((0x660, 0xFF10))) + int(text[place])) + text[place + 1 :]
    wanted = {"format": name}
    assert run(wanted, json.dumps(text), formats=True).value == 1.0
    for wrong in (f"{text}\n", foreign):
        assert run(wanted, json.dumps(wrong), formats=True).value == 0.0


def test_a_keyword_of_a_later_draft_means_nothing_to_an_older_one():
    assert (
        run({"$schema": "http://json-schema.org/draft-07/schema#", "prefixItems": [{"type": "string"}]}, "[1]").value
        == 1.0
    )


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date-time", "2026-02-28T12:00:00Z", "2026-02-30T12:00:00Z"),
        ("email", "a@b.example", "nobody"),
        ("uri", "https://a.example/x", "not a uri"),
        ("regex", r"^\d+$", "(a"),
    ],
)
def test_formats_are_asserted_only_when_asked(name, good, bad):
    text = f'"{bad}"'
    assert run({"format": name}, text).value == 1.0
    assert run({"format": name}, text, formats=True).value == 0.0
    assert run({"format": name}, '"' + good.replace("\\", "\\\\") + '"', formats=True).value == 1.0


FORMATS = [
    "date",
    "time",
    "duration",
    "email",
    "hostname",
    "idn-hostname",
    "ipv4",
    "ipv6",
    "uri",
    "uri-reference",
    "uuid",
    "json-pointer",
    "regex",
]


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=30)
@given(text=st.text())
def test_no_text_makes_a_format_raise(name, text):
    wrong = value_schema.find_fault(make({"format": name}, formats=True), text)
    assert wrong is None or str(wrong).startswith("at the top: ")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("regex", "(?=a{99999999999999999999})"),
        ("regex", "(" * 3000),
        ("idn-hostname", "\ud800"),
        ("hostname", "xn--\ud800"),
        ("hostname", ""),
    ],
)
def test_hostile_text_is_only_a_wrong_format(name, text):
    assert str(value_schema.find_fault(make({"format": name}, formats=True), text)).startswith("at the top: ")


@pytest.mark.parametrize(
    ("loaded", "said"),
    [
        ({"format": "emial"}, 'the format "emial" cannot be asserted; did you mean "email"?'),
        ({"format": "iri"}, 'the format "iri" cannot be asserted'),
        ({"properties": {"x": {"items": {"format": "emial"}}}}, '"emial"'),
        ({"$ref": "#/parts/x", "parts": {"x": {"format": "emial"}}}, '"emial"'),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "format": "uuid"}, '"uuid"'),
    ],
)
def test_a_format_that_cannot_be_asserted_is_refused(loaded, said):
    with pytest.raises(ValueError, match=r"schema/answer\.json: the format") as refused:
        checks.validate(make(loaded, formats=True))
    assert said in str(refused.value)
    checks.validate(make(loaded))


def test_a_format_in_another_document_is_looked_at_too():
    documents = {"schema/part.json": {"$defs": {"a": {"format": "emial"}}}}
    with pytest.raises(ValueError, match=r"schema/part\.json"):
        checks.validate(make({"$ref": "part.json#/$defs/a"}, documents, formats=True))


def test_the_name_format_and_a_schema_of_schemas_are_no_formats():
    loaded = {
        "properties": {"format": {"type": "string"}, "a": {"$ref": "https://json-schema.org/draft/2020-12/schema"}},
        "examples": [{"format": "nonsense"}],
        "$defs": {"loop": {"$ref": "#/$defs/loop2"}, "loop2": {"items": {"$ref": "#/$defs/loop"}}},
    }
    checks.validate(make(loaded, formats=True))


def test_references_reach_the_loaded_documents():
    documents = {"schema/part.json": {"type": "string"}, "schema/deep/other.json": {"$ref": "../part.json"}}
    assert run({"$ref": "deep/other.json"}, "1", documents).value == 0.0
    assert run({"$ref": "deep/other.json"}, '"x"', documents).value == 1.0
    assert run({"$defs": {"s": {"type": "string"}}, "items": {"$ref": "#/$defs/s"}}, "[1]").value == 0.0


def test_references_follow_ids():
    root = {"$id": "https://a.example/s/root.json", "$ref": "part.json"}
    documents = {"schema/x.json": {"$id": "https://a.example/s/part.json", "type": "string"}}
    assert [run(root, text, documents).value for text in ("1", '"x"')] == [0.0, 1.0]


def test_a_meta_schema_is_known_without_the_network():
    assert run({"$ref": "https://json-schema.org/draft/2020-12/schema"}, '{"type": 3}').value == 0.0


@pytest.mark.parametrize(
    ("loaded", "message"),
    [
        ({"$ref": "https://a.example/missing.json"}, '"https://a.example/missing.json" is not among the documents'),
        ({"properties": {"a": {"items": {"$ref": "../../etc/passwd"}}}}, "is not among the documents"),
        ({"$ref": "#/$defs/none"}, "is not among the documents"),
        ({"$schema": "https://json-schema.org/draft/2099-01/schema"}, "is not a known draft"),
        ({"$schema": 7}, "is not a known draft: 7"),
        ({"type": "strin"}, "not a JSON Schema, at /type: "),
        ({"pattern": "(a"}, "not a JSON Schema, at /pattern"),
        ({"$ref": "#"}, "refers to itself endlessly"),
        ([], "an object or a boolean"),
        (None, "an object or a boolean"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_before_any_output(loaded, message):
    with pytest.raises(ValueError, match=r"^schema/answer\.json: ") as caught:
        checks.validate(make(loaded))
    assert message in str(caught.value)


def test_a_broken_document_is_named():
    with pytest.raises(ValueError, match=r"schema/part.json: not a JSON Schema, at /type"):
        checks.validate(make({"$ref": "part.json"}, {"schema/part.json": {"type": "strin"}}))


def test_a_reference_only_an_output_reaches_leaves_it_unscored():
    hidden = {"items": {"$ref": "#/unknown/deep"}, "unknown": {"deep": {"$ref": "https://a.example/x.json"}}}
    assert run(hidden, "[1]") == Unscored(
        reason='the schema refers to "https://a.example/x.json", which is not among its documents'
    )


CATASTROPHIC = "^(a+)+$"
HOSTILE = "a" * 60 + "!"


@pytest.mark.parametrize(
    ("loaded", "text"),
    [
        ({"pattern": CATASTROPHIC}, f'"{HOSTILE}"'),
        ({**ANSWER, "properties": {"answer": {"pattern": CATASTROPHIC}}, "required": []}, f'{{"answer": "{HOSTILE}"}}'),
        ({"$schema": ANSWER["$schema"], "items": {"$ref": "#"}, "pattern": CATASTROPHIC}, f'["{HOSTILE}"]'),
        ({"$schema": ANSWER["$schema"], "contains": {"pattern": CATASTROPHIC}}, f'["{HOSTILE}"]'),
        ({"$schema": ANSWER["$schema"], "not": {"not": {"pattern": CATASTROPHIC}}}, f'"{HOSTILE}"'),
        ({"$ref": "part.json"}, f'"{HOSTILE}"'),
        ({"patternProperties": {CATASTROPHIC: {}}, "additionalProperties": False}, f'{{"{HOSTILE}": 1}}'),
    ],
)
def test_catastrophic_patterns_take_linear_time(loaded, text):
    documents = {"schema/part.json": {"$schema": ANSWER["$schema"], "pattern": CATASTROPHIC}}
    began = time.perf_counter()
    assert run(loaded, text, documents).value == 0.0
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"^\\p{L}+$", "Grüße", "a1"),
        ("^(?!no)", "yes", "no"),
        (r"^(.)\\1$", "aa", "ab"),
        ("^.{2000}$", "a" * 2000, "a" * 1999),
    ],
)
def test_patterns_of_re2_and_patterns_only_python_knows(pattern, good, bad):
    loaded = {"pattern": pattern.replace("\\\\", "\\")}
    assert run(loaded, f'"{good}"').value == 1.0
    assert run(loaded, f'"{bad}"').value == 0.0


def test_pattern_properties_and_additional_properties_together():
    loaded = {
        "properties": {"id": {}},
        "patternProperties": {"^x-": {"type": "integer"}},
        "additionalProperties": {"type": "string"},
    }
    values = ['{"id": null, "x-a": 1, "b": "s"}', '{"x-a": "1"}', '{"b": 2}']
    assert [run(loaded, text).value for text in values] == [1.0, 0.0, 0.0]
    assert "found at /b: " in run(loaded, values[2]).reason


def test_deep_output_is_a_zero_not_a_crash():
    scored = run({"items": {"$ref": "#"}}, "[" * 800 + "]" * 800)
    assert scored == Score(value=0.0, reason="must fit schema/answer.json; found nested too deeply")


def test_a_schema_is_compiled_once_for_each_check():
    check, equal = make(ANSWER), make(ANSWER)
    assert value_schema.make_validator(check) is value_schema.make_validator(check)
    assert value_schema.make_validator(check) is not value_schema.make_validator(equal)


def test_true_and_one_are_different_values():
    assert run({"const": 1}, "true").value == 0.0
    assert run({"const": 1}, "1.0").value == 1.0


@given(st.integers(0, 10**9), st.integers(0, 6), st.integers(1, 999))
def test_a_decimal_number_is_a_multiple_of_its_last_digit(whole, digits, factor):
    step = f"1e-{digits}"
    number = f"{whole}.{factor % 10**digits:0{digits}d}" if digits else str(whole)
    assert run({"multipleOf": float(step) if digits else 1}, number).value == 1
    assert run({"multipleOf": 0.5}, f"{whole}.25").value == 0


@pytest.mark.parametrize("number", ["1e308", "1e400", str(10**60), "-1e-300"])
def test_a_huge_number_is_compared_without_an_error(number):
    assert run({"multipleOf": 0.07}, number).value == 0
