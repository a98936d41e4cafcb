"""The state in a comment: what is written reads back, and any other text is not a state."""

from __future__ import annotations

from dataclasses import replace

import pytest
from action.pull_request_comment import EDITED, HEAD, NEWER
from hypothesis import given
from hypothesis import strategies as st

from evalgate.action import comment_state
from evalgate.action.comment_state import State
from evalgate.errors import InputError
from evalgate.gate import reports

NOW, LATER = "2026-05-01T12:30:00+00:00", "2026-05-01T13:30:00+00:00"


def first(samples, head: str = HEAD) -> State:
    return comment_state.follow(None, samples.failing(), head=head, subject="d1", now=NOW)


def test_a_state_reads_back_by_its_key_alone(samples) -> None:
    state = first(samples)
    body = comment_state.render(samples.failing(), key="gate", state=state)
    assert comment_state.read(body, "gate") == state
    assert comment_state.read(body, "other") is None
    assert comment_state.read(f"quoted:\n{body}", "gate") is None


@given(st.integers(0, 400), st.sampled_from('0123456789abcdef"{}:,-> '))
def test_no_edit_of_the_first_line_gives_another_state(samples, place: int, letter: str) -> None:
    state = first(samples)
    body = comment_state.render(samples.failing(), key="gate", state=state)
    end = body.index("\n")
    edited = body[: place % end] + letter + body[place % end + 1 :]
    found = comment_state.read(edited, "gate")
    assert found is None or comment_state.render(samples.failing(), key="gate", state=found).startswith(edited[:end])


def test_the_same_content_keeps_its_time_and_other_content_begins_anew(samples) -> None:
    before = first(samples)
    again = comment_state.follow(before, samples.failing(), head=HEAD, subject="d1", now=LATER)
    assert (again.at, len(again.history)) == (NOW, 1)
    other = comment_state.follow(before, samples.failing(), head=NEWER, subject="d1", now=LATER)
    assert (other.at, [run.head for run in other.history]) == (LATER, [NEWER, HEAD])


def test_the_time_of_a_sign_off_begins_with_the_first_report_that_asks_for_one(samples) -> None:
    failed = first(samples)
    asked = comment_state.follow(failed, reports.make_report((), (), EDITED), head=HEAD, subject="d1", now=LATER)
    assert (failed.sign_off, asked.sign_off, asked.at) == ("", "asked", LATER)


def test_at_most_ten_runs_are_kept_newest_first(samples) -> None:
    state = first(samples)
    for number in range(15):
        head = f"{number:040x}"
        state = comment_state.follow(state, samples.failing(), head=head, subject="d1", now=NOW)
    assert len(state.history) == 10 and state.history[0].head == f"{14:040x}"


@pytest.mark.parametrize("change", [{"head": "main"}, {"at": "2026-05-01"}, {"subject": "a b"}, {"verdict": "x" * 99}])
def test_a_state_that_is_never_written_is_refused(samples, change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        comment_state.render(samples.failing(), key="gate", state=replace(first(samples), **change))


@pytest.mark.parametrize("key", ["", "a--b", "-a", "a b", "x" * 101])
def test_a_key_that_cannot_name_a_comment_is_refused(samples, key: str) -> None:
    with pytest.raises(InputError, match="cannot name a comment"):
        comment_state.render(samples.failing(), key=key, state=first(samples))
