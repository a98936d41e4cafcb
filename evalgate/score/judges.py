"""Judges: make a request from a rubric and an output, and read the score from a reply. Does not call models."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Mapping
from typing import Any, assert_never

from evalgate.domain import (
    Case,
    Failure,
    Json,
    Judge,
    Message,
    Outcome,
    Output,
    Request,
    Rubric,
    Score,
    Scored,
    ScoreToken,
    Target,
    Unscored,
    as_text,
    classify_ending,
    normalize,
)
from evalgate.domain.conditions import is_absent
from evalgate.domain.output_calls import format_calls
from evalgate.domain.reasoning import ONLY_REASONING, SplitText, separate_tags, split_reasoning
from evalgate.score.judge_reply import ReplyObject, read_object
from evalgate.score.reply_fault import (
    ReplyFault,
    explain_cut,
    explain_failure,
    explain_format,
    explain_reasoning,
    explain_score,
    explain_spent,
    explain_surrounded,
)
from evalgate.score.reply_format import describe_reply_format

_PARAMETERS: Mapping[str, Json] = {"temperature": 0}
_LOCAL_PARAMETERS: Mapping[str, Json] = {**_PARAMETERS, "max_tokens": 200}
"""For the embedded model, which is small and does not reason: a limit would starve a reasoning model."""

_CALLS = "tool calls beside the output"
_IMAGES = "images of the request, which you do not see"
"""The titles of the blocks that are not inputs. They have spaces, so no input has the same title."""
_FENCE = re.compile(r"`+")
_DATA_URL = re.compile(r"\Adata:(image/[a-z]+);base64,[A-Za-z0-9+/=]*\Z")
_UNREADABLE = re.compile("[\x00\ud800-\udfff]")
_CHAT_TOKEN = re.compile(r"<\|(\w{1,40})\|>")


def validate(judge: Judge) -> None:
    """Check the scale of a judge. Raises ValueError, with a sentence, if its replies could not be read."""
    rubric = judge.rubric
    if rubric.maximum <= rubric.minimum:
        raise ValueError(
            f"rubric {rubric.name}: the scale {_show_scale(rubric)} must have its maximum above its minimum"
        )
    if judge.mode == "expected" and not _is_single_digits(rubric):
        raise ValueError(
            f"judge {judge.name}: a number of the scale {_show_scale(rubric)} can be more than one token; "
            "keep the scale within 0 to 9 or use score: printed"
        )


def make_request(
    judge: Judge, case: Case, output: Output, target: Target, *, attempt: int = 0, max_age: float | None = None
) -> Request:
    """Make the request that scores `output` of `case`. It does not depend on the arm: equal outputs give equal keys.

    The system message is the rubric's instruction, unchanged. The user message has a block for each input, fenced by
    more backticks than any value contains, so that no input can close its block. Image files are named in a block of
    their own, and the tool calls beside a text are the last block. NUL and lone surrogates become U+FFFD. Chat template
    tokens (`<|token|>`) and tags of reasoning (`</think>`) get spaces, because a local server could interpret them
    inside a text, and a judge that repeats them would seem to begin its answer there. Parameters of a judge that are
    null are not sent. If the target takes no JSON Schema, the system message also says in words what JSON is expected.
    A stored reply older than `max_age` seconds is not used.

    Raises ValueError if the case lacks a field that the rubric needs.
    """
    rubric = judge.rubric
    return Request(
        target=target.name,
        identity=target.identity,
        model=judge.model or target.model,
        messages=(
            Message(role="system", content=_write_instruction(rubric, target)),
            Message(role="user", content=_format_blocks(_collect_inputs(rubric, case, output))),
        ),
        parameters=_merge_parameters(target.merge_parameters(judge.parameters), target),
        response_format=_make_response_format(rubric, target),
        scale=(rubric.minimum, rubric.maximum) if judge.mode == "expected" else None,
        repeat=attempt,
        about=f"judge {judge.name}, case {case.id}",
        max_age=max_age,
    )


def read_reply(judge: Judge, outcome: Outcome, judged: Output | None = None) -> Scored:
    """Return the score of a reply, mapped from the rubric's scale to [0, 1]. A reply in another format is Unscored.

    `judged` is the output under judgement: an object in it is a quotation and not the judge's reply.

    "printed": (score - min) / (max - min). "expected": sum of p(k) (k - min) / (max - min) over the scale's integers
    k, with p renormalised over them (Liu et al. 2023, G-Eval, eq. 1). The renormalisation is needed because, with a
    grammar, log-probabilities are those before masking, and include tokens that the grammar excludes. Never raises.
    """
    read = _read(judge, outcome, "" if judged is None else _show_output(judged))
    return Unscored(reason=str(read)) if isinstance(read, ReplyFault) else read


def find_fault(judge: Judge, outcome: Outcome) -> ReplyFault | None:
    """Return the fault of a reply in another format than the judge reads, or None if it is readable."""
    read = _read(judge, outcome, "")
    return read if isinstance(read, ReplyFault) else None


def _read(judge: Judge, outcome: Outcome, judged: str) -> Score | ReplyFault:
    if isinstance(outcome, Failure):
        return explain_failure(judge, outcome)
    if outcome.calls_beside_text:
        return ReplyFault(reason="the judge's reply has a tool call beside its text, which may be another verdict")
    split = split_reasoning(outcome.text)
    ended = _explain_end(judge, outcome, split)
    if ended is not None:
        return ended
    text = split.answer if judge.strip_reasoning else outcome.text
    found = _find_object(judge, text, judged)
    if isinstance(found, ReplyFault):
        return found
    if judge.mode == "expected":
        return _weigh_score(judge.rubric, outcome, text, found)
    return Score(value=_map_score(judge.rubric, found.value["score"]), reason=found.value["reason"])


def _explain_end(judge: Judge, output: Output, split: SplitText) -> ReplyFault | None:
    """Return the fault of a text that has no end or no answer, or None."""
    if split.found and not normalize(split.answer):
        return explain_spent(judge, ONLY_REASONING)
    ended = classify_ending(output.finish_reason)
    if ended == "whole":
        return None
    reason = f"the judge's reply was cut short (finish reason: {output.finish_reason})"
    return explain_cut(judge, reason) if ended == "cut" else ReplyFault(reason=reason)


def _find_object(judge: Judge, text: str, judged: str) -> ReplyObject | ReplyFault:
    try:
        found = read_object(text, judge.reading)
    except ValueError as error:
        return _explain_text(judge, text, f"the judge's reply is not JSON: {error}")
    if found.is_in(judged):
        return ReplyFault(reason="the judge's reply repeats an object of the output")
    wrong = _find_wrong_value(judge.rubric, found.value)
    return found if wrong is None else explain_format(judge, wrong)


def _explain_text(judge: Judge, text: str, reason: str) -> ReplyFault:
    """Return the fault of a text that is not JSON, with the setting under which it could be read."""
    if not judge.strip_reasoning and split_reasoning(text).found:
        return explain_reasoning(reason)
    if judge.reading == "strict":
        with contextlib.suppress(ValueError):
            if _find_wrong_value(judge.rubric, read_object(text, "lenient").value) is None:
                return explain_surrounded(reason)
    return explain_format(judge, reason)


def _collect_inputs(rubric: Rubric, case: Case, output: Output) -> dict[str, str]:
    values: dict[str, str] = {}
    for written in rubric.inputs:
        name, optional = written.removesuffix("?"), written.endswith("?")
        if name == "output":
            values[name] = output.text
        elif name in case.fields and not (optional and is_absent(case.fields, name)):
            values[name] = as_text(_shorten_images(case.fields[name]))
        elif not optional:
            raise ValueError(f'case {case.id} has no field "{name}", which rubric {rubric.name} needs')
    if case.images:
        shown = [f"{path} ({image.media_type}, {len(image.data):,} bytes)" for path, image in case.images.items()]
        values[_IMAGES] = "\n".join(shown)
    if output.calls_beside_text:
        values[_CALLS] = format_calls(output.calls_beside_text)
    return values


def _show_output(output: Output) -> str:
    """Return all that a judge sees of an output."""
    calls = output.calls_beside_text
    return _clean(f"{output.text}\n{format_calls(calls)}" if calls else output.text)


def _shorten_images(value: Json) -> Json:
    """Return a field without the data URLs of images, which a judge does not see and which can be megabytes."""
    if isinstance(value, Mapping):
        return {key: _shorten_images(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_shorten_images(inner) for inner in value]
    return _DATA_URL.sub(r"(an image, \1)", value) if isinstance(value, str) and value.startswith("data:") else value


def _format_blocks(values: Mapping[str, str]) -> str:
    clean = {name: _clean(text) for name, text in values.items()}
    longest = max((len(run) for text in clean.values() for run in _FENCE.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n\n".join(f"{name[:1].upper()}{name[1:]}:\n{fence}\n{text}\n{fence}" for name, text in clean.items())


def _clean(text: str) -> str:
    return separate_tags(_CHAT_TOKEN.sub(r"< |\1| >", _UNREADABLE.sub("\ufffd", text)))


def _merge_parameters(own: Mapping[str, Json], target: Target) -> dict[str, Json]:
    merged: dict[str, Json] = {**(_LOCAL_PARAMETERS if target.kind == "local" else _PARAMETERS), **own}
    if "max_completion_tokens" in own and "max_tokens" not in own:
        merged.pop("max_tokens", None)  # endpoints with the newer parameter refuse requests with both
    return {name: value for name, value in merged.items() if value is not None}


def _write_instruction(rubric: Rubric, target: Target) -> str:
    if target.response_format == "json_schema":
        return rubric.instruction
    return f"{rubric.instruction.rstrip()}\n\n{describe_reply_format(_make_schema(rubric))}"


def _make_response_format(rubric: Rubric, target: Target) -> dict[str, Json] | None:
    match target.response_format:
        case "json_schema":
            own: Json = {"name": "judgement", "strict": True, "schema": _make_schema(rubric)}
            return {"type": "json_schema", "json_schema": own}
        case "json_object":
            return {"type": "json_object"}
        case "none":
            return None
        case _:
            assert_never(target.response_format)


def _make_schema(rubric: Rubric) -> dict[str, Json]:
    # the score is the first property, so that its token is the first integer of the reply
    return {
        "type": "object",
        "properties": {
            "score": {"type": "integer", "enum": list(range(rubric.minimum, rubric.maximum + 1))},
            "reason": {"type": "string"},
        },
        "required": ["score", "reason"],
        "additionalProperties": False,
    }


def _find_wrong_value(rubric: Rubric, reply: Mapping[str, Any]) -> str | None:
    if set(reply) != {"score", "reason"}:
        return 'the judge\'s reply is not an object with exactly "score" and "reason"'
    score = reply["score"]
    # isinstance would accept a bool; some models write an integer as 4.0
    if type(score) is not int and not (type(score) is float and score.is_integer()):
        return "the judge's score is not an integer"
    if not rubric.minimum <= score <= rubric.maximum:
        return f"the judge's score {score} is outside the scale {_show_scale(rubric)}"
    return None if isinstance(reply["reason"], str) else "the judge's reason is not text"


def _weigh_score(rubric: Rubric, output: Output, text: str, found: ReplyObject) -> Score | ReplyFault:
    before = f"{output.reasoning}{output.text.removesuffix(text)}{found.before}"
    if next(iter(found.value)) != "score" or any(char.isdigit() for char in before):
        # a number before the score could be mistaken for the score's token
        return explain_score("the judge's reply does not begin with its score")
    expected = _expect_score(rubric, int(found.value["score"]), output.score_tokens)
    return explain_score(expected) if isinstance(expected, str) else Score(value=expected, reason=found.value["reason"])


def _expect_score(rubric: Rubric, printed: int, tokens: tuple[ScoreToken, ...]) -> float | str:
    """Return the expected score in [0, 1], or the reason why there is none."""
    if not tokens:
        return "the endpoint returned no log-probabilities"
    if not _is_single_digits(rubric):
        # if each digit is a token, the probability of "1" includes that of "10"
        return f"a number of the scale {_show_scale(rubric)} can be more than one token"
    token = next((each for each in tokens if each.token == printed), None)
    if token is None:
        return f"the judge's score {printed} has no log-probabilities"
    logs = {
        number: log
        for number, log in token.logprobs.items()
        if rubric.minimum <= number <= rubric.maximum and not (math.isnan(log) or math.isinf(log))
    }
    if not logs:
        return "no number of the scale has a log-probability"
    top = max(logs.values())
    weights = {number: math.exp(log - top) for number, log in logs.items()}
    value = math.fsum(weight * _map_score(rubric, number) for number, weight in weights.items())
    return min(1.0, max(0.0, value / math.fsum(weights.values())))


def _map_score(rubric: Rubric, score: float) -> float:
    return (score - rubric.minimum) / (rubric.maximum - rubric.minimum)


def _show_scale(rubric: Rubric) -> str:
    return f"{rubric.minimum} to {rubric.maximum}"


def _is_single_digits(rubric: Rubric) -> bool:
    return rubric.minimum >= 0 and rubric.maximum <= 9
