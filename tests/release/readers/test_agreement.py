"""Properties that hold for the readers in Python, Node.js and C#: the same messages, and the same refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from release.documents import AT, make_document
from release.readers.children import Child, judge, list_variables, require_same
from release.readers.strategies import make_damaged, make_mutated, make_served, texts
from release.readers.vectors import NEW, OLD, make_rollout
from release.rollout.lives import RULES

from evalgate.release.bucket import compute_bucket
from evalgate.release.document import PublishedVersion, encode_document
from evalgate.release.rollout.state import RolloutState, encode_state, find_share
from evalgate.release.runtime.rendering import render_messages

# the process of a reader is the same for all examples
many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def as_json(value: Any) -> Any:
    """Return a value as it comes out of JSON, with all numbers as floats, as JavaScript has them.

    Two halves of a surrogate pair that meet are one character.
    """
    return json.loads(json.dumps(value), parse_int=float)


@many
@given(made=make_served())
def test_readers_render_the_same_messages(reader: Child, made: tuple[PublishedVersion, dict[str, Any]]) -> None:
    version, variables = made
    document = encode_document(make_document(version, labels={"production": version}))
    served = reader.ask(
        "render", document=document, name="support", label="production", variables=list_variables(variables)
    )
    assert as_json(served["messages"]) == as_json(render_messages(version, variables))
    assert served["model"] == as_json(version.model)
    assert as_json(served["parameters"]) == as_json(dict(version.parameters))
    assert as_json(served["tools"]) == as_json(list(version.tools))
    assert as_json(served["responseFormat"]) == as_json(version.response_format)
    assert (served["version"], served["digest"], served["revision"]) == (version.version, version.digest, 1)


@many
@given(document=make_mutated())
def test_readers_refuse_the_same_wrong_values(reader: Child, document: bytes) -> None:
    require_same(judge(document), reader.judge(document))


@many
@given(document=make_damaged())
def test_readers_refuse_the_same_damaged_bytes(reader: Child, document: bytes) -> None:
    require_same(judge(document), reader.judge(document))


@many
@given(salt=texts, key=texts)
def test_readers_compute_the_same_bucket(reader: Child, salt: str, key: str) -> None:
    assert reader.ask("bucket", salt=salt, key=key) == compute_bucket(salt, key)


@many
@given(share=st.sampled_from([0, 1, 2_500, 5_000, 9_999, 10_000]), key=st.none() | texts)
def test_readers_choose_the_same_version(reader: Child, share: int, key: str | None) -> None:
    rollout, document = make_rollout(share)
    served = reader.ask("choose", document=document, name="support", key=key)
    if not key:
        assert (served["digest"], served["variant"]) == (OLD.digest, "production")
        return
    is_candidate = compute_bucket(rollout["salt"], key) < share
    assert served["digest"] == rollout["candidate" if is_candidate else "control"]
    assert served["variant"] == ("candidate" if is_candidate else "production")


@given(stage=st.integers(0, 3), paused=st.booleans(), key=texts)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_readers_serve_each_state_of_a_rollout(reader: Child, stage: int, paused: bool, key: str) -> None:
    """The commands keep more in a rollout than readers need; on staging and during a pause no user has it."""
    state = RolloutState(
        kind="canary", candidate=NEW.digest, control=OLD.digest, share=0, salt="s", stage=stage, started=AT, began=AT,
        rules=RULES, paused=paused,
    )  # fmt: skip
    state = replace(state, share=find_share(state))
    labels = {"production": OLD, "canary": NEW}
    made = make_document(OLD, NEW, labels=labels, rollout=encode_state(state), monitoring={"version": OLD.digest})
    served = reader.ask("choose", document=encode_document(made), name="support", key=key)
    dealt = bool(key) and compute_bucket("s", key) < state.share
    assert served["digest"] == (NEW.digest if dealt else OLD.digest)
    assert not (dealt and (paused or stage == 0))
