"""A row of a table of tests: its variables, and the assertions of its `__expected` columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evalgate.domain import Json

_TYPED = re.compile(r"((?:not-)?[a-z][a-z0-9-]*(?:-[a-z0-9]+)*)(?:\(([0-9]+(?:\.[0-9]+)?)\))?(?::([\s\S]*))?")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_CODE = re.compile(r"file://[^:]*\.(?:js|cjs|mjs|ts)(?::|$)")
_PYTHON = re.compile(r"file://[^:]*\.py(?::|$)")
_LISTS = ("contains-all", "contains-any", "icontains-all", "icontains-any")
_WITH_THRESHOLD = (
    "answer-relevance", "classifier", "context-faithfulness", "context-recall", "context-relevance", "cost", "latency",
    "levenshtein", "perplexity-score", "perplexity", "rouge-n", "similar", "starts-with",
)  # fmt: skip
TYPES = frozenset(
    {
        *_LISTS, *_WITH_THRESHOLD, "bleu", "contains", "contains-html", "contains-json", "contains-sql",
        "contains-xml", "conversation-relevance", "equals", "factuality", "finish-reason", "g-eval", "gleu",
        "guardrails", "icontains", "is-html", "is-json", "is-refusal", "is-sql", "is-valid-function-call",
        "is-valid-openai-function-call", "is-valid-openai-tools-call", "is-xml", "javascript", "llm-rubric",
        "meteor", "model-graded-closedqa", "model-graded-factuality", "moderation", "pi", "python", "regex", "ruby",
        "search-rubric", "tool-call-f1", "trace-error-spans", "trace-span-count", "trace-span-duration", "webhook",
        "word-count",
    }
)  # fmt: skip
"""The types of assertions that a cell can name."""


@dataclass(slots=True)
class TableRow:
    """What a row says. `dropped` are columns that have no counterpart."""

    variables: dict[str, Json] = field(default_factory=dict)
    assertions: list[dict[str, Any]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    description: str | None = None
    threshold: float | None = None
    dropped: list[str] = field(default_factory=list)


def read_row(row: Mapping[str, Json]) -> TableRow:
    """Read a row, by the names of its columns: `__expected`, `__prefix`, `__description` and others; else variables."""
    found = TableRow()
    metric: str | None = None
    for key, value in ((key.strip(), value) for key, value in row.items()):
        text = value if isinstance(value, str) else str(value)
        if key.startswith("__expected"):
            if text.strip():
                found.assertions.append(read_assertion(text.strip()))
        elif key in ("__prefix", "__suffix"):
            found.options |= {key[2:]: text} if text else {}
        elif key == "__description":
            found.description = text or None
        elif key == "__threshold":
            found.threshold = float(text) if _NUMBER.fullmatch(text.strip()) else None
        elif key == "__metric":
            metric = text.strip() or None
        elif key.startswith("__metadata:"):
            name = key.removeprefix("__metadata:")
            if text.strip():
                cells = [part.strip().replace("\\,", ",") for part in re.split(r"(?<!\\),", text)]
                found.metadata[name.removesuffix("[]")] = cells if name.endswith("[]") else text
        elif key.startswith("__"):
            found.dropped += [key] if text.strip() and not _set_threshold(found, key, text) else []
        else:
            found.variables[key] = value
    if metric:
        found.assertions = [{**each, "metric": metric} for each in found.assertions]
    return found


def read_assertion(cell: str) -> dict[str, Any]:
    """Return the assertion of a cell, such as `icontains: hello` or `similar(0.8): hello`; `equals` without a type."""
    for prefix in ("javascript:", "fn:", "eval:"):
        if cell.startswith(prefix):
            return {"type": "javascript", "value": cell.removeprefix(prefix).strip()}
    if _CODE.match(cell):
        return {"type": "javascript", "value": cell}
    for prefix in ("grade:", "llm-rubric:"):
        if cell.startswith(prefix):
            return {"type": "llm-rubric", "value": cell.removeprefix(prefix)}
    if cell.startswith("python:") or _PYTHON.match(cell):
        return {"type": "python", "value": cell.removeprefix("python:").strip()}
    hit = _TYPED.fullmatch(cell)
    kind = "" if hit is None else hit[1].removeprefix("not-")
    if hit is None or kind not in TYPES:
        return {"type": "equals", "value": cell}
    made: dict[str, Any] = {"type": hit[1]}
    if hit[3] is not None:
        made["value"] = split_list(hit[3]) if kind in _LISTS else hit[3].strip()
    if kind in _WITH_THRESHOLD:
        made["threshold"] = float(hit[2]) if hit[2] is not None else 0.8 if kind == "similar" else 0.75
    return made


def split_list(text: str) -> list[str]:
    """Split texts at commas. A text in double quotes may have commas, and a quote in it written twice or after `\\`."""
    found, rest = [], text
    while rest := rest.lstrip(" \t\r\n,"):
        hit = re.match(r'"((?:\\["\\]|""|[^"\\]|\\(?!["\\]))*)"\s*(?=,|$)', rest)
        if hit:
            found.append(re.sub(r'\\(["\\])|""', lambda part: part[1] or '"', hit[1]))
            rest = rest[hit.end() :]
        else:
            part, _, rest = rest.partition(",")
            found.append(part.strip())
    return found


def _set_threshold(found: TableRow, key: str, text: str) -> bool:
    """Set the threshold of an assertion by a column such as `__config:__expected2:threshold`."""
    hit = re.fullmatch(r"__config:__expected([0-9]*):threshold", key)
    if hit is None or not _NUMBER.fullmatch(text.strip()):
        return False
    index = int(hit[1] or 1) - 1
    if not 0 <= index < len(found.assertions):
        return False
    found.assertions[index]["threshold"] = float(text)
    return True
