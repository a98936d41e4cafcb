"""One verdict for each content: what was decided stays decided, so that running again draws no fresh ticket.

Best of three tries lets twice as many bad changes through as one. A run of the same content therefore returns the
stored verdict without a call; more samples of each case (`samples:`) add to those that are cached already.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from itertools import chain
from pathlib import Path

import evalgate
from evalgate import conclude, shelf
from evalgate.domain import Arm, Calls, Config, GatePlan, GateReport, Report, Target, Usage, digest, digest_of_all
from evalgate.errors import EvalgateError
from evalgate.report import codec, json


def key(plan: GatePlan, config: Config, *, replayed: bool) -> str | None:
    """The digest of everything that a verdict depends on, but for chance.

    None where no chance is involved, or where what answers can change unseen: replayed and recorded answers are the
    same every time, and nobody knows whether a function of the user's is still the same. Stored baseline samples take
    no part: a later baseline is no reason for a second ticket.
    """
    targets = _answering(plan, config)
    if any(t.kind == "python" or (replayed and t.recordings is not None) for t in targets):
        return None
    if all(target.kind == "recorded" for target in targets):
        return None
    evidence = conclude.evidence_of(plan, config.targets, calls=Calls(), usage=Usage(), cost_usd=None)
    return digest(
        [
            evalgate.__version__,
            plan.gate.name,
            digest_of_all(trial.request.key for trial in plan.trials if trial.arm is Arm.CANDIDATE),
            None if plan.baseline is None else plan.baseline.digest,
            [[target.kind, target.identity, target.model] for target in targets],
            [plan.gate.baseline_samples, list(plan.lost), plan.dataset.digest],
            codec.encode(evidence.criteria),
            codec.encode(plan.level),
            codec.encode(plan.gate.thresholds),
            codec.encode(config.policy),
        ]
    )


def folder(store: Path) -> Path:
    """Where a store keeps verdicts: one file for each key, `<key>.json`."""
    return store / "verdicts"


def find(store: Path, name: str | None, plan: GatePlan, config: Config) -> GateReport | None:
    """The stored verdict, all of its answers now known. None where there is none that can be relied on.

    A verdict of other content, under whatever name it lies, is none.
    """
    if name is None:
        return None
    path = _path(store, name)
    try:
        with path.open(encoding="utf-8") as file:
            report = conclude.checked(shelf.read(file, str(path), store), str(path))
    except (OSError, UnicodeDecodeError, EvalgateError):
        return None  # not there, or damaged: it is decided again, from the answers in the cache
    if len(report.gates) != 1 or _content(report.gates[0]) != _content(_expected(plan, config)):
        return None
    gate = report.gates[0]
    note = f"decided before, in run {report.run_id} of {report.created_at}: the same content is not drawn again"
    calls = replace(gate.evidence.calls, made=0, cached=gate.evidence.calls.made + gate.evidence.calls.cached)
    evidence = replace(gate.evidence, notes=(*gate.evidence.notes, note), calls=calls, usage=Usage(), cost_usd=0.0)
    return replace(gate, evidence=evidence)


def keep(store: Path, name: str | None, gate: GateReport, report: Report) -> None:
    """Stores a verdict that was reached on all its cases; one that lacks answers is for the next run to complete."""
    if name is None or not _is_whole(gate):
        return
    path = _path(store, name)
    alone = replace(report, decision=gate.decision, exit_code=gate.exit_code, gates=(gate,), warnings=())
    alone = replace(alone, policy_changes=(), sign_off=None)  # they are the change's, and no part of what was measured
    part = path.with_suffix(f".{os.getpid()}.part")
    with contextlib.suppress(OSError):  # the cache has said so already
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(json.pieces(alone))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def _answering(plan: GatePlan, config: Config) -> list[Target]:
    """Who answers, role by role: two judges that have changed places are not the same."""
    baseline = [plan.gate.baseline_target] if plan.baseline is not None else []
    names = [plan.gate.candidate_target, *baseline, *(judge.target for judge in plan.judges)]
    return [config.targets[name] for name in names]


def _expected(plan: GatePlan, config: Config) -> GateReport:
    evidence = conclude.evidence_of(plan, config.targets, calls=Calls(), usage=Usage(), cost_usd=None)
    return conclude.judged(evidence, plan.gate.thresholds, config.policy)


def _content(gate: GateReport) -> tuple[object, ...]:
    """What a verdict is about, whatever was answered."""
    evidence = gate.evidence
    return (
        [None if version is None else version.digest for version in (evidence.candidate, evidence.baseline)],
        (evidence.name, evidence.level, evidence.dataset, evidence.criteria),
        (evidence.order, dict(evidence.clusters), evidence.sequential, evidence.redraws),
        (dict(gate.thresholds), gate.policy, gate.level_policy),
    )


def _path(store: Path, name: str) -> Path:
    return folder(store) / f"{name}.json"


def _is_whole(gate: GateReport) -> bool:
    lost = any(r.failure == "infrastructure" for r in chain(gate.evidence.results, gate.evidence.confirmations))
    return not lost and all(finding.kind != "completeness" for finding in gate.findings)
