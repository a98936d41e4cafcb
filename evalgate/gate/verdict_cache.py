"""Cache verdicts by content, so that running again is not a second chance to pass.

With the best of three tries twice as many bad changes pass as with one. A run of the same content therefore returns the
stored verdict without a call. More samples of each case (`samples:`) add to those that are cached already.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import evalgate
from evalgate.decide import evidence as evidences
from evalgate.decide import policy
from evalgate.decide.blocking import MAX_UNANSWERED
from evalgate.domain import (
    BECAUSE,
    REUSED,
    RULE,
    Arm,
    ChangeLevel,
    Config,
    Evidence,
    GatePlan,
    GateReport,
    Json,
    Policy,
    PromptVersion,
    Report,
    Target,
    Threshold,
    Usage,
    Verdict,
    VersionRef,
    digest,
)
from evalgate.errors import EvalgateError
from evalgate.gate import adapted_targets, reports
from evalgate.store import codec, report_json, results
from evalgate.store.atomic import write_file
from evalgate.store.baselines import has_samples
from evalgate.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictKeys:
    """The names that a verdict may have: `shown` for all that a reader sees, `own` where hidden text comes on top.

    A verdict that blocks the shown text blocks every variant with hidden text; a PASS of the shown text passes none.
    `draws` is the name of the candidate's answers, whatever cases, rules and baseline they are compared by.
    """

    shown: str
    own: str
    draws: str


def compute_keys(plan: GatePlan, config: Config, *, replayed: bool) -> VerdictKeys | None:
    """Return the names under which the verdict on a plan is found; None where it has none (`_is_kept`)."""
    targets = _list_answering(plan, config)
    if not _is_kept(targets, replayed=replayed):
        return None
    evidence = _plan_evidence(plan, config)
    expected = _Rules(version=evalgate.__version__, rule=RULE, thresholds=plan.gate.thresholds, policy=config.policy)
    return _name(plan, config, _digest_key(plan, config, targets, evidence, plan.level, expected))


def compute_reported_keys(report: Report, gate: GateReport, plan: GatePlan, config: Config) -> VerdictKeys | None:
    """Return the names of a report's verdict, if its run evaluated the candidate of a plan on its targets.

    What else a verdict depends on is that of the report: level, baseline, cases, criteria, rules. None where no verdict
    is stored.
    """
    evidence = gate.evidence
    asked = {criterion.name for criterion in evidence.criteria}
    judges = tuple(judge for judge in plan.gate.judges if judge.name in asked)
    if evidence.level is None or (evidence.baseline is not None) > (plan.baseline is not None):
        return None
    baseline = None if evidence.baseline is None else plan.baseline
    then = replace(plan, judges=judges, baseline=baseline)
    targets = _list_answering(then, config)
    if not _is_kept(targets, replayed=False):
        return None
    rules = _Rules(version=report.tool_version, rule=report.rule, thresholds=gate.thresholds, policy=gate.policy)
    return _name(plan, config, _digest_key(then, config, targets, evidence, evidence.level, rules))


def find(store: Store, keys: VerdictKeys | None, plan: GatePlan, config: Config) -> GateReport | None:
    """Return the stored verdict, with all of its answers known by now; None if no verdict can be relied on."""
    if keys is None:
        return None
    found = _get(store, keys.shown, plan, config)
    if keys.own == keys.shown or (found is not None and found.exit_code.blocks):
        return found
    return _get(store, keys.own, plan, config)


def was_drawn(store: Store, keys: VerdictKeys | None) -> bool:
    """Return True if a run has asked for these answers: it stored a verdict, or measured too little, or was a shard."""
    names = () if keys is None else (keys.shown, keys.own)
    return any(path(name).exists() for name in names for path in (store.find_verdict, store.find_undecided))


def mark_drawn(store: Store, keys: VerdictKeys | None) -> None:
    """Store that a run asks for these answers without reaching a verdict on them."""
    if keys is not None:
        _mark(store, keys.own, "")


def mark_part_drawn(store: Store, keys: VerdictKeys | None) -> None:
    """Store that a run asked for a part of these answers, unless a run of all cases did before."""
    if keys is not None and not was_drawn(store, keys):
        _mark(store, keys.own, _PART)


def _mark(store: Store, name: str, content: str) -> None:
    with contextlib.suppress(OSError):  # the cache reports this
        write_file(store.find_undecided(name), content)


def was_only_part_drawn(store: Store, keys: VerdictKeys | None) -> bool:
    """Return True if only runs of a part of the cases have asked for these answers."""
    if keys is None or any(store.find_verdict(name).exists() for name in (keys.shown, keys.own)):
        return False
    marks = [path for name in {keys.shown, keys.own} if (path := store.find_undecided(name)).exists()]
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return bool(marks) and all(mark.read_text(encoding="utf-8") == _PART for mark in marks)
    return False


def choose_key(store: Store, keys: VerdictKeys | None, gate: GateReport) -> str | None:
    """Return the name for a new verdict: one that blocks holds for every hidden text, while there is none."""
    if keys is None:
        return None
    return keys.shown if gate.exit_code.blocks and not store.find_verdict(keys.shown).exists() else keys.own


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    """By what a verdict is reached: the version of evalgate and of its decision rule, thresholds and policy."""

    version: str
    rule: int
    thresholds: Mapping[str, Threshold]
    policy: Policy


def _name(plan: GatePlan, config: Config, shown: str) -> VerdictKeys:
    hidden = plan.candidate.hidden_text
    target = config.targets[plan.gate.candidate_target]
    draws = digest(["draws", plan.candidate.normalized_digest, *target.served, target.model, *_list_code(target)])
    return VerdictKeys(shown=shown, own=digest([shown, list(hidden)]) if any(hidden) else shown, draws=draws)


def _is_kept(targets: Sequence[Target], *, replayed: bool) -> bool:
    """Return whether verdicts on the answers of some targets are stored.

    They are not if no chance is involved (replayed and recorded answers are always the same), or if a target can change
    undetected (a Python function without a declared version).
    """
    if any(_may_change_unseen(t) or (replayed and t.recordings is not None) for t in targets):
        return False
    return not all(target.kind == "recorded" for target in targets)


def _digest_key(  # noqa: PLR0917
    plan: GatePlan,
    config: Config,
    targets: Sequence[Target],
    evidence: Evidence,
    level: ChangeLevel,
    rules: _Rules,
) -> str:
    """Return the digest of everything that a verdict depends on, except chance.

    The candidate counts by its normalised content (`domain.normalize`), the change by its effective level. Stored
    baseline samples are not part of the key. A verdict that lets a change merge is dropped together with the samples
    that it is based on; one that blocks outlives them.
    """
    gate, dataset = plan.gate, evidence.dataset
    return digest(
        [
            REUSED,
            rules.rule,
            rules.version,
            gate.name,
            plan.candidate.normalized_digest,
            None if evidence.baseline is None else evidence.baseline.digest,
            [[*target.served, target.model, *target.scored_as, *_list_code(target)] for target in targets],
            *_list_adaptations(plan, config),
            [gate.candidate_samples, gate.baseline_samples, gate.wavering_samples],
            [
                dataset.digest,
                dict(evidence.clusters),
                list(dataset.lost),
                dataset.edited,
                *([codec.encode(dataset.narrowed)] if dataset.narrowed else []),
                *([["untagged", codec.encode(dataset.untagged)]] if dataset.untagged else []),
            ],
            codec.encode(evidence.criteria),
            codec.encode(level.effective),
            codec.encode(rules.thresholds),
            codec.encode(rules.policy),
        ]
    )


def describe_unkept(plans: Sequence[GatePlan], config: Config) -> tuple[str, ...]:
    """Return a sentence for each target of some plans whose answers and verdicts are not stored."""
    targets = dict.fromkeys(target.name for plan in plans for target in _list_answering(plan, config))
    return tuple(
        f'target "{name}" is a function without a `version`: neither its answers nor the verdicts on them are stored, '
        "and the next run calls it again"
        for name in targets
        if _may_change_unseen(config.targets[name])
    )


def _may_change_unseen(target: Target) -> bool:
    return target.kind == "python" and "version" not in target.options


def _list_code(target: Target) -> list[Json]:
    return [target.options["code"]] if "code" in target.options else []


_PART = "a part of the cases"
"""The content of the mark of a run that asked for a part of the answers."""
_UNDECIDED = ("completeness", "constant_output", "broken")
"""The kinds of findings that mean that too little was measured: such a verdict is not stored."""


def _get(store: Store, name: str, plan: GatePlan, config: Config) -> GateReport | None:
    """Return the verdict stored under a name; None if it is missing, or is of other content."""
    report = _load(store, name)
    if report is None or _strip_run(report.gates[0]) != _strip_run(_expect_report(plan, config)):
        return None
    stored = report.gates[0].evidence
    if not report.gates[0].exit_code.blocks and not _has_its_baseline(stored, store):
        return None
    now = _make_ref(plan.candidate)
    assert stored.candidate is not None
    note = f"{REUSED}, in run {report.run_id} of {report.created_at}: the same content is not sampled again"
    other = stored.candidate.digest != now.digest
    if other:
        what = "what is not shown" if any(plan.candidate.hidden_text) else "white space"
        note += f"; only {what} differs from digest {stored.candidate.digest[:12]}, which was answered then"
    evidence = replace(
        stored,
        level=plan.level,
        candidate=now,
        evaluated=stored.candidate.digest if other else None,
        notes=(*_keep_notes(stored, plan), note),
        calls=replace(stored.calls, made=0, cached=stored.calls.made + stored.calls.cached),
        usage=Usage(),
        cost_usd=0.0,
        revert=plan.revert,
    )
    return policy.decide_at_level(evidence, plan.gate.thresholds, config.policy)


def _load(store: Store, name: str) -> Report | None:
    """Return the report stored under a name, of one gate; None if it is missing, damaged, or that of another name."""
    path = store.find_verdict(name)
    try:
        with path.open(encoding="utf-8") as file:
            report = reports.verify_report(results.read(file, str(path), store.results), str(path))
    except (OSError, UnicodeDecodeError, EvalgateError):
        return None  # the verdict is decided again, from cached answers
    return report if len(report.gates) == 1 and report.gates[0].evidence.verdict_key == name else None


def _keep_notes(stored: Evidence, plan: GatePlan) -> list[str]:
    """Return the stored notes with the present reason of the change, which may have been committed since."""
    then = [note for note in stored.notes if not note.startswith(BECAUSE)]
    return [*then, *(note for note in plan.notes if note.startswith(BECAUSE))]


def _has_its_baseline(evidence: Evidence, store: Store) -> bool:
    """Return True if the baseline samples that a verdict is based on are still in the store, or if it has none."""
    stored = evidence.stored_baseline
    return stored is None or has_samples(store, stored.digest)


def put(
    store: Store, name: str | None, gate: GateReport, report: Report, *, counting: Collection[tuple[str, int]] = ()
) -> None:
    """Store a verdict that was reached on all its cases; if answers are missing, the next run completes it.

    Then a mark is stored. `counting` are the candidate's draws without an answer that are not made again, by case and
    repeat. A verdict that blocks is not replaced.
    """
    if name is None:
        return
    if not _is_whole(gate, counting):
        _mark(store, name, "")
        return
    standing = _load(store, name)
    if standing is not None and standing.gates[0].exit_code.blocks:
        return
    path = store.find_verdict(name)
    alone = replace(report, decision=gate.decision, exit_code=gate.exit_code, gates=(gate,), warnings=())
    alone = replace(alone, policy_changes=(), sign_off=None)  # they belong to the change, not to the measurement
    with contextlib.suppress(OSError):  # the cache has reported this already
        write_file(path, report_json.pieces(alone))


def put_all(store: Store, report: Report) -> None:
    """Store the verdicts of a report from elsewhere, as its gates alone decide them, where there are none yet.

    What depends on a pull request, its sign-off and its attempts, is left out.
    """
    for gate in report.gates:
        name = gate.evidence.verdict_key
        if name is not None and not store.find_verdict(name).exists():
            own = policy.decide(gate.evidence, gate.thresholds, gate.policy, gate.level_policy)
            put(store, name, own, replace(report, attempts=None))


def _list_answering(plan: GatePlan, config: Config) -> list[Target]:
    """Return the targets by role, in order: two judges that swap their targets are not the same."""
    baseline = [plan.gate.baseline_target] if plan.baseline is not None else []
    names = [plan.gate.candidate_target, *baseline, *(judge.target for judge in plan.judges)]
    return [config.targets[name] for name in names]


def _list_adaptations(plan: GatePlan, config: Config) -> list[list[list[str]]]:
    """Return the adaptations of both versions' requests; empty without any. Those of judges belong to the criteria."""
    arms = [(plan.gate.candidate_target, plan.candidate)]
    if plan.baseline is not None:
        arms.append((plan.gate.baseline_target, plan.baseline))
    found = [list(adapted_targets.find_version_adaptations(config.targets[name], version)) for name, version in arms]
    return [found] if any(found) else []


def _plan_evidence(plan: GatePlan, config: Config) -> Evidence:
    return evidences.make_evidence(plan, config.targets)


def _expect_report(plan: GatePlan, config: Config) -> GateReport:
    return policy.decide_at_level(_plan_evidence(plan, config), plan.gate.thresholds, config.policy)


def _make_ref(version: PromptVersion) -> VersionRef:
    return VersionRef(name=version.name, version=version.version, digest=version.digest, source=version.source)


def _strip_run(gate: GateReport) -> tuple[object, ...]:
    """Return what a verdict is about, without results; the candidate itself counts by the verdict's key.

    How it was measured is left out: the order of the cases, the looks (`--engine batch` has none) and the confirmation
    samples may differ for the same content, and so may the dataset's path and the number of cases that stayed.
    """
    evidence = gate.evidence
    return (
        None if evidence.baseline is None else evidence.baseline.digest,
        None if evidence.level is None else evidence.level.effective,
        (evidence.name, replace(evidence.dataset, path="", kept=0), evidence.criteria),
        dict(evidence.clusters),
        (dict(gate.thresholds), gate.policy, gate.level_policy),
    )


def is_measured(gate: GateReport) -> bool:
    """Return True if a verdict rests on all that it needs: no call failed for good, and no result is missing."""
    lost = any(r.failure == "infrastructure" for r in chain(gate.evidence.results, gate.evidence.confirmations))
    undecided = any(f.kind in _UNDECIDED and f.decision is Verdict.INCONCLUSIVE and f.blocks for f in gate.findings)
    return not lost and (gate.decision is Verdict.FAIL or not undecided)


def _is_whole(gate: GateReport, counting: Collection[tuple[str, int]]) -> bool:
    return is_measured(gate) and not _is_unanswered(gate, counting)


def _is_unanswered(gate: GateReport, counting: Collection[tuple[str, int]]) -> bool:
    """Return True if so many of the candidate's first draws have no answer, and are made again, that it may be faulty.

    A text that is cut or blank is kept in the cache like any other.
    """
    first = [r for r in gate.evidence.results if r.arm is Arm.CANDIDATE and r.repeat == 0]
    again = [r for r in first if r.failure == "unusable" and (r.case, 0) not in counting]
    return len(again) > MAX_UNANSWERED * len(first)
