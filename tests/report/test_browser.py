"""The page of HTML in headless Chromium: nothing axe-core reports, no error, nothing wider than a phone, and its use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from history_runs import RUNS

from evalgate.domain import Report
from evalgate.domain.history_rows import list_runs
from evalgate.domain.history_totals import total_runs
from evalgate.report import history_page, html

SCRIPT = Path(__file__).with_name("browser.cjs")
TOOLS = Path(__file__).parents[2] / ".ci" / "node_modules"
CHROMIUM = shutil.which("chromium")


def look(folder: Path, extent: str, *reports: Report) -> dict[str, Any]:
    """What the browser finds on the pages of these reports and of a history; of the first one also how it is used."""
    if CHROMIUM is None or shutil.which("node") is None or not (TOOLS / "playwright-core").is_dir():
        pytest.skip("needs Chromium, node, and playwright-core of .ci/package.json")
    paths = [folder / f"{number}.html" for number in range(len(reports))]
    for path, report in zip(paths, reports, strict=True):
        own = list_runs(report)
        history = [replace(run, at=f"2026-03-0{day}T05:06:07+00:00") for run in own for day in (1, 2, 3)]
        path.write_text(html.render(report, history=history), encoding="utf-8")
    paths.append(folder / "history.html")
    totals = [total_runs(RUNS, by_week=by_week) for by_week in (False, True)]
    paths[-1].write_text(history_page.render(RUNS, *totals, ["damaged"]), encoding="utf-8")
    ended = subprocess.run(
        ["node", SCRIPT, CHROMIUM, extent, *paths],
        env={**os.environ, "NODE_PATH": str(TOOLS)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def require_clean(found: dict[str, Any]) -> None:
    for path, looks in found["looks"].items():
        for one in looks:
            assert one == {"errors": [], "wider": 0, "violations": []}, path


def test_a_page_is_clean_and_can_be_used(samples, tmp_path: Path) -> None:
    found = look(tmp_path, "quick", samples.failing())
    require_clean(found)
    assert found["use"] == {"all": 8, "shown": 8, "worse": 8, "none": 0, "clicked": True, "byKeyboard": True}
    assert found["useWithoutScript"] == {"filters": False, "opened": True}


@pytest.mark.long
def test_every_page_is_clean(samples, tmp_path: Path) -> None:
    require_clean(look(tmp_path, "full", samples.failing(), *(make() for make in samples.SAMPLES.values())))
