"""Keep numbers on one line with their units, and intervals on one line."""

from __future__ import annotations

import re

NO_BREAK = "\u00a0"
_UNITS = (
    "%|s|ms|h|hours?|days?|words?|cases?|calls?|tokens|seconds?|units?|draws?|samples?|scores?|checks?|judges?|lines?|"
    "answers?|criteria|worse|same|better|more|broken|fixed|in|out|made|cached|input|output"
)
# a number begins after no comma, so that the time is linear in a text such as "1,1,1,1"
_NUMBER_AND_UNIT = re.compile(rf"(?<![\w.,])([+-]?\$?\d[\d.,]*) (?=(?:{_UNITS})\b|%)")
_INTERVAL = re.compile(r"(\[[+-]?\d[\d.]*,) (?=[+-]?\d[\d.]*\])")
_COUNT = re.compile(r"(?<![\w.,])(\d[\d,]*) of (?=\d)")
_RELATION = re.compile(r"\bp ([=<]) (?=\d)")


def join_units(text: str, joint: str = NO_BREAK) -> str:
    """Return the text with `joint` in place of the spaces inside of "34 cases", "[-0.432, -0.062]" and "3 of 34"."""
    text = _NUMBER_AND_UNIT.sub(rf"\1{joint}", text)
    text = _INTERVAL.sub(rf"\1{joint}", text)
    text = _COUNT.sub(rf"\1{joint}of{joint}", text)
    return _RELATION.sub(rf"p{joint}\1{joint}", text)
