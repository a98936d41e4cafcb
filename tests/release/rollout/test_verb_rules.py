"""Forged documents of rollouts: each value that is changed on its own breaks the ledger, though its chain is whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from release.documents import digest_of
from release.rollout.lives import NEW, RULES, Life, by, finish

from evalgate.release.document import digest_document
from evalgate.release.ledger import verify
from evalgate.release.promotion import publish_version
from evalgate.release.rollout import transitions

FREE = {("entry", "who"), ("entry", "run_url")}
"""Values that the ledger does not protect: notes for people. `why` and `id` of some verbs are bound as well."""


@cache
def make_ledger() -> tuple[bytes, ...]:
    """Return a ledger with each verb of a rollout."""
    life = Life()
    life.start(replace(RULES, staging_hours=24, floors={"helpful": 0.6}), slow=3.0, expensive=0.5)
    life.tick(25, life.make_rows(60, 0.3, 24))
    life.append(lambda _: transitions.pause_rollout(life.last, by(26), "wait"))
    life.append(lambda _: transitions.resume_rollout(life.last, by(27), "go on"))
    life.append(lambda _: transitions.abort_rollout(life.last, by(28), "stop"))
    life.start(hours=30)
    life.tick(31, life.make_rows(3000, 30.3, 31, change=lambda row, rng: {**row, "scores": {"helpful": 2}}))
    life.tick(40, life.make_rows(6000, 30.3, 40, drop=0.6))
    life.start(hours=50)
    life.advance(60)
    life.append(lambda _: transitions.abort_rollout(life.last, by(61), "stop"))
    life.start(hours=70)
    finish(life, hours=70)
    verbs = [one for one in life.list_verbs() if one != "publish"]
    assert set(verbs) == {"start", "advance", "pause", "resume", "abort", "hold", "rollback", "finish"}
    return tuple(life.registry.history("support"))


def chain_anew(documents: list[dict[str, Any]]) -> list[bytes]:
    """Return documents with the digests that a writer of all of them can compute."""
    made: list[bytes] = []
    for document in documents:
        document["previous"] = digest_document(made[-1]) if made else None
        made.append(json.dumps(document, sort_keys=True).encode())
    return made


def load() -> list[dict[str, Any]]:
    return [json.loads(data) for data in make_ledger()]


def list_places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from list_places(value[key], (*path, key))


def find_holder(document: Any, path: tuple[str | int, ...]) -> Any:
    for key in path[:-1]:
        document = document[key]
    return document


def test_the_ledger_is_whole() -> None:
    assert verify(make_ledger(), "support") is None
    assert verify(chain_anew(load()), "support") is None


def list_rollout_values() -> list[tuple[int, tuple[str | int, ...]]]:
    """Return the places of all values of rollouts, monitorings and labels, but for the rules that a start chooses."""
    found = []
    for position, document in enumerate(load()):
        if position < 3:
            continue
        for path in list_places(document):
            is_choice = document["entry"]["verb"] == "start" and path[:2] in {
                ("rollout", "rules"), ("rollout", "slow"), ("rollout", "expensive"), ("rollout", "kind"),
            }  # fmt: skip
            if path[0] in ("rollout", "monitoring", "labels", "past") and not is_choice:
                found.append((position, path))
    return found


OTHER = st.one_of(
    st.none(), st.booleans(), st.integers(0, 10_000), st.floats(0, 1), st.text(max_size=3), st.just([]), st.just({}),
    st.sampled_from(["canary", "ab", "hold", "rollback", NEW.digest, digest_of("x"), "2026-02-01T12:00:00Z"]),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_each_value_of_a_rollout_that_is_changed_on_its_own_is_a_break(data: st.DataObject) -> None:
    documents = load()
    position, path = data.draw(st.sampled_from(list_rollout_values()))
    before = json.dumps(documents[position])
    find_holder(documents[position], path)[path[-1]] = data.draw(OTHER)
    changed = json.loads(json.dumps(documents[position]))
    if changed == json.loads(before):  # 24 and 24.0 are one number
        return
    found = verify(chain_anew(documents), "support")
    assert found is not None, (position, path)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_a_value_that_is_missing_or_added_is_a_break(data: st.DataObject) -> None:
    documents = load()
    position, path = data.draw(st.sampled_from(list_rollout_values()))
    holder = find_holder(documents[position], path)
    if len(path) > 1 and isinstance(holder, dict) and data.draw(st.booleans()):
        holder["more"] = 1
    else:
        del holder[path[-1]]
    assert verify(chain_anew(documents), "support") is not None, (position, path)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_a_verb_that_is_changed_is_a_break(data: st.DataObject) -> None:
    documents = load()
    position = data.draw(st.integers(3, len(documents) - 1))
    entry = documents[position]["entry"]
    verb = data.draw(
        st.sampled_from([*transitions.VERBS, "publish", "promote", "rollback"]).filter(lambda one: one != entry["verb"])
    )
    entry["verb"] = verb
    assert verify(chain_anew(documents), "support") is not None, (position, verb)


def find(verb: str, *, proven: bool | None = None) -> int:
    for position, document in enumerate(load()):
        entry = document["entry"]
        decision = (entry["evidence"] or {}).get("decision", {})
        if entry["verb"] == verb and (proven is None or decision.get("proven") is proven):
            return position
    raise AssertionError(verb)


Edit = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(("verb", "proven", "edit", "problem"), [
    ("start", None, lambda d: d["rollout"].update(share=5000), "share"),
    ("start", None, lambda d: d["rollout"].update(salt="mine"), "salt"),
    ("start", None, lambda d: d["rollout"].update(control=NEW.digest), "must differ from the control"),
    ("start", None, lambda d: d["rollout"].update(stage=2, share=2500), "stage"),
    ("advance", False, lambda d: d["entry"]["evidence"]["decision"].update(proven=True), "says that it is proven"),
    ("advance", False, lambda d: d["entry"]["evidence"]["decision"].update(proven=True, code="proven"),
     "its stage lasted 10 hours, and 24 are required"),
    ("advance", False, lambda d: d["entry"].update(why=" "), "does not say why"),
    ("advance", False, lambda d: d["entry"].update(evidence=None), "its evidence is none"),
    ("advance", False, lambda d: d["rollout"].update(stage=3, share=5000), "stage"),
    ("finish", True, lambda d: d["entry"]["evidence"]["decision"]["watched"].pop("helpful"), "helpful"),
    ("finish", True, lambda d: d["entry"]["evidence"]["decision"]["watched"]["helpful"].update(log_e_fine=2.9),
     "helpful is proven, and its numbers do not"),
    ("finish", True, lambda d: d["entry"]["evidence"]["decision"]["watched"]["helpful"].update(allowed=0.5),
     "another loss than the rules"),
    ("finish", True, lambda d: d["entry"]["evidence"]["decision"].update(log_e_deal=7.0), "not assigned as the share"),
    ("finish", True, lambda d: d["entry"]["evidence"]["decision"].update(stage=2), "decision is for stage 2"),
    ("rollback", None, lambda d: d["entry"]["evidence"]["decision"]["watched"]["helpful"].update(log_e_worse=1.0),
     "helpful is worse, and its numbers do not"),
    ("abort", None, lambda d: d["labels"].update(canary=NEW.digest), "labels"),
    ("pause", None, lambda d: d["rollout"].update(share=500), "share"),
    ("resume", None, lambda d: d["rollout"].update(began=d["rollout"]["started"]), "began"),
    ("hold", None, lambda d: d["rollout"].update(hold=None), "hold"),
])  # fmt: skip
def test_a_forged_step_is_named(verb: str, proven: bool | None, edit: Edit, problem: str) -> None:
    documents = load()
    position = find(verb, proven=proven)
    edit(documents[position])
    found = verify(chain_anew(documents), "support")
    assert found is not None and found.revision == documents[position]["revision"]
    assert problem in found.problem, found.problem


def test_a_proof_before_the_hours_of_the_stage_are_over_is_a_break() -> None:
    documents = load()
    position = find("finish")
    documents[position]["at"] = documents[position - 1]["at"]
    documents[position]["monitoring"]["since"] = documents[position - 1]["at"]
    found = verify(chain_anew(documents), "support")
    assert found is not None and "its stage lasted 0 hours, and 24 are required" in found.problem


def test_a_finish_without_the_stages_before_it_is_a_break() -> None:
    documents = load()
    last = find("finish")
    skipped = [deepcopy(one) for place, one in enumerate(documents) if place != last - 1]
    found = verify(chain_anew(skipped), "support")
    assert found is not None and found.revision == documents[last]["revision"]


def test_rules_do_not_change_with_another_verb() -> None:
    life = Life()
    life.start()
    document = publish_version(life.last, "support", replace(NEW, digest=digest_of("y"), version="1.2.0"), by(1))
    rollout = {**(document.rollout or {}), "rules": {**(document.rollout or {})["rules"], "alpha": 0.5}}
    life.registry.append(replace(document, rollout=rollout))
    found = verify(life.registry.history("support"), "support")
    assert found is not None and "its rollout is not that of the revision before it" in found.problem
