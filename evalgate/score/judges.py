"""Judges: a rubric and an output make a request; a reply makes a score. No model is called here."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

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
)
from evalgate.score.json_output import parse

_PARAMETERS: Mapping[str, Json] = {"temperature": 0, "max_tokens": 200}
_FENCE = re.compile(r"`+")
_UNREADABLE = re.compile("[\x00\ud800-\udfff]")
_CHAT_TOKEN = re.compile(r"<\|(\w{1,40})\|>")


def validate(judge: Judge) -> None:
    """Raises ValueError, as a sentence, for a judge whose replies could never be read."""
    rubric = judge.rubric
    if rubric.maximum <= rubric.minimum:
        raise ValueError(f"rubric {rubric.name}: the scale {_scale(rubric)} has no room between its ends")
    if judge.mode == "expected" and not _single_digits(rubric):
        raise ValueError(
            f"judge {judge.name}: the scale {_scale(rubric)} is not read from one token everywhere; "
            "keep it within 0 to 9 or use score: printed"
        )


def make_request(judge: Judge, case: Case, output: Output, target: Target, *, attempt: int = 0) -> Request:
    """The request that scores `output` of `case`. It names no arm: equal outputs give equal keys.

    The rubric's instruction is the system message, word for word. Each input stands in a block of the user message,
    fenced by more backticks than any value holds, so that no text under judgement can close its block; NUL and lone
    surrogates become U+FFFD, and chat templates' `<|tokens|>`, which a local server would obey inside a text, are
    spaced apart. A judge's parameter set to null is not sent.

    Raises ValueError when the case lacks a field that the rubric needs.
    """
    rubric = judge.rubric
    return Request(
        target=target.name,
        identity=target.identity,
        model=judge.model or target.model,
        messages=(
            Message(role="system", content=rubric.instruction),
            Message(role="user", content=_blocks(_values(rubric, case, output))),
        ),
        parameters=_parameters(judge.parameters),
        response_format=_response_format(rubric),
        scale=(rubric.minimum, rubric.maximum) if judge.mode == "expected" else None,
        repeat=attempt,
        about=f"judge {judge.name}, case {case.id}",
    )


def read_reply(judge: Judge, outcome: Outcome) -> Scored:
    """The score of a reply, mapped from the rubric's scale to [0, 1]; anything but the asked-for object is Unscored.

    "printed": (score - min) / (max - min). "expected": sum of p(k) (k - min) / (max - min) over the scale's integers
    k, with p renormalised over them (Liu et al. 2023, G-Eval, eq. 1): under a grammar the log-probabilities are those
    before masking, and what is not on the scale could not have been said. Never raises, whatever the reply.
    """
    if isinstance(outcome, Failure):
        return Unscored(reason=f"the judge did not answer: {outcome.message}")
    if classify_ending(outcome.finish_reason) != "whole":
        return Unscored(reason=f"the judge's reply was cut short (finish reason: {outcome.finish_reason})")
    reply = _reply(judge, outcome.text)
    if isinstance(reply, Unscored):
        return reply
    printed, reason = reply
    if judge.mode == "printed":
        return Score(value=_share(judge.rubric, printed), reason=reason)
    expected = _expect_score(judge.rubric, printed, outcome.score_tokens)
    return expected if isinstance(expected, Unscored) else Score(value=expected, reason=reason)


def _values(rubric: Rubric, case: Case, output: Output) -> dict[str, str]:
    values: dict[str, str] = {}
    for written in rubric.inputs:
        name, optional = written.removesuffix("?"), written.endswith("?")
        if name == "output":
            values[name] = output.text
        elif name in case.fields and not (optional and case.fields[name] is None):
            values[name] = as_text(case.fields[name])
        elif not optional:
            raise ValueError(f'case {case.id} has no field "{name}", which rubric {rubric.name} needs')
    return values


def _blocks(values: Mapping[str, str]) -> str:
    clean = {name: _CHAT_TOKEN.sub(r"< |\1| >", _UNREADABLE.sub("\ufffd", text)) for name, text in values.items()}
    longest = max((len(run) for text in clean.values() for run in _FENCE.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n\n".join(f"{name[:1].upper()}{name[1:]}:\n{fence}\n{text}\n{fence}" for name, text in clean.items())


def _parameters(own: Mapping[str, Json]) -> dict[str, Json]:
    merged: dict[str, Json] = {**_PARAMETERS, **own}
    if "max_completion_tokens" in own and "max_tokens" not in own:
        del merged["max_tokens"]  # endpoints that know the newer name refuse both together
    return {name: value for name, value in merged.items() if value is not None}


def _response_format(rubric: Rubric) -> dict[str, Json]:
    # the score comes first: its token is then the reply's first integer
    return {
        "type": "json_schema",
        "json_schema": {
            "name": "judgement",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": {
                    "score": {"type": "integer", "enum": list(range(rubric.minimum, rubric.maximum + 1))},
                    "reason": {"type": "string"},
                },
                "required": ["score", "reason"],
                "additionalProperties": False,
            },
        },
    }


def _reply(judge: Judge, text: str) -> tuple[int, str] | Unscored:
    try:
        reply: Any = parse(text)
    except ValueError as error:
        return Unscored(reason=f"the judge's reply is not JSON: {error}")
    if not isinstance(reply, dict) or set(reply) != {"score", "reason"}:
        return Unscored(reason='the judge\'s reply is not an object with just "score" and "reason"')
    if judge.mode == "expected" and next(iter(reply)) != "score":
        # a number in the reason would be taken for the score's token
        return Unscored(reason="the judge's reply does not begin with its score; use score: printed")
    wrong = _wrong(judge.rubric, reply["score"], reply["reason"])
    return Unscored(reason=wrong) if wrong else (reply["score"], reply["reason"])


def _wrong(rubric: Rubric, score: Any, reason: Any) -> str | None:
    if type(score) is not int:  # a bool is an int to isinstance
        return "the judge's score is not an integer"
    if not rubric.minimum <= score <= rubric.maximum:
        return f"the judge's score {score} is outside the scale {_scale(rubric)}"
    return None if isinstance(reason, str) else "the judge's reason is not text"


def _expect_score(rubric: Rubric, printed: int, tokens: tuple[ScoreToken, ...]) -> float | Unscored:
    if not tokens:
        return Unscored(reason="the endpoint returned no log-probabilities; use score: printed")
    if not _single_digits(rubric):
        # where digits are tokens of their own, the probability of "1" is also that of "10"
        return Unscored(reason=f"the scale {_scale(rubric)} is not read from one token; use score: printed")
    token = next((each for each in tokens if each.token == printed), None)
    if token is None:
        return Unscored(reason=f"no log-probabilities stand at the judge's score {printed}; use score: printed")
    logs = {
        number: log
        for number, log in token.logprobs.items()
        if rubric.minimum <= number <= rubric.maximum and not (math.isnan(log) or math.isinf(log))
    }
    if not logs:
        return Unscored(reason="no number of the scale has a log-probability; use score: printed")
    top = max(logs.values())
    weights = {number: math.exp(log - top) for number, log in logs.items()}
    value = math.fsum(weight * _share(rubric, number) for number, weight in weights.items())
    return min(1.0, max(0.0, value / math.fsum(weights.values())))


def _share(rubric: Rubric, score: int) -> float:
    return (score - rubric.minimum) / (rubric.maximum - rubric.minimum)


def _scale(rubric: Rubric) -> str:
    return f"{rubric.minimum} to {rubric.maximum}"


def _single_digits(rubric: Rubric) -> bool:
    return rubric.minimum >= 0 and rubric.maximum <= 9
