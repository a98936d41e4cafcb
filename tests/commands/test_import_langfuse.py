"""Tests of `evalgate import langfuse` on a fake server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from langfuse_project import CASES, LangfuseWorld, langfuse, source_world

__all__ = ["langfuse", "source_world"]


def read_cases(world: LangfuseWorld, name: str = "cases.jsonl") -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(world.root / name).read_text(encoding="utf-8").splitlines()]


def serve(world: LangfuseWorld, trace: str, given: object, hours: float, **scores: object) -> None:
    at = (datetime.now(UTC) - timedelta(hours=hours)).isoformat(timespec="milliseconds")
    facts = {"langfuse.observation.input": json.dumps(given), "langfuse.observation.output": "an answer"}
    world.langfuse.rows.seed_span(trace=trace * 32, span=trace * 16, start=at, **facts)
    for name, value in scores.items():
        kind = {"dataType": "BOOLEAN"} if isinstance(value, bool) else {}
        world.langfuse.rows.seed_score(name=name, value=value, timestamp=at, traceId=trace * 32, **kind)


def test_a_dataset_becomes_the_cases_that_a_gate_reads_from_it(source_world: LangfuseWorld) -> None:
    ended = source_world.evalgate("import", "langfuse", "dataset", "golden", "--cases", "cases.jsonl")
    assert ended.code == 0, ended.err
    assert f"cases.jsonl: {CASES} cases" in ended.out
    row = {"id": "case-001", "query": "question 1", "context": "fact 1", "earlier": [], "expected": "fact 1"}
    assert read_cases(source_world)[1] == {**row, "tags": ["odd"]}
    refused = source_world.evalgate("import", "langfuse", "dataset", "gold", "--cases", "other.jsonl")
    assert refused.code == 2 and "the dataset gold does not exist at" in refused.err


def test_traces_that_scored_low_become_cases(source_world: LangfuseWorld) -> None:
    serve(source_world, "a", {"query": "lost tent"}, 2, helpful=0.2, tone="warm")
    serve(source_world, "b", {"query": "fine"}, 3, helpful=0.9)
    serve(source_world, "c", {"query": "old"}, 60, helpful=0.1)
    serve(source_world, "d", {"query": "wrong"}, 1, correct=False)
    serve(source_world, "e", {"query": "lost tent"}, 4, helpful=0.3)
    order = ("import", "langfuse", "traces", "--since", "1d", "--score-below", "0.5")
    ended = source_world.evalgate(*order, "--cases", "cases.jsonl")
    assert ended.code == 0, ended.err
    assert [(row["id"], row["query"], row["tags"]) for row in read_cases(source_world)] == [
        ("d" * 32, "wrong", ["production"]),
        ("a" * 32, "lost tent", ["production"]),
    ]
    assert "personal data" in ended.out and "1 trace with the input of another case" in ended.out
    assert "an answer" not in Path(source_world.root / "cases.jsonl").read_text(encoding="utf-8")
    one = source_world.evalgate(*order, "--score", "helpful", "--first", "1", "--cases", "one.jsonl")
    assert one.code == 0 and [row["id"] for row in read_cases(source_world, "one.jsonl")] == ["a" * 32]
    none = source_world.evalgate(*order[:5], "--score-below=-1", "--cases", "none.jsonl")
    assert none.code == 2 and "no score below -1 was given since" in none.err
    assert not Path(source_world.root / "none.jsonl").exists()


def test_without_a_configuration_the_variables_name_the_server(
    source_world: LangfuseWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = ("import", "langfuse", "dataset", "golden", "--cases", "cases.jsonl", "--config", "none.yml")
    refused = source_world.evalgate(*order)
    assert refused.code == 2 and "set LANGFUSE_HOST" in refused.err
    monkeypatch.setenv("LANGFUSE_HOST", source_world.langfuse.url)
    assert source_world.evalgate(*order).code == 0
    monkeypatch.setenv("LANGFUSE_HOST", "http://127.0.0.1:9")
    down = source_world.evalgate(*order[:5], "down.jsonl", *order[6:])
    assert down.code == 3 and not Path(source_world.root / "down.jsonl").exists()
