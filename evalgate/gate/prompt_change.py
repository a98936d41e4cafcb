"""What differs between the prompts of both versions, for a report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from evalgate.domain import GatePlan, GateReport, InputField, Json, PromptChange, PromptVersion
from evalgate.domain.masking import mask_text
from evalgate.gate.case_inputs import LONGEST


def add_prompt_change(gate: GateReport, plan: GatePlan) -> GateReport:
    """Return the verdict of a plan with what differs between its prompts. Secrets of the masks in force are masked."""
    return replace(gate, evidence=replace(gate.evidence, prompt_change=compare_prompts(plan)))


def compare_prompts(plan: GatePlan) -> PromptChange | None:
    """Return the parts of each prompt that the other lacks; None without a baseline, or if there are none."""
    if plan.baseline is None:
        return None
    old, new = ([*_list_parts(version)] for version in (plan.baseline, plan.candidate))
    baseline = tuple(part for part in old if part not in new)
    candidate = tuple(part for part in new if part not in old)
    return PromptChange(baseline=baseline, candidate=candidate) if baseline or candidate else None


def _list_parts(version: PromptVersion) -> Iterator[InputField]:
    if version.model is not None:
        yield _make_part("model", version.model)
    for name, value in version.parameters.items():
        yield _make_part(name, _format(value))
    if version.response_format is not None:
        yield _make_part("response format", _format(version.response_format))
    for number, tool in enumerate(version.tools, 1):
        yield _make_part(f"tool {number}", _format(tool))
    for message in version.messages:
        yield _make_part(message.role, message.content)
    if version.user is not None:
        yield _make_part("user", version.user)


def _make_part(name: str, text: str) -> InputField:
    shown = mask_text(text)
    if len(shown) > LONGEST:
        shown = f"{shown[:LONGEST]} [{len(shown) - LONGEST:,} more characters ...]"
    return InputField(name=name, text=shown)


def _format(value: Json) -> str:
    # not sorted: the order of the properties of a schema is part of a version
    return json.dumps(value, ensure_ascii=False, indent=2) if isinstance(value, (dict, list)) else json.dumps(value)
