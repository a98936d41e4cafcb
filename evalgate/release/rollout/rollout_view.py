"""What is shown of a rollout: facts with their names, and a table of all that is watched, for each format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from evalgate.domain.numbers import show_count
from evalgate.release.registry import StoredDocument
from evalgate.release.rollout.assessment import Assessment
from evalgate.release.rollout.decision_words import format_hours
from evalgate.release.rollout.monitoring import Monitored
from evalgate.release.rollout.rollout_counts import tell_left_out, tell_rows
from evalgate.release.rollout.rollout_table import make_monitored_table, make_table
from evalgate.release.rollout.stage_hours import count_hours
from evalgate.release.rollout.state import STAGING, RolloutState, describe_stage


class ShownRollout(Protocol):
    """What a view is made of: a document, its rollout if one is in progress, and what the rows said at the time `now`.

    The status of `release status` is one.
    """

    @property
    def stored(self) -> StoredDocument: ...
    @property
    def state(self) -> RolloutState | None: ...
    @property
    def now(self) -> str: ...
    @property
    def found(self) -> Assessment | None: ...
    @property
    def monitored(self) -> Monitored | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutView:
    """A headline, facts by their names, and a table whose first row is its head; it may be empty."""

    title: str
    facts: Sequence[tuple[str, str]]
    table: Sequence[Sequence[str]] = ()


def make_view(status: ShownRollout) -> RolloutView:
    """Return what is shown of a status. All texts are untrusted."""
    document, state = status.stored.document, status.state
    if state is None:
        return _view_production(status)
    candidate, control = (document.versions[one].version for one in (state.candidate, state.control))
    kind = "the rollout" if state.kind == "canary" else "the comparison"
    title = f"{document.name}: {kind} of {candidate} against {control}, revision {document.revision}"
    facts = [("stage", _tell_stage(state, status)), ("users", _tell_users(state, candidate, control))]
    if state.hold is not None:
        facts.append(("recorded", f"a hold, {state.hold}"))
    if status.found is None:
        return RolloutView(title=title, facts=[*facts, *_tell_rules(state)])
    facts += tell_rows(status.found.evidence, candidate, control, on_staging=state.stage == STAGING)
    facts.append(("now", _tell_decision(status.found)))
    return RolloutView(title=title, facts=facts, table=make_table(status.found, candidate, control))


def _view_production(status: ShownRollout) -> RolloutView:
    document = status.stored.document
    production = document.find_label("production")
    shown = "none" if production is None else production.version
    title = f"{document.name}: no rollout is in progress, revision {document.revision}"
    facts = [("production", shown)]
    if status.monitored is not None:
        facts += list(_tell_monitored(status.monitored))
        return RolloutView(title=title, facts=facts, table=make_monitored_table(status.monitored, shown))
    if document.monitoring is not None:
        facts.append(("compared", "with the end of its rollout, by rows"))
    return RolloutView(title=title, facts=facts)


def _tell_stage(state: RolloutState, status: ShownRollout) -> str:
    passed = count_hours(state.began, status.now)
    if status.found is None:
        return f"{describe_stage(state)}, since {state.began}, {format_hours(passed)} hours"
    least = status.found.hours
    shown = format_hours(passed, below=least) if passed < least else format_hours(passed)
    return f"{describe_stage(state)}, since {state.began}, {shown} of at least {least:g} hours"


def _tell_users(state: RolloutState, candidate: str, control: str) -> str:
    if state.paused:
        return f"paused: all get {control}"
    return f"{state.share / 100:g} % get {candidate}" if state.share else f"all get {control}; staging gets {candidate}"


def _tell_rules(state: RolloutState) -> Iterator[tuple[str, str]]:
    rules = state.rules
    scores = [f"{name} (at most -{drop:g})" for name, drop in rules.scores.items()]
    rates = [f"errors (at most +{rules.max_errors:g})"]
    rates += [f"answers above {state.slow:g} s (+{rules.max_slow:g})"] if state.slow is not None else []
    rates += [f"answers above {state.expensive:g} $ (+{rules.max_expensive:g})"] if state.expensive is not None else []
    yield "watched", ", ".join([*scores, *rates])
    yield "now", "without its rows nothing is known: name the prompt, and its rows in release.rollout.rows or by --rows"


def _tell_decision(found: Assessment) -> str:
    verbs = {"advance": "a tick goes on", "finish": "a tick finishes it", "roll_back": "a tick rolls back"}
    return f"{verbs.get(found.decision.action, 'a tick holds')}: {found.decision.sentence}"


def _tell_monitored(found: Monitored) -> Iterator[tuple[str, str]]:
    yield "compared", f"with the end of its rollout, by the rows since {found.since}"
    yield "answers", show_count(found.evidence.keys[1], "key")
    yield "rows", tell_left_out(found.evidence)
    worse = ", ".join(found.worse)
    yield (
        "now",
        f"worse than at the end: {worse}; ask `evalgate drift`" if worse else "not proven worse than at the end",
    )
