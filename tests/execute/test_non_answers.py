"""Replies without an answer are not answers, in any form and from any kind of target: endpoint, function, file."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from chat_server import completion
from hypothesis import example, given
from hypothesis import strategies as st

from evalgate.domain import (
    CUT,
    Case,
    Check,
    Failure,
    Outcome,
    Output,
    Request,
    Target,
    Unscored,
    decode_outcome,
    digest,
)
from evalgate.domain.reasoning import LIMIT_REACHED, LIMIT_SPENT, ONLY_REASONING
from evalgate.domain.tool_calls import add_tool_calls
from evalgate.errors import InputError
from evalgate.execute.providers.chat_completions import read_reply
from evalgate.execute.providers.protocol import ProviderError
from evalgate.execute.providers.python_function import PythonProvider
from evalgate.inputs.recorded_outputs import load_outputs
from evalgate.inputs.tree import WorkTree
from evalgate.score import checks

NAME = "delete_account"
FORMS: dict[str, Any] = {
    "no list": {"tool_calls": {"function": {"name": NAME, "arguments": "{}"}}},
    "by number": {"tool_calls": {"0": {"function": {"name": NAME}}}},
    "text": {"tool_calls": json.dumps([{"name": NAME}])},
    "names": {"tool_calls": [NAME]},
    "another key": {"tool_calls": [{"tool": NAME, "params": {"id": 1}}]},
    "other arguments": {"tool_calls": [{"name": "x", "args": {"do": NAME}}]},
    "function's name": {"tool_calls": [{"function": NAME, "arguments": {}}]},
    "camel": {"toolCalls": [{"name": NAME}]},
    "function_calls": {"function_calls": [{"name": NAME, "arguments": "{}"}]},
}
PARTS: list[dict[str, Any]] = [
    {"type": "server_tool_use", "name": NAME, "input": {}},
    {"type": "mcp_tool_use", "name": NAME, "input": {}},
    {"type": "function", "function": {"name": NAME}},
    {"functionCall": {"name": NAME, "args": {}}},
    {"type": "custom", "custom": {"name": NAME, "input": "x"}},
    {"type": "text", "text": "", "tool_calls": [{"name": NAME}]},
]
FORBIDDEN = Check(name="c", type="contains", options={"value": NAME}, negated=True)
CASE = Case(id="a", fields={})


def holds(output: object) -> bool:
    """Whether a check that forbids the tool is taken to hold."""
    assert isinstance(output, Output)
    scored = checks.score(FORBIDDEN, CASE, output)
    return not isinstance(scored, Unscored) and scored.value == 1


@pytest.mark.parametrize("given", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("text", ["One moment.", "", None])
@pytest.mark.parametrize("reason", ["stop", "tool_calls"])
def test_a_call_in_any_form_is_seen(given: dict[str, Any], text: str | None, reason: str) -> None:
    assert not holds(read_reply(completion(text, message=given, finish_reason=reason), seconds=1.0))
    beside = completion(text, finish_reason=reason)
    beside["choices"][0] |= given
    assert not holds(read_reply(beside, seconds=1.0))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: next(iter(part.values())))
@pytest.mark.parametrize("text", ["One moment.", ""])
def test_a_part_that_calls_is_seen(part: dict[str, Any], text: str) -> None:
    content = [{"type": "text", "text": text}, part]
    assert not holds(read_reply(completion(message={"content": content}), seconds=1.0))


@pytest.mark.parametrize("given", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("text", ["One moment.", ""])
def test_a_call_is_seen_in_whatever_part_of_the_reply_it_stands(given: dict[str, Any], text: str) -> None:
    """Some endpoints split an answer into several choices, the text in the first."""
    split, streamed, outside = completion(text), completion(text), completion(text)
    split["choices"].append({"index": 1, "message": {"role": "assistant", "content": None, **given}})
    streamed["choices"][0]["delta"] = given
    outside |= given
    assert not any(holds(read_reply(data, seconds=1.0)) for data in (split, streamed, outside))


@given(
    st.text(), st.recursive(st.text() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
@example("", None)
def test_nothing_of_a_call_is_lost_whatever_it_looks_like(text: str, rest: Any) -> None:
    for call in ({"x": NAME, "rest": rest}, [NAME, rest], {"name": None, "arguments": {"a": NAME}}, {NAME: rest}):
        shown, beside = add_tool_calls(text, {"tool_calls": [call]})
        assert any(NAME in (made.name, *made.arguments.split('"')) for made in beside)
        assert shown == text if text.strip() else NAME in shown


@pytest.mark.parametrize("key", ["native_finish_reason", "stop_reason", "finishReason", "done_reason"])
@pytest.mark.parametrize("reason", ["tool_calls", "tool_use"])
def test_a_call_that_another_key_announces_leaves_the_check_undecided(key: str, reason: str) -> None:
    data, within = completion("One moment.") | {key: reason}, completion("One moment.", message={key: reason})
    for outcome in (read_reply(one, seconds=1.0) for one in (data, within)):
        assert isinstance(outcome, Output)
        assert isinstance(checks.score(FORBIDDEN, CASE, outcome), Unscored)


@pytest.mark.parametrize("reason", ["tool_calls", "function_call", "tool_use", "TOOL-CALLS"])
@pytest.mark.parametrize("none", [{}, {"tool_calls": []}, {"tool_calls": None}])
def test_a_call_that_is_announced_and_not_shown_leaves_the_check_undecided(reason: str, none: dict[str, Any]) -> None:
    outcome = read_reply(completion("One moment.", message=none, finish_reason=reason), seconds=1.0)
    assert isinstance(outcome, Output)
    assert isinstance(checks.score(FORBIDDEN, CASE, outcome), Unscored)


def test_what_a_tool_answered_is_no_call() -> None:
    content = [{"type": "tool_result", "text": ""}, {"type": "text", "text": "fine"}, "!"]
    outcome = read_reply(completion(message={"content": content}), seconds=1.0)
    assert isinstance(outcome, Output) and (outcome.text, outcome.tool_calls) == ("fine!", ())


@pytest.mark.parametrize(
    "said",
    [
        {"refusal": "I cannot"},
        {"native_finish_reason": "SAFETY"},
        {"stop_reason": "refusal"},
        {"content_filter_results": {"hate": {"filtered": True}, "violence": {"filtered": False}}},
    ],
)
def test_a_refusal_beside_a_text_is_one(said: dict[str, Any]) -> None:
    data = completion("fine")
    data["choices"][0] |= said
    outcome = read_reply(data, seconds=1.0)
    assert isinstance(outcome, Failure) and outcome.kind == "unusable"


@pytest.mark.parametrize(
    "said",
    [
        {"content_filter_results": {"hate": {"filtered": True}}},
        {"content_filter_result": {"hate": {"filtered": True}}},
        {"output_sensitive": True},
    ],
)
def test_what_a_filter_took_out_is_no_answer_wherever_it_is_told(said: dict[str, Any]) -> None:
    data, beside = completion("fine", message=said), completion("fine") | said
    for outcome in (read_reply(one, seconds=1.0) for one in (data, beside)):
        assert isinstance(outcome, Failure) and outcome.kind == "unusable"


ERROR_KEYS = ["error", "errors", "error_code", "errorMessage", "error_msg", "errcode"]


@pytest.mark.parametrize("key", ERROR_KEYS)
@pytest.mark.parametrize("value", ["upstream broke", 502, ["boom"], {"message": "boom"}, True])
def test_an_error_beside_a_text_is_one_by_whatever_key(key: str, value: Any) -> None:
    chosen = completion("half an ans")
    chosen["choices"][0][key] = value
    for data in (completion("half") | {key: value}, completion("half", message={key: value}), chosen):
        with pytest.raises(ProviderError) as caught:
            read_reply(data, seconds=1.0)
        assert caught.value.retryable
    with pytest.raises(ProviderError):
        read_reply(completion("half") | {"base_resp": {"status_code": 1027, "status_msg": "x"}}, seconds=1.0)


@pytest.mark.parametrize("key", ERROR_KEYS)
@pytest.mark.parametrize("value", [None, 0, "", "0", "ok", "None", "SUCCESS", [], {}, False])
def test_a_key_that_tells_of_no_error_is_none(key: str, value: Any) -> None:
    data = completion("fine", message={key: value}) | {key: value, "base_resp": {"status_code": 0}}
    assert isinstance(read_reply(data, seconds=1.0), Output)


@pytest.mark.parametrize(
    "said",
    [
        {"native_finish_reason": "MAX_TOKENS"},
        {"finish_reason": None, "finish_details": {"type": "max_tokens"}},
        {"finish_reason": "", "stop_reason": "max_tokens"},
        {"done_reason": "length"},
        {"stop_type": "limit"},
        {"truncated": True},
        {"isTruncated": "true"},
        {"finish_reason": "FinishReason.MAX_TOKENS"},
    ],
)
def test_a_cut_told_in_other_words_is_one(said: dict[str, Any]) -> None:
    data = completion("fine")
    data["choices"][0] |= said
    outcome = read_reply(data, seconds=1.0)
    assert isinstance(outcome, Output) and outcome.finish_reason == CUT


@pytest.mark.parametrize("word", ["length", "MAX_TOKENS", "maxTokens", "max_output_tokens"])
@pytest.mark.parametrize("key", ["finish_reason", "finishReason", "stop_reason", "native_finish_reason"])
def test_a_cut_is_one_wherever_the_reply_tells_it(key: str, word: str) -> None:
    data, within = completion("fine") | {key: word}, completion("fine", message={key: word})
    whole = completion("fine") | {"status": "incomplete", "incomplete_details": {"reason": word}}
    for outcome in (read_reply(one, seconds=1.0) for one in (data, within, whole)):
        assert isinstance(outcome, Output) and outcome.finish_reason == CUT


@pytest.mark.parametrize("said", [{"native_finish_reason": "network_error"}, {"status": "failed"}])
def test_what_another_key_calls_broken_is_no_answer(said: dict[str, Any]) -> None:
    data = completion("fine") | said
    data["choices"][0] |= said
    with pytest.raises(ProviderError):
        read_reply(data, seconds=1.0)


def test_the_text_that_an_answer_stopped_at_is_no_reason() -> None:
    data = completion("fine")
    data["choices"][0]["stop_reason"] = "Error"
    assert isinstance(read_reply(data | {"status": "completed"}, seconds=1.0), Output)


@pytest.mark.parametrize(
    "said",
    [
        {"native_finish_reason": "FINISH"},
        {"stop_reason": 2},
        {"stop_reason": "###"},
        {"stop_type": "eos"},
        {"truncated": False},
    ],
)
def test_unknown_keys_beside_a_normal_end_change_nothing(said: dict[str, Any]) -> None:
    data = completion("fine")
    data["choices"][0] |= said
    outcome = read_reply(data, seconds=1.0)
    assert isinstance(outcome, Output) and (outcome.text, outcome.finish_reason) == ("fine", "stop")


@pytest.mark.parametrize("reason", [0, 1, False, True, [], ["error"], {}])
def test_a_reason_that_is_no_text_is_no_normal_end(reason: Any) -> None:
    data = completion("fine")
    data["choices"][0]["finish_reason"] = reason
    with pytest.raises(ProviderError, match="not a text"):
        read_reply(data, seconds=1.0)


@pytest.mark.parametrize("kind", ["reasoning", "thinking", "reasoning_text", "redacted_thinking"])
def test_thoughts_are_no_part_of_the_answer(kind: str) -> None:
    thought = {"type": kind, "text": '{"score": 5, "reason": "x"}'}
    alone = read_reply(completion(message={"content": [thought]}), seconds=1.0)
    assert isinstance(alone, Failure) and alone.kind == "unusable"
    both = read_reply(completion(message={"content": [thought, {"type": "text", "text": "fine"}]}), seconds=1.0)
    assert isinstance(both, Output) and both.text == "fine"


@pytest.mark.parametrize("reasoning", [{"reasoning_content": "hm"}, {"reasoning": "hm"}])
def test_reasoning_beside_the_text_is_kept_apart(reasoning: dict[str, str]) -> None:
    both = read_reply(completion("fine", message={"content": "fine", **reasoning}), seconds=1.0)
    assert isinstance(both, Output) and (both.text, both.reasoning) == ("fine", "hm")
    empty = {"content": None, **reasoning}
    alone = read_reply(completion(message=empty, finish_reason="stop"), seconds=1.0)
    assert isinstance(alone, Failure) and alone.message == ONLY_REASONING
    cut = read_reply(completion(message=empty, finish_reason="length"), seconds=1.0)
    assert isinstance(cut, Failure) and cut.message == LIMIT_SPENT


def test_a_limit_spent_on_hidden_reasoning_is_named() -> None:
    data = completion(message={"content": None}, finish_reason="length")
    bare = read_reply(data, seconds=1.0)
    assert isinstance(bare, Failure) and bare.message == LIMIT_REACHED
    data["usage"] = {
        "prompt_tokens": 1,
        "completion_tokens": 9,
        "completion_tokens_details": {"reasoning_tokens": 9},
    }
    spent = read_reply(data, seconds=1.0)
    assert isinstance(spent, Failure) and spent.message == LIMIT_SPENT


def test_a_refusal_or_an_error_as_a_part_is_no_answer() -> None:
    refused = read_reply(completion(message={"content": [{"type": "refusal", "text": "no"}]}), seconds=1.0)
    assert isinstance(refused, Failure) and refused.kind == "unusable"
    for message in ({"content": [{"type": "error", "text": "upstream"}]}, {"error": {"message": "upstream"}}):
        with pytest.raises(ProviderError, match="upstream"):
            read_reply(completion("fine", message=message), seconds=1.0)
    with pytest.raises(ProviderError, match="upstream"):
        read_reply(completion("fine") | {"errors": [{"message": "upstream"}]}, seconds=1.0)


@pytest.mark.parametrize("reason", ["content_filter", "SAFETY", "refusal"])
def test_a_refusal_that_was_kept_with_its_text_is_no_answer(reason: str) -> None:
    kept = decode_outcome({"text": "fine", "finish_reason": reason})
    assert isinstance(kept, Failure) and kept.kind == "unusable"


TOLD_ERRORS: list[dict[str, Any]] = [
    {"error-message": "overloaded"},
    {"error_message": "overloaded"},
    {"errorCode": 503},
    {"exception": "Timeout"},
    {"success": False},
    {"isSuccess": False},
    {"ok": False},
    {"status_code": 502},
    {"code": "503"},
    {"status": 500},
    {"success": "false"},
    {"failure": "upstream"},
    {"cancelled": True},
    {"object": "error"},
    {"type": "error"},
    {"is_error": True},
    {"isError": "true"},
    {"has_error": 1},
    {"type": "result", "subtype": "error_max_turns"},
]
TOLD_REFUSALS: list[dict[str, Any]] = [
    {"refusal": "I cannot"},
    {"Refusal": "I cannot"},
    {"refused": True},
    {"is_refusal": True},
    {"isBlocked": True},
    {"blockReason": "SAFETY"},
    {"block_reason": "OTHER"},
    {"amazon-bedrock-guardrailAction": "INTERVENED"},
    {"guardrail_action": "GUARDRAIL_INTERVENED"},
    {"output_sensitive": True},
    {"promptFeedback": {"blockReason": "SAFETY"}},
    {"safety_ratings": [{"category": "a", "blocked": False}, {"category": "b", "blocked": True}]},
]
NOTHING_TOLD: list[dict[str, Any]] = [
    {"success": True, "ok": True, "code": 0, "status": "completed", "status_code": 200},
    {"code": "200", "type": "message", "object": "chat.completion", "exception": None},
    {"refusal": None, "refused": False, "blocked": False, "blockReason": "NONE"},
    {"amazon-bedrock-guardrailAction": "NONE", "output_sensitive": False},
    {"is_error": False, "hasError": "false", "type": "result", "subtype": "success"},
    {"success": None, "status": True, "code": "E12", "failed": 0, "cancelled": False},
    {"promptFeedback": {}, "safetyRatings": [{"category": "a", "blocked": False}], "incomplete": False},
]


def answer_by_function(said: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """The outcome of a function that returns a text, and `said` beside it."""
    name = f"app_{digest(said)[:12]}"
    (tmp_path / f"{name}.py").write_text(f"def answer(case):\n    return {{'text': 'fine', **{said!r}}}\n")
    monkeypatch.syspath_prepend(tmp_path)
    target = Target(name="app", kind="python", location=f"{name}:answer", identity="i", model=None)
    provider = PythonProvider(target, tmp_path)
    return asyncio.run(provider.answer(Request(target="app", identity="i", model="", messages=(), inputs={})))


def read_recorded(said: dict[str, Any], folder: Path) -> Outcome:
    """The outcome of a recorded row that has a text, and `said` beside it."""
    (folder / "o.jsonl").write_text(json.dumps({"case": "a", "text": "fine", **said}))
    return load_outputs(WorkTree(folder), "o.jsonl")["a", 0]


@pytest.mark.parametrize("said", TOLD_ERRORS, ids=str)
def test_an_error_is_one_from_each_kind_of_target(
    said: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ProviderError):
        read_reply(completion("fine") | said, seconds=1.0)
    with pytest.raises(ProviderError):
        answer_by_function(said, tmp_path, monkeypatch)
    try:
        outcome = read_recorded(said, tmp_path)
    except InputError:  # a key that looks like one of a row
        return
    assert isinstance(outcome, Failure) and outcome.kind == "infrastructure"


@pytest.mark.parametrize("said", TOLD_REFUSALS, ids=str)
def test_a_refusal_is_one_from_each_kind_of_target(
    said: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = completion("fine")
    chosen["choices"][0] |= said
    outcomes = [read_reply(one, seconds=1.0) for one in (completion("fine") | said, completion("fine", message=said))]
    outcomes += [read_reply(chosen, seconds=1.0), answer_by_function(said, tmp_path, monkeypatch)]
    outcomes += [
        answer_by_function({"message": said}, tmp_path, monkeypatch),
        read_recorded({"message": said}, tmp_path),
    ]
    with contextlib.suppress(InputError):  # a key that looks like one of a row
        outcomes.append(read_recorded(said, tmp_path))
    assert all(isinstance(one, Failure) and one.kind == "unusable" for one in outcomes)


@pytest.mark.parametrize("said", NOTHING_TOLD, ids=str)
def test_what_tells_of_no_failure_leaves_an_answer(
    said: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = [read_reply(completion("fine", message=said) | said, seconds=1.0), read_recorded(said, tmp_path)]
    outcomes.append(answer_by_function(said, tmp_path, monkeypatch))
    assert all(isinstance(one, Output) and one.text == "fine" for one in outcomes)


@pytest.mark.parametrize(
    "said",
    [
        {"message": {"finish_reason": "length"}},
        {"response_metadata": {"finish_reason": "MAX_TOKENS"}},
        {"message": {"provider_specific_fields": {"native_finish_reason": "MAX_TOKENS"}}},
        {"isTruncated": True},
        {"choices": [{"finish_reason": "length", "message": {"content": "fine"}}]},
    ],
)
def test_a_cut_that_an_application_passes_on_is_one(
    said: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for outcome in (answer_by_function(said, tmp_path, monkeypatch), read_recorded(said, tmp_path)):
        assert isinstance(outcome, Output) and outcome.finish_reason == CUT


@pytest.mark.parametrize(
    "said",
    [
        {"message": {"tool_calls": [{"function": {"name": NAME, "arguments": "{}"}}]}},
        {"additional_kwargs": {"tool_calls": [{"name": NAME}]}},
        {"content": [{"type": "tool_use", "name": NAME, "input": {}}]},
    ],
)
def test_a_call_that_an_application_passes_on_is_seen(
    said: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not holds(answer_by_function(said, tmp_path, monkeypatch))
    assert not holds(read_recorded(said, tmp_path))


@pytest.mark.parametrize(
    "part",
    [
        {"type": "text", "thought": True, "text": "perhaps"},
        {"type": "tool_result", "text": "42"},
        {"type": "web_search_result", "text": "42"},
    ],
)
def test_a_part_that_is_not_said_to_the_reader_is_no_part_of_the_answer(part: dict[str, Any]) -> None:
    both = read_reply(completion(message={"content": [part, {"type": "text", "text": "fine"}]}), seconds=1.0)
    assert isinstance(both, Output) and both.text == "fine"
    assert isinstance(read_reply(completion(message={"content": [part]}), seconds=1.0), Failure)


def test_a_filter_that_lists_its_categories_took_the_text_out() -> None:
    said = {"content_filter_results": [{"hate": {"filtered": False}}, {"violence": {"filtered": True}}]}
    outcome = read_reply(completion("fine") | said, seconds=1.0)
    assert isinstance(outcome, Failure) and outcome.kind == "unusable"


def test_what_a_router_keeps_beside_the_message_is_read() -> None:
    said = {"provider_specific_fields": {"finish_reason": "SAFETY"}}
    chosen, streamed = completion("fine"), completion("fine")
    chosen["choices"][0] |= said
    for data in (chosen, completion("fine", message=said)):
        outcome = read_reply(data, seconds=1.0)
        assert isinstance(outcome, Failure) and outcome.kind == "unusable"
    streamed["choices"][0]["delta"] = {"error": {"message": "upstream"}}
    with pytest.raises(ProviderError, match="upstream"):
        read_reply(streamed, seconds=1.0)


def test_an_answer_that_holds_itself_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loops.py").write_text("said = {'text': 'fine'}\nsaid['message'] = said\nanswer = lambda case: said\n")
    monkeypatch.syspath_prepend(tmp_path)
    provider = PythonProvider(Target(name="app", kind="python", location="loops:answer", identity="i"), tmp_path)
    outcome = asyncio.run(provider.answer(Request(target="app", identity="i", model="", messages=(), inputs={})))
    assert isinstance(outcome, Output) and outcome.text == "fine"
