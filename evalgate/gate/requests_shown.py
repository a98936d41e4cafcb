"""The prompts of a run as they were sent, for `evalgate show`: kept beside the report in the store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from evalgate.change.workspace import Workspace
from evalgate.domain import Arm, Evidence, GatePlan, Json, Report, ReportKind, Request
from evalgate.domain.masking import in_force, make_mask, mask_text
from evalgate.domain.sent_prompts import SentCase, SentMessage, SentPrompt
from evalgate.errors import EvalgateError
from evalgate.execute.request_forms import RequestForms
from evalgate.gate.case_inputs import read_input
from evalgate.gate.options import CallMode, Machine, Selection, open_for_run
from evalgate.gate.plans import make_plans, select_gates
from evalgate.plan.gate_plan import make_fresh_trial
from evalgate.store import prompt_lines


def keep_prompts(  # noqa: PLR0917 - everything that a run is
    path: Path, report: Report, workspace: Workspace, plans: Sequence[GatePlan], machine: Machine, calls: CallMode
) -> None:
    """Write the prompts of a report's cases to a file of the store, with secrets masked.

    A file that cannot be written is none: the report says the same without it, and `show` says what is missing.
    """
    ran = {gate.evidence.name: gate.evidence for gate in report.gates}
    mask = make_mask(workspace.config, machine.environment, machine.secrets)
    forms = RequestForms(machine.store.adaptations)

    def make() -> Iterator[SentCase]:
        for plan in plans:
            evidence = ran.get(plan.gate.name)
            if evidence is None or not evidence.results:
                continue
            only = {result.case for result in evidence.results} if evidence.kind is ReportKind.PART else None
            for case in make_sent_cases(plan, workspace, None if calls.answers == "replay" else forms):
                if only is None or case.case in only:
                    yield case

    with in_force(mask), contextlib.suppress(OSError, EvalgateError):
        prompt_lines.write_prompts(path, report.run_id, make())


def make_sent_cases(plan: GatePlan, workspace: Workspace, forms: RequestForms | None) -> Iterator[SentCase]:
    """Yield what is sent for each case of a plan, masked by the masks in force, in the forms that endpoints accept."""
    targets = workspace.config.targets
    arms = [Arm.BASELINE, Arm.CANDIDATE] if plan.baseline is not None else [Arm.CANDIDATE]
    for case in plan.dataset.cases:
        requests = {arm: make_fresh_trial(plan, case, arm, 0, targets).request for arm in arms}
        if forms is not None:
            requests = {arm: forms.adapt(request) for arm, request in requests.items()}
        yield SentCase(
            gate=plan.gate.name,
            case=case.id,
            fields=read_input(plan, case, targets),
            prompts=tuple(_make_prompt(arm, request) for arm, request in requests.items()),
        )


def _make_prompt(arm: Arm, request: Request) -> SentPrompt:
    settings: dict[str, Json] = {
        "target": request.target,
        "model": request.model,
        "parameters": dict(request.parameters),
        "response_format": None if request.response_format is None else dict(request.response_format),
        "tools": list(request.tools),
    }
    return SentPrompt(
        arm=arm,
        messages=tuple(SentMessage(role=one.role, content=mask_text(one.content)) for one in request.messages),
        settings={name: value for name, value in settings.items() if value not in (None, {}, [])},
    )


def render_again(evidence: Evidence, case: str, config_path: Path, machine: Machine) -> SentCase | str:
    """Return what was sent for a case, rendered from the present files; a sentence if they are not those of the run."""
    lost = "what was sent is not kept for this report"
    files = (None if one is None else one.source for one in (evidence.candidate, evidence.baseline))
    candidate, baseline = (one if one is not None and Path(one).is_file() else None for one in files)
    selection = Selection(gates=(evidence.name,), candidate=candidate, baseline=baseline)
    try:
        workspace = open_for_run(config_path, selection, environment=machine.environment)
        if workspace.config.langfuse is not None:
            return f"{lost}, and a part of it is in Langfuse"
        gates = select_gates(workspace, selection)
        (plan,) = make_plans(workspace, gates, selection, CallMode(release_copies=True), machine.store)
    except EvalgateError as error:
        return f"{lost}, and it cannot be rendered here: {error.faults[0].message}"
    digests = {
        "candidate": (evidence.candidate, plan.candidate),
        "baseline": (evidence.baseline, plan.baseline),
        "dataset": (evidence.dataset, plan.dataset),
    }
    for what, pair in digests.items():
        then, now = ("none" if one is None else one.digest for one in pair)
        if then != now:
            return f"{lost}, and the {what} has changed since: digest {then[:12]} then, {now[:12]} now"
    with in_force(make_mask(workspace.config, machine.environment, machine.secrets)):
        return next((one for one in make_sent_cases(plan, workspace, None) if one.case == case), lost)


def withhold_prompts(case: SentCase, word: str) -> SentCase:
    """Return the case with this word in place of each text."""
    return replace(
        case,
        fields=tuple(replace(field, text=word) for field in case.fields),
        prompts=tuple(
            replace(prompt, messages=tuple(replace(message, content=word) for message in prompt.messages))
            for prompt in case.prompts
        ),
    )
