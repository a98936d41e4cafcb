"""The text of one score of a released version: its value, its interval and the number of its cases."""

from __future__ import annotations

import json

_DECIMALS = 4


def describe_score(score: object) -> str:
    """Describe a score, with numbers of four decimals at most: `--format json` has all digits."""
    if not isinstance(score, dict) or "value" not in score:
        return _format(score)
    shown = _format(score["value"])
    if "low" in score and "high" in score:
        shown += f" [{_format(score['low'])}, {_format(score['high'])}]"
    return f"{shown}, n = {_format(score['n'])}" if "n" in score else shown


def _format(value: object) -> str:
    rounded = round(value, _DECIMALS) if isinstance(value, float) else value
    return json.dumps(rounded, ensure_ascii=False, sort_keys=True)
