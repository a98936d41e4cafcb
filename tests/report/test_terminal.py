"""The report in the terminal."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest

from evalgate.domain import InputField, PromptChange
from evalgate.report import terminal


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal_or_ends_in_a_space(named, width: int) -> None:
    for row in terminal.render(named[1], width=width).split("\n"):
        assert len(row) <= width
        assert row == row.rstrip()


def test_it_ends_with_the_verdict_and_the_next_command(samples) -> None:
    report = samples.failing()
    assert terminal.render(report).endswith("\n\nFAIL  support\n")
    first, second = terminal.render(report, stored="").splitlines()[-2:]
    assert first.startswith("Next: evalgate show refund-0") and second == "      evalgate report --output report.html"
    assert terminal.render(samples.passing(), stored="").endswith("\nNext: evalgate report --output report.html\n")
    text = terminal.render(report, stored="my folder/report.json", width=40)
    assert text.endswith("\nNext: evalgate report 'my folder/report.json' --output report.html\n")


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_number_is_split_from_its_unit_and_no_interval_in_two(named, width: int) -> None:
    if named[0] == "hostile":
        return
    rows = terminal.render(named[1], width=width).split("\n")
    for row, following in itertools.pairwise(row.strip() for row in rows):
        assert not (re.search(r"\[[+-]\d[.\d]*,$", row) and re.match(r"[+-]\d", following)), row
        assert not (re.search(r"(^| )\d+$", row) and re.match(r"(%|cases|calls|tokens|draws)\b", following)), row


def test_the_difference_of_the_prompts_is_shown_in_part(samples) -> None:
    old, new = ("\n".join(f"{word} {number}" for number in range(20)) for word in ("old", "new"))
    change = PromptChange(
        baseline=(InputField(name="system", text=old),), candidate=(InputField(name="system", text=new),)
    )
    gate = samples.failing().gates[0]
    text = terminal.render(samples.report(replace(gate, evidence=replace(gate.evidence, prompt_change=change))))
    assert "Prompt (20 lines removed, 20 added)\nsystem:\n- old 0\n" in text
    assert "... and 29 more lines, in the Markdown and HTML reports." in text
