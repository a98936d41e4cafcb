"""The arms of a report as experiments of Langfuse: spans of OTLP/JSON, scores, and what is to be counted back. Pure.

An experiment is one arm of a gate. Each answer is an item: a root span with the input and the output, and a generation
below it that names the prompt version. Ids are digests of the run, the gate, the arm, the case and the repeat, so that
what is sent twice is there once.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from evalgate.domain import Arm, Failure, GateReport, Json, Output, Report, Result, Score, Unscored, VersionRef
from evalgate.domain.masking import Mask

ENVIRONMENT = "sdk-experiment"
"""The environment that Langfuse's own clients give to experiments, so that filters on production leave them out."""
LARGEST_TEXT = 200_000
"""Bytes of an input or an output in JSON at most: a request has to stay below 1 MiB. The rest is cut off."""

_LARGEST_REASON = 2_000
_LARGEST_FACT = 20_000
_CUT = " ... (cut)"
_SPACING_NANOSECONDS = 1_000  # items that start at the same moment have no order


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptLink:
    """A version of a prompt in Langfuse."""

    name: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentItem:
    """One answer: its spans, and the bodies of its scores. `root` and `trace` are the ids of the span of the item."""

    case: str
    repeat: int
    trace: str
    root: str
    spans: tuple[Mapping[str, Any], ...]
    scores: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """One arm of a gate. `verdict` is the body of the score of the run itself, which the candidate alone has."""

    id: str
    name: str
    gate: str
    arm: Arm
    link: PromptLink | None
    items: tuple[ExperimentItem, ...]
    verdict: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmContents:
    """What a report has not of an arm. `find_input` returns what was sent for a case, `find_expected` its `expected`.

    Of the cases in `kept` texts may be sent; None: of all.
    """

    link: PromptLink | None
    model: str | None
    find_input: Callable[[str], Json]
    find_expected: Callable[[str], Json]
    kept: Collection[str] | None


def make_experiment(report: Report, gate: GateReport, arm: Arm, contents: ArmContents, mask: Mask) -> Experiment | None:
    """Return an arm of a gate, of which the withheld texts are taken out; None for an arm without answers."""
    evidence = gate.evidence
    version = evidence.candidate if arm is Arm.CANDIDATE else evidence.baseline
    results = [
        (result, is_more)
        for result, is_more in chain(
            ((one, False) for one in evidence.results), ((one, True) for one in evidence.confirmations)
        )
        if result.arm is arm and result.outcome is not None
    ]
    if version is None or not results:
        return None
    identity = _digest(report.run_id, evidence.name, arm)[:16]
    shown = version.version or version.digest[:12]
    maker = _ItemMaker(
        id=identity,
        name=mask.text(_clean(f"{evidence.name} {shown} {arm} {report.run_id}")),
        description=_describe(report, gate),
        metadata=_list_metadata(report, gate, arm, version, contents.link),
        created=datetime.datetime.fromisoformat(report.created_at),
        contents=contents,
        mask=mask,
    )
    return Experiment(
        id=identity,
        name=maker.name,
        gate=evidence.name,
        arm=arm,
        link=contents.link,
        items=tuple(maker.make(result, number, is_more=is_more) for number, (result, is_more) in enumerate(results)),
        verdict=_make_verdict(report, gate, identity) if arm is Arm.CANDIDATE else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _ItemMaker:
    """Makes the items of one experiment."""

    id: str
    name: str
    description: str
    metadata: Mapping[str, Json]
    created: datetime.datetime
    contents: ArmContents
    mask: Mask

    def make(self, result: Result, number: int, *, is_more: bool) -> ExperimentItem:
        key = (self.id, result.case, str(result.repeat), str(is_more))
        trace, root, child = _digest("trace", *key)[:32], _digest("root", *key)[:16], _digest("call", *key)[:16]
        start = int(self.created.timestamp()) * 1_000_000_000 + number * _SPACING_NANOSECONDS
        outcome = result.outcome
        end = start + round((outcome.seconds or 0.0) * 1e9) if outcome is not None else start
        base = {"traceId": trace, "kind": 1, "startTimeUnixNano": str(start), "endTimeUnixNano": str(end)}
        status = {"code": 2, "message": self._text(outcome.message)} if isinstance(outcome, Failure) else {}
        common = {**self._list_common(result, root), **_list_level(status)}
        whole = {**common, **self._list_texts(result), **self._list_facts(result, is_more=is_more)}
        call = {**common, **self._list_call(result)}
        spans = (
            {**base, "spanId": root, "name": "case", "attributes": _encode(whole), "status": status},
            {
                **base,
                "spanId": child,
                "parentSpanId": root,
                "name": "answer",
                "attributes": _encode(call),
                "status": status,
            },
        )
        scores = tuple(
            self._make_score(result, criterion, score, trace, root)
            for criterion, score in result.scores.items()
            if isinstance(score, Score)
        )
        return ExperimentItem(
            case=result.case, repeat=result.repeat, trace=trace, root=root, spans=spans, scores=scores
        )

    def _list_common(self, result: Result, root: str) -> dict[str, Any]:
        return {
            "langfuse.experiment.id": self.id,
            "langfuse.experiment.name": self.name,
            "langfuse.experiment.description": self._text(self.description),
            "langfuse.experiment.metadata": self._json(self.metadata, _LARGEST_FACT),
            "langfuse.experiment.item.id": self._text(result.case),
            "langfuse.experiment.item.root_observation_id": root,
            "langfuse.environment": ENVIRONMENT,
        }

    def _list_texts(self, result: Result) -> dict[str, Any]:
        """Return the attributes with texts of the case, as far as they may be sent."""
        outcome, contents = result.outcome, self.contents
        found: dict[str, Any] = {}
        if contents.kept is None or result.case in contents.kept:
            found["langfuse.observation.input"] = self._json(contents.find_input(result.case))
            expected = contents.find_expected(result.case)
            if expected is not None:
                found["langfuse.experiment.item.expected_output"] = self._json(expected)
        if isinstance(outcome, Output):
            found["langfuse.observation.output"] = self._show_output(outcome)
        return found

    def _show_output(self, output: Output) -> str:
        calls: list[Json] = [{"name": one.name, "arguments": one.arguments} for one in output.calls_beside_text]
        if not calls:
            return self._text(output.text, LARGEST_TEXT)
        return self._json({"content": output.text, "tool_calls": calls})

    def _list_facts(self, result: Result, *, is_more: bool) -> dict[str, Any]:
        unscored = {name: one.reason for name, one in result.scores.items() if isinstance(one, Unscored)}
        facts: dict[str, Json] = {"repeat": result.repeat, "tags": list(result.tags), "confirmation": is_more}
        if isinstance(result.outcome, Output):
            facts |= {"finish_reason": result.outcome.finish_reason, "served_by": result.outcome.served_by or ""}
        if isinstance(result.outcome, Failure):
            facts["failure"] = result.outcome.kind
        if result.outcome is not None:
            facts["cached"] = result.outcome.cached
        facts |= (
            {"unscored": {name: _cut(reason, _LARGEST_REASON) for name, reason in unscored.items()}} if unscored else {}
        )
        return {
            "langfuse.observation.type": "span",
            "langfuse.internal.as_root": True,
            **{
                f"langfuse.observation.metadata.{name}": self._json(value, _LARGEST_FACT)
                if isinstance(value, dict | list)
                else self._text(str(value))
                for name, value in facts.items()
            },
        }

    def _list_call(self, result: Result) -> dict[str, Any]:
        outcome, link = result.outcome, self.contents.link
        found: dict[str, Any] = {"langfuse.observation.type": "generation"}
        if link is not None:
            found["langfuse.observation.prompt.name"] = link.name
            found["langfuse.observation.prompt.version"] = link.version
        if self.contents.model is not None:
            found["langfuse.observation.model.name"] = self._text(self.contents.model)
        if outcome is not None and outcome.usage is not None:
            usage = {"input": outcome.usage.input_tokens, "output": outcome.usage.output_tokens}
            found["langfuse.observation.usage_details"] = json.dumps(usage)
        if outcome is not None and outcome.cost_usd is not None:
            found["langfuse.observation.cost_details"] = json.dumps({"total": outcome.cost_usd})
        return found

    def _make_score(self, result: Result, criterion: str, score: Score, trace: str, root: str) -> dict[str, Any]:
        return {
            "id": _digest("score", root, criterion)[:32],
            "traceId": trace,
            "observationId": root,
            "name": self._text(criterion),
            "value": score.value,
            "dataType": "NUMERIC",
            "comment": self._text(score.reason),
            "environment": ENVIRONMENT,
            "timestamp": _show_time(self.created),
            "metadata": {"case": self._text(result.case), "repeat": result.repeat},
        }

    def _text(self, text: str, largest: int = _LARGEST_REASON) -> str:
        return _cut(self.mask.text(_clean(text)), largest)

    def _json(self, value: Json | Mapping[str, Json], largest: int = LARGEST_TEXT) -> str:
        """Return plain data as JSON. It is masked before, because a secret may be written otherwise in JSON."""
        return self._text(json.dumps(self.mask.value(value), ensure_ascii=False), largest)


def _make_verdict(report: Report, gate: GateReport, experiment: str) -> dict[str, Any]:
    stays = report.redrawn
    comment = f"exit code {int(gate.exit_code)}" if stays is None else f"drawn again; {stays.decision} stays"
    return {
        "id": f"{experiment}-verdict",
        "datasetRunId": experiment,
        "name": "verdict",
        "value": str(gate.decision),
        "dataType": "CATEGORICAL",
        "comment": comment,
        "environment": ENVIRONMENT,
        "timestamp": _show_time(datetime.datetime.fromisoformat(report.created_at)),
    }


def _describe(report: Report, gate: GateReport) -> str:
    evidence = gate.evidence
    candidate, baseline = evidence.candidate, evidence.baseline
    against = "" if baseline is None else f", against {baseline.version or baseline.digest[:12]}"
    shown = "" if candidate is None else candidate.version or candidate.digest[:12]
    return f"evalgate run {report.run_id}: {gate.decision} for {evidence.name} {shown}{against}"


def _list_metadata(
    report: Report, gate: GateReport, arm: Arm, version: VersionRef, link: PromptLink | None
) -> dict[str, Json]:
    return {
        "run": report.run_id,
        "gate": gate.evidence.name,
        "arm": str(arm),
        "version": version.version,
        "digest": version.digest,
        "source": version.source,
        "prompt_name": None if link is None else link.name,
        "prompt_version": None if link is None else link.version,
        "dataset": gate.evidence.dataset.path,
        "dataset_digest": gate.evidence.dataset.digest,
        "decision": str(gate.decision),
        "evalgate": report.tool_version,
    }


def _list_level(status: Mapping[str, Any]) -> dict[str, Any]:
    if not status:
        return {}
    return {"langfuse.observation.level": "ERROR", "langfuse.observation.status_message": status["message"]}


def _encode(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return attributes in OTLP/JSON, where an integer is a string."""

    def encode(value: Any) -> dict[str, Any]:
        if isinstance(value, bool):
            return {"boolValue": value}
        return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}

    return [{"key": name, "value": encode(value)} for name, value in attributes.items()]


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _show_time(time: datetime.datetime) -> str:
    return time.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _clean(text: str) -> str:
    """Return a text without what a database of Langfuse cannot keep: NUL and halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _cut(text: str, largest: int) -> str:
    """Return the text, or its beginning, so that its JSON has at most `largest` bytes and the mark of the cut."""
    size = _measure(text)
    if size <= largest:
        return text
    low, high = 0, min(len(text), largest)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _measure(text[:middle]) <= largest else (low, middle - 1)
    return f"{text[:low]}{_CUT}"


def _measure(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode())
