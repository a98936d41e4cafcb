"""The one comment of a pull request: the report within GitHub's limit, and in its first line what the last run was.

That first line is how the comment is found again, and how a later run knows since when this head was published.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from evalgate.domain import GateReport, Report
from evalgate.errors import ExitCode, InputError
from evalgate.report import codec, footer, markdown, regressed, view
from evalgate.report.fit import JOINT, Part, fit, utf8, utf16
from evalgate.report.neutralise import html, html_code, link, prose, visible
from evalgate.report.neutralise import markdown as inline

# GitHub refuses a comment of more than 65,536 units, and a job summary of more than 1,048,576 bytes.
MOST, MOST_SUMMARY = 60_000, 1_000_000
_RUNS = 10
_CASES, _CASES_OF_SUMMARY = 10, 200
_WORDS, _VERDICT = 160, 60
_MARKER = 20_000
_KEY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._]|-(?!-)){0,98}[A-Za-z0-9]|[A-Za-z0-9]")
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SUBJECT = re.compile(r"[0-9a-zA-Z:_-]{0,128}")
# Characters of JSON's strings that could end a comment of HTML, or mean something to GitHub.
_ACTIVE = re.compile("[<>&@#`]|-(?=-)")
_TABLE, _FIRST, _HISTORY, _MORE, _DETAILS = 1, 2, 3, 4, 5
# What the line takes that says what is left out.
_NOTE = 250
_PLURALS = {
    "case": "cases",
    "table of criteria": "tables of criteria",
    "gate": "gates",
    "list of gates": "lists of gates",
    "list of findings": "lists of findings",
    "history": "histories",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One earlier report in the history: its head (a commit's sha), when (ISO 8601, UTC), and what it said."""

    head: str
    at: str
    verdict: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a comment remembers: the head and the digest it was judged for, since when, and the last runs.

    `at` is when a report for this head and subject was first published; where a sign-off is asked for, the first that
    asked: one that failed, or measured nothing, is not what is signed off. `sign_off` says whether one was asked for or
    given. `history` has the newest run first, which is this one, and at most 10 of them.
    """

    head: str
    subject: str
    at: str
    verdict: str
    sign_off: Literal["", "asked", "given"] = ""
    history: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Where the reader finds more, as http or https addresses; empty: there is no such page."""

    run: str = ""
    report: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """How much a page may hold: `most` units of `size`, and so many cases of each gate."""

    most: int
    size: Callable[[str], int]
    cases: int


def follow(before: State | None, report: Report, *, head: str, subject: str, now: str) -> State:
    """The state after this report: `before` is that of the comment as it stands, `now` is ISO 8601 in UTC.

    The same head and subject again keep their time and take the place of their last run. Raises ValueError for what
    is no commit, digest or time.
    """
    run = Run(head=head, at=now, verdict=view.verdict(report), sentence=_words(view.sentence(report)))
    earlier = before.history if before else ()
    since = now
    asked = _sign_off(report)
    if before and (before.head, before.subject) == (head, subject):
        since = before.at if before.sign_off or not asked else now
        run, earlier = replace(run, at=since), earlier[1:]
    state = State(
        head=head, subject=subject, at=since, verdict=run.verdict, sign_off=asked, history=(run, *earlier)[:_RUNS]
    )
    _require(state)
    return state


def _sign_off(report: Report) -> Literal["", "asked", "given"]:
    if report.sign_off is not None:
        return "given"
    return "asked" if report.exit_code == ExitCode.AWAITING_SIGN_OFF else ""


def render(
    report: Report, *, key: str, state: State, standing: str = "", links: Links | None = None, most: int = MOST
) -> str:
    """The comment, at most `most` UTF-16 units, cut between cases and tables only, never inside one.

    `standing` is plain text: what a sign-off is waiting for. Raises InputError for a key that is none, ValueError for
    a state or a link that is none or a `most` that does not hold the verdict.
    """
    top = [Part(text=_marker(key, state))]
    if len(state.history) > 1:
        top.append(Part(text=_history(state.history[1:]), what="history", rank=_HISTORY))
    return _page(report, standing, links or Links(), _Room(most=most, size=utf16, cases=_CASES), tuple(top))


def summary(report: Report, *, standing: str = "", links: Links | None = None, most: int = MOST_SUMMARY) -> str:
    """The job summary: the same page with more cases and no history, at most `most` bytes of UTF-8.

    Raises ValueError as `render` does.
    """
    return _page(report, standing, links or Links(), _Room(most=most, size=utf8, cases=_CASES_OF_SUMMARY))


def read(body: str, key: str) -> State | None:
    """The state in a comment that `render` wrote for this key; None for any other text, however it looks."""
    first = body[:_MARKER].partition("\n")[0].rstrip("\r")
    try:
        start = f"{_opening(key)} "
        if not first.startswith(start):
            return None
        state: State = codec.decode(State, json.loads(first.removeprefix(start).removesuffix(" -->")), "")
        return state if _marker(key, state) == first else None
    except (InputError, codec.Refused, ValueError, RecursionError):
        return None


def _opening(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise InputError(
            f"comment-key {visible(prose(key, most=100))!r} cannot name a comment",
            hint="1 to 100 letters, digits, dots, underscores and single hyphens, such as support-gate",
        )
    return f"<!-- evalgate:{key}"


def _marker(key: str, state: State) -> str:
    _require(state)
    text = json.dumps(codec.encode(state), ensure_ascii=False, separators=(",", ":"))
    inert = _ACTIVE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
    return f"{_opening(key)} {inert} -->"


def _require(state: State) -> None:
    """Raises ValueError for a state that no run of evalgate is in."""
    runs = state.history
    times = (state.at, *(run.at for run in runs))
    if any(datetime.datetime.fromisoformat(at).tzinfo is None or len(at) > 40 for at in times):
        raise ValueError("a time without its zone")
    if not all(_SHA.fullmatch(head) for head in (state.head, *(run.head for run in runs))):
        raise ValueError("not the sha of a commit")
    verdicts = (state.verdict, *(run.verdict for run in runs))
    words = (*verdicts, *(run.sentence for run in runs))
    if any(len(text) > _VERDICT for text in verdicts) or any(
        text != visible(text) or len(text) > 2 * _WORDS for text in words
    ):
        raise ValueError("a text that is too long or cannot be seen")
    if not _SUBJECT.fullmatch(state.subject) or len(runs) > _RUNS:
        raise ValueError("not a digest, or too many runs")


def _words(text: str) -> str:
    """A sentence for the history: short, and all of it to be seen."""
    words = visible(prose(text, most=_WORDS))
    return words if len(words) <= 2 * _WORDS else f"{words[: 2 * _WORDS - 4]} ..."


def _page(report: Report, standing: str, links: Links, room: _Room, ends: Sequence[Part] = ()) -> str:
    """The page in the order a reader needs it: rules, verdict, why, sign-off, cases, table, cost, links, details.

    Of `ends` the first stands above all, the others below.
    """
    before = [*ends[:1], *_head(report, standing), *_gates(report, room.cases), *_cost(report)]
    more = [link(words, url) for words, url in (("run", links.run), ("full report", links.report)) if url]
    after = [Part(text=f"**More**: {', '.join(more)}")] if more else []
    after += [
        Part(text=_folded(gate, len(report.gates) == 1), what="list of findings", rank=_DETAILS)
        for gate in report.gates
    ]
    after += ends[1:]
    kept = fit([*before, *after], room.most - _NOTE, room.size)
    lost = [part.what for part, stays in zip([*before, *after], kept, strict=True) if not stays]
    lost += ["case" for gate in report.gates for _ in regressed.cases(gate)[room.cases :]]
    texts = [part.text for part, stays in zip(before, kept, strict=False) if stays]
    texts += [f"**Not shown here**: {_counted(lost)}."] if lost else []
    texts += [part.text for part, stays in zip(after, kept[len(before) :], strict=True) if stays]
    text = JOINT.join(texts) + "\n"
    if room.size(text) > room.most:
        raise ValueError(f"a page of {room.most} does not hold even the verdict")
    return text


def _head(report: Report, standing: str) -> Iterator[Part]:
    blocks = list(markdown.head(report, standing))
    for position, text in enumerate(blocks):
        is_list = len(report.gates) > 1 and position == len(blocks) - 1
        yield Part(text=text, what="list of gates", rank=_TABLE if is_list else 0)


def _gates(report: Report, cases: int) -> Iterator[Part]:
    for number, gate in enumerate(report.gates):
        if len(report.gates) > 1:
            yield Part(text=JOINT.join(markdown.verdict(gate)), what="gate", rank=_TABLE, chain=str(number))
        for position, text in enumerate(markdown.titled_cases(gate, cases)):
            rank = _FIRST if position < markdown.OPEN else _MORE
            yield Part(text=text, what="case", rank=rank, chain=f"{number}/cases")
        if gate.comparisons:
            table = f"### Criteria{JOINT}{markdown.criteria(gate)}"
            yield Part(text=table, what="table of criteria", rank=_TABLE, chain=f"{number}/table")


def _cost(report: Report) -> Iterator[Part]:
    if report.gates:
        yield Part(text=f"**Cost**: {inline(footer.spent(report))}")
    if report.attempts and report.attempts.number != 1:
        yield Part(text=f"**Attempts**: {inline(footer.attempts(report))}")


def _counted(lost: Sequence[str]) -> str:
    """What is left out, in the order of the page: 12 cases, 1 table of criteria."""
    counts = {what: lost.count(what) for what in lost}
    return ", ".join(f"{count} {what if count == 1 else _PLURALS[what]}" for what, count in counts.items())


def _folded(gate: GateReport, single: bool) -> str:
    name = "" if single else f" of {html_code(prose(gate.evidence.name, most=100))}"
    inner = JOINT.join(markdown.details(gate))
    return f"<details>\n<summary>Findings, versions and run{name}</summary>{JOINT}{inner}{JOINT}</details>"


def _history(runs: tuple[Run, ...]) -> str:
    rows = "\n".join(
        f"<tr><td>{html(run.at)}</td><td>{html_code(run.head[:7])}</td><td><b>{html(run.verdict)}</b></td>"
        f"<td>{html(run.sentence)}</td></tr>"
        for run in runs
    )
    title = f"<summary>Earlier runs ({len(runs)})</summary>"
    names = "".join(f"<th>{name}</th>" for name in ("at", "commit", "verdict", "why"))
    return f"<details>\n{title}\n<table>\n<tr>{names}</tr>\n{rows}\n</table>\n</details>"
