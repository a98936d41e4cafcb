"""Tests of the explanations: every finding that can occur has one, and words lead to it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from decide import vectors
from decide.random_gates import random_gate
from hypothesis import given
from hypothesis import strategies as st

from evalgate.decide import policy
from evalgate.domain import Finding, Requirement, Threshold
from evalgate.domain.trials import LevelFinding
from evalgate.errors import ExitCode
from evalgate.plan.case_lint import CaseFinding
from evalgate.report.explanations import (
    CASE_FINDINGS,
    EXIT_CODES,
    FINDINGS,
    REPORTED,
    REQUIREMENTS,
    TOPICS,
    find_closest_topic,
    find_topics,
)

ROOT = Path(__file__).parents[2]


def kinds(owner: type) -> set[str]:
    return set(get_args(get_type_hints(owner)["kind"]))


def test_every_kind_of_finding_is_explained_and_no_other() -> None:
    assert set(FINDINGS) == kinds(Finding) and kinds(LevelFinding) <= set(FINDINGS)
    assert set(REQUIREMENTS) == kinds(Requirement)
    assert set(CASE_FINDINGS) == kinds(CaseFinding)
    assert set(EXIT_CODES) == {str(int(code)) for code in ExitCode}
    groups = (FINDINGS, REQUIREMENTS, CASE_FINDINGS, EXIT_CODES, REPORTED)
    assert len(TOPICS) == sum(map(len, groups))


@pytest.mark.parametrize("name", TOPICS)
def test_an_explanation_is_whole_and_its_page_is_there(name: str) -> None:
    topic = TOPICS[name]
    assert all(text.endswith(".") for text in (topic.means, topic.effect, topic.mend))
    page, _, anchor = topic.page.partition("#")
    titles = re.findall(r"^#+ (.*)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    known = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    assert not anchor or anchor in known


@pytest.mark.parametrize(("words", "name"), [
    ("max_drop", "max_drop"),
    ("Max-Drop", "max_drop"),
    ("4", "4"),
    ("exit code 4", "4"),
    ("declared PATCH (1.0.0 -> 1.0.1), but the change is at least MINOR: words", "level"),
    ("the content changed without a new version (1.0.0): words", "version"),
    ("tone: proven worse on the cases tagged refund: -0.3 over 9 of them.", "tag"),
    ("Broken and critical (tone): case-7.", "broken"),
    ("An earlier run decided FAIL at noon, which stands", "recorded"),
    ("constant output", "constant_output"),
    ("has no threshold", "remark"),
    ("48-hour canary", "canary"),
])  # fmt: skip
def test_words_of_a_report_lead_to_the_explanation(words: str, name: str) -> None:
    assert find_topics(words) == (name,)


@given(st.integers(0, 2**32))
def test_every_sentence_of_a_verdict_leads_to_the_explanation_of_its_kind(seed: int) -> None:
    evidence, thresholds, rules = vectors.evidence_of(random_gate(seed, most=70))
    floors = {one.name: replace(thresholds.get(one.name, Threshold()), minimum=0.75) for one in evidence.criteria[::2]}
    tagged = replace(evidence, results=tuple(replace(r, tags=("legal",)) for r in evidence.results))
    for own, chosen in (({}, ()), (floors, ("legal",))):
        gate = policy.decide(tagged, {**thresholds, **own}, replace(rules, blocking_tags=chosen), vectors.MERGES)
        for finding in gate.findings:
            topics = find_topics(finding.sentence)
            is_missing = "no case has a score" in finding.sentence and "completeness" in topics
            assert finding.kind in topics or is_missing, finding.sentence


def test_a_misspelt_name_has_a_closest_one() -> None:
    assert find_topics("lvel") == () and find_closest_topic("lvel") == "level"
    assert find_closest_topic("leaked-anser") == "leaked_answer"
    assert find_topics("a") == () and find_topics("") == ()
