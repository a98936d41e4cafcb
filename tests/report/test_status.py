"""A verdict as a commit status: only what may merge is a success."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Admission, PolicyChange
from evalgate.errors import Fault, GitError, InputError, Place
from evalgate.report import status


@pytest.mark.parametrize(
    ("name", "verdict", "state"),
    [
        ("pass", "PASS", "success"),
        ("nothing", "PASS", "success"),
        ("fail", "FAIL", "failure"),
        ("inconclusive", "INCONCLUSIVE", "success"),
        ("new-prompt", "INCONCLUSIVE", "failure"),
        ("major", "PENDING", "pending"),
        ("hostile", "FAIL", "failure"),
    ],
)
def test_a_status_is_what_the_exit_code_says(samples, name: str, verdict: str, state: str) -> None:
    found = status.make_status(samples.SAMPLES[name]())
    assert (found.verdict, found.state) == (verdict, state)


def test_no_exit_code_but_zero_is_a_success(samples) -> None:
    for code in Admission:
        found = status.make_status(replace(samples.passing(), exit_code=code))
        assert (found.state == "success") == (code == 0)


def test_the_description_is_one_short_line_without_anything_hidden(samples) -> None:
    for make in samples.SAMPLES.values():
        text = status.make_status(make(), waiting_for="needs\napproval \u202e" + "x" * 300).description
        assert len(text) <= status.LONGEST
        assert text.isprintable()


@given(st.text(max_size=300))
def test_the_description_has_no_character_that_github_refuses(text: str) -> None:
    """GitHub refuses a status whose description has an emoji: a FAIL would be told and recorded nowhere."""
    found = status.make_error_status(InputError(f"unknown key {text}")).description
    assert len(found) <= status.LONGEST
    assert max(found) <= "\uffff"


def test_an_emoji_is_an_escape_in_a_description() -> None:
    found = status.make_error_status(InputError("unknown key \U0001f642, and caf\u00e9 \u2714"))
    assert found.description == "unknown key \\U0001f642, and caf\u00e9 \u2714"


def test_a_sign_off_says_what_it_waits_for_and_for_which_level(samples) -> None:
    found = status.make_status(samples.major(), waiting_for="needs approval by @ann")
    assert found.description == "MAJOR: needs approval by @ann"


def test_an_edited_policy_is_major_whatever_the_gates_say(samples) -> None:
    report = replace(samples.SAMPLES["nothing"](), policy_changes=(PolicyChange(path="evalgate.yml", digest="0"),))
    assert status.describe_level(report) == "MAJOR"
    assert status.describe_level(samples.SAMPLES["nothing"]()) == ""


def test_an_error_names_its_first_place() -> None:
    faults = [Fault(message="unknown key", place=Place(path="evalgate.yml", line=5, column=7)), Fault(message="and")]
    found = status.make_error_status(InputError(faults=faults))
    assert found.description == "evalgate.yml:5:7: unknown key (and 1 more)"
    assert (found.state, found.code) == ("error", 2)
    assert status.make_error_status(GitError("no")).state == "error"
