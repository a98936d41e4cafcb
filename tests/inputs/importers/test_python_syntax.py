"""Tests of assertions in Python: they are conditions as those in JavaScript are."""

from __future__ import annotations

from typing import Any

import pytest

from evalgate.inputs.importers.output_conditions import NoCheckError, make_check
from evalgate.inputs.importers.python_syntax import read_python


@pytest.mark.parametrize(
    ("code", "check"),
    [
        ("'a' in output", {"type": "contains", "value": "a"}),
        ("'a' not in output.lower()", {"type": "not_contains", "value": "a", "ignore_case": True}),
        ("10 <= len(output) < 20", {"type": "length", "min_chars": 10, "max_chars": 19}),
        ("len(output.split()) <= 5", {"type": "length", "max_words": 5}),
        ("max(0, len(output) - 300)", {"type": "length", "min_chars": 301}),
        ("context['vars']['topic'] in output", {"type": "contains", "value": "tents"}),
        ("any(w in output for w in ['a', 'b'])", {"type": "contains_any", "values": ["a", "b"]}),
        ("all(w not in output for w in ('a', 'b'))", {"type": "not_contains_any", "values": ["a", "b"]}),
        ("output.endswith(('a', 'b')) and True", {"type": "any_of", "checks": [{"type": "ends_with", "value": "a"}, {"type": "ends_with", "value": "b"}]}),
        ("re.search(r'^a', output) is not None", None),
        ("import json\ndata = json.loads(output)\nreturn data['a'] == 1", {"type": "json_schema", "schema": {"type": "object", "required": ["a"], "properties": {"a": {"const": 1}}}}),
        ("import json\nreturn 'a' in json.loads(output)", {"type": "json_schema", "schema": {"type": "object", "required": ["a"]}}),
        ("found = sum(1 for w in ['a', 'b'] if w in output)\nif found >= 2:\n    return {'pass': True, 'score': 1}\nreturn {'pass': False}", {"type": "contains_all", "values": ["a", "b"]}),
        ("1 if isinstance(output, str) and output.startswith('a') else 0", {"type": "starts_with", "value": "a"}),
    ],
)  # fmt: skip
def test_an_expression_is_a_check(code: str, check: Any) -> None:
    if check is None:
        with pytest.raises(NoCheckError):
            make_check(read_python(code, {}))
        return
    assert make_check(read_python(code, {"topic": "tents"})) == check


@pytest.mark.parametrize(
    "code",
    ["import os\nreturn os.system('x')", "exec('x')", "for a in output:\n    pass", "x = ", "[a for a in output]", "output.count('a') > 1",
     "lambda: 1", "a" * 30_000, "f(a=1)"],
)  # fmt: skip
def test_other_code_has_no_check(code: str) -> None:
    with pytest.raises(NoCheckError):
        make_check(read_python(code, {}))
