"""The assertions of a test of promptfoo, with those of its sets, as checks and judges."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalgate.inputs.importers import nunjucks
from evalgate.inputs.importers.import_remarks import Remarks
from evalgate.inputs.importers.output_conditions import NoCheckError
from evalgate.inputs.importers.promptfoo_criteria import SINGLE, NotCarriedError, Wanted, as_wanted
from evalgate.inputs.importers.promptfoo_file import as_mapping
from evalgate.inputs.importers.promptfoo_readers import read_assertion_of
from evalgate.inputs.importers.promptfoo_reading import Surroundings
from evalgate.inputs.importers.promptfoo_tests import Assertion, ForeignTest

_MOST_COMBINATIONS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Converter:
    """The conversion of tests, with what it needs beside them."""

    around: Surroundings

    @property
    def remarks(self) -> Remarks:
        return self.around.remarks

    def convert_test(self, test: ForeignTest) -> Iterator[Wanted]:
        """Yield the checks and judges of a test. What has no counterpart is told in the remarks."""
        threshold = test.threshold
        assertions = _require(test.assertions, threshold)
        found = [self._convert(each, test, test.options) for each in assertions]
        if threshold is not None and len(assertions) > 1:
            weights = [_read_weight(each) for each in assertions]
            combined = self._combine(found, weights, threshold)
            if combined is None:
                text = f"the threshold {threshold:g} of a test: each of its assertions counts by itself"
                self.remarks.leave_out(text, test.place)
            else:
                found = [combined]
        yield from itertools.chain.from_iterable(found)

    def _convert(self, assertion: Assertion, test: ForeignTest, options: Mapping[str, Any]) -> list[Wanted]:
        data = assertion.data
        kind = str(data.get("type", ""))
        try:
            if kind == "assert-set":
                return self._convert_set(assertion, test, options)
            made = read_assertion_of(self.around, assertion, test, options)
        except (NotCarriedError, NoCheckError) as error:
            reason = str(error)
            said = f"the assertion {kind}: {'its code ' if isinstance(error, NoCheckError) else ''}{reason}"
            self.remarks.leave_out(said, assertion.place)
            return []
        name = data.get("metric")
        blocking = data.get("weight") != 0
        named = isinstance(name, str) and bool(name.strip())
        shown = nunjucks.render(str(name), test.variables) if named and "{%" not in str(name) else None
        return [replace(each, name=shown or each.name, blocking=blocking) for each in made]

    def _convert_set(self, assertion: Assertion, test: ForeignTest, options: Mapping[str, Any]) -> list[Wanted]:
        data = assertion.data
        listed = data.get("assert")
        inner = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        if not isinstance(listed, list) or len(inner) < len(listed):
            self.remarks.leave_out("an assertion of an assert-set that is not a mapping", assertion.place)
        shared = {key: data[key] for key in ("metric",) if key in data}
        threshold = data.get("threshold") if assertion.least is None else assertion.least
        threshold = float(threshold) if isinstance(threshold, int | float) and not isinstance(threshold, bool) else None
        plain = [Assertion(data={**shared, **each}, place=assertion.place) for each in inner]
        parts = _require(plain, threshold)
        found = [self._convert(each, test, {**options, **as_mapping(data.get("config"))}) for each in parts]
        if threshold is not None and len(parts) > 1:
            combined = self._combine(found, [_read_weight(each) for each in parts], threshold)
            if combined is None:
                text = f"the threshold {threshold:g} of an assert-set: each of its assertions counts by itself"
                self.remarks.leave_out(text, assertion.place)
            else:
                return [replace(each, is_partial=assertion.is_share) for each in combined]
        return list(itertools.chain.from_iterable(found))

    def _combine(
        self, found: Sequence[Sequence[Wanted]], weights: Sequence[float], threshold: float
    ) -> list[Wanted] | None:
        """Return the checks that say that the weighted share of passed assertions reaches a threshold.

        None if that cannot be said: a judge takes part, an assertion is missing, or there are too many combinations.
        """
        total = sum(weights)
        if not all(found) or total <= 0:
            return None
        if threshold > 1 - min(weights) / total + 1e-9:
            return list(itertools.chain.from_iterable(found))  # all have to pass
        parts: list[dict[str, Any]] = []
        for group in found:
            made = [_as_part(each) for each in group]
            if None in made:
                return None
            parts.append({"type": "all_of", "checks": made} if len(made) > 1 else dict(made[0] or {}))
        if threshold <= 0:
            return []
        enough = [
            chosen
            for size in range(1, len(parts) + 1)
            for chosen in itertools.combinations(range(len(parts)), size)
            if sum(weights[each] for each in chosen) / total >= threshold - 1e-9
        ]
        least = [chosen for chosen in enough if not any(set(other) < set(chosen) for other in enough)]
        if len(least) > _MOST_COMBINATIONS:
            return None
        ways = [
            parts[chosen[0]] if len(chosen) == 1 else {"type": "all_of", "checks": [parts[each] for each in chosen]}
            for chosen in least
        ]
        whole = ways[0] if len(ways) == 1 else {"type": "any_of", "checks": ways}
        return [as_wanted(whole)]


def _require(assertions: Sequence[Assertion], threshold: float | None) -> list[Assertion]:
    """Return assertions with the score that each needs beside full ones of the others: a threshold asks for their mean.

    Where not all have to pass, none needs a score: others can make up for it.
    """
    weights = [_read_weight(each) for each in assertions]
    total = sum(weights)
    if threshold is None or threshold <= 0 or total <= 0:
        return list(assertions)
    if threshold <= 1 - min(weights) / total + 1e-9:
        return [replace(each, is_share=True) for each in assertions]
    lost = (1 - min(threshold, 1)) * total
    return [replace(each, least=round(1 - lost / weight, 9)) for each, weight in zip(assertions, weights, strict=True)]


def _read_weight(assertion: Assertion) -> float:
    weight = assertion.data.get("weight", 1)
    return float(weight) if isinstance(weight, int | float) else 1.0


def _as_part(wanted: Wanted) -> dict[str, Any] | None:
    """Return a check as a part of another one; None for one that cannot be a part."""
    if (
        wanted.kind == "judge"
        or wanted.is_partial
        or wanted.options["type"] in ("latency", "cost", "tool_call", "python")
    ):
        return None
    made: dict[str, Any] = {**wanted.options, **wanted.limits}
    if wanted.slot == "texts" and isinstance(wanted.value, list):
        single = len(wanted.value) == 1
        made |= {"type": SINGLE[made["type"]], "value": wanted.value[0]} if single else {"values": wanted.value}
    elif wanted.slot is not None:
        made[wanted.slot] = wanted.value
    return made
