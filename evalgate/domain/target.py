"""Targets: who answers, with which settings, and at which prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from evalgate.domain.property_order import keep_order
from evalgate.domain.text import Json
from evalgate.errors import Fault

STARTUP_TIMEOUT = 120.0
"""Seconds that an endpoint that is loading its model is waited for, unless its target says otherwise."""

_TOKEN_LIMITS = ("max_tokens", "max_completion_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars per million tokens. `cached_input` is the price of input tokens that the endpoint has in its cache."""

    input: float
    output: float
    cached_input: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPrice:
    """What a model costs by its provider's list, in US dollars per million tokens.

    It holds for requests of at most `up_to` input tokens; None: for all.
    """

    input: float
    output: float
    up_to: int | None = None

    def compute_cost(self, input_tokens: int, output_tokens: int) -> float | None:
        """Return the cost in US dollars, without a discount for cached input; None above `up_to`."""
        if self.up_to is not None and input_tokens > self.up_to:
            return None
        return (self.input * input_tokens + self.output * output_tokens) / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPrices:
    """The list prices of a provider by the exact names of models, with their `date` (ISO 8601) and their page."""

    provider: str
    date: str
    source: str
    models: Mapping[str, ListPrice]

    def scale(self, share: float) -> ListPrices:
        """Return the list with a share of each price."""
        models = {
            model: replace(price, input=price.input * share, output=price.output * share)
            for model, price in self.models.items()
        }
        return replace(self, models=models)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsetVariable:
    """An environment variable that a target's URL or model names and that is not set, with the fault that says so."""

    name: str
    fault: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A source of answers: an OpenAI-compatible endpoint, recorded outputs, a Python function or the embedded model.

    `location` is the base URL (openai), the JSONL file (recorded), the dotted path (python) or the model's name
    (local). `api_key_env` names the environment variable with the key. `recordings` is a cache export that is
    replayed instead of calling. `identity` is part of every request's digest and contains no secret. `strip_reasoning`
    says whether a block of reasoning at the start of an answer is removed before it is scored. An endpoint that is
    loading its model is waited for `startup_timeout` seconds at most. `adaptations` are the changes without which the
    endpoint refuses a request (`domain.adaptations`), by model ("" without a name), as far as they are known.

    The option `code` is the digest of a function's code where it comes from the base of a pull request.

    The other fields are settings of an endpoint. `parameters` are sent unless a prompt or a judge sets its own.
    `response_format` is how a judge asks for JSON. `headers` maps the name of a request header to the environment
    variable with its value. `timeout` is the seconds for one answer; None: that of the run. `azure_version` is the API
    version of an Azure endpoint whose host does not say that it is one. A target with `unset` variables cannot be used.
    `url_variables` are the environment variables that its URL names. `list_prices` are those of the provider, if
    the target has no `prices`. They estimate and limit what is spent. No score and no digest depends on them, since
    another version of evalgate may have others: a check of the cost needs `prices`.
    """

    name: str
    kind: Literal["openai", "recorded", "python", "local"]
    location: str
    identity: str
    model: str | None = None
    api_key_env: str | None = None
    recordings: str | None = None
    prices: Prices | None = None
    options: Mapping[str, Json] = field(default_factory=dict)
    strip_reasoning: bool = False
    startup_timeout: float = STARTUP_TIMEOUT
    adaptations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parameters: Mapping[str, Json] = field(default_factory=dict)
    response_format: Literal["json_schema", "json_object", "none"] = "json_schema"
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    stream: bool = False
    azure_version: str | None = None
    unset: tuple[UnsetVariable, ...] = field(default=(), compare=False)
    url_variables: tuple[str, ...] = ()
    list_prices: ListPrices | None = field(default=None, compare=False)

    @property
    def served(self) -> list[Json]:
        """Everything besides the model that decides how the target answers, as plain data for digests."""
        return [self.kind, self.identity, *([keep_order(dict(self.parameters))] if self.parameters else [])]

    @property
    def scored_as(self) -> tuple[Json, ...]:
        """The settings that change what is scored of an answer, for digests; empty with the defaults."""
        return ({"strip_reasoning": True},) if self.strip_reasoning else ()

    @property
    def secret_variables(self) -> tuple[str, ...]:
        """The environment variables with the target's key and the values of its headers."""
        return tuple(dict.fromkeys(filter(None, (self.api_key_env, *self.headers.values()))))

    def find_list_price(self, model: str | None) -> ListPrice | None:
        """Return the list price of a model; None if it is not known, or if the target has prices of its own."""
        if self.list_prices is None or self.prices is not None:
            return None
        return self.list_prices.models.get(model or "")

    def merge_parameters(self, own: Mapping[str, Json]) -> Mapping[str, Json]:
        """Return a prompt's or a judge's own parameters over those of the target.

        A parameter of the target is not sent if it is null, in either place. The two names of the token limit are one
        parameter.
        """
        if not self.parameters:
            return own
        theirs = dict(self.parameters)
        if any(name in own for name in _TOKEN_LIMITS):
            theirs = {name: value for name, value in theirs.items() if name not in _TOKEN_LIMITS}
        merged = {**theirs, **own}
        return {name: value for name, value in merged.items() if value is not None or name not in self.parameters}
