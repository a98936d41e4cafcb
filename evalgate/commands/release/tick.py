"""`release tick`: look at the rows of a rollout, and go on, hold, or roll back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from evalgate.domain.numbers import show_count
from evalgate.domain.rollout import RolloutSettings
from evalgate.errors import ExitCode, InputError, ServiceError
from evalgate.release.document import ReleaseDocument
from evalgate.release.promotion import Actor
from evalgate.release.registry import RaceLostError, Registry, StoredDocument, append_document
from evalgate.release.rollout import transitions
from evalgate.release.rollout.assessment import Assessment, assess_rollout
from evalgate.release.rollout.decision_record import encode_decision
from evalgate.release.rollout.monitoring import Monitored, compare_with_end
from evalgate.release.rollout.online_scores import AnswerScores, ChosenAnswers
from evalgate.release.rollout.state import RolloutState, parse_state
from evalgate.release.rollout_change import DRY_RUN, describe_verb
from evalgate.release.version_lookup import read_last
from evalgate.release.walked_ledger import require_whole
from evalgate.services.command import tell_command

if TYPE_CHECKING:
    from evalgate.gate.online_scoring import OnlineScorer, ScoringCost

NOTIFY_SECONDS = 60.0
"""How long the command of `notify` may take."""
_MOST_TRIES = 5
_WORSE = "worse:"
Rows = Callable[[], Iterable[bytes]]
Notify = Callable[[bytes], None]
MakeScorer: TypeAlias = "Callable[[], OnlineScorer]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """What a tick did. `stored` is the last document then, `before` the one that it looked at.

    `action` is that of the decision, or "watch" for production after a rollout, "idle" without anything to look at, and
    "lost" if another command was faster. `sentence` says why, `change` what changed; empty if nothing did. `warning` is
    empty, or says that the notify command or the scoring failed. `scoring` is what it took to score answers.
    """

    before: StoredDocument
    stored: StoredDocument
    action: Literal["advance", "finish", "hold", "roll_back", "watch", "idle", "lost"]
    code: str
    sentence: str
    exit_code: ExitCode
    is_written: bool = False
    change: str = ""
    warning: str = ""
    found: Assessment | None = None
    monitored: Monitored | None = None
    scoring: ScoringCost | None = None


def tick(
    registry: Registry,
    name: str,
    rows: Rows,
    by: Actor,
    *,
    notify: Notify | None = None,
    make_scorer: MakeScorer | None = None,
    dry_run: bool = False,
) -> Ticked:
    """Decide on the rollout of a prompt as of the actor's time, append what was decided, and return it.

    `rows` opens the rows; it is called only for a rollout or a production that has something to compare. A hold that
    waits appends nothing, a hold for a fault one document, until its code changes. If another command is faster, what
    it did is returned. `notify` is told of each rollback and hold that was appended, as JSON. `make_scorer` makes
    what scores answers, for a rollout whose rules say so.

    Raises InputError for an unknown prompt, and for a rollout that scores answers without `make_scorer`; RefusedError
    for a broken ledger; ServiceError for rows that cannot be read, and for a judge that cannot be reached, unless what
    is known without the scores proves that the candidate is worse; RegistryError; and what the scorer raises.
    """
    last = read_last(registry, name)
    found: Assessment | None = None
    scored = _Scored()
    for _ in range(_MOST_TRIES):
        ledger = require_whole(registry, last)
        state = parse_state(last.document)
        if state is None:
            return _watch(last, rows, by.at)
        if state.paused:
            return _idle(last, "paused", "the rollout is paused; no user gets the candidate")
        if found is None or found.state != state:
            found, scored = _assess(last.document, state, rows, by.at, make_scorer)
        document = _make_document(last, found, ledger.settle(by))
        if document is None or dry_run:
            return replace(_report(last, last, found, document), warning=scored.warning, scoring=scored.cost)
        try:
            stored = append_document(registry, ledger.follow(document))
        except RaceLostError as lost:
            if lost.winner.document.rollout != last.document.rollout:
                return _lose(last, lost.winner)
            last = lost.winner  # a version was published, or another label moved: the decision stays
            continue
        done = _report(last, stored, found, stored.document)
        done = replace(done, is_written=True, warning=scored.warning, scoring=scored.cost)
        return _tell(done, notify)
    return _lose(last, last)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored:
    """What it took to score answers, and a warning for a rollback that was decided without the scores."""

    cost: ScoringCost | None = None
    warning: str = ""


def _assess(
    document: ReleaseDocument, state: RolloutState, rows: Rows, now: str, make_scorer: MakeScorer | None
) -> tuple[Assessment, _Scored]:
    """Return what the rows and the scores of their answers say.

    A judge that is down does not keep a candidate whose answers fail, or that other scores prove to be worse.
    """
    if not state.rules.criteria:
        return assess_rollout(document, state, rows(), now), _Scored()
    if make_scorer is None:
        raise InputError(
            f"{document.name}: this rollout scores answers by the gate of a configuration",
            hint="run the tick with --config and without --registry",
        )
    scorer, failed = make_scorer(), []

    def score_or_wait(chosen: ChosenAnswers) -> AnswerScores:
        try:
            return scorer(chosen)
        except ServiceError as error:
            failed.append(error)
            return AnswerScores(waiting=chosen.ids)

    found = assess_rollout(document, state, rows(), now, score_or_wait)
    if not failed:
        return found, _Scored(cost=scorer.last)
    if found.decision.action != "roll_back" or not found.decision.code.startswith(_WORSE):
        raise failed[0]
    return found, _Scored(warning=f"the answers could not be scored: {failed[0].faults[0].message}")


def make_message(done: Ticked) -> bytes:
    """Return what a command is told about a tick: an object of JSON."""
    document = done.stored.document
    state = None if done.found is None else done.found.state
    shown: dict[str, Any] = {
        "prompt": document.name,
        "action": done.action,
        "code": done.code,
        "sentence": done.sentence,
        "change": done.change,
        "revision": document.revision,
        "at": document.at,
        "who": document.entry.who,
        "run_url": document.entry.run_url,
    }
    if state is not None:
        for key, digest in (("candidate", state.candidate), ("control", state.control)):
            version = done.before.document.versions[digest]
            shown[key] = {"version": version.version, "digest": digest}
    return json.dumps(shown, sort_keys=True).encode() + b"\n"


def make_notify(settings: RolloutSettings, folder: Path) -> Notify | None:
    """Return the call of the notify command in the folder of the configuration; None if none is configured."""
    if not settings.notify:
        return None
    return lambda data: tell_command(settings.notify, folder, data, seconds=NOTIFY_SECONDS)


def describe_tick(done: Ticked) -> str:
    """Describe what a tick did and why, in one sentence; each channel has to escape it."""
    document = done.stored.document
    words = {"hold": "holds", "watch": "production", "idle": "nothing to do", "lost": "another command was faster"}
    head = done.change or words.get(done.action, done.action)
    revision = f" (revision {document.revision})" if done.is_written else ""
    dry = DRY_RUN if done.change and not done.is_written else ""
    return f"{document.name}: {dry}{head}{revision}: {done.sentence}"


def _make_document(last: StoredDocument, found: Assessment, by: Actor) -> ReleaseDocument | None:
    """Return the document of a decision; None for a hold that is not recorded."""
    decision, state = found.decision, found.state
    evidence, why = encode_decision(decision, state, found.evidence), decision.sentence
    if decision.action in ("advance", "finish"):
        return transitions.advance_rollout(last, by, why, evidence)
    if decision.action == "roll_back":
        return transitions.roll_back_rollout(last, by, why, evidence)
    if found.is_fault and decision.code != state.hold:
        return transitions.hold_rollout(last, decision.code, by, why, evidence)
    return None


def _report(
    last: StoredDocument, stored: StoredDocument, found: Assessment, document: ReleaseDocument | None
) -> Ticked:
    decision = found.decision
    code = ExitCode.PASS
    if decision.action == "roll_back":
        code = ExitCode.FAIL
    elif decision.code == "held_too_long":
        code = ExitCode.INCONCLUSIVE
    return Ticked(
        before=last,
        stored=stored,
        action=decision.action,
        code=decision.code,
        sentence=decision.sentence,
        exit_code=code,
        change="" if document is None else describe_verb(last.document, document),
        found=found,
    )


def _tell(done: Ticked, notify: Notify | None) -> Ticked:
    if notify is None or done.action not in ("hold", "roll_back"):
        return done
    try:
        notify(make_message(done))
    except ServiceError as error:
        failed = f"the notify command failed: {error.faults[0].message}"
        return replace(done, warning="; ".join(filter(None, (done.warning, failed))))
    return done


def _watch(last: StoredDocument, rows: Rows, now: str) -> Ticked:
    """Return how production is after its rollout."""
    document = last.document
    if document.monitoring is None:
        return _idle(last, "no_rollout", "no rollout is in progress, and none has proven the version in production")
    monitored = compare_with_end(document, rows(), now)
    assert monitored is not None
    version = document.versions[monitored.version].version
    keys = monitored.evidence.keys[1]
    if monitored.worse:
        code = f"worse:{monitored.worse[0]}"
        sentence = (
            f"{version} is worse than at the end of its rollout: {', '.join(monitored.worse)}; "
            f"{show_count(keys, 'key')} since "
            f"{monitored.since}. Ask `evalgate drift` whether the model changed: a rollback would not mend that"
        )
    elif keys:
        code, sentence = (
            "steady",
            f"{version} is not proven worse than at the end of its rollout, by {show_count(keys, 'key')}",
        )
    else:
        code, sentence = "no_rows", f"there is no row of {version} in production since {monitored.since}"
    exit_code = ExitCode.INCONCLUSIVE if monitored.worse else ExitCode.PASS
    return Ticked(
        before=last,
        stored=last,
        action="watch",
        code=code,
        sentence=sentence,
        exit_code=exit_code,
        monitored=monitored,
    )


def _idle(last: StoredDocument, code: str, sentence: str) -> Ticked:
    return Ticked(before=last, stored=last, action="idle", code=code, sentence=sentence, exit_code=ExitCode.PASS)


def _lose(last: StoredDocument, winner: StoredDocument) -> Ticked:
    """Return what another command did that was faster."""
    entry = winner.document.entry
    sentence = f"{entry.who} was faster: {describe_verb(last.document, winner.document)}; {entry.why}"
    code = ExitCode.FAIL if entry.verb == "rollback" else ExitCode.PASS
    return Ticked(before=last, stored=winner, action="lost", code=entry.verb, sentence=sentence, exit_code=code)
