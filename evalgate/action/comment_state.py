"""The state of the last run, stored in the first line of a comment, inside an HTML comment.

A later run finds the comment by this line, and reads from it when the report of the current head was first published.
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
# characters of JSON strings that could end an HTML comment, or have a meaning in GitHub's Markdown
_ACTIVE = re.compile("[<>&@#`]|-(?=-)")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The state that a comment stores: the evaluated head and digest, the time of publication, and the last runs.

    `at` is the time at which a report for this head and subject was first published. If a sign-off is required, it is
    the time of the first report that asked for one: a report that failed or measured nothing cannot be signed off.
    `sign_off` is whether one was asked for or given. `history` has at most 10 runs, newest first, including this one.
    """

    head: str
    subject: str
    at: str
    verdict: str
    sign_off: Literal["", "asked", "given"] = ""
    history: tuple[PastRun, ...] = ()


def follow(before: State | None, report: Report, *, head: str, subject: str, now: str) -> State:
    """Return the state after this report. `before` is the state of the existing comment, `now` is ISO 8601 in UTC.

    A report of the same head and subject keeps their time and replaces their last run. Raises ValueError for an
    invalid commit, digest or time.
    """
    run = PastRun(head=head, at=now, verdict=view.verdict(report), sentence=_words(view.sentence(report)))
    earlier = before.history if before else ()
    since = now
    asked = _find_sign_off(report)
    if before and (before.head, before.subject) == (head, subject):
        since = before.at if before.sign_off or not asked else now
        run, earlier = replace(run, at=since), earlier[1:]
    state = State(
        head=head, subject=subject, at=since, verdict=run.verdict, sign_off=asked, history=(run, *earlier)[:_RUNS]
    )
    _require_valid(state)
    return state


def _find_sign_off(report: Report) -> Literal["", "asked", "given"]:
    if report.sign_off is not None:
        return "given"
    return "asked" if report.exit_code.awaits_sign_off else ""


def render(
    report: Report, *, key: str, state: State, standing: str = "", links: Links | None = None, most: int = MOST
) -> str:
    """Render the comment of this key with its state in the first line.

    Raises InputError for an invalid key, ValueError for an invalid state, and as `report.comment.render` does.
    """
    marker = _marker(key, state)
    return comment.render(report, marker=marker, earlier=state.history[1:], standing=standing, links=links, most=most)


def read(body: str, key: str) -> State | None:
    """Read the state from a comment that `render` wrote for this key; None for any other text."""
    first = body[:_MARKER].partition("\n")[0].rstrip("\r")
    try:
        start = f"{_make_opening(key)} "
        if not first.startswith(start):
            return None
        # decoding need not be strict: the state is rendered again and compared with the whole line
        state: State = codec.decode(State, json.loads(first.removeprefix(start).removesuffix(" -->")), "")
        return state if _marker(key, state) == first else None
    except (InputError, codec.DecodeError, ValueError, RecursionError):
        return None


def _make_opening(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise InputError(
            f"comment-key {visible(prose(key, most=100))!r} cannot name a comment",
            hint="use 1 to 100 letters, digits, dots, underscores and single hyphens, such as support-gate",
        )
    return f"<!-- evalgate:{key}"


def _marker(key: str, state: State) -> str:
    _require_valid(state)
    text = json.dumps(codec.encode(state), ensure_ascii=False, separators=(",", ":"))
    inert = _ACTIVE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
    return f"{_make_opening(key)} {inert} -->"


def _require_valid(state: State) -> None:
    """Raise ValueError for a state that evalgate does not write."""
    runs = state.history
    times = (state.at, *(run.at for run in runs))
    if any(datetime.datetime.fromisoformat(at).tzinfo is None or len(at) > 40 for at in times):
        raise ValueError("a time without a time zone")
    if not all(_SHA.fullmatch(head) for head in (state.head, *(run.head for run in runs))):
        raise ValueError("not the sha of a commit")
    verdicts = (state.verdict, *(run.verdict for run in runs))
    words = (*verdicts, *(run.sentence for run in runs))
    if any(len(text) > _VERDICT for text in verdicts) or any(
        text != visible(text) or len(text) > 2 * _WORDS for text in words
    ):
        raise ValueError("a text that is too long or has invisible characters")
    if not _SUBJECT.fullmatch(state.subject) or len(runs) > _RUNS:
        raise ValueError("not a digest, or too many runs")


def _words(text: str) -> str:
    """Shorten a sentence for the history, and make all its characters visible."""
    words = visible(prose(text, most=_WORDS))
    return words if len(words) <= 2 * _WORDS else f"{words[: 2 * _WORDS - 4]} ..."
