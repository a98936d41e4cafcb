"""Events of Langfuse: which of the recorded ones start a gate, and why the others do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langfuse_deliveries import RECORDED_AT, RECORDED_BODY, WEBHOOK_SECRET, Delivery, load_recorded, sign

from evalgate.action.langfuse_event import LangfuseEvent, find_reason_to_ignore, read_langfuse_event
from evalgate.errors import InputError

NAMES = ("support", "hooked-1795926360", "evalgate/ui-1795927637")
Change = Callable[[dict[str, Any]], object]


def payload(change: Change = lambda found: None) -> dict[str, Any]:
    """Return the recorded payload as an event about the prompt `support`, with a change."""
    found: dict[str, Any] = json.loads(RECORDED_BODY)
    found["prompt"]["name"] = "support"
    change(found)
    return found


def read(found: Any) -> LangfuseEvent:
    return read_langfuse_event(found, secret=None, now=RECORDED_AT)


def forward(body: str, secret: str = WEBHOOK_SECRET) -> dict[str, Any]:
    """Return what a relay sends."""
    return {"body": body, "signature": sign(body, secret, RECORDED_AT)}


def test_a_version_that_a_person_saved_with_staging_starts_a_gate() -> None:
    event = read(payload())
    assert (event.name, event.version, event.action) == ("support", 2, "created")
    assert find_reason_to_ignore(event, NAMES) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda found: found.update(type="trace"), "not about a version"),
        (lambda found: found["prompt"].update(name="evalgate/support"), "release document"),
        (lambda found: found.pop("user"), "by an API key"),
        (lambda found: found.update(user=None), "by an API key"),
        (lambda found: found.update(action="deleted"), "was deleted"),
        (lambda found: found["prompt"].update(labels=["production"]), "does not hold staging"),
        (lambda found: found["prompt"].update(labels=[]), "does not hold staging"),
        (lambda found: found["prompt"].update(name="other"), "the prompt of no gate"),
    ],
)
def test_any_other_event_is_ignored(change: Change, reason: str) -> None:
    found = find_reason_to_ignore(read(payload(change)), NAMES)
    assert found is not None and reason in found


@pytest.mark.parametrize("recorded", load_recorded(), ids=lambda one: one.step.partition("[")[0].strip())
def test_the_recorded_events_are_ignored(recorded: Delivery) -> None:
    reason = find_reason_to_ignore(read(recorded.payload), NAMES)
    assert reason is not None
    assert ("by an API key" in reason) == ("API key" in recorded.step)
    assert ("release document" in reason) == ("UI" in recorded.step)


@pytest.mark.parametrize("recorded", load_recorded(), ids=lambda one: one.step.partition("[")[0].strip())
def test_a_recorded_event_is_read_from_a_relay_as_from_a_dispatch(recorded: Delivery) -> None:
    at = int(recorded.signature[2:12])
    forwarded = {"body": recorded.raw, "signature": recorded.signature}
    assert read_langfuse_event(forwarded, secret=recorded.secret, now=at) == read(recorded.payload)


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.pop("prompt"),
        lambda found: found.pop("type"),
        lambda found: found.pop("action"),
        lambda found: found.update(prompt=None),
        lambda found: found.update(prompt=[]),
        lambda found: found["prompt"].pop("labels"),
        lambda found: found["prompt"].update(labels="staging"),
        lambda found: found["prompt"].update(labels=[1]),
        lambda found: found["prompt"].update(version=True),
        lambda found: found["prompt"].update(version="2"),
        lambda found: found["prompt"].update(version=0),
        lambda found: found["prompt"].update(name=7),
    ],
)
def test_what_langfuse_does_not_send_is_refused(change: Change) -> None:
    with pytest.raises(InputError, match="not what Langfuse sends"):
        read(payload(change))


@given(
    st.dictionaries(
        st.sampled_from(["type", "action", "user", "prompt", "body", "signature"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.just("prompt-version") | st.text(max_size=9),
            lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["name", "version", "labels"]), inner),
            max_leaves=9,
        ),
    )
)
def test_any_payload_is_an_event_or_an_input_error(found: dict[str, Any]) -> None:
    for secret in (None, WEBHOOK_SECRET):
        try:
            event = read_langfuse_event(found, secret=secret, now=RECORDED_AT)
        except InputError:
            continue
        assert isinstance(event.version, int)


def test_with_a_secret_an_event_needs_its_signature() -> None:
    with pytest.raises(InputError, match="the event has no signature"):
        read_langfuse_event(payload(), secret=WEBHOOK_SECRET, now=RECORDED_AT)
    body = json.dumps(payload())
    event = read_langfuse_event(forward(body), secret=WEBHOOK_SECRET, now=RECORDED_AT)
    assert event == read(payload())
    # what else the payload says is not signed
    mixed = {**forward(body), **payload(lambda found: found["prompt"].update(name="other"))}
    assert read_langfuse_event(mixed, secret=WEBHOOK_SECRET, now=RECORDED_AT) == event
    with pytest.raises(InputError, match="does not match"):
        read_langfuse_event(forward(body, "other"), secret=WEBHOOK_SECRET, now=RECORDED_AT)


def test_without_a_secret_a_signature_is_refused() -> None:
    with pytest.raises(InputError, match="no secret to check it with"):
        read(forward(json.dumps(payload())))


@pytest.mark.parametrize("body", ["", "{", "[]", "7", '{"client_payload": []}', '{"type": 1, "type": 2}'])
def test_a_signed_body_that_is_no_event_is_refused(body: str) -> None:
    with pytest.raises(InputError):
        read_langfuse_event(forward(body), secret=WEBHOOK_SECRET, now=RECORDED_AT)


def test_a_long_name_is_cut_where_it_is_shown() -> None:
    assert len(str(read(payload(lambda found: found["prompt"].update(name="x" * 9_999))))) < 300
