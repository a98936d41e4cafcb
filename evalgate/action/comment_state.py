"""What a comment remembers: in its first line the state of the last run, hidden in a comment of HTML.

That line is how the comment is found again, and how a later run knows since when this head was published.
"""

from __future__ import annotations

import datetime
import json
import re
from dataclasses import dataclass, replace
from typing import Literal

from evalgate.domain import Report
from evalgate.errors import InputError
from evalgate.report import comment, view
from evalgate.report.comment import MOST, Links, PastRun
from evalgate.report.escape import prose, visible
from evalgate.store import codec

_RUNS = 10
_WORDS, _VERDICT = 160, 60
_MARKER = 20_000
_KEY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._]|-(?!-)){0,98}[A-Za-z0-9]|[A-Za-z0-9]")
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SUBJECT = re.compile(r"[0-9a-zA-Z:_-]{0,128}")
# Characters of JSON's strings that could end a comment of HTML, or mean something to GitHub.
_ACTIVE = re.compile("[<>&@#`]|-(?=-)")


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
    history: tuple[PastRun, ...] = ()


def follow(before: State | None, report: Report, *, head: str, subject: str, now: str) -> State:
    """The state after this report: `before` is that of the comment as it stands, `now` is ISO 8601 in UTC.

    The same head and subject again keep their time and take the place of their last run. Raises ValueError for what
    is no commit, digest or time.
    """
    run = PastRun(head=head, at=now, verdict=view.verdict(report), sentence=_words(view.sentence(report)))
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
    return "asked" if report.exit_code.awaits_sign_off else ""


def render(
    report: Report, *, key: str, state: State, standing: str = "", links: Links | None = None, most: int = MOST
) -> str:
    """The comment of this key with its state in the first line.

    Raises InputError for a key that is none, ValueError for a state that is none, and as `report.comment.render` does.
    """
    marker = _marker(key, state)
    return comment.render(report, marker=marker, earlier=state.history[1:], standing=standing, links=links, most=most)


def read(body: str, key: str) -> State | None:
    """The state in a comment that `render` wrote for this key; None for any other text, however it looks."""
    first = body[:_MARKER].partition("\n")[0].rstrip("\r")
    try:
        start = f"{_opening(key)} "
        if not first.startswith(start):
            return None
        # not strict: the marker written anew is compared with all of the line
        state: State = codec.decode(State, json.loads(first.removeprefix(start).removesuffix(" -->")), "")
        return state if _marker(key, state) == first else None
    except (InputError, codec.DecodeError, ValueError, RecursionError):
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
