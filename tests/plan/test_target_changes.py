"""Who really answers: the arms, and a target now and at the merge base."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Gate, Json, Message, PromptVersion, Target
from evalgate.plan.target_changes import (
    compare_arms,
    compare_published,
    compare_targets,
    describe_unmeasured,
    find_model,
)


def openai(name: str, model: str | None = None, host: str = "x") -> Target:
    return Target(name=name, kind="openai", location=f"https://{host}/v1", identity=f"https://{host}/v1", model=model)


PROMPT = PromptVersion(
    name="p", path="p.md", source="working tree", messages=(Message(role="user", content="Hi"),), model="m-1"
)
TARGETS = {
    "api": openai("api"),
    "one": openai("one", "m-1"),
    "two": openai("two", "m-2"),
    "far": openai("far", host="y"),
    "bare": replace(openai("bare"), strip_reasoning=True),
    "local": Target(name="local", kind="local", location="small", identity="local:abc", model="small"),
    "app": Target(name="app", kind="recorded", location="a.jsonl", identity="recorded:a"),
    "old": Target(name="old", kind="recorded", location="b.jsonl", identity="recorded:b"),
    "rag": Target(name="rag", kind="python", location="a:f", identity="python:a:f"),
    "rag2": Target(name="rag2", kind="python", location="a:f", identity="python:a:f@2"),
}


def gate(candidate: str, baseline: str | None = None) -> Gate:
    return Gate(name="g", prompt="p.md", dataset="c", candidate_target=candidate, baseline_target=baseline or candidate)


@pytest.mark.parametrize(
    ("candidate", "baseline", "found"),
    [
        ("api", "api", None),
        ("one", "api", None),
        ("two", "api", "model m-1 -> m-2"),
        ("two", "one", "model m-1 -> m-2"),
        ("far", "api", "base_url https://x/v1 -> https://y/v1"),
        ("bare", "api", "strip_reasoning false -> true"),
        ("api", "bare", "strip_reasoning true -> false"),
        ("local", "one", "type openai -> local, model m-1 -> small"),
        ("rag2", "rag", "function a:f -> a:f@2"),
        ("app", "api", "type openai -> recorded"),
        ("app", "old", None),
    ],
)
def test_arms(candidate: str, baseline: str, found: str | None) -> None:
    said = compare_arms(gate(candidate, baseline), PROMPT, PROMPT, TARGETS)
    wanted = f'the candidate is answered by "{candidate}", the baseline by "{baseline}": {found}'
    assert said == (() if found is None else (wanted,))


def test_what_the_prompts_name_is_left_to_their_own_diff() -> None:
    assert compare_arms(gate("api"), replace(PROMPT, model="m-2"), PROMPT, TARGETS) == ()
    same = replace(TARGETS["api"], name="twin")
    assert compare_arms(gate("twin", "api"), replace(PROMPT, model="m-2"), PROMPT, {**TARGETS, "twin": same}) == ()


def told(before: Gate, after: Gate, now: dict[str, Target] | None = None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return compare_targets(before, after, PROMPT, PROMPT, then=TARGETS, now=now or TARGETS, path="evalgate.yml")


def test_an_edited_target() -> None:
    reasons, notes = told(gate("one"), gate("one"), {**TARGETS, "one": openai("one", "m-2")})
    assert reasons == ('target "one": model m-1 -> m-2 in evalgate.yml',)
    (note,) = notes
    assert note.startswith('both arms were answered by the current target "one"')


def test_a_gate_given_to_another_target() -> None:
    reasons, notes = told(gate("one"), gate("two"))
    assert reasons == ('target "one" -> "two": model m-1 -> m-2 in evalgate.yml',)
    assert notes


def test_a_baseline_that_keeps_its_target_hides_nothing() -> None:
    assert told(gate("one"), gate("two", "one")) == ((), ())
    reasons, notes = told(gate("two", "one"), gate("two"))
    assert reasons == ('target "one" -> "two": model m-1 -> m-2 in evalgate.yml',), "the baseline's was replaced"
    assert notes


def test_nothing_edited() -> None:
    assert told(gate("two", "one"), gate("two", "one")) == ((), ())
    assert told(gate("app"), gate("old")) == ((), ()), "what made recorded outputs is not known"
    assert told(gate("api"), gate("one")) == ((), ()), "the model is the same, only written elsewhere"


VALUES = st.dictionaries(st.sampled_from(["temperature", "top_p", "seed"]), st.sampled_from([0, 0.5, 1]))
SERVED = st.tuples(st.sampled_from([None, "m-1", "m-2"]), VALUES)


@given(then=SERVED, now=SERVED, own=VALUES)
def test_a_published_version_differs_exactly_if_its_requests_would(
    then: tuple[str | None, dict[str, Json]], now: tuple[str | None, dict[str, Json]], own: dict[str, Json]
) -> None:
    version = replace(PROMPT, parameters=own)
    before, after = (replace(openai("api", model), parameters=parameters) for model, parameters in (then, now))
    model, parameters = find_model(before, version), before.merge_parameters(own)
    found = compare_published(after, version, model, parameters)
    same = (model, dict(parameters)) == (find_model(after, version), dict(after.merge_parameters(own)))
    assert (found == ()) is same
    assert compare_published(before, version, model, parameters) == ()
    assert compare_published(TARGETS["app"], version, "other", {}) == (), "it is unknown what recorded outputs are from"


@pytest.mark.parametrize(
    ("candidate", "baseline", "found"),
    [
        ("api", "api", None),
        ("one", "one", 'target "one" answers both versions with m-1, {}: model m-1 -> m-2'),
        ("two", "one", None),
        ("local", "local", 'target "local" answers both versions with small, {}: model m-1 -> m-2'),
        ("app", "app", None),
        ("rag", "rag", 'target "rag" gives its function the messages alone, {}: model m-1 -> m-2, {}'),
    ],
)
def test_a_change_that_no_request_has_is_named(candidate: str, baseline: str, found: str | None) -> None:
    edited = replace(
        PROMPT, model="m-2", parameters={"temperature": 1}, response_format={"type": "json_object"}, tools=({},)
    )
    said = describe_unmeasured(gate(candidate, baseline), edited, PROMPT, TARGETS)
    rest = "temperature (none) -> 1, the response format, the tools"
    wanted = "" if found is None else found.format("so this change is not measured", rest)
    assert said == (() if found is None else (f"not sent as written: {wanted}",))
    assert describe_unmeasured(gate(candidate, baseline), PROMPT, PROMPT, TARGETS) == ()


@given(st.sampled_from(["api", "one", "two", "far", "local"]), st.sampled_from(["m-1", "m-2", None]))
def test_a_changed_model_is_sent_or_named(name: str, model: str | None) -> None:
    edited, target = replace(PROMPT, model=model), TARGETS[name]
    is_sent = find_model(target, edited) != find_model(target, PROMPT)
    assert bool(describe_unmeasured(gate(name), edited, PROMPT, TARGETS)) is (model != PROMPT.model and not is_sent)
