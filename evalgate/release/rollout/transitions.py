"""The documents that follow in a rollout: start, advance, finish, pause, resume, abort, hold, and roll back. Pure.

Each function takes the last document and who acts, and returns the next document. The ledger calls the same functions,
to verify that a document is what its verb makes of the one before it.
"""

from __future__ import annotations

import hashlib
import math
import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from evalgate.domain.rollout import RATES, RolloutRules
from evalgate.errors import InputError
from evalgate.release.checked_value import Value
from evalgate.release.document import PublishedVersion, ReleaseDocument
from evalgate.release.promotion import Actor, find_missing, follow_past, make_entry, make_following, roll_back
from evalgate.release.registry import RefusedError, StoredDocument
from evalgate.release.rollout.decision_record import is_proven, read_number
from evalgate.release.rollout.state import STAGING, RolloutState, encode_rules, encode_state, find_share, parse_state

VERBS: Final = ("start", "advance", "finish", "pause", "resume", "abort", "hold")
"""The verbs of a rollout in the ledger. A tick, and a person, also write `rollback`."""


def require_no_rollout(document: ReleaseDocument) -> None:
    """Raise InputError if a rollout is in progress."""
    if document.rollout is not None:
        name = shlex.quote(document.name)
        raise InputError(
            f"{document.name}: a rollout is in progress",
            hint=f"see it with `evalgate release status {name}`, or end it with `evalgate release abort {name}`",
        )


def start_rollout(
    last: StoredDocument,
    version: PublishedVersion,
    rules: RolloutRules,
    by: Actor,
    why: str,
    *,
    kind: str = "canary",
    slow: float | None = None,
    expensive: float | None = None,
) -> ReleaseDocument:
    """Return the document that starts a rollout of a version, on staging first unless that takes no hours.

    Its salt follows from the id of the actor, so that each rollout assigns the keys anew. Raises RefusedError with all
    that keeps the version from production, but for the canary that a rollout is; InputError if there is nothing to
    compare with, or a rollout is in progress.
    """
    document = last.document
    name = shlex.quote(document.name)
    production = document.labels.get("production")
    for score in (*rules.scores, *rules.floors):
        if score in RATES:
            raise InputError(
                f'{document.name}: a score cannot be called "{score}": the share of such answers is watched beside it',
                hint="give the score another name in the rows, and name it in release.rollout.scores",
            )
    require_no_rollout(document)
    if production is None:
        raise InputError(
            f"{document.name}: no version is in production, so there is nothing to compare with",
            hint=f"promote the first one: evalgate release promote {name} --to production",
        )
    if production == version.digest:
        raise InputError(f"{document.name}: {version} is in production already", hint="publish another version")
    missing = find_missing(document, version, "production", math.inf)
    if missing:
        raise RefusedError(
            f"{document.name}: {version} may not be rolled out: {'; '.join(one.what for one in missing)}",
            hint="; ".join(dict.fromkeys(one.remedy for one in missing)),
        )
    has_staging = kind == "canary" and rules.staging_hours > 0
    state = RolloutState(
        kind=kind,
        candidate=version.digest,
        control=production,
        share=0 if has_staging else rules.stages[0].share,
        salt=make_salt(by.id),
        stage=STAGING if has_staging else 1,
        started=by.at,
        began=by.at,
        rules=rules,
        slow=slow,
        expensive=expensive,
    )
    return _move_to(last, state, "start", by, why, version=version)


def make_salt(seed: str) -> str:
    """Return the salt of a rollout by the id of the entry that starts it."""
    return hashlib.sha256(b"evalgate rollout\0" + seed.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def advance_rollout(last: StoredDocument, by: Actor, why: str, evidence: Mapping[str, Any]) -> ReleaseDocument:
    """Return the document of the next stage; after the last one the candidate is production and the rollout ends.

    `evidence` is what `decision_record` makes of a proof, or of a person's word.
    """
    state = require_state(last)
    _refuse_paused(last, state)
    if state.kind == "ab" or state.is_last:
        return _finish(last, state, by, why, evidence)
    following = _begin(state, state.stage + 1, by.at)
    return _move_to(last, following, "advance", by, why, evidence=evidence)


def pause_rollout(last: StoredDocument, by: Actor, why: str) -> ReleaseDocument:
    """Return the document that gives the candidate to no user until the rollout is resumed."""
    state = require_state(last)
    if state.paused:
        raise InputError(f"{last.document.name}: the rollout is paused already", hint=_name_verb(last, "resume"))
    return _change(last, replace(state, paused=True, share=0), "pause", by, why)


def resume_rollout(last: StoredDocument, by: Actor, why: str) -> ReleaseDocument:
    """Return the document that begins the stage of a paused rollout anew: users had the control in between."""
    state = require_state(last)
    if not state.paused:
        raise InputError(f"{last.document.name}: the rollout is not paused")
    return _change(last, _begin(state, state.stage, by.at), "resume", by, why)


def hold_rollout(last: StoredDocument, code: str, by: Actor, why: str, evidence: Mapping[str, Any]) -> ReleaseDocument:
    """Return the document that records why a tick held: `code` of a fault that the last hold did not have."""
    return _change(last, replace(require_state(last), hold=code), "hold", by, why, evidence=evidence)


def abort_rollout(last: StoredDocument, by: Actor, why: str) -> ReleaseDocument:
    """Return the document that ends a rollout without a decision. Production stays."""
    state = require_state(last)
    entry = make_entry("abort", why, by, target=state.candidate)
    labels = _drop_canary(last, state)
    return make_following(last, last.document.name, entry, by, labels=labels, rollout=None)


def roll_back_rollout(last: StoredDocument, by: Actor, why: str, evidence: Mapping[str, Any]) -> ReleaseDocument:
    """Return the document with which a tick takes the candidate from its users. Production stays."""
    state = require_state(last)
    control = last.document.versions[state.control]
    return roll_back(last, control, by, why, evidence=evidence)


def require_state(last: StoredDocument) -> RolloutState:
    """Return the rollout in progress. Raises InputError if there is none, and DocumentError for a damaged one."""
    state = parse_state(last.document)
    if state is None:
        raise InputError(f"{last.document.name}: no rollout is in progress", hint=_name_verb(last, "start"))
    return state


def make_monitoring(state: RolloutState, at: str, evidence: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what later rows are compared with: the candidate's means at the end of a rollout that proved them.

    None after a person's word, which has no numbers. Raises DocumentError for evidence without these means.
    """
    if not is_proven(evidence):
        return None
    watched = Value(dict(evidence), "entry.evidence")["decision"]["watched"].members()
    return {
        "version": state.candidate,
        "since": at,
        "slow": state.slow,
        "expensive": state.expensive,
        "rules": encode_rules(state.rules),
        "means": {name: _read_mean(one) for name, one in sorted(watched)},
    }


def _read_mean(given: Value) -> dict[str, Any]:
    """Return the mean of the candidate and its number of keys, as they are in the evidence of a proof."""
    mean, n = (Value(given[key].pair()[1], f"{given.path}.{key}") for key in ("mean", "n"))
    return {"mean": mean.optional(read_number), "n": n.integer()}


def _finish(
    last: StoredDocument, state: RolloutState, by: Actor, why: str, evidence: Mapping[str, Any]
) -> ReleaseDocument:
    document = last.document
    entry = make_entry(
        "finish",
        why,
        by,
        label="production",
        origin=document.labels.get("production"),
        target=state.candidate,
        evidence=evidence,
    )
    labels = {**_drop_canary(last, state), "production": state.candidate}
    return make_following(
        last,
        document.name,
        entry,
        by,
        labels=labels,
        past=follow_past(document, state.candidate),
        rollout=None,
        monitoring=make_monitoring(state, by.at, evidence),
    )


def _begin(state: RolloutState, stage: int, at: str) -> RolloutState:
    following = replace(state, stage=stage, began=at, paused=False, hold=None)
    return replace(following, share=find_share(following))


def _move_to(
    last: StoredDocument,
    state: RolloutState,
    verb: str,
    by: Actor,
    why: str,
    *,
    version: PublishedVersion | None = None,
    evidence: Mapping[str, Any] | None = None,
) -> ReleaseDocument:
    """Return the document of a stage that begins, with the label that its candidate then has."""
    labels = dict(last.document.labels)
    label = "staging" if state.stage == STAGING else "canary"
    moves = state.kind == "canary" and labels.get(label) != state.candidate
    entry = make_entry(
        verb,
        why,
        by,
        label=label if moves else None,
        origin=labels.get(label) if moves else None,
        target=state.candidate,
        evidence=evidence,
    )
    if moves:
        labels[label] = state.candidate
    return make_following(
        last,
        last.document.name,
        entry,
        by,
        versions=[] if version is None else [version],
        labels=labels,
        rollout=encode_state(state),
    )


def _change(
    last: StoredDocument,
    state: RolloutState,
    verb: str,
    by: Actor,
    why: str,
    *,
    evidence: Mapping[str, Any] | None = None,
) -> ReleaseDocument:
    entry = make_entry(verb, why, by, target=state.candidate, evidence=evidence)
    return make_following(last, last.document.name, entry, by, rollout=encode_state(state))


def _drop_canary(last: StoredDocument, state: RolloutState) -> dict[str, str]:
    labels = dict(last.document.labels)
    if labels.get("canary") == state.candidate:
        del labels["canary"]
    return labels


def _refuse_paused(last: StoredDocument, state: RolloutState) -> None:
    if state.paused:
        raise InputError(f"{last.document.name}: the rollout is paused", hint=_name_verb(last, "resume"))


def _name_verb(last: StoredDocument, verb: str) -> str:
    reason = "" if verb == "start" else " --reason TEXT"
    return f"evalgate release {verb} {shlex.quote(last.document.name)}{reason}"
