"""Tests of the text of pages and lists of cases: hostile texts stay text, and lines have 80 columns."""

from __future__ import annotations

import re
from types import ModuleType

import pytest

from evalgate.domain import Arm, InputField
from evalgate.domain.sent_prompts import SentCase, SentMessage, SentPrompt
from evalgate.report.case_page import make_page
from evalgate.report.case_text import render_list, render_page

_UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f\u202e\u200b]")


def _send(text: str) -> SentCase:
    prompts = tuple(
        SentPrompt(arm=arm, messages=(SentMessage(role=text, content=f"{text} {arm}"),), settings={text: [text]})
        for arm in (Arm.BASELINE, Arm.CANDIDATE)
    )
    return SentCase(gate=text, case=text, fields=(InputField(name=text, text=text),), prompts=prompts)


@pytest.mark.parametrize("form", ["terminal", "markdown"])
def test_hostile_texts_stay_text(samples: ModuleType, form: str) -> None:
    report = samples.hostile()
    gate = report.gates[0]
    page = make_page(gate, samples.HOSTILE, _send(samples.HOSTILE), "", arm=None, texts="all")
    for text in (render_page(page, color=False, form=form), render_list(report, report.gates, color=False, form=form)):
        assert not _UNSEEN.search(text)
        outside = re.sub(r"^(`{3,})text\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
        if form == "markdown":
            outside = re.sub(r"(`+) ?.*? ?\1", "", outside)
            assert "@octocat" not in outside and "<img" not in outside and "https://evil" not in outside
        else:
            assert max(len(row) for row in text.split("\n") if " " in row.strip()) <= 80


def test_colours_mark_headings_alone_and_only_if_they_are_wanted(samples: ModuleType) -> None:
    report = samples.failing()
    gate = report.gates[0]
    case = gate.evidence.results[0].case
    page = make_page(gate, case, None, "not known", arm=None, texts="all")
    plain, colored = (render_page(page, color=color) for color in (False, True))
    assert "\x1b" not in plain and "\x1b[1m" in colored
    assert re.sub("\x1b\\[[0-9;]*m", "", colored) == plain


def test_a_report_without_gates_says_so(samples: ModuleType) -> None:
    assert "The report has no gate: No gated prompt has changed." in render_list(samples.report(), (), color=False)
