"""A rollout as JSON, and what a tick did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from evalgate.cli.render import tables
from evalgate.commands.release.status import RolloutStatus
from evalgate.commands.release.tick import Ticked
from evalgate.release.document import ReleaseDocument
from evalgate.release.rollout.assessment import Assessment
from evalgate.release.rollout.decision_record import encode_decision
from evalgate.release.rollout.monitoring import Monitored

if TYPE_CHECKING:
    from evalgate.gate.online_scoring import ScoringCost


def render_status(status: RolloutStatus) -> str:
    """Render the status of one prompt."""
    return tables.render_json(_describe(status))


def render_rollouts(found: Sequence[RolloutStatus]) -> str:
    """Render all rollouts in progress."""
    return tables.render_json({"rollouts": [_describe(one) for one in found]})


def render_tick(done: Ticked) -> str:
    """Render what a tick did; `code` is the reason in one word, also the warning of a production that got worse."""
    document = done.stored.document
    return tables.render_json(
        {
            **_name(document),
            "action": done.action,
            "code": done.code,
            "sentence": done.sentence,
            "change": done.change,
            "is_written": done.is_written,
            "exit_code": int(done.exit_code),
            "warning": done.warning,
            "rollout": document.rollout,
            **_describe_scoring(done.scoring),
            **_describe_found(done.found, done.monitored),
        }
    )


def _describe(status: RolloutStatus) -> dict[str, Any]:
    document = status.stored.document
    return {
        **_name(document),
        "now": status.now,
        "rollout": document.rollout,
        "monitoring": document.monitoring,
        **_describe_found(status.found, status.monitored),
    }


def _name(document: ReleaseDocument) -> dict[str, Any]:
    labels = {label: document.versions[digest].version for label, digest in sorted(document.labels.items())}
    return {"name": document.name, "revision": document.revision, "at": document.at, "labels": labels}


def _describe_scoring(cost: ScoringCost | None) -> dict[str, Any]:
    return {} if cost is None else {"scoring": asdict(cost)}


def _describe_found(found: Assessment | None, monitored: Monitored | None) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if found is not None:
        decision = found.decision
        shown["evidence"] = encode_decision(decision, found.state, found.evidence)["decision"]
        shown["decision"] = {
            "action": decision.action,
            "code": decision.code,
            "sentence": decision.sentence,
            "is_fault": found.is_fault,
            "numbers": dict(decision.numbers),
        }
        own = found.evidence.own
        if found.state.rules.criteria:
            shown["scored"] = {"offered": list(own.offered), "chosen": list(own.chosen), "waiting": own.waiting}
    if monitored is not None:
        watched = {
            one.name: {"limit": one.allowed, "n": one.n[1], "mean": one.mean[1], "log_e_worse": one.log_e_worse}
            for one in monitored.evidence.watched
        }
        shown["monitored"] = {
            "version": monitored.version,
            "since": monitored.since,
            "keys": monitored.evidence.keys[1],
            "bound": monitored.bound,
            "worse": list(monitored.worse),
            "watched": watched,
        }
    return shown
