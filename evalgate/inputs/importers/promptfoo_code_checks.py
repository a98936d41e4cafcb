"""Assertions of promptfoo that no check expresses, as checks of type `python` that run their code."""

from __future__ import annotations

import json
import re
from typing import Any

from evalgate.domain import Json
from evalgate.inputs.importers import nunjucks
from evalgate.inputs.importers.promptfoo_code import ForeignCode, list_variables, read_file, read_inline
from evalgate.inputs.importers.promptfoo_criteria import NotCarriedError, Wanted, make_check
from evalgate.inputs.importers.promptfoo_csv import split_list
from evalgate.inputs.importers.promptfoo_file import SCHEME
from evalgate.inputs.importers.promptfoo_reading import Reading

_SHOWN = "(typeof output === 'string' ? output : JSON.stringify(output))"
_SEARCHES = {
    "contains": "{1}.every(text => {0}.includes(text))",
    "contains-any": "{1}.some(text => {0}.includes(text))",
    "contains-all": "{1}.every(text => {0}.includes(text))",
}


def make_code_check(reading: Reading) -> Wanted | None:
    """Return the check that runs the code of an assertion or of its transforms; None if there is no code.

    Raises NotCarriedError for code that cannot run in evalgate as it does in promptfoo.
    """
    code = _read_code(reading)
    if code is None:
        return None
    transforms = [_read_transform(each, reading) for each in reading.list_transforms()]
    around, every = reading.around, [code, *transforms]
    made: dict[str, Any] = {**code.options}
    variables = list_variables(every, around.tests, around.renamed, is_merged=around.is_merged)
    threshold = reading.threshold()
    least = None if reading.negated or reading.kind not in ("javascript", "python") else reading.assertion.least
    config = reading.data.get("config")
    parts = {
        "transforms": [dict(each.options) for each in transforms],
        "variables": variables,
        "config": config,
        "negated": reading.negated,
        "parsed": around.is_parsed,
        "tools": bool(around.tools),
        "files": {path: digest for each in every for path, digest in each.files.items()},
    }
    made |= {key: value for key, value in parts.items() if value}
    made |= {} if threshold is None else {"threshold": threshold}
    made |= {} if least is None else {"least": least}
    return make_check("python", {"path": around.code.add(made)})


def _read_code(reading: Reading) -> ForeignCode | None:
    value, kind = reading.value, reading.kind
    if kind in ("javascript", "python"):
        if not isinstance(value, str):
            raise NotCarriedError("it has no code")
        if value.startswith(SCHEME):
            return read_file(value, "get_assert", reading.around.files)
        if re.match(r"package:", value):
            raise NotCarriedError("a check runs no code of a package")
        if not reading.is_rendered:
            raise NotCarriedError("the template in its value cannot be rendered")
        return read_inline(value.rstrip() if kind == "javascript" else value, kind, reading.around.files)
    if not reading.list_transforms() and kind != "regex":
        return None
    written = _write_javascript(reading)
    return None if written is None else ForeignCode(options=_describe_javascript(written), texts=(written,))


def _read_transform(code: str, reading: Reading) -> ForeignCode:
    found = read_file(code, "get_transform", reading.around.files) if code.startswith(SCHEME) else None
    found = found or read_inline(code, "javascript", reading.around.files)
    return ForeignCode(options={**found.options, "transform": True}, texts=found.texts, files=found.files)


def _describe_javascript(code: str) -> dict[str, Json]:
    return {"language": "javascript", "code": code}


def _write_javascript(reading: Reading) -> str | None:
    """Return what promptfoo's own code of a plain assertion is; None for one of another kind."""
    kind, value = reading.kind, reading.value
    plain = kind.removeprefix("i") if kind.startswith("icontains") else kind
    shown = f"{_SHOWN}.toLowerCase()" if plain != kind else _SHOWN
    if kind == "is-json" and not value:
        return f"(() => {{ try {{ JSON.parse({_SHOWN}); return true; }} catch {{ return false; }} }})()"
    if plain in _SEARCHES:
        if plain == "contains":
            values = [text for text in [reading.text()] if text]
        else:
            values = split_list(value) if isinstance(value, str) else value
        if not values or not isinstance(values, list):
            return None
        texts = [str(nunjucks.show(one)) for one in values]
        return _SEARCHES[plain].format(shown, json.dumps(texts if plain == kind else [one.lower() for one in texts]))
    if isinstance(value, dict | list) or value is None or (kind == "regex" and not reading.text()):
        return None
    text = json.dumps(reading.text())
    written = {"equals": f"{_SHOWN} === {text}", "starts-with": f"{_SHOWN}.startsWith({text})"}
    return {**written, "regex": f"new RegExp({text}).test({_SHOWN})"}.get(kind)
