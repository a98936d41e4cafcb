import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Arm, Output, Result, ToolCall
from evalgate.domain.answered import score_answered
from evalgate.domain.output_calls import UNNAMED, format_calls, parse_calls
from evalgate.domain.tool_calls import add_tool_calls

REFUND = ToolCall(name="refund", arguments='{"order": 7}')
DELETE = ToolCall(name="delete_account", arguments='{ "id": 1 }')

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(st.characters(codec="utf-8"), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
calls = st.lists(
    st.builds(ToolCall, name=names, arguments=st.builds(json.dumps, values) | names), min_size=1, max_size=3
)


def result(output: Output) -> Result:
    return Result(case="c", arm=Arm.CANDIDATE, repeat=0, tags=(), outcome=output, scores={})


@given(calls)
def test_calls_alone_are_the_text_and_calls_beside_a_text_are_not(made: list[ToolCall]) -> None:
    alone = Output(text=format_calls(made), tool_calls=tuple(made))
    beside = Output(text="Done.", tool_calls=tuple(made))
    assert (alone.calls, alone.calls_beside_text) == (tuple(made), ())
    assert (beside.calls, beside.calls_beside_text) == (tuple(made), tuple(made))
    assert format_calls(parse_calls(alone.text)) == alone.text


@given(calls)
def test_the_calls_of_an_answer_are_kept_with_and_without_a_text(made: list[ToolCall]) -> None:
    given_ = {"tool_calls": [{"function": {"name": call.name, "arguments": call.arguments}} for call in made]}
    assert add_tool_calls("Done.", given_) == ("Done.", tuple(made))
    assert add_tool_calls(" \n", given_) == (format_calls(made), tuple(made))


def test_stored_outputs_of_before_have_their_calls_in_the_text_alone() -> None:
    text = format_calls([REFUND])
    assert Output(text=text, finish_reason="tool_calls").calls == (REFUND,)
    # without the reason, a model may have written the text itself
    assert Output(text=text, finish_reason="stop").calls == ()
    for other in ("", "[]", '{"tool_calls": 1}', '{"tool_calls": [{"name": "x"}]}', '{"tool_calls": []} and more'):
        assert Output(text=other, finish_reason="tool_calls").calls == ()


def test_equal_texts_with_other_calls_have_other_marks() -> None:
    same = [result(Output(text="Done.", tool_calls=(REFUND,))).text_mark for _ in range(2)]
    other = result(Output(text="Done.", tool_calls=(DELETE,))).text_mark
    assert same[0] == same[1]
    assert len({same[0], other, result(Output(text="Done.")).text_mark}) == 3
    # an output of an earlier version has the same mark as the same answer now
    text = format_calls([DELETE])
    assert result(Output(text=text)).text_mark == result(Output(text=text, tool_calls=(DELETE,))).text_mark


def test_a_call_is_an_answer_where_the_text_is_none() -> None:
    thoughts = Output(text="<think>refund it</think>", tool_calls=(REFUND,))
    assert score_answered(thoughts, "fail") != score_answered(replace(thoughts, tool_calls=()), "fail")
    unknown = replace(thoughts, tool_calls=(ToolCall(name=UNNAMED, arguments="null"),))
    assert score_answered(unknown, "fail") == score_answered(replace(thoughts, tool_calls=()), "fail")
