"""What a gate judges by, as one digest: cases, criteria, samples, thresholds, policy and targets."""

from __future__ import annotations

from evalgate.decide import evidence as evidences
from evalgate.domain import RULE, Config, GatePlan, digest
from evalgate.domain.report_criteria import list_criteria
from evalgate.store import codec


def digest_rules(plan: GatePlan, config: Config) -> str:
    """Return the digest of the rules of a plan's gate: 64 hexadecimal digits.

    The two versions are not part of it, nor is the change level that follows from them: a version that has a verdict
    keeps it when another one goes to production.
    """
    gate, dataset = plan.gate, plan.dataset
    names = dict.fromkeys([gate.candidate_target, gate.baseline_target, *(judge.target for judge in gate.judges)])
    targets = [config.targets[name] for name in names]
    clusters = evidences.make_evidence(plan, config.targets).clusters
    return digest(
        [
            RULE,
            gate.name,
            [
                [name, *target.served, target.model, *target.scored_as, target.options.get("code")]
                for name, target in zip(names, targets, strict=True)
            ],
            [gate.candidate_samples, gate.baseline_samples, gate.wavering_samples],
            [dataset.digest, dict(clusters)],
            codec.encode(list_criteria(gate, gate.judges, config.targets, dataset)),
            codec.encode(gate.thresholds),
            codec.encode(config.policy),
        ]
    )
