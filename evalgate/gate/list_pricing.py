"""The list prices of providers, where a target has no `prices`: what a call costs, and what a report says about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evalgate.domain import Config, GatePlan, Request, Usage
from evalgate.domain.target import Target
from evalgate.errors import Fault, InputError, Place
from evalgate.execute.counters import Price
from evalgate.execute.providers.backends import EngineName
from evalgate.plan.target_changes import find_model


def make_price(config: Config, engine: EngineName) -> Price:
    """Return the function that prices a call by the provider's list; in a batch, by the share that one costs.

    A discount for input that the provider has cached is not counted, so that the cost is an upper bound. Embeddings are
    never part of a batch.
    """

    def price(request: Request, usage: Usage) -> float | None:
        target = config.targets[request.target]
        listed = target.find_list_price(request.model or target.model)
        cost = None if listed is None else listed.compute_cost(usage.input_tokens, usage.output_tokens)
        if cost is None or engine != "batch" or request.embeds:
            return cost
        from evalgate.execute.providers.batch.api import DISCOUNT

        return cost * DISCOUNT

    return price


def add_price_notes(plan: GatePlan, config: Config, *, is_replayed: bool) -> GatePlan:
    """Return a plan with a note for each provider by whose list prices its calls are priced.

    With `is_replayed`, targets with recordings are not called.
    """
    used = [one for one in _list_asked(plan, config) if not (is_replayed and one[0].recordings)]
    notes = dict.fromkeys(_describe(target) for target, model in used if target.find_list_price(model) is not None)
    return replace(plan, notes=(*plan.notes, *notes)) if notes else plan


def require_prices(plans: Sequence[GatePlan], config: Config) -> None:
    """Raise InputError if there is a limit in dollars, and a model of a prompt or a judge has no price.

    The configuration is checked when it is read, as far as it names the models.
    """
    if config.limits.max_cost_usd is None:
        return
    faults = [
        Fault(
            message=f'max_cost_usd is set, but the price of "{model}" at the target "{target.name}" is not known',
            place=Place(path=config.path),
            hint="add prices: {input: DOLLARS, output: DOLLARS} to the target, per million tokens",
        )
        for plan in plans
        for target, model in _list_asked(plan, config)
        if target.kind == "openai" and target.prices is None and target.find_list_price(model) is None
    ]
    if faults:
        raise InputError(faults=dict.fromkeys(faults))


def _list_asked(plan: GatePlan, config: Config) -> list[tuple[Target, str | None]]:
    """Return the targets that a plan asks, each with the model."""
    asked = [(config.targets[plan.gate.candidate_target], plan.candidate)]
    if plan.baseline is not None:
        asked.append((config.targets[plan.gate.baseline_target], plan.baseline))
    found = [(target, find_model(target, version)) for target, version in asked]
    judging = [(config.targets[judge.target], judge.model) for judge in plan.judges]
    if plan.similarity is not None:
        judging.append((config.targets[plan.similarity.target], plan.similarity.model))
    return found + [(target, model or target.model) for target, model in judging]


def _describe(target: Target) -> str:
    listed = target.list_prices
    assert listed is not None
    return f"the cost is by {listed.provider}'s list prices of {listed.date}; `prices` of the target replace them"
