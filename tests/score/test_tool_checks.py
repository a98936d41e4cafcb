import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Case, Check, Output, Score, ToolCall, Unscored
from evalgate.domain.output_calls import UNNAMED, format_calls
from evalgate.score import checks

CASE = Case(
    id="c1",
    fields={"tool": "refund", "tools": ["refund", "notify"], "none": None, "empty": [], "wrong": 3, "word": "refund"},
)
ORDER = {
    "type": "object",
    "properties": {"order": {"type": "integer"}},
    "required": ["order"],
    "additionalProperties": False,
}


def call(name: str, arguments: object = None) -> ToolCall:
    return ToolCall(name=name, arguments=arguments if isinstance(arguments, str) else json.dumps(arguments or {}))


def said(*calls: ToolCall, text: str = "One moment.") -> Output:
    return Output(text=text, tool_calls=calls, finish_reason="tool_calls")


def score(kind: str, output: Output, *, negated: bool = False, covers_calls: bool = False, **options: object):
    if "from_" in options:
        options["from"] = options.pop("from_")
    check = Check(name="it", type=kind, options=options, negated=negated)
    checks.validate(check)
    return checks.score(check, CASE, output, covers_calls=covers_calls)


def value(*args: object, **options: object) -> float | None:
    found = score(*args, **options)
    return found.value if isinstance(found, Score) else None


REFUND, NOTIFY, DELETE = call("refund", {"order": 7}), call("notify"), call("delete_account", {"id": 1})


@pytest.mark.parametrize(
    ("options", "calls", "expected"),
    [
        ({}, [REFUND], 1),
        ({}, [], 0),
        ({"tool": "refund"}, [REFUND, NOTIFY], 1),
        ({"tool": "refund"}, [NOTIFY], 0),
        ({"tool": "refund"}, [call("Refund")], 0),
        ({"tool": "refund", "only": True}, [REFUND, NOTIFY], 0),
        ({"tool": "refund", "only": True}, [REFUND, REFUND], 1),
        ({"tool": "refund", "only": True}, [REFUND, ToolCall(name="", arguments="{}")], 0),
        ({"tool": "refund", "times": 1}, [REFUND, REFUND], 0),
        ({"tool": "refund", "times": 2}, [REFUND, NOTIFY, REFUND], 1),
        ({"times": 2}, [REFUND, NOTIFY], 1),
        ({"from_": "tool"}, [REFUND], 1),
        ({"from_": "tools"}, [NOTIFY, REFUND], 1),
        ({"from_": "tools"}, [REFUND], 0),
        ({"from_": "none"}, [], 1),
        ({"from_": "empty"}, [NOTIFY], 0),
        ({"from_": "wrong"}, [REFUND], None),
        ({"from_": "absent"}, [REFUND], None),
        ({"tool": "refund", "schema": ORDER}, [REFUND], 1),
        ({"tool": "refund", "schema": ORDER}, [call("refund", {"order": "7"})], 0),
        # every call of the tool has to fit, so that a second one cannot hide behind the first
        ({"tool": "refund", "schema": ORDER}, [REFUND, call("refund", {"order": 7, "all": True})], 0),
        ({"tool": "refund", "schema": ORDER}, [REFUND, DELETE], 1),
        ({"schema": ORDER}, [REFUND, DELETE], 0),
        ({"tool": "refund", "schema": {"type": "object"}}, [call("refund", "order 7")], 0),
        ({"tool": "refund", "schema": {"type": "object"}}, [call("refund", '{"order": 7')], 0),
        # an announced call that is not in the answer is not a call of the tool
        ({}, [ToolCall(name=UNNAMED, arguments="null")], 0),
    ],
)
@pytest.mark.parametrize("alone", [True, False])
def test_a_tool_has_to_be_called(
    options: dict[str, object], calls: list[ToolCall], expected: float | None, *, alone: bool
) -> None:
    output = said(*calls, text=format_calls(calls) if alone and calls else "One moment.")
    assert value("tool_call", output, **options) == expected


def test_arguments_that_are_not_json_fail_with_the_reason() -> None:
    found = score("tool_call", said(call("refund", "order: 7")), tool="refund", schema=ORDER)
    assert isinstance(found, Score) and "not JSON" in found.reason and "order: 7" in found.reason
    cut = score("tool_call", said(call("refund", {"order": "x" * 9_000})), tool="refund", schema=ORDER)
    assert isinstance(cut, Score) and "/order" in cut.reason and len(cut.reason) <= 200


@pytest.mark.parametrize(
    ("options", "calls", "expected"),
    [
        ({}, [], 1),
        ({}, [REFUND], 0),
        ({}, [ToolCall(name=UNNAMED, arguments="null")], 0),
        ({"tool": "delete_account"}, [REFUND], 1),
        ({"tool": "delete_account"}, [REFUND, DELETE], 0),
        ({"tools": ["wire", "delete_account"]}, [DELETE], 0),
        ({"from_": "word"}, [REFUND], 0),
        # another notation of the name is still a call of it
        ({"tool": "delete_account"}, [call("functions.delete_account")], 0),
        ({"tool": "delete_account"}, [call("Delete_Account ")], 0),
        ({"tool": "delete_account"}, [call("delete_account_draft")], 1),
        ({"tool": "delete_account"}, [ToolCall(name="", arguments='"delete_account"')], None),
        ({"tool": "delete_account"}, [DELETE, ToolCall(name=UNNAMED, arguments="null")], 0),
    ],
)
def test_a_tool_must_not_be_called(options: dict[str, object], calls: list[ToolCall], expected: float | None) -> None:
    assert value("no_tool_call", said(*calls), **options) == expected


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("contains", {"value": "delete_account"}),
        ("contains_any", {"values": ["x", "delete_account"]}),
        ("contains_all", {"values": ["delete_account", "moment"]}),
        ("regex", {"pattern": "^delete"}),
        ("contains", {"value": "Delete_Account", "ignore_case": True}),
    ],
)
def test_a_forbidden_text_is_found_in_calls(kind: str, options: dict[str, object]) -> None:
    assert value(kind, said(DELETE), negated=True, **options) == 0
    assert value(kind, said(REFUND), negated=True, **options) == 1


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=12), st.booleans())
def test_a_forbidden_text_is_found_in_arguments_however_json_writes_it(text: str, ascii_only: bool) -> None:
    arguments = json.dumps({"note": [f"<{text}>"]}, ensure_ascii=ascii_only)
    output = said(ToolCall(name="f", arguments=arguments), text="-")
    assert value("contains", output, negated=True, value=f"<{text}>") == 0


@pytest.mark.parametrize(
    ("kind", "options", "negated"),
    [
        ("contains", {"value": "moment"}, False),
        ("contains", {"value": "x", "at": "/a"}, True),
        ("equals", {"value": "One moment."}, False),
        ("equals", {"value": "other"}, True),
        ("regex", {"pattern": "moment"}, False),
        ("length", {"max_chars": 100}, False),
        ("is_json", {}, True),
    ],
)
def test_a_check_of_the_text_alone_decides_only_where_the_gate_covers_the_calls(
    kind: str, options: dict[str, object], negated: bool
) -> None:
    found = score(kind, said(DELETE), negated=negated, **options)
    assert isinstance(found, Unscored) and "delete_account" in found.reason and "no_tool_call" in found.reason
    assert isinstance(score(kind, said(DELETE), negated=negated, covers_calls=True, **options), Score)


def test_a_required_text_is_not_found_in_calls() -> None:
    assert value("contains", said(DELETE), value="delete_account", covers_calls=True) == 0


@pytest.mark.parametrize(
    "options", [{"only": True}, {"tool": "a", "from": "b"}, {"tool": "a", "schema": {"type": "objekt"}}]
)
def test_options_that_cannot_be_used_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"only|once|schema"):
        checks.validate(Check(name="it", type="tool_call", options=options))


_AROUND = [
    "{}",
    "functions.{}",
    "functions.{}:0",
    "mcp__crm__{}",
    "{}<|channel|>commentary",
    "functions.{} json",
    '"{}"',
    "{}()",
    "DEFAULT_API/{}",
]


@given(
    st.from_regex(r"[a-z]{2,8}(_[a-z]{2,8}){0,2}", fullmatch=True),
    st.sampled_from(_AROUND),
    st.booleans(),
    st.sampled_from(["", "\u200b", "\u00ad", "\u2060"]),
)
def test_a_forbidden_tool_is_found_in_every_notation_and_no_other_is(
    name: str, around: str, upper: bool, unseen: str
) -> None:
    called = around.format(unseen.join(name.upper() if upper else name))

    def calls(*given: ToolCall) -> bool:
        return value("no_tool_call", said(*given), tool=name) == 1

    assert not calls(ToolCall(name=called, arguments="{}"))
    parallel = json.dumps({"tool_uses": [{"recipient_name": called, "parameters": {}}]})
    assert not calls(ToolCall(name="multi_tool_use.parallel", arguments=parallel))
    twice = parallel.replace('"parameters"', '"recipient_name": "other", "parameters"')
    assert not calls(ToolCall(name="multi_tool_use.parallel", arguments=twice))
    escaped = parallel.replace("recipient_name", "recipient\\u005fname")
    assert not calls(ToolCall(name="multi_tool_use.parallel", arguments=escaped))
    assert calls(ToolCall(name=around.format(f"{name}_2"), arguments="{}"))
    assert calls(ToolCall(name=around.format(f"un{name}"), arguments=json.dumps({"name": name})))


def test_many_calls_are_compared_in_linear_time() -> None:
    calls = [ToolCall(name=name, arguments=str(n)) for n in range(30_000) for name in ("refund", "other")]
    assert value("tool_call", said(*calls), tool="refund", only=True) == 0
