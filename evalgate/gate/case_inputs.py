"""The inputs of cases for a report: the fields of each case that the prompt uses, as texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice

from evalgate.domain import Case, GatePlan, GateReport, InputField, ReportKind, Target, Verdict
from evalgate.domain.masking import mask_text
from evalgate.domain.message_shapes import parse_messages
from evalgate.domain.report_refs import MOST_LISTED
from evalgate.domain.text import Json, as_text
from evalgate.plan.asked_field import NOT_ASKED

LONGEST = 20_000
"""Characters of a field at most that are kept in a report, of the cases that it names."""
LONGEST_UNCHANGED, SHORTEST = 2_000, 240
"""Characters of all fields of any other case, and of a field of it where there are many."""
_EMBEDDED = re.compile(r"(data:[\w.+-]{1,40}/[\w.+-]{1,80}(?:;[\w.=-]{1,80})*;base64,)[A-Za-z0-9+/=_-]{80,}")


def add_inputs(gate: GateReport, plan: GatePlan, targets: Mapping[str, Target]) -> GateReport:
    """Return the verdict of a plan with the inputs of the cases that a report may show.

    These are the cases that the verdict names, and the first `MOST_LISTED` of the others, with shorter texts. A shard
    does not know which cases the whole run will show, so it has the inputs of all its cases, as a part has. Secrets of
    the masks in force are masked.
    """
    every = dict.fromkeys(result.case for result in gate.evidence.results)
    named = set(every if gate.evidence.kind in (ReportKind.SHARD, ReportKind.PART) else _list_named(gate))
    others = set(islice((case for case in every if case not in named), MOST_LISTED))
    inputs = {
        case.id: read_input(plan, case, targets, is_short=case.id not in named)
        for case in plan.dataset.cases
        if case.id in named or case.id in others
    }
    return replace(gate, evidence=replace(gate.evidence, inputs=inputs))


def read_input(
    plan: GatePlan, case: Case, targets: Mapping[str, Target], *, is_short: bool = False
) -> tuple[InputField, ...]:
    """Return the fields of a case that one of the prompts uses, in the order of the case.

    Where a function or recorded outputs answer and the prompts name no field of the case, all fields are its input but
    those that identify a case or hold its expected answer. A short input has about 2,000 characters.
    """
    versions = [plan.candidate] if plan.baseline is None else [plan.candidate, plan.baseline]
    used = {name for version in versions for name in version.variables}
    names = [plan.gate.candidate_target] if plan.baseline is None else _list_targets(plan)
    kinds = {targets[name].kind for name in names}
    if "python" in kinds or ("recorded" in kinds and not used & set(case.fields)):
        used |= set(case.fields) - NOT_ASKED
    histories = {field for version in versions for field in version.histories}
    fields = {name: value for name, value in case.fields.items() if name in used}
    longest = max(SHORTEST, LONGEST_UNCHANGED // max(1, len(fields))) if is_short else LONGEST
    return tuple(
        InputField(name=name, text=_show(value, longest, is_history=name in histories))
        for name, value in fields.items()
    )


def _list_targets(plan: GatePlan) -> list[str]:
    return [plan.gate.candidate_target, plan.gate.baseline_target]


def _list_named(gate: GateReport) -> Iterator[str]:
    """Yield the cases that changed on a criterion, that do not hold, or that a finding names."""
    for comparison in gate.comparisons:
        yield from (*comparison.regressed, *comparison.improved, *comparison.broken, *comparison.fixed)
        yield from (*comparison.suspects, *comparison.undecided)
    for check in gate.blocking:
        yield from (*check.for_good, *check.open)
    for finding in gate.findings:
        if finding.decision is not Verdict.PASS:
            yield from finding.cases


def _show(value: Json, longest: int, *, is_history: bool) -> str:
    text = as_text(value)
    if is_history:
        messages, faults = parse_messages(value)
        text = text if faults else "\n".join(f"{message.role}: {message.content}" for message in messages)
    text = mask_text(_EMBEDDED.sub(_shorten_data, text))
    return text if len(text) <= longest else f"{text[:longest]} [{len(text) - longest:,} more characters ...]"


def _shorten_data(found: re.Match[str]) -> str:
    """Return the head of an embedded file; its base64 tells a reader nothing, and may have megabytes."""
    return f"{found.group(1)}[{len(found.group()) - len(found.group(1)):,} characters ...]"
