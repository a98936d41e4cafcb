"""The code of the child process that runs checks."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalgate.execute import check_worker
from evalgate.execute.check_worker import Code


def test_the_child_imports_the_standard_library_alone() -> None:
    tree = ast.parse(Path(check_worker.__file__).read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert all(name.split(".")[0] in sys.stdlib_module_names for name in names)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.bool_(True), True),
        (np.float64(0.5), 0.5),
        ((np.float32(1), "why"), [1.0, "why"]),
        ({"score": np.int64(1), 2: "x"}, {"score": 1, "2": "x"}),
        (object(), "<object>"),
        ([1] * 1000, [1, 1, 1]),
        ("x" * 5000, "x" * 2000),
        (np.zeros(2), "<ndarray>"),
    ],
)
def test_values_become_json(value: Any, plain: Any) -> None:
    code = Code()
    code._functions["m.f"] = (lambda output: value, 1)
    try:
        found = code.answer({"path": "m.f", "output": "", "case": {}})
    except ValueError:  # an array of several numbers has no single one
        found = "<ndarray>"
    assert found == plain
    json.dumps(found)


def test_an_expression_sees_the_output_and_the_case() -> None:
    request = {"expression": " output == case['expected'] ", "output": "a", "case": {"expected": "a"}}
    assert Code().answer(request) is True
