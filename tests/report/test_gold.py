"""Every ending of a gate in every rendering, against files a person has read. EVALGATE_UPDATE_GOLD=1 rewrites them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from evalgate.domain import Report
from evalgate.report import html, junit, markdown, terminal
from evalgate.store import report_json

GOLD = Path(__file__).parent / "gold"
_PACKAGED = re.compile(r"(<style>|<script>).*?(</style>|</script>)", re.DOTALL)


def render_html(report: Report) -> str:
    """Return a page without its styles and its script, which are files of the package; their digests stay."""
    return _PACKAGED.sub(r"\1\2", html.render(report))


RENDERINGS: dict[str, Callable[[Report], str]] = {
    "txt": terminal.render,
    "80.txt": lambda report: terminal.render(report, width=80),
    "color.txt": lambda report: terminal.render(report, width=120, color=True),
    "md": markdown.render,
    "json": report_json.render,
    "html": render_html,
    "xml": junit.render,
}


@pytest.mark.parametrize("kind", RENDERINGS)
def test_renders_as_the_gold_file(named: tuple[str, Report], kind: str) -> None:
    name, report = named
    text = RENDERINGS[kind](report)
    gold = GOLD / f"{name}.{kind}"
    if os.environ.get("EVALGATE_UPDATE_GOLD"):
        gold.write_text(text, encoding="utf-8", newline="\n")
    assert text == gold.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", RENDERINGS)
def test_a_report_read_back_renders_the_same(named: tuple[str, Report], kind: str) -> None:
    _, report = named
    assert RENDERINGS[kind](report_json.read(report_json.render(report), "report.json")) == RENDERINGS[kind](report)


def test_every_gold_file_has_its_sample(samples: ModuleType) -> None:
    expected = {f"{name}.{kind}" for name in samples.SAMPLES for kind in RENDERINGS}
    assert {path.name for path in GOLD.iterdir() if path.is_file()} == expected
