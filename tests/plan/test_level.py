"""Change levels: what the diff allows at the least, what the versions declare, and where they disagree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan.support_prompt import SCHEMA, WORDS, messages, minimum, prompt

from evalgate.domain import DEFAULT_LEVELS, Level, Policy, PromptVersion, VersionAtCommit
from evalgate.plan.level import choose_number, decide_level, is_later
from evalgate.plan.prompt_diff import describe_differences

POLICY = Policy(levels=DEFAULT_LEVELS)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": "m-2"}, "model m-1 -> m-2"),
        ({"model": None}, "model m-1 -> (none)"),
        ({"parameters": {"temperature": 0.7}}, "parameter temperature 0 -> 0.7"),
        ({"parameters": {}}, "parameter temperature 0 -> (unset)"),
        ({"parameters": {"temperature": False}}, "parameter temperature 0 -> false"),
        ({"response_format": SCHEMA}, "response format changed"),
        ({"tools": ({"type": "function"},)}, "tools changed"),
        ({"messages": messages(f"system: {WORDS}", "user: {{question}}")}, "variable added: {{question}}"),
        (
            {"messages": messages(f"system: {WORDS} {{{{a}}}} {{{{b}}}}", "user: {{query}}")},
            "variables added: {{a}}, {{b}}",
        ),
        ({"messages": messages(f"system: {WORDS}", "user: now")}, "variable removed: {{query}}"),
        ({"messages": messages(f"user: {WORDS}", "user: {{query}}")}, "role system -> user"),
        ({"messages": messages(f"developer: {WORDS}", "user: {{query}}")}, "role system -> developer"),
        ({"messages": messages(f"system: {WORDS}", "assistant: {{query}}")}, "role user -> assistant"),
        ({"messages": messages("user: {{query}}")}, "role system removed"),
        ({"messages": messages(f"system: {WORDS}", "tool: 1", "user: {{query}}")}, "role tool added"),
        ({"messages": messages("user: {{query}}", f"system: {WORDS}")}, "order of roles system, user -> user, system"),
        ({"messages": messages("system: {{query}}", f"user: {WORDS}")}, "role system -> user"),
    ],
)
def test_major(changes: dict[str, Any], reason: str) -> None:
    level, reasons = minimum(**changes)
    assert level is Level.MAJOR
    assert reason in reasons


def test_response_schema_is_compared_as_json() -> None:
    reordered = {
        "json_schema": {"schema": {"properties": {"x": {"type": "string"}}, "type": "object"}, "name": "a"},
        "type": "json_schema",
    }
    other = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    base = prompt(response_format=SCHEMA)
    assert describe_differences(prompt(response_format=reordered), base, minor_share=0.05, minor_words=60) == (
        Level.PATCH,
        [],
    )
    assert describe_differences(prompt(response_format=other), base, minor_share=0.05, minor_words=60) == (
        Level.MAJOR,
        ["response schema changed"],
    )
    assert minimum(response_format={"type": "text"})[0] is Level.PATCH
    assert minimum(parameters={"temperature": 0.0})[0] is Level.PATCH


EXAMPLE = ("user: an example", "assistant: its answer")


@pytest.mark.parametrize(
    ("old", "new", "reasons"),
    [
        ((), EXAMPLE, ["2 messages added"]),
        (EXAMPLE, (), ["2 messages removed"]),
        (
            (*EXAMPLE, "user: b", "assistant: c"),
            ("user: b", "assistant: c", "user: d", "assistant: e"),
            ["2 messages added", "2 messages removed"],
        ),
        (("user: hint",), (), ["1 message removed"]),
    ],
)
def test_examples_added_or_removed_are_minor(old: tuple[str, ...], new: tuple[str, ...], reasons: list[str]) -> None:
    long = f"system: {' '.join([WORDS] * 5)}"
    before, after = (prompt(messages=messages(long, *middle, "user: {{query}}")) for middle in (old, new))
    level, found = describe_differences(after, before, minor_share=0.05, minor_words=60)
    assert level is Level.MINOR
    assert found == reasons


@pytest.mark.parametrize(
    ("old", "new", "level"),
    [
        ("1.2.3", "2.0.0", Level.MAJOR),
        ("1.2.3", "1.3.0", Level.MINOR),
        ("1.2.3", "1.2.4", Level.PATCH),
        ("1.2.3", "2.0.0-rc.1", Level.MAJOR),
        ("2.0.0-rc.1", "2.0.0-rc.2", Level.MAJOR),
        ("2.0.0-rc.1", "2.0.0", Level.MAJOR),
        ("2.1.0-rc.1", "2.1.0", Level.MINOR),
        ("2.1.3-rc.1", "2.1.3", Level.PATCH),
        ("0.1.0", "0.2.0", Level.MINOR),
        ("1.0.0", "1.0.0", None),
        ("1.0.0+a", "1.0.0+b", None),
        ("1.1.0", "1.0.0", None),
        (None, "1.0.0", None),
        ("1.0.0", None, None),
        (None, None, None),
    ],
)
def test_declared(old: str | None, new: str | None, level: Level | None) -> None:
    assert decide_level(prompt(new), prompt(old), policy=POLICY).declared is level


SMALL = messages(f"system: {WORDS} more", "user: {{query}}")
LARGE = messages(f"system: {WORDS} {WORDS}", "user: {{query}}")


@pytest.mark.parametrize(
    ("new", "changes", "effective"),
    [
        ("1.0.1", {"messages": SMALL}, Level.PATCH),
        ("1.1.0", {"messages": SMALL}, Level.MINOR),
        ("1.1.0", {"messages": LARGE}, Level.MINOR),
        ("2.0.0", {"model": "m-2"}, Level.MAJOR),
        ("2.0.0-rc.1", {"model": "m-2"}, Level.MAJOR),
        ("2.0.0", {}, Level.MAJOR),
    ],
)
def test_a_sufficient_declaration_has_no_finding(new: str, changes: dict[str, Any], effective: Level) -> None:
    found = decide_level(prompt(new, **changes), prompt("1.0.0"), policy=POLICY)
    assert found.findings == ()
    assert found.effective is effective


@pytest.mark.parametrize(
    ("old", "new", "changes", "kind", "sentence"),
    [
        (
            "1.0.0",
            "1.1.0",
            {"model": "m-2"},
            "level",
            "declared MINOR (1.0.0 -> 1.1.0), but the change is at least MAJOR: model m-1 -> m-2; "
            'edit prompts/support.prompt.yml:3: version: "1.1.0" -> "2.0.0" '
            "and prompts/support.prompt.yml:4: change: say why, in one sentence",
        ),
        (
            "1.0.0",
            "1.0.1",
            {"messages": LARGE, "lines": {"version": 2}},
            "level",
            "declared PATCH (1.0.0 -> 1.0.1), but the change is at least MINOR: "
            "49.751 % of the words changed (PATCH: at most 5 %); 100 words changed (PATCH: at most 60); "
            'edit prompts/support.prompt.yml:2: version: "1.0.1" -> "1.1.0" '
            'and prompts/support.prompt.yml: add change: "why, in one sentence"',
        ),
        (
            "1.0.0",
            "1.0.0",
            {"messages": SMALL},
            "version",
            "the content changed without a new version (1.0.0): 0.980 % of the words changed; "
            'edit prompts/support.prompt.yml:3: version: "1.0.0" -> "1.0.1" '
            "and prompts/support.prompt.yml:4: change: say why, in one sentence",
        ),
        (
            "1.0.0+a",
            "1.0.0+b",
            {"messages": SMALL},
            "version",
            "the content changed without a new version (1.0.0+a): 0.980 % of the words changed; "
            'edit prompts/support.prompt.yml:3: version: "1.0.0+b" -> "1.0.1" '
            "and prompts/support.prompt.yml:4: change: say why, in one sentence",
        ),
        (
            "1.2.0",
            "1.1.9",
            {"messages": SMALL},
            "version",
            "version 1.1.9 is older than the baseline's 1.2.0; "
            'edit prompts/support.prompt.yml:3: version: "1.1.9" -> "1.2.1" '
            "and prompts/support.prompt.yml:4: change: say why, in one sentence",
        ),
        (
            "1.2.0",
            None,
            {},
            "version",
            "the baseline has version 1.2.0, the candidate declares none; "
            'edit prompts/support.prompt.yml: add version: "1.2.1" '
            'and prompts/support.prompt.yml: add change: "why, in one sentence"',
        ),
        (
            "2.0.0-rc.1",
            "1.9.0",
            {"model": "m-2"},
            "version",
            "version 1.9.0 is older than the baseline's 2.0.0-rc.1; "
            'edit prompts/support.prompt.yml:3: version: "1.9.0" -> "2.0.0" '
            "and prompts/support.prompt.yml:4: change: say why, in one sentence",
        ),
    ],
)
def test_findings_name_the_two_lines_to_edit(
    old: str, new: str | None, changes: dict[str, Any], kind: str, sentence: str
) -> None:
    (finding,) = decide_level(prompt(new, **changes), prompt(old), policy=POLICY).findings
    assert (finding.kind, finding.sentence) == (kind, sentence)


def test_effective_is_never_below_the_minimum() -> None:
    found = decide_level(prompt("1.0.1", model="m-2"), prompt("1.0.0"), policy=POLICY)
    assert (found.declared, found.minimum, found.effective) == (Level.PATCH, Level.MAJOR, Level.MAJOR)


def test_identical_content() -> None:
    same = decide_level(prompt(), prompt(), policy=POLICY)
    assert (same.minimum, same.reasons, same.findings) == (Level.PATCH, (), ())
    renumbered = decide_level(prompt("1.0.1"), prompt("1.0.0"), policy=POLICY)
    assert renumbered.reasons == ("identical content under a new version (1.0.0 -> 1.0.1)",)
    assert renumbered.findings == ()


def test_no_baseline() -> None:
    found = decide_level(prompt("3.0.0"), None, policy=POLICY)
    assert (found.declared, found.minimum, found.effective) == (None, Level.MINOR, Level.MINOR)
    assert found.reasons == ("new prompt, no baseline",)
    assert found.findings == ()


def test_minor_share_is_the_policy_s() -> None:
    def effective(**own: float) -> Level:
        return decide_level(prompt("1.0.1", messages=LARGE), prompt("1.0.0"), policy=replace(POLICY, **own)).effective  # type: ignore[arg-type]

    assert effective(minor_share=0.9, minor_words=100) is Level.PATCH
    assert effective(minor_share=0.9, minor_words=99) is Level.MINOR
    assert effective(minor_share=0.4, minor_words=100) is Level.MINOR


def release(version: str, prompt_version: PromptVersion, commit: str) -> VersionAtCommit:
    return VersionAtCommit(commit=commit * 40, version=version, digest=prompt_version.digest)


def test_a_version_used_for_other_content_before() -> None:
    candidate, baseline, other = prompt("1.1.0", messages=LARGE), prompt("1.0.0"), prompt(messages=SMALL)
    history = [release("1.0.0", baseline, "a"), release("1.1.0", other, "b"), release("1.1.0", candidate, "c")]
    (finding,) = decide_level(candidate, baseline, policy=POLICY, history=history).findings
    assert finding.kind == "immutability"
    assert finding.sentence == (
        "version 1.1.0 has 2 contents: commit bbbbbbb and commit ccccccc; a version number is never used again; "
        'edit prompts/support.prompt.yml:3: version: "1.1.0" -> "1.1.1" '
        "and prompts/support.prompt.yml:4: change: say why, in one sentence"
    )
    published = replace(POLICY, immutability="published")
    (finding,) = decide_level(candidate, baseline, policy=published, history=history[:2]).findings
    assert "commit bbbbbbb and the working tree" in finding.sentence


def test_a_new_prompt_is_bound_by_its_branch_s_history() -> None:
    history = [release("1.0.0", prompt(messages=SMALL), "b")]
    (finding,) = decide_level(prompt("1.0.0"), None, policy=POLICY, history=history).findings
    assert finding.kind == "immutability"


def test_the_baseline_s_number_with_two_contents() -> None:
    candidate, baseline = prompt("1.1.0", messages=LARGE), prompt("1.0.0", source="ddddddd:p")
    history = [release("1.0.0", prompt(messages=SMALL), "a"), release("1.0.0", baseline, "d")]
    (finding,) = decide_level(candidate, baseline, policy=POLICY, history=history).findings
    assert finding.kind == "immutability"
    assert "version 1.0.0 has 2 contents: commit aaaaaaa and commit ddddddd" in finding.sentence
    assert '"immutability: published"' in finding.sentence
    published = replace(POLICY, immutability="published")
    assert decide_level(candidate, baseline, policy=published, history=history).findings == ()


def test_no_finding_for_one_content_however_often_it_was_committed() -> None:
    candidate, baseline = prompt("1.1.0", messages=LARGE), prompt("1.0.0")
    history = [release("1.1.0", candidate, "b"), release("1.1.0", candidate, "c"), release("1.0.0", baseline, "a")]
    assert decide_level(candidate, baseline, policy=POLICY, history=history).findings == ()


def test_same_version_with_other_content_is_said_once() -> None:
    candidate, baseline = prompt("1.0.0", messages=SMALL), prompt("1.0.0")
    history = [release("1.0.0", baseline, "a")]
    (finding,) = decide_level(candidate, baseline, policy=POLICY, history=history).findings
    assert finding.kind == "version"
    third = [*history, release("1.0.0", prompt(messages=LARGE), "b")]
    kinds = [f.kind for f in decide_level(candidate, baseline, policy=POLICY, history=third).findings]
    assert kinds == ["version", "immutability"]


def test_many_contents_are_counted_not_listed() -> None:
    history = [release("1.0.0", prompt(model=f"m-{n}"), str(n)) for n in range(2, 9)]
    (finding,) = decide_level(prompt("1.0.0"), None, policy=POLICY, history=history).findings
    assert (
        "has 8 contents: commit 2222222, commit 3333333, commit 4444444, 4 more and the working tree"
        in finding.sentence
    )


def test_what_serves_the_versions_counts_as_the_diff_does() -> None:
    why = 'target "api": model m-1 -> m-2 in evalgate.yml'
    same = decide_level(prompt(), prompt(), policy=POLICY, served=[why])
    assert (same.declared, same.minimum, same.effective) == (None, Level.MAJOR, Level.MAJOR)
    assert (same.reasons, same.findings) == ((why,), ())
    patch = decide_level(prompt("1.0.1"), prompt(), policy=POLICY, served=[why])
    assert patch.effective is Level.MAJOR
    assert patch.reasons == (why, "identical content under a new version (1.0.0 -> 1.0.1)")
    (finding,) = patch.findings
    assert finding.kind == "level" and why in finding.sentence and '"1.0.1" -> "2.0.0"' in finding.sentence


def test_what_is_edited_beside_the_prompt_makes_it_major_and_asks_for_no_number() -> None:
    patch = decide_level(prompt("1.0.1"), prompt(), policy=POLICY, edited=["edits cases.jsonl"])
    assert (patch.declared, patch.minimum, patch.effective) == (Level.PATCH, Level.PATCH, Level.MAJOR)
    assert (patch.reasons[0], patch.findings) == ("edits cases.jsonl", ())
    new = decide_level(prompt(), None, policy=POLICY, edited=["edits cases.jsonl"])
    assert (new.minimum, new.effective, new.reasons[0]) == (Level.MINOR, Level.MAJOR, "edits cases.jsonl")


RELEASES = st.builds("{}.{}.{}".format, *[st.integers(0, 3)] * 3)


@given(RELEASES, RELEASES, st.none() | RELEASES)
def test_the_level_is_at_least_that_of_the_step_from_the_published_number(new: str, published: str, old: str) -> None:
    """Whatever number the file of the baseline declares, or none."""
    candidate, baseline = prompt(version=new), prompt(version=old)
    level = decide_level(candidate, baseline, policy=POLICY, published=published)
    own = decide_level(candidate, baseline, policy=POLICY)
    assert level.effective >= own.effective and level.findings == own.findings
    after, before = (tuple(map(int, number.split("."))) for number in (new, published))
    if after > before:
        step = Level.MAJOR if after[0] > before[0] else Level.MINOR if after[1] > before[1] else Level.PATCH
        assert level.effective == max(step, own.effective)
    else:
        assert level == own


def test_a_candidate_without_a_number_takes_no_step() -> None:
    candidate, baseline = prompt(version=None), prompt(version=None)
    own = decide_level(candidate, baseline, policy=POLICY)
    assert decide_level(candidate, baseline, policy=POLICY, published="1.0.0") == own


@pytest.mark.parametrize(("own", "old", "level", "wanted"), [
    ("1.0.0", "1.0.0", Level.MINOR, "1.1.0"),
    ("1.1.0", "1.0.0", Level.MINOR, "1.1.0"),
    ("1.1.0", "1.0.0", Level.MAJOR, "2.0.0"),
    ("2.0.0", "1.0.0", Level.PATCH, "2.0.0"),
    ("1.0.0", "1.5.0", Level.PATCH, "1.5.1"),
    (None, "1.0.0", Level.PATCH, "1.0.1"),
    ("1.0.0", None, Level.MINOR, "1.1.0"),
    (None, None, Level.MAJOR, "1.0.0"),
])  # fmt: skip
def test_the_number_to_write_is_the_lowest_that_declares_the_level(
    own: str | None, old: str | None, level: Level, wanted: str
) -> None:
    candidate = prompt(version=own, messages=messages("user: the new {{query}}"))
    baseline = None if old is None else prompt(version=old)
    assert choose_number(candidate, baseline, level=level, policy=POLICY) == wanted


def test_a_number_with_another_content_is_passed_over() -> None:
    candidate, baseline = prompt(version="1.1.0", messages=messages("user: {{query}}")), prompt(version="1.0.0")
    used = (VersionAtCommit(commit="c" * 40, version="1.1.0", digest="other"),)
    assert choose_number(candidate, baseline, level=Level.MINOR, policy=POLICY, history=used) == "1.1.1"


def test_numbers_are_compared_by_their_parts() -> None:
    assert is_later("1.10.0", "1.9.0") and is_later("1.0.0", None)
    assert not is_later("1.0.0", "1.0.0") and not is_later(None, "1.0.0") and not is_later(None, None)
