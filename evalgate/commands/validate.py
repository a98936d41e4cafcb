"""`validate`: find all faults of configuration, prompts, datasets and recorded outputs, without a call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from evalgate.change.merge_base import find_base_commit, find_unchanged
from evalgate.change.workspace import Workspace
from evalgate.domain import STRICT_LEVEL, ChangeLevel, Config, Gate, GatePlan, Level
from evalgate.domain.langfuse_reference import is_langfuse
from evalgate.domain.lists import name_some
from evalgate.domain.numbers import show_count
from evalgate.domain.placeholders import describe_placeholders
from evalgate.errors import EvalgateError, FaultCollector, make_all
from evalgate.gate.included_files import find_measuring_includes
from evalgate.gate.list_pricing import require_prices
from evalgate.gate.options import CallMode, Selection
from evalgate.gate.plans import (
    collect_recorded_faults,
    find_option_faults,
    load_cases,
    make_plans,
    refuse_unknown_tags,
    require_variables,
)
from evalgate.inputs import datasets, prompts
from evalgate.inputs.case_images import list_included_files
from evalgate.inputs.langfuse_names import list_unseen
from evalgate.inputs.langfuse_tree import close_tree
from evalgate.plan import gate_plan
from evalgate.plan.case_fields import AND_MORE, list_unused_fields
from evalgate.store.store import Store

_NAMED = 10


def validate(workspace: Workspace) -> tuple[GatePlan, ...]:
    """Check every gate's prompt, dataset and recorded outputs against its criteria, at the strictest change level.

    Uses no model, no network and no git. A gate with a prompt or a dataset in Langfuse has no plan: only its files are
    checked. Raises one error with all faults of all gates.
    """
    workspace = replace(workspace, tree=close_tree(workspace.tree))
    config = workspace.config
    seen = [gate for gate in config.gates if not list_unseen(gate)]
    plans = make_all(seen, lambda gate: validate_gate(workspace, gate))
    make_all([gate for gate in config.gates if list_unseen(gate)], lambda gate: _validate_files(workspace, gate))
    refuse_unknown_tags(plans, workspace)
    require_prices(plans, config)
    return plans


def validate_gate(workspace: Workspace, gate: Gate, *, recorded: bool = True) -> GatePlan:
    """Check a gate as `validate` does, and return its plan. Without `recorded`, cases may lack a recorded output."""
    config, tree = workspace.config, workspace.tree
    everything = replace(config.policy, levels=dict.fromkeys(Level, STRICT_LEVEL))
    strictest = ChangeLevel(declared=None, minimum=Level.MAJOR, effective=Level.MAJOR)
    read = FaultCollector()
    read.take(partial(require_variables, config, [gate]))
    candidate = read.take(partial(prompts.load_prompt, tree, gate.prompt, gate.settings))
    baseline = None
    if gate.baseline is not None:
        baseline = read.take(partial(prompts.load_prompt, tree, gate.baseline, gate.baseline_settings))
    versions = [version for version in (candidate, baseline) if version is not None]
    dataset = read.take(partial(load_cases, tree, gate, versions, config))
    if recorded:
        read.faults += collect_recorded_faults(workspace, gate, dataset).faults
    read.faults += [] if dataset is None else find_option_faults(gate, dataset)
    read.faults += [] if candidate is None else find_measuring_includes(candidate, config, tree)
    plan = None
    if candidate is not None and dataset is not None:
        args = (gate, candidate, baseline, dataset, strictest, config.targets, everything)
        plan = read.take(partial(gate_plan.make_plan, *args))
    if plan is None or read.faults:
        raise read.error()
    return plan


def _validate_files(workspace: Workspace, gate: Gate) -> None:
    """Check what of a gate is a file, as far as it shows anything without the rest."""
    read, config, tree = FaultCollector(), workspace.config, workspace.tree
    read.take(partial(require_variables, config, [gate]))
    named = ((gate.prompt, gate.settings), (gate.baseline, gate.baseline_settings))
    for path, settings in named:
        if path is not None and not is_langfuse(path):
            read.take(partial(prompts.load_prompt, tree, path, settings))
    dataset = None
    if not is_langfuse(gate.dataset):
        dataset = read.take(partial(datasets.load_dataset, tree, gate.dataset, gate.columns))
    read.faults += collect_recorded_faults(workspace, gate, dataset).faults
    read.faults += [] if dataset is None else find_option_faults(gate, dataset)
    if read.faults:
        raise read.error()


def describe_unseen(config: Config) -> Iterator[str]:
    """Yield a sentence for each gate of which something is in Langfuse, with what was not looked at."""
    for gate in config.gates:
        if unseen := list_unseen(gate):
            yield f"{gate.name}: not looked at: {', '.join(unseen)}; `evalgate plan` reads what is in Langfuse"


def plan_edited_gates(workspace: Workspace, default_branch: str | None, store: Store) -> tuple[GatePlan, ...]:
    """Return the plans of the gates whose prompt a change edits, without a call.

    A gate of which the baseline cannot be determined (no repository, a clone without history) is left out.
    """
    workspace = replace(workspace, tree=close_tree(workspace.tree))
    selection = Selection(default_branch=default_branch)
    found: list[GatePlan] = []
    for chosen in workspace.config.gates:
        with suppress(EvalgateError):
            if is_edited(workspace, chosen, default_branch):
                found += make_plans(workspace, [chosen], selection, CallMode(release_copies=True), store)
    return tuple(found)


def describe_counts(plan: GatePlan) -> str:
    """Return the numbers of a gate's cases, checks and judges: "8 cases, 2 checks, 1 judge"."""
    counts = {"case": len(plan.dataset.cases), "check": len(plan.gate.checks), "judge": len(plan.judges)}
    return ", ".join(show_count(count, word) for word, count in counts.items())


def describe_plan(plan: GatePlan, config: Config) -> Iterator[str]:
    """Yield notes on a gate that `validate` accepts: fields that nothing uses, levels whose changes cannot pass."""
    targets = [config.targets[name] for name in (plan.gate.candidate_target, plan.gate.baseline_target)]
    versions = [plan.candidate, *([plan.baseline] if plan.baseline is not None else [])]
    unused = list_unused_fields(plan.gate, versions, plan.dataset)
    if unused and all(target.kind not in ("python", "recorded") for target in targets):
        named = name_some(unused, _NAMED, rest=AND_MORE)
        yield f"no prompt, rubric or check uses the field{'s' if len(unused) > 1 else ''} {named}"
    yield from describe_placeholders(plan.dataset, plan.candidate)
    yield from _describe_levels(plan, config)


def _describe_levels(plan: GatePlan, config: Config) -> Iterator[str]:
    """Yield a note for the levels that need a PASS which the cases cannot prove."""
    from evalgate.gate.pipeline import find_lacking_cases

    lacking: dict[tuple[int, str], list[str]] = {}
    for level, demands in config.policy.levels.items():
        if demands.inconclusive != "block":
            continue
        at_level = replace(
            plan,
            level=ChangeLevel(declared=None, minimum=level, effective=level),
            baseline=plan.baseline or plan.candidate,
            judges=plan.gate.judges_at(demands),
            sequential=config.policy.stop_early and level is not Level.MAJOR,
        )
        found = find_lacking_cases(at_level, config)
        if found is not None:
            lacking.setdefault(found, []).append(level.name)
    for (needed, why), names in lacking.items():
        yield f"no {' or '.join(names)} change can pass: {why}; at least {needed} are needed"


def find_lacking(edited: Sequence[GatePlan], config: Config) -> Iterator[tuple[str, str]]:
    """Yield gate and sentence for each edited prompt whose level needs a PASS that its cases cannot prove."""
    from evalgate.gate.pipeline import find_lacking_cases

    for plan in edited:
        found = find_lacking_cases(plan, config)
        if found is not None:
            level = plan.level.effective.name
            sentence = f"a {level} change needs a proven PASS, and {found[1]}: at least {found[0]} are needed"
            yield plan.gate.name, sentence


def is_edited(workspace: Workspace, gate: Gate, default_branch: str | None) -> bool:
    """Return whether a file of a gate's prompt differs from the merge base; False where there is no merge base."""
    git = workspace.git
    base = None if git is None else find_base_commit(git, default_branch)
    files = {gate.prompt, *list_included_files(workspace.tree, gate)}
    return git is not None and base is not None and not files <= find_unchanged(files, workspace.tree, git, base)
