"""The comment of a pull request: found again by its first line, within GitHub's limit, and never cut inside markup."""

from __future__ import annotations

import datetime
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.action import comment_state
from evalgate.action.comment_state import State
from evalgate.domain import Output, Report, Score
from evalgate.errors import InputError
from evalgate.report import comment
from evalgate.report.comment import Links, PastRun

GOLD = Path(__file__).parent / "gold"
HEADS = ["a1" * 20, "b2" * 20, "c3" * 20]
SUBJECT = "5a" * 32
NOW = "2026-03-04T05:06:07Z"
LINKS = Links(run="https://github.example/acme/support/actions/runs/7", report="https://github.example/report.html")


def first(report: Report, head: str = HEADS[0]) -> State:
    return comment_state.follow(None, report, head=head, subject=SUBJECT, now=NOW)


def third(samples) -> State:
    """After a pass and a failure of other commits."""
    state = first(samples.passing())
    state = comment_state.follow(state, samples.failing(), head=HEADS[1], subject="6b" * 32, now="2026-03-04T06:00:00Z")
    return comment_state.follow(state, samples.major(), head=HEADS[2], subject="7c" * 32, now="2026-03-04T07:00:00Z")


def parsed(text: str):
    """The page that Markdown makes of it, and a strict reading of its tags: each that is opened is closed."""
    cmarkgfm = pytest.importorskip("cmarkgfm")
    html5lib = pytest.importorskip("html5lib")
    html = cmarkgfm.github_flavored_markdown_to_html(text, options=cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE)
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    page = parser.parseFragment(html)
    assert not [error for _, error, _ in parser.errors if "tag" in error], parser.errors
    return page


def tags(text: str) -> list[str]:
    return [element.tag for element in parsed(text).iter() if isinstance(element.tag, str)]


@pytest.mark.parametrize("name", ["fail", "rules-changed", "signed-off", "hostile"])
def test_the_comment_is_the_gold_file(samples, name: str) -> None:
    report = samples.SAMPLES[name]()
    state = comment_state.follow(third(samples), report, head="d4" * 20, subject=SUBJECT, now="2026-03-04T08:00:00Z")
    standing = "waiting for an approving review of d4d4d4d by acme/support-leads" if name == "rules-changed" else ""
    text = comment_state.render(report, key="support", state=state, standing=standing, links=LINKS)
    gold = GOLD / "comment" / f"{name}.md"
    if os.environ.get("EVALGATE_UPDATE_GOLD"):
        gold.write_text(text, encoding="utf-8", newline="\n")
    assert text == gold.read_text(encoding="utf-8")


def test_what_one_sees_first(samples) -> None:
    report = replace(samples.rules_changed(), sign_off=None)
    text = comment_state.render(report, key="k", state=first(report), standing="waiting for @octocat", links=LINKS)
    told = [
        "<!-- evalgate:k ",
        "> This change edits evalgate.yml and 2 more files that hold the rules",
        "PASS, awaiting sign-off: `support`",
        "faithfulness: proven to be less than",
        "**Sign-off:** waiting for `@octocat`",
        "### Criteria",
        "**Cost**: $0.013, 63 calls made, 180 cached, 12 not needed",
        "**More**: [run](<https://github.example/acme/support/actions/runs/7>), [full report](",
    ]
    marker, _, page = text.partition("\n")
    places = [marker.find(told[0]), *(page.find(part) for part in told[1:])]
    assert places == sorted(places) and places[0] == 0
    assert "Not shown here" not in text and "Earlier runs" not in text


def test_the_numbers_stand_between_the_deciding_sentence_and_the_cases(samples) -> None:
    report = samples.failing()
    text = comment_state.render(report, key="k", state=first(report))
    assert (
        text.index("facts: refund-017, refund-020") < text.index("### Criteria") < text.index("### Regressed cases (8)")
    )
    assert "**More**" not in text and "**Sign-off" not in text and "[!WARNING]" not in text


def test_two_runs_of_the_same_are_the_same_text(samples) -> None:
    report = samples.failing()
    state = first(report)
    later = replace(report, run_id="20270101T000000Z-ffffff", created_at="2027-01-01T00:00:00Z")
    again = comment_state.follow(state, later, head=HEADS[0], subject=SUBJECT, now="2027-01-01T00:00:00Z")
    assert again == state
    assert comment_state.render(later, key="k", state=again) == comment_state.render(report, key="k", state=state)


def test_another_subject_of_the_same_head_has_its_own_time(samples) -> None:
    state = first(samples.passing())
    other = comment_state.follow(state, samples.passing(), head=HEADS[0], subject="x" * 64, now="2026-03-05T00:00:00Z")
    assert other.at == "2026-03-05T00:00:00Z"
    assert [run.at for run in other.history] == ["2026-03-05T00:00:00Z", NOW]
    again = comment_state.follow(other, samples.failing(), head=HEADS[0], subject="x" * 64, now="2026-03-06T00:00:00Z")
    assert again.at == other.at
    assert [(run.at, run.verdict) for run in again.history] == [(other.at, "FAIL"), (NOW, "PASS")]
    back = comment_state.follow(again, samples.passing(), head=HEADS[0], subject=SUBJECT, now="2026-03-07T00:00:00Z")
    assert back.at == "2026-03-07T00:00:00Z"


def test_the_history_is_folded_and_ends(samples) -> None:
    state = first(samples.passing())
    for number in range(14):
        state = comment_state.follow(state, samples.failing(), head=f"{number:040x}", subject=SUBJECT, now=NOW)
    assert len(state.history) == 10
    assert state.history[0].head == state.head == f"{13:040x}"
    text = comment_state.render(samples.failing(), key="k", state=state)
    assert "<summary>Earlier runs (9)</summary>" in text
    assert comment_state.read(text, "k") == state


def test_the_state_comes_back(samples, named) -> None:
    state = comment_state.follow(
        third(samples), named[1], head="d4" * 20, subject=SUBJECT, now="2026-03-04T08:00:00+00:00"
    )
    text = comment_state.render(named[1], key="matrix.job-1_a", state=state)
    assert comment_state.read(text, "matrix.job-1_a") == state
    assert comment_state.read(text.replace("\n", "\r\n"), "matrix.job-1_a") == state
    for key in ("matrix.job-1", "matrix.job-1_a2", "matrix", "a"):
        assert comment_state.read(text, key) is None


def test_nothing_else_is_read(samples) -> None:
    text = comment_state.render(samples.passing(), key="k", state=first(samples.passing()))
    marker = text.partition("\n")[0]
    held = json.loads(marker.removeprefix("<!-- evalgate:k ").removesuffix(" -->"))
    forged = [
        "",
        " " + text,
        "\ufeff" + text,
        "\n" + text,
        "hello " + text,
        text.replace("evalgate:k", "evalgate:K"),
        marker.removesuffix(" -->"),
        marker.removesuffix("-->") + "<b>-->",
        marker.replace('"subject"', '"subject" '),
        marker.replace(HEADS[0], "not a sha"),
        marker.replace(HEADS[0], HEADS[0].upper()),
        marker.replace(NOW, "yesterday"),
        marker.replace(NOW, "2026-03-04T05:06:07"),
        marker.replace("PASS", "PASS\\u202e"),
        marker.replace("PASS", "PASS\u202e"),
        marker.replace("PASS", "P" * 400),
        "<!-- evalgate:k {} -->",
        "<!-- evalgate:k [] -->",
        "<!-- evalgate:k " + "[" * 100_000 + " -->",
        "<!-- evalgate:k NaN -->",
        "<!-- evalgate:k " + json.dumps({**held, "more": 1}, separators=(",", ":")) + " -->",
        "<!-- evalgate:k " + json.dumps({**held, "history": held["history"] * 11}, separators=(",", ":")) + " -->",
    ]
    for body in forged:
        assert comment_state.read(body, "k") is None, body[:200]
    assert comment_state.read(text, "not a key") is None


@given(st.text(max_size=200), st.booleans())
def test_reading_never_fails(text: str, marked: bool) -> None:
    assert comment_state.read(f"<!-- evalgate:k {text} -->" if marked else text, "k") is None


TEXTS = st.text(
    alphabet=st.one_of(st.sampled_from("-<>!&@#`\\\"'{}\n \u202e\U0001f600"), st.characters()), max_size=300
)


@given(TEXTS)
def test_no_sentence_ends_the_marker(text: str) -> None:
    run = PastRun(head=HEADS[0], at=NOW, verdict="FAIL", sentence=comment_state._words(text))
    state = State(head=HEADS[0], subject=SUBJECT, at=NOW, verdict="FAIL", history=(run,))
    marker = comment_state._marker("k", state)
    inner = marker.removeprefix("<!--").removesuffix("-->")
    assert not re.search("--|[<>\n\r@#`]", inner)
    assert comment_state.read(marker, "k") == state


@pytest.mark.parametrize("key", ["", " ", "a b", "a--b", "-a", "a-", "a>", "ä", "a\n", "x" * 101, "<!--"])
def test_a_key_that_is_none_is_refused(samples, key: str) -> None:
    with pytest.raises(InputError, match="cannot name a comment"):
        comment_state.render(samples.passing(), key=key, state=first(samples.passing()))


@pytest.mark.parametrize("key", ["a", "default", "a-b-c", "support_gate.v2", "x" * 100])
def test_a_key_names_a_comment(samples, key: str) -> None:
    state = first(samples.passing())
    assert comment_state.read(comment_state.render(samples.passing(), key=key, state=state), key) == state


@pytest.mark.parametrize("wrong", [{"head": "HEAD"}, {"subject": "a b"}, {"now": "2026-03-04"}, {"now": "x"}])
def test_a_state_that_is_none_is_refused(samples, wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        comment_state.follow(None, samples.passing(), **{"head": HEADS[0], "subject": SUBJECT, "now": NOW, **wrong})


def test_a_link_that_is_none_is_refused(samples) -> None:
    for url in ("javascript:alert(1)", "ftp://x", "https://", "//x", "https://x" * 1000):
        with pytest.raises(ValueError, match="address"):
            comment_state.render(samples.passing(), key="k", state=first(samples.passing()), links=Links(run=url))


def test_a_link_cannot_be_left(samples) -> None:
    url = 'https://x.example/a)b>c"d e\n[f](g)<h>`i`|'
    text = comment_state.render(samples.passing(), key="k", state=first(samples.passing()), links=Links(run=url))
    (anchor,) = parsed(text).iter("a")
    assert anchor.get("href").startswith("https://x.example/a") and anchor.text == "run"


def crowded(samples, gates: int, cases: int, length: int) -> Report:
    """Many gates with many regressed cases and long outputs that cost more than their characters."""
    gate = samples.failing().gates[0]
    rows = []
    for number in range(cases):
        for row in gate.evidence.results[:4]:
            text = f"{row.arm} {number} " + "<&\n\U0001f600" * length
            scores = {**row.scores, "facts": Score(value=float(row.arm == "baseline"), reason="<&>`|" * 300)}
            rows.append(replace(row, case=f"case-{number}", outcome=Output(text=text), scores=scores))
    names = tuple(f"case-{number}" for number in range(cases))
    compared = tuple(replace(c, regressed=names if c.criterion == "facts" else ()) for c in gate.comparisons)
    findings = tuple(replace(f, cases=names if f.cases else ()) for f in gate.findings)
    many = [
        replace(
            gate,
            comparisons=compared,
            findings=findings,
            evidence=replace(gate.evidence, name=f"gate {number}", results=tuple(rows)),
        )
        for number in range(gates)
    ]
    return samples.report(*many)


@pytest.mark.parametrize(("gates", "cases", "length"), [(1, 60, 400), (1, 8, 5), (3, 30, 100), (12, 3, 50)])
def test_a_comment_keeps_within_its_limit_and_says_what_it_leaves_out(samples, gates, cases, length) -> None:
    report = crowded(samples, gates, cases, length)
    state = first(report)
    for most in (60_000, 20_000, 8_000):
        text = comment_state.render(report, key="k", state=state, links=LINKS, most=most)
        assert len(text.encode("utf-16-le")) // 2 <= most
        found = tags(text)
        shown = len(re.findall(r"<summary><b><code>case-", text))
        assert found.count("details") == shown + text.count("<summary>Findings, versions and run")
        left = re.search(r"\*\*Not shown here\*\*: .*?(\d+) cases?", text)
        assert shown + (int(left[1]) if left else 0) == gates * cases
        assert text.index("FAIL") < 1_500
        assert "[full report]" in text


def test_the_line_about_what_is_left_out_has_its_room(samples) -> None:
    gate = samples.failing().gates[0]
    bare = replace(gate, comparisons=(), findings=(replace(gate.findings[1], sentence="No.", cases=()),))
    report = samples.report(*[replace(bare, evidence=replace(gate.evidence, name=f"g{n}")) for n in range(30)])
    state = first(report)
    for most in range(1_100, 1_300, 5):
        text = comment_state.render(report, key="k", state=state, most=most)
        assert comment.utf16(text) <= most and "gates, 30 lists of findings." in text, text


def test_the_limit_counts_utf16_units(samples) -> None:
    report = crowded(samples, 1, 20, 40)
    text = comment_state.render(report, key="k", state=first(report), most=15_000)
    assert len(text) < len(text.encode("utf-16-le")) // 2 <= 15_000


def test_a_limit_below_the_verdict_is_refused(samples) -> None:
    with pytest.raises(ValueError, match="the verdict does not fit"):
        comment_state.render(samples.passing(), key="k", state=first(samples.passing()), most=300)


def test_the_most_telling_parts_stay_longest(samples) -> None:
    report = crowded(samples, 1, 12, 5)
    state = replace(first(report), history=third(samples).history)
    parts = ("### Criteria", "case-0<", "Earlier runs", "case-5<")
    for most, kept in ((60_000, 4), (28_000, 3)):
        text = comment_state.render(report, key="k", state=state, most=most)
        assert [part in text for part in parts] == [place < kept for place in range(4)], most


def test_long_names_do_not_push_the_verdict_out(samples) -> None:
    gate = samples.failing().gates[0]
    long = "\U0001f600`|<" * 40_000
    finding = replace(gate.findings[1], sentence=long)
    report = samples.report(
        replace(gate, findings=(finding,), evidence=replace(gate.evidence, name=long)), decision=gate.decision
    )
    report = replace(report, policy_changes=(replace(samples.CHANGES[0], path=long),), warnings=(long,))
    text = comment_state.render(report, key="k", state=first(report), standing=long, links=LINKS)
    assert comment.utf16(text) <= 60_000
    assert "FAIL" in text[:20_000]


@pytest.mark.parametrize("most", [1_000_000, 500_000, 30_000])
def test_a_summary_keeps_within_its_bytes(samples, most: int) -> None:
    report = crowded(samples, 1, 60, 90)
    text = comment.render_summary(report, links=LINKS, most=most)
    assert len(text.encode()) <= most < 1_048_576
    assert not text.startswith("<!--")
    shown = len(re.findall(r"<summary><b><code>case-", text))
    assert shown == 60 or f"{60 - shown} case" in text
    tags(text)


@given(
    warnings=st.lists(st.from_regex(r"[a-z]{3,9}( [a-z]{3,9}){0,5}", fullmatch=True), max_size=4, unique=True),
    gates=st.integers(0, 2),
)
def test_both_pages_show_each_warning_once(samples, warnings: list[str], gates: int) -> None:
    # a person signs off by these pages, and a warning tells of a gate that was not evaluated
    report = samples.failing()
    told = [f"warned {number}: {text}." for number, text in enumerate(warnings)]
    report = replace(report, gates=report.gates[:1] * gates, warnings=tuple(told))
    pages = (comment_state.render(report, key="k", state=first(report)), comment.render_summary(report))
    for page in pages:
        shown = page.split("-->\n", 1)[-1]
        assert [shown.count(text) for text in told] == [1] * len(told)


def test_warnings_that_do_not_fit_are_counted(samples) -> None:
    report = replace(samples.passing(), warnings=tuple(f"{number} " + "word " * 400 for number in range(60)))
    text = comment_state.render(report, key="k", state=first(report))
    assert comment.utf16(text) <= 60_000
    assert re.search(r"\*\*Not shown here\*\*: .*\b\d+ warnings", text)


@pytest.mark.parametrize("page", ["comment", "summary"])
def test_a_hostile_report_mentions_no_user(samples, page: str) -> None:
    report = samples.hostile()
    standing = "@octocat fixes #1 <!-- evalgate:k {} --> https://evil.example"
    if page == "comment":
        text = comment_state.render(report, key="k", state=first(report), standing=standing, links=LINKS)
        assert text.count("<!-- evalgate") == 1
    else:
        text = comment.render_summary(report, standing=standing)
        assert "<!-- evalgate" not in text
    found = parsed(text)
    assert {e.tag for e in found.iter() if isinstance(e.tag, str)} <= {
        *(
            "DOCUMENT_FRAGMENT",
            "h2",
            "h3",
            "p",
            "ul",
            "li",
            "strong",
            "code",
            "details",
            "summary",
            "b",
            "pre",
            "a",
            "br",
            "div",
            "sub",
        ),
        *("blockquote", "table", "thead", "tbody", "tr", "th", "td"),
    }
    hosts = {e.get("href") for e in found.iter("a")}
    assert hosts <= {LINKS.run, LINKS.report}


def test_the_time_of_a_state_has_a_zone(samples) -> None:
    assert datetime.datetime.fromisoformat(first(samples.passing()).at).tzinfo is not None
