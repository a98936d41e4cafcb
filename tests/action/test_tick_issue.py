"""Tests of a prompt's one issue: opened, followed, closed and opened again, and never another author's."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from action.pull_request_comment import sticky, writes
from action.scheduled_ticks import URL, Schedule
from github_server import GitHubServer
from hypothesis import given
from hypothesis import strategies as st
from release.rollout.lives import by

from evalgate.action.tick_issue import LONGEST, TickIssues, TickNews, make_key
from evalgate.action.tick_problems import KINDS, Kind, TickProblem
from evalgate.commands.release.rollback import roll_back_production
from evalgate.errors import ServiceError
from evalgate.report.escape import visible
from evalgate.services.github import GitHub
from evalgate.services.github_rows import Issue

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
KEY = make_key("evalgate.yml", "support")
ALL = frozenset(KINDS)
HOSTILE = "@ann <b>x</b> [y](https://evil.test) ::error::z #7\n# head <!-- evalgate-tick -->"


def problem(
    kind: Kind = "hold", state: str = "0", sentence: str = "the keys are not assigned as the share says"
) -> TickProblem:
    mark = f"{kind}-{state.rjust(12, '0')}"
    return TickProblem(
        kind=kind, mark=mark, words="is held", sentence=sentence, commands=("evalgate release status a",)
    )


def news(*problems: TickProblem, settled: frozenset[Kind] = ALL, name: str = "support", **more: str) -> TickNews:
    given = {"sentence": "3 of the 24 hours are over", "status": "### the table", "run_url": URL, **more}
    return TickNews(key=make_key("evalgate.yml", name), name=name, problems=problems, settled=settled, **given)


def tell(github: GitHub, what: TickNews, warn: Callable[[str], None] = print, now: datetime = NOW) -> str:
    """Tell of a tick as a new run does."""
    return TickIssues(sticky(github, number=0), now, warn).update(what)


def bodies(server: GitHubServer) -> list[str]:
    return [one["body"] for one in server.state["comments"]]


def issues(server: GitHubServer) -> list[tuple[int, str]]:
    return [(one["number"], one["state"]) for one in server.state["issues"].values()]


def test_a_fine_tick_opens_nothing(server: GitHubServer, github: GitHub) -> None:
    assert tell(github, news()) == ""
    assert writes(server) == []


def test_the_issue_begins_with_the_sentence_the_run_and_the_next_command(server: GitHubServer, github: GitHub) -> None:
    url = tell(github, news(problem()))
    (issue,) = server.state["issues"].values()
    assert url.endswith(f"/issues/{issue['number']}")
    assert issue["title"] == "evalgate: support is held"
    marker, empty, first, _, command, _, run, _, table, *_ = issue["body"].split("\n")
    assert marker == f"<!-- evalgate-tick:{KEY} hold-000000000000 -->" and empty == ""
    assert first == "**support is held.** the keys are not assigned as the share says"
    assert command == "Next: `evalgate release status a`"
    assert run == f"[The run of this tick](<{URL}>)" and table == "### the table"


def test_the_same_state_writes_nothing_whatever_its_numbers(server: GitHubServer, github: GitHub) -> None:
    url = tell(github, news(problem(sentence="e = 1,000")))
    before = writes(server)
    assert tell(github, news(problem(sentence="e = 1,001"), run_url="")) == url
    assert writes(server) == before


def test_another_state_changes_the_text_and_is_commented_on_once(server: GitHubServer, github: GitHub) -> None:
    url = tell(github, news(problem()))
    assert tell(github, news(problem("held", "1"))) == url
    assert tell(github, news(problem("held", "1"))) == url
    (comment,) = bodies(server)
    assert "is held" in comment and URL in comment
    assert "held-000000000001" in server.state["issues"]["8"]["body"].partition("\n")[0]
    assert issues(server) == [(8, "open")]


def test_a_fine_tick_closes_the_issue_with_one_comment(server: GitHubServer, github: GitHub) -> None:
    url = tell(github, news(problem()))
    assert tell(github, news()) == url
    assert issues(server) == [(8, "closed")]
    assert bodies(server) == [f"support: this is over. 3 of the 24 hours are over\n\n[The run of this tick](<{URL}>)"]
    before = writes(server)
    assert tell(github, news()) == ""
    assert writes(server) == before


def test_what_is_over_is_opened_again_in_the_same_issue(server: GitHubServer, github: GitHub) -> None:
    url = tell(github, news(problem()))
    tell(github, news())
    assert tell(github, news(problem())) == url
    assert issues(server) == [(8, "open")]
    assert len(bodies(server)) == 2
    tell(github, news())
    assert tell(github, news(problem("worse")), now=datetime.now(UTC) + timedelta(days=31)) != url  # after a month
    assert issues(server) == [(8, "closed"), (9, "open")]


def test_what_a_person_closed_stays_closed_until_something_else_happens(server: GitHubServer, github: GitHub) -> None:
    url = tell(github, news(problem(), problem("labels")))
    server.state["issues"]["8"]["state"] = "closed"
    before = writes(server)
    assert tell(github, news(problem(), problem("labels"))) == url
    assert tell(github, news(problem())) == url  # a part of it
    assert tell(github, news()) == ""
    assert writes(server) == before
    assert tell(github, news(problem(state="2"))) == url
    assert issues(server) == [(8, "open")] and len(bodies(server)) == 1


def test_what_a_tick_did_not_look_at_is_not_over(server: GitHubServer, github: GitHub) -> None:
    tell(github, news(problem("rollback"), problem("labels")))
    tell(github, news(settled=frozenset({"labels"})))
    body = server.state["issues"]["8"]["body"]
    assert body.startswith(f"<!-- evalgate-tick:{KEY} rollback-000000000000 -->\n") and "is held" in body
    assert bodies(server) == []
    tell(github, news(problem(), settled=frozenset({"labels"})))
    assert "What was told before is not over (rollback)" in server.state["issues"]["8"]["body"]
    tell(github, news(settled=frozenset({"hold"})))
    assert issues(server) == [(8, "open")]
    tell(github, news())
    assert issues(server) == [(8, "closed")]


def test_each_prompt_has_an_issue_of_its_own(server: GitHubServer, github: GitHub) -> None:
    board = TickIssues(sticky(github, number=0), NOW, print)
    assert board.update(news(problem())) != board.update(news(problem(), name="faq"))
    assert make_key("a/evalgate.yml", "support") != KEY
    assert [call for call in server.calls() if call.startswith("GET /repos")] == ["GET /repos/acme/prompts/issues"] * 2
    tell(github, news())
    assert issues(server) == [(8, "closed"), (9, "open")]


def test_a_marker_in_another_authors_issue_is_text(server: GitHubServer, github: GitHub) -> None:
    tell(github, news(problem()))
    forged = server.state["issues"]["8"]
    forged["author"] = "eve"
    for what in (news(), news(problem("held"))):
        tell(github, what)
    assert forged["state"] == "open" and "hold-000000000000" in forged["body"]
    assert issues(server) == [(8, "open"), (9, "open")]
    forged["state"] = "closed"
    tell(github, news())
    tell(github, news(problem("held")))
    assert issues(server) == [(8, "closed"), (9, "open")] and forged["author"] == "eve"


@pytest.mark.parametrize(
    "change",
    [
        lambda body: f" {body}",
        lambda body: body.replace("hold-", "hole-"),
        lambda body: body.replace("0 -->", "0,open -->"),
        lambda body: f"words\n{body}",
        lambda body: "",
    ],
)
def test_a_text_that_does_not_begin_with_a_whole_marker_is_no_issue_of_evalgate(
    server: GitHubServer, github: GitHub, change: Callable[[str], str]
) -> None:
    tell(github, news(problem()))
    issue = server.state["issues"]["8"]
    issue["body"] = change(issue["body"])
    tell(github, news(problem()))
    assert issues(server) == [(8, "open"), (9, "open")]


def test_line_ends_of_the_web_page_are_no_change(server: GitHubServer, github: GitHub) -> None:
    tell(github, news(problem()))
    issue = server.state["issues"]["8"]
    issue["body"] = issue["body"].replace("\n", "\r\n")
    before = writes(server)
    tell(github, news(problem()))
    assert writes(server) == before


def test_two_issues_that_were_opened_at_once_become_one(server: GitHubServer, github: GitHub) -> None:
    url = tell(github, news(problem()))
    server.state["issues"]["9"] = {**server.state["issues"]["8"], "number": 9}
    assert tell(github, news(problem())) == url
    assert issues(server) == [(8, "open"), (9, "closed")]
    assert bodies(server) == ["#8 is about the same."]
    before = writes(server)
    assert tell(github, news(problem())) == url
    assert writes(server) == before


def test_an_issue_is_found_behind_a_thousand_others(server: GitHubServer, github: GitHub) -> None:
    url = tell(github, news(problem()))
    mine = server.state["issues"]["8"]
    for number in range(100, 1_100):
        server.state["issues"][str(number)] = {**mine, "number": number, "body": "other", "author": "ann"}
    before = len(writes(server))
    board = TickIssues(sticky(github, number=0), NOW, print)
    assert [board.update(news(problem())) for _ in range(3)] == [url] * 3
    assert len(writes(server)) == before
    assert server.calls().count("GET /repos/acme/prompts/issues") == 1 + 1 + 11  # open, closed; then 11 pages once


def test_an_issue_that_the_next_run_would_not_find_is_warned_of(server: GitHubServer, github: GitHub) -> None:
    server.state["actor"] = "acme-bot[bot]"
    warned: list[str] = []
    tell(github, news(problem()), warned.append)
    assert len(warned) == 1 and "set the input comment-author to acme-bot[bot]" in warned[0]


@pytest.mark.parametrize("status", [403, 500])
def test_what_github_refuses_is_a_service_error(server: GitHubServer, github: GitHub, status: int) -> None:
    server.fault("/issues", status=status, message="no", times=9)
    with pytest.raises(ServiceError, match=f"{status} no"):
        tell(github, news(problem()))


@pytest.mark.parametrize("status", [403, 500])
def test_an_api_that_fails_is_a_warning_and_changes_no_exit_code(ticks: Schedule, status: int) -> None:
    ticks.start()
    ticks.server.fault("/issues", method="POST", status=status, message="no", times=9)
    ran = ticks.run(3, ticks.worse_rows())
    assert ran.code == 1 and "::warning title=evalgate::issue: GitHub did not open an issue" in ran.log
    assert status == 500 or "issues: write" in ran.log
    assert ticks.issues == []
    ticks.server.state["faults"].clear()
    ran = ticks.run(4)  # the next run tells of it
    assert ran.code == 0 and len(ticks.issues) == 1
    assert "1.1.0" in ticks.issues[0]["body"] and ticks.issues[0]["title"] == "evalgate: support was rolled back"


def test_a_rollback_is_told_once_and_is_over_when_a_later_rollout_goes_on(ticks: Schedule) -> None:
    ticks.start()
    assert ticks.run(3, ticks.worse_rows()).code == 1
    for hours in (4, 5, 200):
        assert ticks.run(hours).code == 0
    assert len(ticks.writes) == 1 and ticks.issues[0]["state"] == "open"
    ticks.start(hours=200)
    assert ticks.run(203, ticks.rows(100, 200.3, 203)).code == 0
    assert len(ticks.writes) == 1
    assert ticks.run(225, ticks.rows(1200, 200.3, 224)).outputs["decision"] == "finish"
    assert ticks.issues[0]["state"] == "closed" and "this is over" in ticks.comments[-1]


def test_a_hold_for_a_fault_is_told_and_over_when_rows_are_whole_again(ticks: Schedule) -> None:
    ticks.start()
    broken = [{**row, "scores": {"helpful": 7}} for row in ticks.rows()]
    assert ticks.run(3, broken).code == 0
    (issue,) = ticks.issues
    assert issue["title"] == "evalgate: support is held" and "a score that is not a number from 0 to 1" in issue["body"]
    ticks.run(4)
    ticks.run(5, [])  # without a row nothing is over
    assert len(ticks.writes) == 1
    ticks.run(6, ticks.rows())
    assert issue["state"] == "closed"


def test_a_rollback_by_hand_opens_no_issue(ticks: Schedule) -> None:
    ticks.start()
    roll_back_production(ticks.registry, "support", by(2), "I said so")
    assert ticks.run(3).code == 0
    assert ticks.issues == []


def test_a_text_that_is_too_long_loses_its_table(server: GitHubServer, github: GitHub) -> None:
    tell(github, news(problem(), status="x" * LONGEST))
    body = server.state["issues"]["8"]["body"]
    assert "xxx" not in body and "the keys are not assigned" in body


def test_texts_stay_text(server: GitHubServer, github: GitHub) -> None:
    what = news(replace(problem(sentence=HOSTILE), commands=(f"evalgate release status '{HOSTILE}'",)), name=HOSTILE)
    tell(github, what)
    tell(github, replace(what, problems=(problem("held", sentence=HOSTILE),)))
    tell(github, replace(what, problems=(), sentence=HOSTILE))
    (issue,) = server.state["issues"].values()
    assert "\n" not in issue["title"] and len(issue["title"]) <= 250
    for text in (issue["body"].partition("\n")[2], *bodies(server)):
        plain = re.sub("`+[^`]*`+", "", text).replace(f"[The run of this tick](<{URL}>)", "")
        assert not re.search(r"@|<|\]\(|#7|^# ", plain, re.MULTILINE), text


class Memory:
    """The issues of a repository in memory, all by evalgate, and how often they were written."""

    def __init__(self) -> None:
        self.listed: list[Issue] = []
        self.writes = 0

    def login(self) -> str:
        return "bot"

    def issues(self, *, state: str = "open", since: datetime | None = None) -> tuple[Issue, ...]:
        return tuple(one for one in self.listed if one.state == state)

    def create_issue(self, title: str, body: str) -> Issue:
        self.writes += 1
        number = 1 + len(self.listed)
        self.listed.append(Issue(number=number, title=title, body=body, author="bot", state="open", url=f"u{number}"))
        return self.listed[-1]

    def update_issue(self, number: int, *, title: str, body: str, state: str) -> None:
        self.writes += 1
        self.listed[number - 1] = replace(self.listed[number - 1], title=title, body=body, state=state)

    def comment_on_issue(self, number: int, body: str) -> None:
        self.writes += 1

    def close(self) -> None:
        """Close all issues, as a person does."""
        self.listed = [replace(one, state="closed") for one in self.listed]


@given(st.text(max_size=80))
def test_no_sentence_makes_a_marker_or_a_mention(text: str) -> None:
    hub = Memory()
    tell(hub, news(problem(sentence=text), status="", name=visible(text) or "a"))  # type: ignore[arg-type]
    first, _, rest = hub.listed[-1].body.partition("\n")
    assert re.fullmatch(r"<!-- evalgate-tick:[0-9a-f]{16} hold-0{12} -->", first)
    plain = re.sub("(`+)(?!`).*?(?<!`)\\1(?!`)", "", rest.replace(f"<{URL}>", ""), flags=re.DOTALL)
    title = hub.listed[-1].title
    assert "<" not in plain and "@" not in plain and visible(title) == title


STATES = st.dictionaries(st.sampled_from(KINDS), st.sampled_from("01"))
TICKS = st.lists(st.tuples(STATES, st.sets(st.sampled_from(KINDS)), st.booleans()), max_size=12)


@given(TICKS)
def test_any_ticks_leave_one_issue_with_each_problem_reported_once(
    ticks: list[tuple[dict[Kind, str], set[Kind], bool]],
) -> None:
    hub = Memory()
    for states, settled, is_closed_by_hand in ticks:
        known = hub.listed[0] if hub.listed else None
        what = news(*(problem(kind, state) for kind, state in states.items()), settled=frozenset(settled))
        marks = {one.mark for one in what.problems}
        tell(hub, what)  # type: ignore[arg-type]
        assert len(hub.listed) <= 1
        if marks:
            (issue,) = hub.listed
            told = set(issue.body.partition("\n")[0].split()[2].split(","))
            assert marks <= told
            stays_closed = known is not None and known.state == "closed" and known == issue
            assert (issue.state == "open") != stays_closed
        before = hub.writes
        tell(hub, what)  # type: ignore[arg-type]
        assert hub.writes == before
        if is_closed_by_hand:
            hub.close()
