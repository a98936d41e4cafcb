from __future__ import annotations

from scripted_provider import make_request

from evalgate.execute.limits.refusal_streak import MOST_REFUSALS, RefusalStreak


def test_equal_refusals_in_a_row_end_a_run() -> None:
    streak = RefusalStreak()
    ends = [
        streak.on_refused(make_request(f"q{n}"), f"{n} tokens are too many (req_{n})") for n in range(MOST_REFUSALS)
    ]
    assert ends == [False] * (MOST_REFUSALS - 1) + [True]


def test_an_answer_or_another_refusal_begins_a_new_row() -> None:
    streak, request = RefusalStreak(), make_request("q")
    for _ in range(3):
        for _ in range(MOST_REFUSALS - 1):
            assert not streak.on_refused(request, "too long")
        streak.on_answer(request)
    for _ in range(MOST_REFUSALS):
        assert not streak.on_refused(request, "too long")
        assert not streak.on_refused(request, "moderated")


def test_the_answers_to_other_requests_of_the_same_target_do_not_hide_it() -> None:
    streak, judge = RefusalStreak(), make_request("j", parameters={"temperature": 0})
    ends = []
    for _ in range(MOST_REFUSALS):
        streak.on_answer(make_request("q"))
        ends.append(streak.on_refused(judge, "this schema is odd"))
    assert ends[-1]
