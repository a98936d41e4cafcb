"""Tests of list prices in a run: what a call costs, the limit in dollars, the note, and that no verdict depends on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from scripted_provider import ScriptedProvider, answer_only, engine, make_request, make_trials

from evalgate.change.workspace import WorkingTree, open_workspace
from evalgate.commands.validate import validate
from evalgate.domain import Limits, Output, Request, Usage
from evalgate.domain.report_criteria import list_criteria
from evalgate.errors import InputError
from evalgate.gate.list_pricing import add_price_notes, make_price
from evalgate.plan.estimate import estimate_calls

CONFIG = """\
format: 1
targets:
  api: {type: openai, MODEL}
gates:
  - prompt: p.prompt.yml
    dataset: cases.jsonl
    target: api
    checks: [{type: no_refusal}, {type: cost, max_usd: 1}]
"""
USAGE = Usage(input_tokens=1_000_000, output_tokens=100_000)


def open_project(folder: Path, model: str = "model: gpt-4o-mini", more: str = "", prompt: str = "") -> WorkingTree:
    (folder / "evalgate.yml").write_text(CONFIG.replace("MODEL", model) + more)
    (folder / "p.prompt.yml").write_text(f'{prompt}messages:\n  - {{role: user, content: "{{{{query}}}}"}}\n')
    (folder / "cases.jsonl").write_text('{"query": "a"}\n{"query": "b"}\n')
    return open_workspace(folder / "evalgate.yml", verify=None)


def ask(model: str | None = None) -> Request:
    return replace(make_request("x", "api"), model=model)


def test_a_call_is_priced_by_its_model_and_a_batch_by_half(tmp_path: Path) -> None:
    config = open_project(tmp_path).config
    price = make_price(config, "asyncio")
    assert price(ask(), USAGE) == pytest.approx(0.15 + 0.06)
    assert price(ask("gpt-4.1"), USAGE) == pytest.approx(2.0 + 0.8)
    assert price(ask("unknown"), USAGE) is None
    assert make_price(config, "batch")(ask(), USAGE) == pytest.approx(0.105)


def test_prices_of_the_target_replace_the_list(tmp_path: Path) -> None:
    config = open_project(tmp_path, "model: gpt-4o-mini, prices: {input: 1, output: 2}").config
    assert config.targets["api"].list_prices is None and make_price(config, "asyncio")(ask(), USAGE) is None


def test_plan_and_report_say_which_list_it_is(tmp_path: Path) -> None:
    workspace = open_project(tmp_path)
    (plan,) = validate(workspace)
    listed = workspace.config.targets["api"].list_prices
    assert listed is not None
    date = listed.date
    calls = estimate_calls(plan, workspace.config.targets, lambda request: False)
    assert calls.listed == date and calls.cost_usd is not None and calls.cost_usd > 0
    assert add_price_notes(plan, workspace.config, is_replayed=True).notes == (
        *plan.notes,
        f"the cost is by OpenAI's list prices of {date}; `prices` of the target replace them",
    )


def test_a_recording_that_is_replayed_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text("")
    workspace = open_project(tmp_path, "model: gpt-4o-mini, recordings: r.jsonl")
    (plan,) = validate(workspace)
    assert add_price_notes(plan, workspace.config, is_replayed=True) == plan
    assert add_price_notes(plan, workspace.config, is_replayed=False).notes != plan.notes


def test_a_limit_in_dollars_takes_list_prices_and_refuses_a_model_without_one(tmp_path: Path) -> None:
    limit = "run: {max_cost_usd: 1}\n"
    validate(open_project(tmp_path, more=limit))
    with pytest.raises(InputError, match='"prices" is missing'):
        open_project(tmp_path, "model: unknown", limit)
    assert validate(open_project(tmp_path, "api_key_env: KEY", limit, "model: gpt-5-mini\n"))
    workspace = open_project(tmp_path, "api_key_env: KEY", limit, "model: unknown\n")
    with pytest.raises(InputError, match='the price of "unknown" at the target "api" is not known'):
        validate(workspace)


def test_what_is_spent_is_counted_and_stops_at_the_limit() -> None:
    def run(limit: float | None) -> tuple[float | None, int]:
        provider = ScriptedProvider(lambda request, number: Output(text="x", usage=USAGE))
        limits = Limits(max_cost_usd=limit, concurrency=1)
        with engine(provider, limits=limits, price=lambda request, usage: 0.5) as made:
            return made.run(make_trials(4), answer_only).cost_usd, len(provider.asked)

    assert run(None) == (2.0, 4)
    assert run(1.0) == (1.0, 2)


def test_a_check_of_the_cost_knows_no_list_prices(tmp_path: Path) -> None:
    """The digest of the check and its score are those of a target whose prices are not known."""
    config = open_project(tmp_path).config
    gate, target = config.gates[0], config.targets["api"]
    without = {"api": replace(target, list_prices=None)}
    assert list_criteria(gate, (), config.targets) == list_criteria(gate, (), without)
