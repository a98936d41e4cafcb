from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from release.documents import make_version, sign
from release.rollout.lives import NEW, OLD, RULES, Life, by, clock, finish

from evalgate.domain.rollout import Stage
from evalgate.errors import EvalgateError, InputError
from evalgate.release.checked_value import DocumentError
from evalgate.release.promotion import promote_version, publish_version
from evalgate.release.registry import RefusedError
from evalgate.release.rollout import transitions
from evalgate.release.rollout.decision_record import encode_word
from evalgate.release.rollout.state import STAGING
from evalgate.release.runtime.cached_document import CachedDocument


def test_a_start_pins_the_rules_and_has_a_new_salt() -> None:
    life, other = Life(), Life()
    life.start(slow=4.5)
    other.start()
    state = life.state
    assert (state.candidate, state.control, state.rules, state.slow) == (NEW.digest, OLD.digest, RULES, 4.5)
    assert (state.started, state.began, state.hold, state.paused) == (clock(), clock(), None, False)
    assert state.salt == transitions.make_salt(life.document.entry.id) != other.state.salt
    assert life.document.labels == {"production": OLD.digest, "canary": NEW.digest}


def test_production_stays_the_old_version_until_the_end() -> None:
    life = Life()
    life.start()
    for hours in (30, 60):
        held = CachedDocument(life.document, life.last.data, 0)
        assert held.labels["production"].digest == OLD.digest
        assert held.rollout is not None and held.rollout[2].digest == NEW.digest
        life.advance(hours)
    life.advance(90)
    held = CachedDocument(life.document, life.last.data, 0)
    assert held.labels["production"].digest == NEW.digest and held.rollout is None


@pytest.mark.parametrize(("prepare", "error", "message"), [
    (lambda life: life.start(), InputError, "a rollout is in progress"),
    (lambda life: setattr(life, "candidate", OLD), InputError, "is in production already"),
    (lambda life: setattr(life, "candidate", replace(NEW, evaluation=replace(NEW.evaluation, decision="FAIL"))),
     RefusedError, "may not be rolled out: its gate failed"),
    (lambda life: setattr(life, "candidate", replace(NEW, level="MAJOR", needs_sign_off=True)),
     RefusedError, "needs a sign-off"),
])  # fmt: skip
def test_what_forbids_production_forbids_a_start(prepare: Any, error: type[EvalgateError], message: str) -> None:
    life = Life()
    prepare(life)
    before = life.last
    with pytest.raises(error, match=message):
        life.start()
    assert life.last == before


def test_without_production_there_is_nothing_to_compare_with() -> None:
    life = Life()
    first = publish_version(None, "other", OLD, by())
    from evalgate.release.registry import make_bytes

    with pytest.raises(InputError, match="nothing to compare with") as refused:
        transitions.start_rollout(make_bytes(first, 1), OLD, RULES, by(), "go")
    assert "evalgate release promote other --to production" in str(refused.value.faults[0].hint)
    assert life.served == OLD


def test_a_signed_major_starts() -> None:
    life = Life(candidate=sign(make_version("2.0.0", "Hi, ", level="MAJOR", needs_sign_off=True)))
    life.start()
    assert life.state.stage == 1


def test_staging_is_the_first_stage_and_takes_its_label() -> None:
    life = Life()
    life.start(replace(RULES, staging_hours=24))
    assert (life.state.stage, life.state.share) == (STAGING, 0)
    entry = life.document.entry
    assert (entry.label, entry.origin, entry.target) == ("staging", None, NEW.digest)
    held = CachedDocument(life.document, life.last.data, 0)
    assert held.rollout is not None and held.rollout[1] == 0, "readers give the candidate to no user"
    life.advance(24)
    assert (life.state.stage, life.state.share, life.document.entry.label) == (1, 500, "canary")


def test_a_pause_gives_the_candidate_to_no_user_and_a_resume_begins_the_stage_anew() -> None:
    life = Life()
    life.start()
    life.advance(30)
    life.append(lambda _: transitions.pause_rollout(life.last, by(31), "wait"))
    assert (life.state.share, life.state.stage, life.state.began) == (0, 2, clock(30))
    with pytest.raises(InputError, match="is paused already"):
        transitions.pause_rollout(life.last, by(32), "wait")
    with pytest.raises(InputError, match="is paused"):
        transitions.advance_rollout(life.last, by(32), "go", encode_word(life.state))
    life.append(lambda _: transitions.resume_rollout(life.last, by(40), "go on"))
    assert (life.state.share, life.state.stage, life.state.began) == (2500, 2, clock(40))
    with pytest.raises(InputError, match="is not paused"):
        transitions.resume_rollout(life.last, by(41), "go on")
    assert life.list_verbs() == ["start", "advance", "pause", "resume"]


def test_an_abort_ends_it_and_production_stays() -> None:
    life = Life()
    life.start()
    life.append(lambda _: transitions.abort_rollout(life.last, by(1), "the feature is postponed"))
    assert life.document.labels == {"production": OLD.digest} and life.document.rollout is None
    with pytest.raises(InputError, match="no rollout is in progress") as refused:
        transitions.abort_rollout(life.last, by(2), "again")
    assert "evalgate release start support" in str(refused.value.faults[0].hint)
    life.start(hours=3)
    assert life.list_verbs() == ["start", "abort", "start"]


def test_a_persons_word_goes_on_without_a_proof_and_is_recorded_as_that() -> None:
    life = Life()
    life.start()
    for hours in (1, 2, 3):
        life.advance(hours)
    entry = life.document.entry
    assert (entry.verb, entry.label, entry.origin, entry.target) == ("finish", "production", OLD.digest, NEW.digest)
    assert entry.evidence == {"decision": {"code": "person", "proven": False, "stage": 3}}
    assert life.document.monitoring is None, "there are no means to compare with later"
    assert life.list_verbs() == ["start", "advance", "advance", "finish"]


def test_the_hours_in_the_ledger_let_a_person_promote_the_candidate() -> None:
    from evalgate.commands.release.promote import promote
    from evalgate.release.rollout_change import change_rollout

    life = Life(candidate=replace(NEW, canary_hours=48))
    life.start(replace(RULES, staging_hours=24))
    with pytest.raises(
        RefusedError, match=r"needs a canary of 48 hours, and its rollout has given it to users for 0\b"
    ):
        promote(life.registry, "support", "production", by(200), "enough")
    life.advance(24)
    life.append(lambda _: transitions.pause_rollout(life.last, by(44), "wait"))
    life.append(lambda _: transitions.resume_rollout(life.last, by(100), "go on"))
    with pytest.raises(RefusedError, match=r"for 47\b"):
        promote(life.registry, "support", "production", by(127), "enough")
    promote(life.registry, "support", "production", by(128), "enough")
    assert life.document.entry.evidence == {"canary": {"hours": 48.0}}
    assert life.document.rollout is None and life.served == life.candidate
    assert life.list_verbs() == ["start", "advance", "pause", "resume", "promote"]
    assert change_rollout


def test_another_version_is_not_promoted_on_the_hours_of_the_candidate() -> None:
    from evalgate.commands.release.promote import promote

    life = Life()
    life.start()
    other = make_version("1.2.0", "Hey, ", canary_hours=24)
    life.append(lambda last: publish_version(last, "support", other, by(1)))
    with pytest.raises(
        RefusedError, match=r"another version is in progress; a MINOR change needs a canary of 24 hours"
    ):
        promote(life.registry, "support", "production", by(300), "enough", version="1.2.0")


def test_monitoring_stays_as_long_as_production_does() -> None:
    life = Life()
    life.start()
    finish(life)
    kept = life.document.monitoring
    assert kept is not None and kept["version"] == NEW.digest and set(kept["means"]) == {
        "helpful", "errors", "unscored",
    }  # fmt: skip
    third = make_version("1.2.0", "Hey, ")
    life.append(lambda last: publish_version(last, "support", third, by(100)))
    assert life.document.monitoring == kept
    life.append(lambda _: promote_version(life.last, third, "production", by(101), "a PATCH"))
    assert life.document.monitoring is None
    assert life.list_verbs()[-2:] == ["publish", "promote"]


@pytest.mark.parametrize("watched", [None, [], {"helpful": 1}, {"helpful": {"mean": [1], "n": [1, 2]}},
    {"helpful": {"mean": [1, "1"], "n": [1, 2]}}, {"helpful": {"mean": [1, True], "n": [1, 2]}},
    {"helpful": {"mean": [1, 1], "n": [1, None]}},
])  # fmt: skip
def test_evidence_without_means_makes_no_monitoring(watched: Any) -> None:
    life = Life()
    life.start(replace(RULES, stages=(Stage(share=500, hours=0),)))
    evidence = {"decision": {"proven": True, "watched": watched}}
    with pytest.raises(DocumentError, match=r"entry\.evidence"):
        transitions.advance_rollout(life.last, by(1), "go", evidence)
