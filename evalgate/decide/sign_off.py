"""Decide whether a change has a sign-off, from its reviews, labels and commits; a pure function.

A sign-off is an approval of exactly the requested commit, given after its report was published. The approver is a
person who may write to the repository or whom the base's configuration lists, and who wrote no part of the change, also
not as a co-author. A request for changes by such a person prevents a sign-off. Logins are compared without regard to
case. An approval in the same second as the report does not count as later.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from evalgate.domain import Json, Report, SignOff, digest
from evalgate.domain.numbers import show_count

_FIRST = datetime.datetime.min.replace(tzinfo=datetime.UTC)
# GitHub's addresses for users with a hidden e-mail address: `login@` or, since 2017, `number+login@`.
_HIDDEN = re.compile(r"(?:\d+\+)?([^@+]+)@users\.noreply\.github\.com", re.IGNORECASE)
_LAST = datetime.datetime.max.replace(tzinfo=datetime.UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """One review: its author, the commit (a full sha), and the time (ISO 8601).

    A dismissed review does not count, but it still withdraws its author's earlier approvals.
    """

    by: str
    state: Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "PENDING"]
    commit: str
    at: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelling:
    """One event of a label, put on (`added`) or taken off, with its author and time (ISO 8601)."""

    label: str
    by: str
    added: bool
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CoAuthor:
    """A person in a commit's trailer `Co-authored-by:`; `login` is empty where GitHub knows none for the address."""

    name: str
    email: str
    login: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOffRequest:
    """The facts that a sign-off depends on.

    `head` is the full sha that was evaluated, `subject` the digest of its content (see `digest_subject`).
    `published_at` (ISO 8601) is the time when the report on these two was first published; None: not yet. `author`
    opened the pull request. `commits` holds the logins of author and committer of each of its commits, "" for an
    unknown one. GitHub lists at most `most_commits` of them. `coauthors` come from the trailers of these commits.
    `writers` are the logins, among reviewers and labellers, that may write to the repository. `approvers` are the
    logins and teams (`org/team`) that the base's configuration lists, `members` the logins in these teams.
    """

    head: str
    subject: str
    published_at: str | None
    author: str
    commits: tuple[tuple[str, ...], ...]
    most_commits: int
    coauthors: tuple[CoAuthor, ...] = ()
    writers: frozenset[str] = frozenset()
    approvers: tuple[str, ...] = ()
    members: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOffState:
    """The state of a sign-off: `met`, or else what it is waiting for, as a sentence; `vetoes` are logins."""

    met: SignOff | None
    waiting_for: str
    vetoes: tuple[str, ...] = ()


def check_reviews(asked: SignOffRequest, opinions: Sequence[Opinion]) -> SignOffState:
    """Find a sign-off by the first approving review that counts, if no permitted reviewer requests changes.

    A person's later approval replaces their own request for changes, and the other way round. A comment changes
    neither. A dismissed review does not count, nor do its author's approvals before it. Otherwise a writer who
    dismisses a request for changes would restore the approval that it had replaced.
    """
    latest, withdrawn = _find_latest(opinions), _find_withdrawn(opinions)
    refused: dict[str, str] = {}
    for opinion in sorted((one for one in opinions if one.state == "APPROVED"), key=_sort_key):
        why = _explain_unfit(asked, opinion.by) or _explain_untimely(asked, opinion)
        if why is None and _sort_key(opinion) <= withdrawn.get(_sort_login(opinion.by), (_FIRST, False)):
            why = f"a later review by {opinion.by} was dismissed: approve again"
        if why is None and latest[_sort_login(opinion.by)].state == "APPROVED":
            met = _make_sign_off(asked, opinion.by, opinion.at, "review", opinion.url)
            return _make_state(asked, latest, met, [], "approval")
        if why is not None:
            refused[_sort_login(opinion.by)] = why
    return _make_state(asked, latest, None, list(refused.values()), "approval")


def check_label(
    asked: SignOffRequest,
    label: str,
    *,
    present: Collection[str],
    events: Sequence[Labelling],
    opinions: Sequence[Opinion],
) -> SignOffState:
    """Find a sign-off by a label that is `present` and was last put on by a permitted person, after the report.

    `events` are in chronological order. Reviews that request changes prevent a sign-off by label, too.
    """
    latest = _find_latest(opinions)
    need = f'the label "{label}"'
    own = [event for event in events if _sort_login(event.label) == _sort_login(label)]
    if _sort_login(label) not in {_sort_login(name) for name in present} or not own or not own[-1].added:
        return _make_state(asked, latest, None, [], need)
    event = own[-1]
    why = _explain_unfit(asked, event.by)
    if why is None and not _is_after(event.at, asked.published_at):
        why = f"{need} was put on by {event.by} before the report was published: take it off and put it on again"
    if why is not None:
        return _make_state(asked, latest, None, [why], need)
    return _make_state(asked, latest, _make_sign_off(asked, event.by, event.at, "label", ""), [], need)


def digest_subject(report: Report) -> str:
    """Return the digest of the signed content: each gate's candidate, dataset, level and policy, and policy changes.

    The answers and the baseline are not part of it. The change level is, so that a sign-off of a small change does not
    cover a larger one.
    """
    gates: list[Json] = [
        [
            gate.evidence.name,
            None if gate.evidence.level is None else gate.evidence.level.effective.name,
            None if gate.evidence.candidate is None else gate.evidence.candidate.digest,
            gate.evidence.dataset.digest,
            [[c.name, c.kind, c.blocking, c.digest, c.p95_seconds] for c in gate.evidence.criteria],
            {name: [threshold.minimum, threshold.max_drop] for name, threshold in gate.thresholds.items()},
            gate.policy.as_json(),
        ]
        for gate in sorted(report.gates, key=lambda gate: gate.evidence.name)
    ]
    changes: list[Json] = [[change.path, change.digest] for change in report.policy_changes]
    return digest([gates, changes])


def _make_state(
    asked: SignOffRequest, latest: dict[str, Opinion], met: SignOff | None, refused: Sequence[str], need: str
) -> SignOffState:
    """Return the state: met if nothing prevents it, else a sentence with all reasons."""
    objecting = [opinion for opinion in latest.values() if opinion.state == "CHANGES_REQUESTED"]
    vetoes = tuple(opinion.by for opinion in objecting if _may_sign(asked, opinion.by) and not _is_bot(opinion.by))
    against = [f"{login} requests changes" for login in vetoes]
    against += [why for why in (_explain_unpublished(asked), _explain_unnamed(asked)) if why is not None]
    if met is not None and not against:
        return SignOffState(met=met, waiting_for="")
    if met is None:
        against += refused or [_describe_needs(asked, need)]
    return SignOffState(met=None, waiting_for="; ".join(against), vetoes=vetoes)


def _find_latest(opinions: Sequence[Opinion]) -> dict[str, Opinion]:
    """Return each person's current opinion by login; of two in the same second, the request for changes."""
    holding = [opinion for opinion in opinions if opinion.state in ("APPROVED", "CHANGES_REQUESTED")]
    return {_sort_login(opinion.by): opinion for opinion in sorted(holding, key=_sort_key)}


def _find_withdrawn(opinions: Sequence[Opinion]) -> dict[str, tuple[datetime.datetime, bool]]:
    """Return, by login, the sort key of the last dismissed review; approvals up to it are withdrawn."""
    dismissed = sorted((one for one in opinions if one.state == "DISMISSED"), key=_sort_key)
    return {_sort_login(opinion.by): _sort_key(opinion) for opinion in dismissed}


def _sort_key(opinion: Opinion) -> tuple[datetime.datetime, bool]:
    """Return a sort key; without a date an approval sorts first, and an objection or dismissed review last."""
    objects = opinion.state in ("CHANGES_REQUESTED", "DISMISSED")
    return _parse_moment(opinion.at) or (_LAST if objects else _FIRST), objects


def _explain_unfit(asked: SignOffRequest, login: str) -> str | None:
    """Return the reason why this login cannot sign off the change; None if it can."""
    if _is_bot(login):
        return f"{login} is a bot: a person has to sign off"
    if not _may_sign(asked, login):
        return f"{login or 'an unknown account'} may not write to this repository"
    if _sort_login(login) in _wrote(asked):
        return f"{login} wrote part of the change"
    if any(_is(coauthor, login) for coauthor in asked.coauthors):
        return f"{login} is named as a co-author of the change"
    return None


def _is(coauthor: CoAuthor, login: str) -> bool:
    """Return whether a co-author may be this person: by the login, else by the address, else by the name.

    Without a login the match is uncertain. In case of doubt the person counts as a co-author, and another approves.
    """
    known = coauthor.login or find_login(coauthor.email)
    if known:
        return _sort_login(known) == _sort_login(login)
    name, (local, _, _) = coauthor.name.strip().removeprefix("@"), coauthor.email.partition("@")
    return _plain_name(login) in {_plain_name(name), _plain_name(local)}


def find_login(email: str) -> str:
    """Return the login in an address that GitHub provides for a hidden e-mail address; empty for any other."""
    found = _HIDDEN.fullmatch(email.strip())
    return found.group(1) if found else ""


def _plain_name(name: str) -> str:
    """Return a name or login with letters and digits only, so that "Grace Hopper" equals "grace-hopper"."""
    return "".join(char for char in _sort_login(name) if char.isalnum())


def _explain_untimely(asked: SignOffRequest, opinion: Opinion) -> str | None:
    if not asked.head or opinion.commit != asked.head:
        return f"approved by {opinion.by} at another commit ({opinion.commit[:7]}): approve again"
    if asked.published_at is not None and not _is_after(opinion.at, asked.published_at):
        return f"approved by {opinion.by} before the report was published: approve again"
    return None


def _explain_unpublished(asked: SignOffRequest) -> str | None:
    if asked.published_at is None or _parse_moment(asked.published_at) is None:
        return "the report has to be published first"
    return None


def _explain_unnamed(asked: SignOffRequest) -> str | None:
    """Return a reason if an author of the change is unknown, since any approver could then be that author."""
    if not asked.author.strip():
        return "it is not known who opened the pull request: open it again"
    if len(asked.commits) >= asked.most_commits:
        return f"GitHub lists only {asked.most_commits} commits, so the authors of others are unknown: squash some"
    unnamed = sum(not logins or not all(login.strip() for login in logins) for logins in asked.commits)
    if unnamed or not asked.commits:
        what = (
            f"who wrote {unnamed} of {show_count(len(asked.commits), 'commit')}" if unnamed else "who wrote the change"
        )
        return f"GitHub does not know {what}: add the e-mail address in them to an account, or commit again"
    return None


def _describe_needs(asked: SignOffRequest, need: str) -> str:
    wrote = _wrote(asked)
    named = [
        f"@{login}"
        for login in asked.approvers
        if _sort_login(login) not in wrote and not any(_is(coauthor, login) for coauthor in asked.coauthors)
    ]
    who = "a person with write permission who did not write the change"
    if named:
        return f"needs {need} by one of {', '.join(named)}, or by {who}"
    return f"needs {need} by {who}"


def _may_sign(asked: SignOffRequest, login: str) -> bool:
    allowed: Iterable[str] = (*asked.writers, *asked.approvers, *asked.members)
    return bool(login.strip()) and _sort_login(login) in {_sort_login(one) for one in allowed}


def _wrote(asked: SignOffRequest) -> set[str]:
    return {_sort_login(login) for login in (asked.author, *(login for logins in asked.commits for login in logins))}


def _is_bot(login: str) -> bool:
    return _sort_login(login).endswith("[bot]")


def _make_sign_off(asked: SignOffRequest, by: str, at: str, kind: Literal["review", "label"], url: str) -> SignOff:
    moment = _parse_moment(at) or _FIRST
    return SignOff(by=by, at=moment.isoformat(), kind=kind, commit=asked.head, subject=asked.subject, url=url)


def _is_after(later: str, earlier: str | None) -> bool:
    one, other = _parse_moment(later), _parse_moment(earlier)
    return one is not None and other is not None and one > other


def _parse_moment(text: str | None) -> datetime.datetime | None:
    """Return a time in UTC, which is also assumed where no zone is given; None for text that is not a date."""
    try:
        moment = datetime.datetime.fromisoformat(text or "")
        moment = moment.replace(tzinfo=datetime.UTC) if moment.tzinfo is None else moment
        return moment.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        return None


def _sort_login(name: str) -> str:
    return name.strip().casefold()
