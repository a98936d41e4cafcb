"""Remove case texts from a report before it leaves the machine, unless the configuration allows them.

Ids, scores and the marks of equal outputs always stay, so that a report without texts gives the same verdict. The store
keeps the whole report.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Literal

from evalgate.domain import (
    Evidence,
    Failure,
    GateReport,
    LevelPolicy,
    Outcome,
    Policy,
    Report,
    ReportKind,
    Result,
    Score,
    Scored,
    Threshold,
    ToolCall,
    Unscored,
)
from evalgate.domain.measured_similarity import MeasuredSimilarity
from evalgate.domain.text import WITHHELD
from evalgate.report import case_selection

# What may name a model; the second is what the embedded one is called. Anything else an endpoint calls itself may be a
# text: it can repeat what it was asked.
_NAME = re.compile(r"\S{1,200}|xllamacpp \S{1,40} sha256:[0-9a-f]{12}")

Decide = Callable[[Evidence, Mapping[str, Threshold], Policy, LevelPolicy], GateReport]


def withhold_texts(report: Report, decide: Decide) -> Report:
    """Return the report without the texts that `report.texts` withholds; the same report where it withholds none.

    `decide` is `evalgate.decide.policy.decide`: it rewrites sentences that quote a text.
    """
    if report.texts == "all":
        return report
    return replace(report, gates=tuple(withhold_gate(gate, report.texts, decide) for gate in report.gates))


def withhold_gate(gate: GateReport, texts: Literal["all", "failing", "none"], decide: Decide) -> GateReport:
    """Return one gate without the texts that `texts` withholds."""
    if texts == "all":
        return gate
    evidence = gate.evidence
    kept = {case.case for case in case_selection.select_cases(gate)} if texts == "failing" else set()
    marks = _Marks(are_checksums=evidence.kind is ReportKind.SHARD)
    bare = replace(
        evidence,
        notes=_withhold_names(evidence),
        prompt_change=None if texts == "none" else evidence.prompt_change,
        results=tuple(_bare(result, kept, marks) for result in evidence.results),
        confirmations=tuple(_bare(result, kept, marks) for result in evidence.confirmations),
        inputs={
            case: fields if case in kept else tuple(replace(field, text=WITHHELD) for field in fields)
            for case, fields in evidence.inputs.items()
        },
        similarity=_bare_similarity(evidence.similarity, kept),
    )
    rules = (gate.thresholds, gate.policy, gate.level_policy)
    before, after = decide(evidence, *rules), decide(bare, *rules)
    # sentences quote reasons and outputs: each is replaced by the one that the gate without texts gives
    rewritten = {one.sentence: other.sentence for one, other in zip(before.findings, after.findings, strict=True)}
    constant = gate.constant_output
    return replace(
        gate,
        evidence=bare,
        findings=tuple(replace(one, sentence=rewritten.get(one.sentence, one.sentence)) for one in gate.findings),
        constant_output=None if constant is None else after.constant_output or replace(constant, text=WITHHELD),
    )


def _bare_similarity(measured: MeasuredSimilarity | None, kept: Collection[str]) -> MeasuredSimilarity | None:
    """Return the similarities without reasons, in which an endpoint may repeat a text."""
    if measured is None:
        return None
    outputs = tuple(
        one if one.case in kept or isinstance(one.score, Score) else replace(one, score=Unscored(reason=WITHHELD))
        for one in measured.outputs
    )
    return replace(measured, outputs=outputs)


class _Marks:
    """Numbers for texts: equal texts have equal numbers, which contain no other information.

    In the report of a shard they are checksums, since they are compared with those of other shards.
    """

    def __init__(self, *, are_checksums: bool) -> None:
        self._are_checksums = are_checksums
        self._numbers: dict[int, int] = {}

    def of(self, result: Result) -> int | None:
        mark = result.text_mark
        if mark is None or self._are_checksums:
            return mark
        return self._numbers.setdefault(mark, len(self._numbers))


def _bare(result: Result, kept: Collection[str], marks: _Marks) -> Result:
    mark, outcome, is_kept = marks.of(result), result.outcome, result.case in kept
    return Result(
        case=result.case,
        arm=result.arm,
        repeat=result.repeat,
        tags=result.tags,
        outcome=None if outcome is None else _outcome(outcome, mark, is_kept=is_kept),
        scores=result.scores if is_kept else _without_reasons(result.scores),
        replies=result.replies if is_kept else {},
    )


def _outcome(outcome: Outcome, mark: int | None, *, is_kept: bool) -> Outcome:
    if isinstance(outcome, Failure):
        return outcome if is_kept else replace(outcome, message=WITHHELD)
    if is_kept:
        return replace(outcome, mark=mark)
    named = outcome.served_by if outcome.served_by is None or _NAME.fullmatch(outcome.served_by) else WITHHELD
    calls = tuple(ToolCall(name=WITHHELD, arguments=WITHHELD) for _ in outcome.tool_calls)
    return replace(outcome, text=WITHHELD, mark=mark, tool_calls=calls, served_by=named, reasoning="")


def _withhold_names(evidence: Evidence) -> tuple[str, ...]:
    """Return the notes without what no model is called."""
    served = {result.served_by for result in evidence.results}
    texts = sorted((one for one in served if one and one.strip() and not _NAME.fullmatch(one)), key=len, reverse=True)
    if not texts:
        return evidence.notes
    found = re.compile("|".join(map(re.escape, texts)))
    return tuple(found.sub(WITHHELD, note) for note in evidence.notes)


def _without_reasons(scores: Mapping[str, Scored]) -> Mapping[str, Scored]:
    return {
        name: Score(value=score.value) if isinstance(score, Score) else Unscored(reason=WITHHELD)
        for name, score in scores.items()
    }
