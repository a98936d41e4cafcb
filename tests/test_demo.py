"""Tests of the demo: the replayed verdict of each version, without a key, a server or a call."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from gated_project import Ended

from evalgate.domain import Outcome, Request
from evalgate.execute.providers.recorded import ReplayProvider

GOLDEN = Path(__file__).parents[1] / "golden"
VARIANTS = "golden/prompts/variants"
VERSIONS = [
    ("golden/prompts/support.prompt.yml", 0, "MINOR"),
    (f"{VARIANTS}/tempting-1.1.0.prompt.yml", 1, "MINOR"),
    (f"{VARIANTS}/patch-1.0.1.prompt.yml", 0, "PATCH"),
    (f"{VARIANTS}/major-2.0.0.prompt.yml", 1, "MAJOR"),
]


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(GOLDEN, tmp_path / "golden", ignore=shutil.ignore_patterns(".evalgate"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


@pytest.mark.parametrize(("candidate", "code", "level"), VERSIONS)
def test_each_version_has_its_verdict(
    demo: Path, evalgate: Callable[..., Ended], candidate: str, code: int, level: str
) -> None:
    arguments = ["--config", "golden/evalgate.yml", "--candidate", candidate, "--output", "report.json"]
    ended = evalgate("run", *arguments)
    assert ended.code == code, ended.err
    gate = json.loads((demo / "report.json").read_text())["gates"][0]
    assert gate["level"]["effective"] == level
    assert gate["calls"]["made"] == 0
    assert gate["counts"]["decided"] == gate["counts"]["expected"]
    # the tempting edit is so bad that half of the cases are enough for the verdict
    assert gate["look"]["cases"] == (34 if "tempting" in candidate else 68)
    assert {r["case"] for r in gate["results"]} >= set(gate["order"][: gate["look"]["cases"]])


def test_the_tempting_edit_breaks_cases_by_name(demo: Path, evalgate: Callable[..., Ended]) -> None:
    tempting = ["--candidate", f"{VARIANTS}/tempting-1.1.0.prompt.yml"]
    files = ["--output", "report.json", "--output", "report.md"]
    evalgate("run", "--config", "golden/evalgate.yml", *tempting, *files)
    gate = json.loads((demo / "report.json").read_text())["gates"][0]
    facts = next(c for c in gate["comparisons"] if c["criterion"] == "facts")
    # an answer tells a customer with a damaged tent to pay for the return
    assert "refund-007" in facts["broken"]
    assert any("critical" in f["sentence"] and "refund-007" in f["cases"] for f in gate["findings"])
    said = [r["outcome"]["text"] for r in gate["results"] if (r["case"], r["arm"]) == ("refund-007", "candidate")]
    assert [json.loads(text)["answer"] for text in said] == ["Yes, you need to pay to send it back."]
    assert "<code>refund-007</code>" in (demo / "report.md").read_text()


def test_the_harmless_edit_passes_and_awaits_its_canary(demo: Path, evalgate: Callable[..., Ended]) -> None:
    ended = evalgate("run", "--config", "golden/evalgate.yml")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("PASS  support")
    assert "pending  48-hour canary" in ended.out


def test_every_recording_is_asked_for(
    demo: Path, evalgate: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: set[str] = set()
    answer = ReplayProvider.answer

    async def noting(self: ReplayProvider, request: Request) -> Outcome:
        asked.add(request.key)
        return await answer(self, request)

    monkeypatch.setattr(ReplayProvider, "answer", noting)
    for candidate, code, _ in VERSIONS:
        assert evalgate("run", "--config", "golden/evalgate.yml", "--candidate", candidate).code == code
    recorded = [json.loads(line)["key"] for line in (demo / "golden/recordings.jsonl").read_text().splitlines()]
    assert set(recorded) == asked


def test_what_was_not_recorded_is_an_error_that_says_how(demo: Path, evalgate: Callable[..., Ended]) -> None:
    prompt = demo / "golden/prompts/support.prompt.yml"
    prompt.write_text(prompt.read_text().replace("one or two sentences", "three sentences"))
    ended = evalgate("run", "--config", "golden/evalgate.yml")
    assert ended.code == 3
    assert "evalgate model pull" in ended.err
    assert "case " in ended.err
