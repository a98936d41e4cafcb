"""Who has signed off: whole histories of a pull request, each with what comes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.decide.sign_off import (
    CoAuthor,
    Labelling,
    Opinion,
    SignOffRequest,
    SignOffState,
    check_label,
    check_reviews,
)

HEAD, OLD = "a" * 40, "b" * 40
PUBLISHED = "2026-03-02T10:00:00+00:00"
BEFORE, SAME, AFTER, LATER = (
    "2026-03-02T09:59:59Z",
    "2026-03-02T10:00:00Z",
    "2026-03-02T10:00:01Z",
    "2026-03-02T11:00:00Z",
)
ASKED = SignOffRequest(
    head=HEAD,
    subject="digest",
    published_at=PUBLISHED,
    author="author",
    commits=(("author", "web-flow"), ("helper", "helper")),
    most_commits=250,
    writers=frozenset({"ann", "bob", "author", "helper", "robot[bot]"}),
)
ANYBODY = "needs approval by a person with write permission who did not write the change"


def said(by: str, state: Any = "APPROVED", at: str = AFTER, commit: str = HEAD) -> Opinion:
    return Opinion(by=by, state=state, commit=commit, at=at, url=f"https://example.invalid/{by}")


VETO = "CHANGES_REQUESTED"
HISTORIES: dict[str, tuple[SignOffRequest, list[Opinion], str]] = {
    # what is expected: "+login" signed off, else what is waited for
    "no review and no comment": (ASKED, [], ANYBODY),
    "approved after the report": (ASKED, [said("ann")], "+ann"),
    "approved before the report": (
        ASKED,
        [said("ann", at=BEFORE)],
        "approved by ann before the report was published: approve again",
    ),
    "approved in the very second of the report": (
        ASKED,
        [said("ann", at=SAME)],
        "approved by ann before the report was published: approve again",
    ),
    "approved before the report, and again after it": (ASKED, [said("ann", at=BEFORE), said("ann")], "+ann"),
    "the moment counts, not its text": (
        replace(ASKED, published_at="2026-03-02T12:00:00+02:00"),
        [said("ann", at="2026-03-02T05:00:01-05:00")],
        "+ann",
    ),
    "an older commit was approved": (
        ASKED,
        [said("ann", commit=OLD)],
        "approved by ann at another commit (bbbbbbb): approve again",
    ),
    "a push of the same content voids what was given for the commit before": (
        replace(ASKED, head="c" * 40),
        [said("ann"), said("bob", at=LATER)],
        "approved by ann at another commit (aaaaaaa): approve again; "
        "approved by bob at another commit (aaaaaaa): approve again",
    ),
    "no commit is asked about": (
        replace(ASKED, head=""),
        [said("ann", commit="")],
        "approved by ann at another commit (): approve again",
    ),
    "the report is not out yet": (
        replace(ASKED, published_at=None),
        [said("ann")],
        "the report has to be published first",
    ),
    "it is not known when the report came out": (
        replace(ASKED, published_at="yesterday"),
        [said("ann")],
        "the report has to be published first; approved by ann before the report was published: approve again",
    ),
    "the author approves": (ASKED, [said("author")], "author wrote part of the change"),
    "the author approves under other capitals": (ASKED, [said("AUTHOR")], "AUTHOR wrote part of the change"),
    "a committer approves": (ASKED, [said("Helper")], "Helper wrote part of the change"),
    "a committer of one commit approves, and so does somebody else": (ASKED, [said("helper"), said("bob")], "+bob"),
    "a stranger approves": (ASKED, [said("eve")], "eve may not write to this repository"),
    "a deleted account approves": (ASKED, [said("")], "an unknown account may not write to this repository"),
    "a login is the same in any case": (ASKED, [said("ANN")], "+ANN"),
    "a bot approves": (ASKED, [said("robot[bot]")], "robot[bot] is a bot: a person has to sign off"),
    "a bot on the list approves": (
        replace(ASKED, approvers=("robot[bot]",)),
        [said("robot[bot]")],
        "robot[bot] is a bot: a person has to sign off",
    ),
    "only a comment": (ASKED, [said("ann", "COMMENTED")], ANYBODY),
    "a review that was not submitted": (ASKED, [said("ann", "PENDING")], ANYBODY),
    "a comment after the approval": (ASKED, [said("ann"), said("ann", "COMMENTED", LATER)], "+ann"),
    "the approval was dismissed": (ASKED, [said("ann", "DISMISSED")], ANYBODY),
    "one objects, another approves": (ASKED, [said("bob", VETO), said("ann", at=LATER)], "bob requests changes"),
    "one who wrote a part objects": (ASKED, [said("helper", VETO), said("ann")], "helper requests changes"),
    "an objection to an older commit stands": (
        ASKED,
        [said("bob", VETO, BEFORE, OLD), said("ann")],
        "bob requests changes",
    ),
    "no one approves, one objects": (ASKED, [said("bob", VETO)], f"bob requests changes; {ANYBODY}"),
    "who objected approves": (ASKED, [said("ann", VETO), said("ann", at=LATER)], "+ann"),
    "who objected approves, told in another order": (ASKED, [said("ann", at=LATER), said("ann", VETO)], "+ann"),
    "who approved objects": (ASKED, [said("ann"), said("ann", VETO, LATER)], f"ann requests changes; {ANYBODY}"),
    "both in one second": (ASKED, [said("ann", VETO), said("ann")], f"ann requests changes; {ANYBODY}"),
    "who objected comments": (
        ASKED,
        [said("bob", VETO), said("bob", "COMMENTED", LATER), said("ann")],
        "bob requests changes",
    ),
    "an objection lifted at an older commit": (
        ASKED,
        [said("bob", VETO, BEFORE, OLD), said("bob", at=BEFORE, commit=OLD), said("ann")],
        "bob requests changes",
    ),
    "an objection lifted later at an older commit": (
        ASKED,
        [said("bob", VETO, BEFORE, OLD), said("bob", at=AFTER, commit=OLD), said("ann")],
        "+ann",
    ),
    "the objection was dismissed": (ASKED, [said("bob", "DISMISSED"), said("ann")], "+ann"),
    "the objection that had taken back an approval was dismissed": (
        ASKED,
        [said("ann"), said("ann", "DISMISSED", LATER)],
        "a later review by ann was dismissed: approve again",
    ),
    "an approval after a dismissed one": (ASKED, [said("ann", "DISMISSED"), said("ann", at=LATER)], "+ann"),
    "an approval after a stale one was dismissed": (
        ASKED,
        [said("ann", "DISMISSED", BEFORE, OLD), said("ann")],
        "+ann",
    ),
    "dismissed in the second of the approval": (
        ASKED,
        [said("ann"), said("ann", "DISMISSED")],
        "a later review by ann was dismissed: approve again",
    ),
    "the approval that lifted an objection was dismissed": (
        ASKED,
        [said("bob", VETO), said("bob", "DISMISSED", LATER), said("ann")],
        "bob requests changes",
    ),
    "a stranger objects": (ASKED, [said("eve", VETO), said("ann")], "+ann"),
    "a bot objects": (ASKED, [said("robot[bot]", VETO), said("ann")], "+ann"),
    "the first approval that counts is the one": (ASKED, [said("bob", at=LATER), said("ann")], "+ann"),
    "an approver without write permission": (replace(ASKED, approvers=("Eve",)), [said("eve")], "+eve"),
    "a member of an approving team": (
        replace(ASKED, approvers=("org/team",), members=frozenset({"eve"})),
        [said("eve")],
        "+eve",
    ),
    "a list does not keep out who may write": (replace(ASKED, approvers=("eve",)), [said("ann")], "+ann"),
    "an approver who wrote a part": (
        replace(ASKED, approvers=("helper", "eve", "org/team")),
        [],
        "needs approval by one of @eve, @org/team, or by a person with write permission who did not write the change",
    ),
    "an approver objects": (
        replace(ASKED, approvers=("eve",)),
        [said("eve", VETO), said("ann")],
        "eve requests changes",
    ),
    "a commit of an unknown author": (
        replace(ASKED, commits=(("author", "author"), ("", "web-flow"), ())),
        [said("ann")],
        "GitHub does not know who wrote 2 of 3 commits: add the e-mail address in them to an account, or commit again",
    ),
    "it is not known who opened the pull request": (
        replace(ASKED, author=""),
        [said("ann")],
        "it is not known who opened the pull request: open it again",
    ),
    "no commits are known": (
        replace(ASKED, commits=()),
        [said("ann")],
        "GitHub does not know who wrote the change: add the e-mail address in them to an account, or commit again",
    ),
    "more commits than are listed": (
        replace(ASKED, commits=(("author", "author"),) * 250),
        [said("ann")],
        "GitHub lists only 250 commits, so the authors of others are unknown: squash some",
    ),
    "a co-author approves, and then another person": (
        replace(ASKED, coauthors=(CoAuthor(name="", email="", login="Ann"),)),
        [said("ann"), said("bob", at=LATER)],
        "+bob",
    ),
    "a co-author whom the base lists as an approver": (
        replace(ASKED, coauthors=(CoAuthor(name="Ann", email="ann@work.test"),), approvers=("ann", "zoe")),
        [],
        "needs approval by one of @zoe, or by a person with write permission who did not write the change",
    ),
    "a machine is named as a co-author": (
        replace(ASKED, coauthors=(CoAuthor(name="Assistant", email="noreply@assistant.test"),)),
        [said("ann")],
        "+ann",
    ),
    "an approval without a date": (
        ASKED,
        [said("ann", at="")],
        "approved by ann before the report was published: approve again",
    ),
    "an objection without a date": (ASKED, [said("bob", VETO, ""), said("bob"), said("ann")], "bob requests changes"),
}


def outcome(standing: SignOffState) -> str:
    assert (standing.met is None) == bool(standing.waiting_for)
    return standing.waiting_for if standing.met is None else f"+{standing.met.by}"


@pytest.mark.parametrize("history", HISTORIES)
def test_a_history_of_reviews(history: str) -> None:
    asked, opinions, expected = HISTORIES[history]
    assert outcome(check_reviews(asked, opinions)) == expected


def test_what_a_sign_off_says() -> None:
    met = check_reviews(ASKED, [said("ann", at="2026-03-02T13:00:00+02:00")]).met
    assert met is not None
    assert (met.by, met.at, met.kind) == ("ann", "2026-03-02T11:00:00+00:00", "review")
    assert (met.commit, met.subject, met.url) == (HEAD, "digest", "https://example.invalid/ann")


def label(by: str, at: str = AFTER, *, name: str = "signed-off", added: bool = True) -> Labelling:
    return Labelling(label=name, by=by, added=added, at=at)


NEEDS = 'needs the label "signed-off" by a person with write permission who did not write the change'
ON = ("bug", "signed-off")
AGAIN = 'the label "signed-off" was put on by ann before the report was published: take it off and put it on again'
LABELS: dict[str, tuple[tuple[str, ...], list[Labelling], list[Opinion], str]] = {
    "none was ever put on": ((), [], [], NEEDS),
    "put on after the report": (ON, [label("ann")], [], "+ann"),
    "put on in other letters": (("Signed-Off",), [label("ann", name="SIGNED-off")], [], "+ann"),
    "put on before the report": (ON, [label("ann", BEFORE)], [], AGAIN),
    "put on in the very second": (ON, [label("ann", SAME)], [], AGAIN),
    "taken off again": (("bug",), [label("ann"), label("bob", LATER, added=False)], [], NEEDS),
    "taken off, though it is listed still": (ON, [label("ann"), label("bob", LATER, added=False)], [], NEEDS),
    "put on, though it is not listed": ((), [label("ann")], [], NEEDS),
    "listed, and it is not known since when": (ON, [], [], NEEDS),
    "taken off and put on again by the author": (
        ON,
        [label("ann"), label("author", LATER, added=False), label("author", LATER)],
        [],
        "author wrote part of the change",
    ),
    "put on anew after the report": (
        ON,
        [label("ann", BEFORE), label("ann", added=False), label("ann", LATER)],
        [],
        "+ann",
    ),
    "put on by a stranger": (ON, [label("eve")], [], "eve may not write to this repository"),
    "put on by a bot": (ON, [label("robot[bot]")], [], "robot[bot] is a bot: a person has to sign off"),
    "another label": (("other",), [label("ann", name="other")], [], NEEDS),
    "somebody objects": (ON, [label("ann")], [said("bob", VETO)], "bob requests changes"),
    "an approval is not a label": ((), [], [said("ann")], NEEDS),
}


@pytest.mark.parametrize("history", LABELS)
def test_a_history_of_labels(history: str) -> None:
    present, events, opinions, expected = LABELS[history]
    assert outcome(check_label(ASKED, "signed-off", present=present, events=events, opinions=opinions)) == expected


@given(
    login=st.from_regex(r"[a-z][a-z0-9]*(-[a-z0-9]+){0,2}", fullmatch=True),
    number=st.integers(1, 10**9),
    way=st.sampled_from(["login", "hidden", "hidden-numbered", "name", "spaced name", "address"]),
    data=st.data(),
)
def test_no_co_author_signs_off_however_the_trailer_names_them(login: str, number: int, way: str, data: Any) -> None:
    written = "".join(data.draw(st.sampled_from([sign, sign.upper()])) for sign in login)
    hidden = f"{written}@users.noreply.github.com"
    coauthor = {
        "login": CoAuthor(name="X", email="x@work.test", login=written),
        "hidden": CoAuthor(name="X", email=hidden),
        "hidden-numbered": CoAuthor(name="X", email=f"{number}+{hidden}"),
        "name": CoAuthor(name=written, email="x@work.test"),
        "spaced name": CoAuthor(name=written.replace("-", " "), email="x@work.test"),
        "address": CoAuthor(name="X", email=f"{written}@work.test"),
    }[way]
    asked = replace(ASKED, writers=ASKED.writers | {login, "other"}, coauthors=(coauthor,))
    assert check_reviews(asked, [said(login)]).met is None
    if login not in ("x", "other"):
        met = check_reviews(asked, [said(login), said("other", at=LATER)]).met
        assert met is not None
        assert met.by == "other"


_OPINIONS = st.lists(
    st.builds(
        Opinion,
        by=st.sampled_from(["ann", "bob", "author", "helper", "eve", "robot[bot]", "", "Ann"]),
        state=st.sampled_from(["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "PENDING"]),
        commit=st.sampled_from([HEAD, OLD]),
        at=st.sampled_from([BEFORE, SAME, AFTER, LATER, ""]),
    ),
    max_size=8,
)


@given(opinions=_OPINIONS)
def test_only_an_approval_of_the_head_after_the_report_by_another_person_signs_off(opinions: list[Opinion]) -> None:
    standing = check_reviews(ASKED, opinions)
    fit = [o for o in opinions if o.by.lower() in ("ann", "bob") and o.state == "APPROVED"]
    fit = [o for o in fit if o.commit == HEAD and o.at in (AFTER, LATER)]
    dismissed = [o for o in opinions if o.state == "DISMISSED"]
    fit = [o for o in fit if not any(d.by.lower() == o.by.lower() and (d.at or LATER) >= o.at for d in dismissed)]
    if standing.met is not None:
        assert standing.met.by in [o.by for o in fit]
        assert not standing.vetoes
    if not any(o.state == "CHANGES_REQUESTED" for o in opinions):
        assert (standing.met is not None) == bool(fit)


@given(opinions=_OPINIONS, order=st.randoms())
def test_the_order_in_which_reviews_are_told_does_not_matter(opinions: list[Opinion], order: Any) -> None:
    shuffled = list(opinions)
    order.shuffle(shuffled)
    one, other = check_reviews(ASKED, opinions), check_reviews(ASKED, shuffled)
    assert (one.met is None) == (other.met is None)
    assert {v.lower() for v in one.vetoes} == {v.lower() for v in other.vetoes}
