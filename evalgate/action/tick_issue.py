"""The one issue of a prompt: opened for what a person has to know after a tick, and closed when a later one is fine.

It is found again by a marker in its first line, which has the state that it tells of. The same state writes nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from evalgate.action.posted_comment import Sticky
from evalgate.action.tick_problems import KINDS, Kind, TickProblem
from evalgate.report.escape import code, is_address, line, link, markdown, prose
from evalgate.services.github_rows import Issue

REMEMBERED: Final = timedelta(days=30)
"""For how long an issue that is closed counts: it is opened again, or stays closed if a person closed it."""
LONGEST: Final = 60_000
"""Characters of a text; GitHub takes 65,536."""
_MARK = rf"(?:{'|'.join(KINDS)})-[0-9a-f]{{12}}"
_MARKER = re.compile(rf"<!-- evalgate-tick:([0-9a-f]{{16}}) (resolved|{_MARK}(?:,{_MARK})*) -->")
_END = (
    "This issue gets a comment on each new state, and is closed when a tick finds it to be over. If you close it, it "
    "stays closed until something else happens."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TickNews:
    """What a tick says about a prompt. `key` is that of its issue, see `make_key`.

    `settled` are the kinds of problems that are over unless they are in `problems`. `sentence` is that of the tick,
    `status` the rollout as Markdown, `run_url` the address of the run, empty without one.
    """

    key: str
    name: str
    problems: Sequence[TickProblem]
    settled: Collection[Kind]
    sentence: str
    status: str = ""
    run_url: str = ""


@dataclass(frozen=True, slots=True)
class _Told:
    """An issue of evalgate, and the marks that it tells of; none if it is resolved."""

    issue: Issue
    marks: tuple[str, ...]


def make_key(config: str, name: str) -> str:
    """Return the key of a prompt's issue: each configuration of a repository has issues of its own."""
    return hashlib.sha256(f"{config}\n{name}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


class TickIssues:
    """The issues of the prompts of one run, in which each prompt has one tick.

    GitHub is asked for the open issues once, and for closed ones once if they are needed. `of` gives the login that
    writes them; its number and key are not used. Methods raise ServiceError.
    """

    def __init__(self, of: Sticky, now: datetime, warn: Callable[[str], None]) -> None:
        self._of = of
        self._now = now
        self._warn = warn
        self._open: Sequence[Issue] | None = None
        self._closed: Sequence[Issue] | None = None

    def update(self, news: TickNews) -> str:
        """Open, change, comment on or close the issue of a prompt; return its URL, empty if there is none."""
        opened = self._find(news.key, "open")
        for double in opened[1:]:
            self._close_double(news, double, opened[0])
        if opened:
            return self._follow(news, opened[0])
        if not news.problems:
            return ""
        closed = self._find(news.key, "closed")
        if not closed:
            return self._create(news)
        last = closed[-1]
        marks = {one.mark for one in news.problems}
        if marks <= set(last.marks):  # a person closed it, and nothing else happened since
            return last.issue.url
        self._write(last, news, sorted(marks))
        self._comment(last, news, news.problems)
        return last.issue.url

    def _follow(self, news: TickNews, told: _Told) -> str:
        """Bring an open issue to the present state."""
        kinds = {one.kind for one in news.problems}
        kept = [mark for mark in told.marks if _read_kind(mark) not in news.settled and _read_kind(mark) not in kinds]
        marks = [*(one.mark for one in news.problems), *kept]
        if set(marks) == set(told.marks):
            return told.issue.url
        if not marks:
            self._close(news, told)
            return told.issue.url
        self._write(told, news, marks, kept)
        self._comment(told, news, [one for one in news.problems if one.mark not in told.marks])
        return told.issue.url

    def _create(self, news: TickNews) -> str:
        expected = self._of.author or self._of.github.login()
        made = self._of.github.create_issue(_make_title(news), _render(news, [one.mark for one in news.problems]))
        if made.author.casefold() != expected.casefold():
            self._warn(
                f"issue: {made.author} wrote it, and the next run looks for one by {expected}: "
                f"set the input comment-author to {made.author}"
            )
        return made.url

    def _close(self, news: TickNews, told: _Told) -> None:
        body = _replace_marker(told.issue.body, news.key, ())
        self._change(told, told.issue.title, body, "closed")
        words = f"{markdown(news.name)}: this is over. {_shorten(news.sentence)}"
        self._of.github.comment_on_issue(told.issue.number, _join([words, _link_run(news)]))

    def _close_double(self, news: TickNews, double: _Told, first: _Told) -> None:
        """Close an issue that another run opened at the same moment."""
        body = _replace_marker(double.issue.body, news.key, ())
        self._change(double, double.issue.title, body, "closed")
        self._of.github.comment_on_issue(double.issue.number, f"#{first.issue.number} is about the same.")

    def _write(self, told: _Told, news: TickNews, marks: Sequence[str], kept: Sequence[str] = ()) -> None:
        if news.problems:
            title, body = _make_title(news), _render(news, marks, kept)
        else:  # a part of what it tells is over; the rest still holds
            title, body = told.issue.title, _replace_marker(told.issue.body, news.key, marks)
        self._change(told, title, body, "open")

    def _comment(self, told: _Told, news: TickNews, problems: Sequence[TickProblem]) -> None:
        if problems:
            text = _join([*(_tell(news.name, one) for one in problems), _link_run(news)])
            self._of.github.comment_on_issue(told.issue.number, text)

    def _change(self, told: _Told, title: str, body: str, state: Literal["open", "closed"]) -> None:
        self._of.github.update_issue(told.issue.number, title=title, body=body, state=state)

    def _find(self, key: str, state: Literal["open", "closed"]) -> list[_Told]:
        """Return the issues with the marker of a key, by their numbers. A marker of another author is text."""
        found = []
        for issue in self._list_open() if state == "open" else self._list_closed():
            marker = _MARKER.fullmatch(_split(issue.body)[0])
            if marker is not None and marker[1] == key and self._of.is_own(issue.author):
                found.append(_Told(issue, () if marker[2] == "resolved" else tuple(marker[2].split(","))))
        return sorted(found, key=lambda told: told.issue.number)

    def _list_open(self) -> Sequence[Issue]:
        if self._open is None:
            self._open = self._of.github.issues()
        return self._open

    def _list_closed(self) -> Sequence[Issue]:
        if self._closed is None:
            since = self._now - REMEMBERED
            self._closed = self._of.github.issues(state="closed", since=since)
        return self._closed


def _read_kind(mark: str) -> str:
    return mark.partition("-")[0]


def _make_title(news: TickNews) -> str:
    return line(prose(f"evalgate: {prose(news.name, most=120)} {news.problems[0].words}", most=200))


def _render(news: TickNews, marks: Sequence[str], kept: Sequence[str] = ()) -> str:
    """Render the text of an issue: what happened first, then the rollout, as far as it fits."""
    text = [*(_tell(news.name, one) for one in news.problems), _link_run(news)]
    if kept:
        kinds = ", ".join(dict.fromkeys(_read_kind(mark) for mark in kept))
        text.append(f"What was told before is not over ({kinds}): see the comments, and `evalgate release history`.")
    whole = _join([_make_marker(news.key, marks), *text, news.status, _END])
    return whole if len(whole) <= LONGEST else _join([_make_marker(news.key, marks), *text, _END])


def _tell(name: str, problem: TickProblem) -> str:
    """Return a paragraph on a problem: the sentence with its numbers, and the commands that come next."""
    head = f"**{markdown(prose(name, most=200))} {problem.words}.** {_shorten(problem.sentence)}"
    return f"{head}\n\nNext: {', '.join(map(code, problem.commands))}"


def _shorten(sentence: str) -> str:
    return markdown(prose(sentence, most=1_500))


def _link_run(news: TickNews) -> str:
    return link("The run of this tick", news.run_url) if is_address(news.run_url) else ""


def _join(parts: Sequence[str]) -> str:
    return "\n\n".join(part for part in parts if part)


def _make_marker(key: str, marks: Sequence[str]) -> str:
    return f"<!-- evalgate-tick:{key} {','.join(marks) or 'resolved'} -->"


def _replace_marker(body: str, key: str, marks: Sequence[str]) -> str:
    return f"{_make_marker(key, marks)}\n{_split(body)[1]}"


def _split(body: str) -> tuple[str, str]:
    """Return the first line of a text and the rest."""
    first, _, rest = body.partition("\n")
    return first.rstrip("\r"), rest
