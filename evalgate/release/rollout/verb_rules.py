"""What each verb of a rollout may do, for the ledger: a document is what its verb makes of the one before it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from evalgate.errors import EvalgateError
from evalgate.release.checked_value import DocumentError
from evalgate.release.document import PublishedVersion, ReleaseDocument, encode_document
from evalgate.release.promotion import Actor, find_canary
from evalgate.release.registry import StoredDocument
from evalgate.release.rollout import transitions
from evalgate.release.rollout.decision_record import find_gaps
from evalgate.release.rollout.state import RolloutState, parse_state


def find_wrong_verb(
    last: ReleaseDocument, document: ReleaseDocument, contents: Mapping[str, PublishedVersion]
) -> Iterator[str]:
    """Yield why a document with a verb of a rollout does not follow from the one before it.

    `contents` are all versions that were published so far. The rules of a rollout are free at its start; afterwards
    everything but a decision and its time follows from what the ledger has.
    """
    verb = document.entry.verb
    try:
        if verb in ("advance", "finish"):
            yield from _find_gaps(last, document)
        expected = _make_expected(last, document, contents)
    except EvalgateError as error:
        yield f'its verb is "{verb}", but {error.faults[0].message}'
        return
    except DocumentError as error:
        yield f'its verb is "{verb}", but {error}'
        return
    if expected is None:
        yield f'its verb is "{verb}", and it does not say what of'
        return
    if document.entry != expected.entry:
        verb = expected.entry.verb
        yield f'its entry is not that of "{verb}": label, versions and evidence follow from the revision before it'
    yield from _find_differences(document, expected)


def _find_differences(document: ReleaseDocument, expected: ReleaseDocument) -> Iterator[str]:
    verb = document.entry.verb
    found, wanted = document.rollout, expected.rollout
    if found is None or wanted is None:
        if found != wanted:
            yield f"its verb is {verb}, and its rollout {'goes on' if wanted is None else 'is gone'}"
    elif found != wanted:
        keys = ", ".join(sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key)))
        yield f"its rollout does not follow from its entry ({verb}): {keys}"
    if document.labels != expected.labels:
        yield f"its labels do not follow from its entry ({verb})"
    if document.past != expected.past:
        yield f"its earlier versions in production do not follow from its entry ({verb})"
    if document.monitoring != expected.monitoring:
        yield f"its monitoring does not follow from its entry ({verb})"


def _make_expected(
    last: ReleaseDocument, document: ReleaseDocument, contents: Mapping[str, PublishedVersion]
) -> ReleaseDocument | None:
    """Return what a verb makes of a document; None if the entry does not say enough."""
    entry = document.entry
    by = Actor(id=entry.id, who=entry.who, at=document.at, run_url=entry.run_url)
    data = encode_document(last)
    before = StoredDocument(document=last, data=data)
    evidence = entry.evidence or {}
    if entry.verb == "start":
        return _make_start(before, document, by, contents)
    if entry.verb in ("advance", "finish"):
        return transitions.advance_rollout(before, by, entry.why, evidence)
    if entry.verb == "hold":
        decision = evidence.get("decision")
        code = decision.get("code") if isinstance(decision, dict) else None
        if not isinstance(code, str) or not code.strip():
            return None
        return transitions.hold_rollout(before, code, by, entry.why, evidence)
    return _PLAIN[entry.verb](before, by, entry.why)


_PLAIN = {
    "pause": transitions.pause_rollout,
    "resume": transitions.resume_rollout,
    "abort": transitions.abort_rollout,
}


def _make_start(
    before: StoredDocument, document: ReleaseDocument, by: Actor, contents: Mapping[str, PublishedVersion]
) -> ReleaseDocument | None:
    state = parse_state(document)
    version = contents.get(document.entry.target or "")
    if state is None or version is None:
        return None
    return transitions.start_rollout(
        before,
        version,
        state.rules,
        by,
        document.entry.why,
        kind=state.kind,
        slow=state.slow,
        expensive=state.expensive,
    )


def _find_gaps(last: ReleaseDocument, document: ReleaseDocument) -> Iterator[str]:
    state = parse_state(last)
    if state is None:
        return
    if not document.entry.why.strip():
        yield "it goes on, and does not say why"
    yield from find_gaps(document.entry.evidence, state, document.at, find_required_hours(last, state))


def find_required_hours(document: ReleaseDocument, state: RolloutState) -> float:
    """Return the hours that the level of a rollout's candidate requires of its first stage."""
    return find_canary(document, document.versions[state.candidate])[0]
