"""Estimates of a plan's calls, tokens and dollars by rough rules, before any call is made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from evalgate.domain import Case, GatePlan, Judge, Message, Request, Target, Trial, applies, as_text
from evalgate.domain.tokens import estimate_output_tokens, estimate_tokens

_MESSAGE_TOKENS = 4
_IMAGE_TOKENS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEstimate:
    """An estimate of the calls of a plan.

    `calls` have to be made; `cached` requests need no call. Tokens and dollars are those of `calls`. `cost_usd` is None
    if the price of any call is unknown; `unpriced` then names the targets without prices. `listed` is the date of the
    list prices that were used, if any were.
    """

    calls: int
    cached: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    unpriced: str = ""
    listed: str = ""

    def __add__(self, other: CallEstimate) -> CallEstimate:
        cost = None if self.cost_usd is None or other.cost_usd is None else self.cost_usd + other.cost_usd
        return CallEstimate(
            calls=self.calls + other.calls,
            cached=self.cached + other.cached,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost_usd=cost,
            unpriced=self.unpriced or other.unpriced,
            listed=max(self.listed, other.listed),
        )


@dataclass(slots=True)
class _Sum:
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    unpriced: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)

    def add(self, target: Target, model: str | None, input_tokens: int, output_tokens: int) -> None:
        self.calls += 1
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens
        if target.prices is not None:
            millions = target.prices.input * input_tokens + target.prices.output * output_tokens
            self.cost_usd += millions / 1e6
        elif (cost := self._compute_listed(target, model, input_tokens, output_tokens)) is not None:
            self.cost_usd += cost
        elif target.kind in ("openai", "python"):
            self.unpriced.add(target.name)

    def summarize(self, cached: int) -> CallEstimate:
        """Return the estimate of these calls beside requests that need none."""
        return CallEstimate(
            calls=self.calls,
            cached=cached,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cost_usd=None if self.unpriced else self.cost_usd,
            unpriced=_describe_unpriced(sorted(self.unpriced)),
            listed=max(self.listed, default=""),
        )

    def _compute_listed(self, target: Target, model: str | None, input_tokens: int, output_tokens: int) -> float | None:
        """Return the cost by list prices, and keep their date; None if there are none."""
        price = target.find_list_price(model)
        cost = None if price is None else price.compute_cost(input_tokens, output_tokens)
        if cost is not None and target.list_prices is not None:
            self.listed.add(target.list_prices.date)
        return cost


def count_none(_judge: Judge, _trial: Trial) -> bool:
    """Return False: no judgement is stored."""
    return False


def estimate_calls(
    plan: GatePlan,
    targets: Mapping[str, Target],
    known: Callable[[Request], bool],
    judged: Callable[[Judge, Trial], bool] = count_none,
) -> CallEstimate:
    """Estimate the calls of a plan. `known` returns whether a request needs no call because its answer is stored.

    Rules: 4 characters are one token, each message costs 4 more tokens, and each image 1,000. An answer has
    `max_tokens` (or `max_completion_tokens`) tokens, or 256 without a limit. Equal requests are one call. Recorded
    outputs and the embedded model are free. A judge request depends on the answer, so each judge counts once for each
    distinct request, unless `judged` returns that its reply about the stored answer is stored, too. The estimate is
    therefore an upper bound, except for retries of judge replies.
    """
    total = _Sum()
    cached = 0
    seen: set[str] = set()
    for trial in plan.trials:
        request = trial.request
        key = request.key
        if key in seen:
            cached += 1
            continue
        seen.add(key)
        answer_tokens = estimate_output_tokens(request.parameters)
        if targets[request.target].kind == "recorded" or known(request):
            cached += 1
        else:
            target = targets[request.target]
            total.add(target, request.model or target.model, _estimate_input_tokens(request), answer_tokens)
        for judge in (judge for judge in plan.judges if applies(judge, trial.case)):
            read = _estimate_judge_tokens(judge, trial.case) + answer_tokens
            target = targets[judge.target]
            if judged(judge, trial):
                cached += 1
                continue
            model = judge.model or target.model
            total.add(target, model, read, estimate_output_tokens(target.merge_parameters(judge.parameters)))
    return total.summarize(cached)


def estimate_embeddings(target: Target, model: str, texts: Iterable[tuple[int, bool]]) -> CallEstimate:
    """Estimate the calls for the embeddings of texts: for each its tokens, and whether its embedding is stored."""
    total = _Sum()
    cached = 0
    for tokens, is_stored in texts:
        if is_stored:
            cached += 1
        else:
            total.add(target, model, tokens, 0)
    return total.summarize(cached)


def _estimate_input_tokens(request: Request) -> int:
    extras = [value for value in (request.response_format, list(request.tools)) if value]
    return _estimate_message_tokens(request.messages) + sum(
        estimate_tokens(len(json.dumps(value, ensure_ascii=False))) for value in extras
    )


def _estimate_message_tokens(messages: tuple[Message, ...]) -> int:
    texts = sum(estimate_tokens(len(message.content)) + _MESSAGE_TOKENS for message in messages)
    return texts + _IMAGE_TOKENS * sum(len(message.images) for message in messages)


def _estimate_judge_tokens(judge: Judge, case: Case) -> int:
    """Estimate the tokens of a judge's instruction and of the case's fields in its request, without the answer."""
    names = [name.removesuffix("?") for name in judge.rubric.inputs]
    shown = [as_text(case.fields[name]) for name in names if name != "output" and name in case.fields]
    return sum(estimate_tokens(len(text)) for text in (judge.rubric.instruction, *shown)) + 2 * _MESSAGE_TOKENS


def _describe_unpriced(names: list[str]) -> str:
    if not names:
        return ""
    return f"no prices for {'the target' if len(names) == 1 else 'the targets'} {', '.join(names)}"
