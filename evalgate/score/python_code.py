"""The check `python`: what its options mean, and how the value that the code returned becomes a score.

The code itself runs in a child process, which this package does not start: `execute.code_runner` does.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from evalgate.domain import Case, Check, Output, Score, Scored, Unscored
from evalgate.score.observation import clip

RunCode: TypeAlias = Callable[[Check, Case, Output], Scored]
"""Scores an output by the code of a check."""

NAMES = ("output", "case")
"""The names that an expression may use beside the built-in ones."""

_REASON = 200
_SHOWN = 60
_FORMS = "a bool, a number from 0 to 1, (score, reason), or {'score': ..., 'reason': ...}"


def leave_unrun(check: Check, case: Case, output: Output) -> Scored:
    """Return no score: where there is no child process, no code runs."""
    return Unscored(reason="code of the repository is not run here")


def validate_python(check: Check) -> None:
    """Raise ValueError unless a check has one of a path and an expression, and for an expression that is none."""
    options = check.options
    if ("path" in options) is ("expression" in options):
        raise ValueError(f'{check.name}: needs either "path" or "expression"')
    if "expression" in options:
        _validate_expression(check.name, str(options["expression"]))


def read_result(check: Check, value: Any, reason: str = "") -> Scored:
    """Return the score of the value that code returned, as JSON data.

    Anything but a bool or a number in [0, 1], alone or with a reason, is unscored, and so is NaN.
    """
    name = describe_code(check)
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], str | None):
        return read_result(check, value[0], value[1] or "")
    if isinstance(value, Mapping) and "score" in value and isinstance(value.get("reason") or "", str):
        return read_result(check, value["score"], value.get("reason") or "")
    if isinstance(value, bool | int | float) and 0 <= value <= 1:
        shown = {0.0: "false", 1.0: "true"}.get(float(value), f"{value:.4g}")
        return Score(value=float(value), reason=clip(reason or f"{name} is {shown}", _REASON))
    found = clip(repr(value), _SHOWN)
    return Unscored(reason=clip(f"{name} returned {found}; it must return {_FORMS}", _REASON))


def describe_code(check: Check) -> str:
    """Return the function or the expression of a check, for a sentence."""
    return clip(str(check.options.get("path") or check.options.get("expression")), _SHOWN)


def _validate_expression(name: str, expression: str) -> None:
    try:
        code = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        why = error.msg if isinstance(error, SyntaxError) else str(error) or type(error).__name__
        raise ValueError(f"{name}: the expression cannot be read as Python: {why}") from None
    nodes = [node for node in ast.walk(code) if isinstance(node, ast.Name)]
    bound = {node.id for node in nodes if isinstance(node.ctx, ast.Store)}
    bound |= {node.arg for node in ast.walk(code) if isinstance(node, ast.arg)}
    used = dict.fromkeys(node.id for node in nodes if isinstance(node.ctx, ast.Load))
    unknown = [one for one in used if one not in bound and one not in NAMES and not hasattr(builtins, one)]
    if unknown:
        raise ValueError(f'{name}: the expression has no "{unknown[0]}": it may use output, case and built-in names')
