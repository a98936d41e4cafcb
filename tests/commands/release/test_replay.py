"""Tests of `evalgate release replay`: a published version against what production answered."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Reply, completion
from gated_project import Ended
from release.documents import make_version
from release.stories import promote, publish
from shop_project import Shop

from evalgate.domain import Message, PromptVersion, ReportKind, Verdict
from evalgate.gate.reports import load_report
from evalgate.release.document import PublishedMessage, PublishedVersion, Variable
from evalgate.release.registry import Registry
from evalgate.release.registry_access import open_registry
from evalgate.store import report_json

Run = Callable[..., Ended]
ROWS = 60
REGISTRY = "sqlite:releases.db"
CONFIG = """\
format: 1
targets:
  api: {{type: openai, base_url: "{url}", api_key_env: API_KEY, model: m, prices: {{input: 1, output: 2}}}}
gates:
  - name: support
    prompt: prompts/support.prompt.yml
    dataset: cases.jsonl
    samples: {{baseline: 3, candidate: 1}}
    checks:
      - {{type: is_json}}
      - {{type: contains, name: fact, from: expected}}
      - {{type: latency, max_seconds: 5}}
      - {{type: length, name: short, max_chars: 400, when: {{tags: [long]}}, blocking: false}}
    judges:
      - {{rubric: faithfulness}}
    thresholds:
      faithfulness: {{min: 0.6, max_drop: 0.10}}
      fact: {{min: 0.9}}
run: {{attempts: 1}}
release: {{registry: "{registry}", rollout: {{rows: "rows/*.jsonl"}}}}
"""


def make_prompt(number: str, manner: str) -> PublishedVersion:
    """Return a version whose document tells its prompt."""
    made = PromptVersion(
        name="support",
        path="prompts/support.prompt.yml",
        source="prompts/support.prompt.yml",
        messages=(
            Message(role="system", content=f"Answer. {manner}"),
            Message(role="user", content="{{query}}\n{{context}}"),
        ),
        version=number,
    )
    return make_version(
        number,
        digest=made.digest,
        model="m",
        parameters={},
        messages=(
            PublishedMessage(role="system", parts=(f"Answer. {manner}",)),
            PublishedMessage(role="user", parts=(Variable(name="query"), "\n", Variable(name="context"))),
        ),
    )


OLD = make_prompt("1.0.0", "Be exact.")
NEW = make_prompt("1.1.0", "Be brief.")


def make_rows(count: int = ROWS, *, hours: float = 1, **changes: Any) -> list[dict[str, Any]]:
    at = datetime.now(UTC) - timedelta(hours=hours)
    return [
        {
            "id": f"row-{number}",
            "at": (at - timedelta(seconds=number)).isoformat(),
            "prompt": "support",
            "version": OLD.version,
            "digest": OLD.digest,
            "variant": "production",
            "key": f"user-{number}",
            "error": None,
            "seconds": 1.0,
            "cost_usd": 0.01,
            "scores": {},
            "fields": {"query": f"question {number}", "context": f"fact {number}", "note": "unused"},
            "output": json.dumps({"answer": f"fact {number}"}),
            **changes,
        }
        for number in range(count)
    ]


class Project:
    """A folder with a configuration, a registry with two versions, and an endpoint that answers for the candidate."""

    def __init__(self, root: Path, server: ChatServer, run: Run) -> None:
        self.root = root
        self.server = server
        self.run = run
        self.registry: Registry = open_registry(REGISTRY, root)
        self.answer: Callable[[str, str], str | Reply] = lambda system, user: json.dumps({"answer": user})
        self.grade: Callable[[str], int] = lambda judged: 4
        server.script = self._script

    def write(self, rows: list[dict[str, Any]], *more: str) -> None:
        text = "".join(json.dumps(row) + "\n" for row in rows) + "".join(f"{line}\n" for line in more)
        (self.root / "rows/today.jsonl").write_text(text)

    def configure(self, old: str, new: str) -> None:
        text = (self.root / "evalgate.yml").read_text()
        assert old in text
        (self.root / "evalgate.yml").write_text(text.replace(old, new))

    def replay(self, *options: str) -> Ended:
        self.server.received.clear()
        return self.run("release", "replay", "support", "--output", "report.json", "--format", "json", *options)

    @property
    def gate(self) -> dict[str, Any]:
        return json.loads((self.root / "report.json").read_text())["gates"][0]  # type: ignore[no-any-return]

    @property
    def asked(self) -> list[str]:
        """The user messages of the requests to the application, not to the judge."""
        return [one.body["messages"][-1]["content"] for one in self.server.received if not _is_judged(one.body)]

    def _script(self, received: Any, number: int) -> Reply:
        messages = received.body["messages"]
        if _is_judged(received.body):
            return Reply(body=completion(json.dumps({"score": self.grade(messages[-1]["content"]), "reason": "so"})))
        text = self.answer(messages[0]["content"], messages[-1]["content"])
        return text if isinstance(text, Reply) else Reply(body=completion(text))


def _is_judged(body: dict[str, Any]) -> bool:
    return bool(body.get("response_format"))


@pytest.fixture
def project(tmp_path: Path, chat_server: ChatServer, evalgate: Run, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("API_KEY", "secret-key-123")
    (tmp_path / "evalgate.yml").write_text(CONFIG.format(url=chat_server.url, registry=REGISTRY))
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/support.prompt.yml").write_text(
        "name: support\nmessages: [{role: user, content: '{{query}}'}]\n"
    )
    (tmp_path / "cases.jsonl").write_text('{"id": "c", "query": "q", "expected": "e", "tags": ["long"]}\n')
    (tmp_path / "rows").mkdir()
    made = Project(tmp_path, chat_server, evalgate)
    publish(made.registry, OLD)
    promote(made.registry, OLD)
    publish(made.registry, NEW)
    return made


def test_an_equal_version_passes_and_a_second_replay_costs_nothing(project: Project) -> None:
    rows = make_rows()
    texts = {row["id"]: row["output"] for row in rows}
    project.write(rows)
    told = project.replay()
    gate = project.gate
    assert (told.code, gate["decision"], gate["level"]) == (0, "PASS", None), gate["findings"]
    assert len(project.asked) == ROWS, "the candidate is asked once about each row, and production never"
    assert f"replays {ROWS} rows; " in told.err and "about $" in told.err
    baseline = {one["case"]: one["outcome"]["text"] for one in gate["results"] if one["arm"] == "baseline"}
    assert len(baseline) >= ROWS / 2 and all(text == texts[case] for case, text in baseline.items())
    assert [one["name"] for one in gate["criteria"]] == ["is_json", "faithfulness", "answered"]
    notes = " ".join(gate["notes"])
    assert "not a verdict of the gate, and moves no label" in notes
    assert "fact is left out: it needs `expected`" in notes and "short is left out" in notes and "latency" in notes
    assert gate["replay"]["rows"] == gate["replay"]["sampled"] == ROWS and not gate["requirements"]
    first = [one["scores"] for one in gate["results"]]
    told = project.replay()
    assert told.code == 0 and not project.server.received, "nothing is paid twice"
    assert [one["scores"] for one in project.gate["results"]] == first
    assert not (project.root / ".evalgate/report.json").exists(), "the last report is that of a run"


def test_a_worse_version_fails_and_its_report_says_that_it_is_a_replay(project: Project) -> None:
    project.write(make_rows())
    project.grade = lambda judged: 2 if "question" in judged.rpartition("answer")[2] else 5
    told = project.replay("--format", "terminal")
    assert (told.code, project.gate["decision"]) == (1, "FAIL"), project.gate["findings"]
    assert "FAIL, a replay" in told.out and "which is not a verdict of the gate" in " ".join(told.out.split())
    report = load_report(project.root / "report.json")
    assert report.gates[0].evidence.kind is ReportKind.REPLAY
    again = project.run("decide", "report.json", "--output", "again.json")
    assert again.code == 1
    assert (project.root / "again.json").read_bytes() == (project.root / "report.json").read_bytes()


def test_an_answer_that_newly_fails_a_blocking_check_is_asked_again_on_both_arms(project: Project) -> None:
    project.write(make_rows())
    project.answer = lambda system, user: "no JSON" if "brief" in system and "question 7\n" in user else "{}"
    told = project.replay()
    assert (told.code, project.gate["decision"]) == (1, "FAIL"), project.gate["findings"]
    (failed,) = [one for one in project.gate["blocking"] if one["criterion"] == "is_json"]
    assert failed["for_good"] == ["row-7"]
    again = [one for one in project.gate["confirmations"] if one["case"] == "row-7"]
    assert {one["arm"] for one in again} == {"baseline", "candidate"}, "the version in production is asked again"


def test_a_refusal_counts_in_every_later_replay(project: Project) -> None:
    project.write(make_rows())
    refusal = Reply(body=completion(None, message={"refusal": "no"}))
    project.answer = lambda system, user: refusal if "brief" in system and "question 7\n" in user else "{}"
    project.replay()
    (answered,) = [one for one in project.gate["blocking"] if one["criterion"] == "answered"]
    assert answered["for_good"] == ["row-7"]
    project.answer = lambda system, user: "{}"
    assert project.replay().code == 1 and not project.server.received
    assert "had no answer in an earlier run" in " ".join(project.gate["notes"])


def test_a_version_that_was_published_with_another_model_is_not_asked_again(project: Project) -> None:
    other = open_registry("sqlite:other.db", project.root)
    publish(other, replace(OLD, model="m-0"))
    promote(other, replace(OLD, model="m-0"))
    publish(other, NEW)
    project.write(make_rows())
    project.answer = lambda system, user: "no JSON" if "question 7\n" in user else "{}"
    told = project.replay("--registry", "sqlite:other.db")
    assert told.code == 4 and "cannot be asked again" in " ".join(project.gate["notes"])
    assert not project.gate["redraws"] and not project.gate["confirmations"]


def test_equal_questions_keep_their_own_answers(project: Project) -> None:
    rows = make_rows()
    for row in rows[:2]:
        row["fields"] = {"query": "the same", "context": "fact"}
    rows[0]["output"], rows[1]["output"] = "not JSON", "{}"
    project.write(rows)
    project.replay()
    texts = {one["case"]: one["outcome"]["text"] for one in project.gate["results"] if one["arm"] == "baseline"}
    assert (texts["row-0"], texts["row-1"]) == ("not JSON", "{}")
    assert project.gate["units"] == ROWS - 1


@pytest.mark.parametrize("count", [0, 1])
def test_too_many_rows_with_a_fault_are_inconclusive(project: Project, count: int) -> None:
    project.write(make_rows(), *["no row"] * count)
    told = project.replay()
    assert (told.code, project.gate["decision"]) == ((4, "INCONCLUSIVE") if count else (0, "PASS"))
    assert project.gate["replay"]["faults"] == ({"not an object of JSON": 1} if count else {})
    assert not count or "1 of 61 rows of production is left out" in project.gate["findings"][0]["sentence"]


def test_rows_that_do_not_fit_are_counted(project: Project) -> None:
    rows = make_rows()
    rows[3]["fields"] = {"query": "question 3", "context": None}
    rows[4]["fields"] = {"context": "fact 4"}
    project.write(rows)
    told = project.replay()
    assert told.code == 4 and "2 of 60 chosen rows have fields that do not fit" in json.dumps(project.gate["findings"])
    assert len(project.asked) == ROWS - 2


def test_only_answers_of_production_with_texts_are_replayed(project: Project) -> None:
    others = [
        {"variant": "candidate"}, {"digest": NEW.digest}, {"error": "timeout"}, {"fields": None}, {"output": None},
        {"prompt": "other"}, {"at": "2020-01-01T00:00:00Z"},
    ]  # fmt: skip
    rows = [{**make_rows(1)[0], "id": f"other-{n}", "key": f"other-{n}", **one} for n, one in enumerate(others)]
    project.write(rows)
    told = project.replay()
    assert told.code == 3 and "1 failed" in told.err and "2 without `fields` or `output`" in told.err, told.err
    assert "older than the hours" in told.err and "of another label" in told.err
    project.write([*rows, *make_rows()])
    told = project.replay("--first", "20")
    assert told.code in (0, 4) and len(project.asked) == 20
    again = set(project.asked)
    (project.root / ".evalgate/cache.sqlite3").unlink()
    project.write([*reversed(make_rows()), *rows])
    project.replay("--first", "20")
    assert set(project.asked) == again, "the order of the rows does not matter"


def test_a_dry_run_says_what_it_would_cost_and_calls_nothing(project: Project) -> None:
    project.write(make_rows())
    told = project.replay("--dry-run")
    assert told.code == 0 and not project.server.received and not (project.root / "report.json").exists()
    assert "180 calls to make, 60 answers cached" in told.err


def test_texts_stay_in_the_machine_where_the_configuration_says_so(project: Project) -> None:
    project.configure("run: {attempts: 1}", "run: {attempts: 1}\nreport: {texts: none}")
    project.write(make_rows(output='{"answer": "a secret of a user"}'))
    for form in ("json", "markdown", "html", "csv", "junit"):
        told = project.run("release", "replay", "support", "--format", form)
        assert told.code == 0 and "secret of a user" not in told.out and "question 1" not in told.out, form
        assert form == "csv" or "replay" in told.out, "each report says what it is"


def test_what_cannot_be_replayed_is_an_error_before_any_call(project: Project) -> None:
    project.write(make_rows())

    def refuse(code: int, words: str, *options: str) -> None:
        told = project.replay(*options)
        assert told.code == code and words in told.err and not project.server.received, told.err

    refuse(2, "is in production", "--version", "1.0.0")
    refuse(2, 'no version "9.9.9"', "--version", "9.9.9")
    refuse(3, "no such file of rows", "--rows", "nowhere.jsonl")
    refuse(2, "Invalid value", "--hours", "nan")
    refuse(2, "Invalid value", "--first", "0")
    assert project.run("release", "replay", "suport").code == 2
    project.configure("model: m,", "model: m-2,")
    refuse(2, "has changed since")
    project.configure("model: m-2,", "model: m,")
    text = (project.root / "evalgate.yml").read_text()
    lines = [line for line in text.splitlines() if "is_json" not in line and "faithfulness" not in line]
    (project.root / "evalgate.yml").write_text("\n".join(lines).replace("    judges:\n", "") + "\n")
    refuse(2, "there is no criterion that rows of production can be scored by")


def test_a_replay_is_no_evidence_for_a_release(project: Project) -> None:
    project.write(make_rows())
    assert project.replay().code == 0
    report = load_report(project.root / "report.json")
    assert report.decision is Verdict.PASS and report.gates[0].evidence.verdict_key is None
    before = project.registry.read("support")
    assert project.run("release", "status", "support").code == 0
    assert project.registry.read("support") == before, "nothing was written to the ledger"
    assert not list((project.root / ".evalgate").glob("verdicts/*.json"))
    assert report_json.render(report) == (project.root / "report.json").read_text()


@pytest.mark.parametrize("seed", range(2))
def test_noise_of_both_versions_is_no_loss(project: Project, seed: int) -> None:
    """The grades of both arms vary by the same distribution."""
    rng = random.Random(seed)
    project.configure("faithfulness: {min: 0.6, max_drop: 0.10}", "faithfulness: {max_drop: 0.15}")
    project.write([{**row, "output": json.dumps({"answer": f"old {n}"})} for n, row in enumerate(make_rows(120))])
    project.grade = lambda judged: rng.choice([3, 4, 4, 5])
    assert project.replay().code != 1


@pytest.mark.parametrize("form", ["mustache", "jinja", "text"])
def test_a_prompt_of_any_form_is_asked_as_it_was_published(shop: Shop, form: str) -> None:
    """A document does not tell the prompt of another syntax: it is read from its commit."""
    if form == "text":
        shop.configure("prompts/support.prompt.yml", "prompts/support.md")

    def merge(manner: str, *options: str) -> None:
        if form == "text":
            shop.world.repository.write("prompts/support.md", f"Answer in one friendly sentence, and {manner}\n")
        else:
            shop.write(manner)
        path = shop.root / "prompts/support.prompt.yml"
        if form == "jinja":
            path.write_text(path.read_text().replace("messages:", "template: jinja\nmessages:"))
        shop.world.repository.git("add", "--all")
        shop.world.repository.git("commit", "--quiet", "-m", "edit", *options)
        told = shop.publish()
        assert told.code == 0, told.err

    merge("be exact and friendly, always and everywhere.", "--amend")
    assert shop.world.evalgate("release", "promote", "support", "--to", "production").code == 0
    merge("be brief, please.")
    old = shop.document()
    assert old is not None
    rows = [
        {**row, "version": "1.0.0", "digest": old.labels["production"], "fields": {"query": f"question {number}"}}
        for number, row in enumerate(make_rows(20))
    ]
    (shop.root / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shop.world.server.received.clear()
    told = shop.world.evalgate("release", "replay", "support", "--rows", "rows.jsonl", "--output", "report.json")
    assert told.code == 0, told.err + told.out
    asked = [one.body["messages"] for one in shop.world.server.received]
    assert len(asked) == 20 and {messages[-1]["content"] for messages in asked} == {f"question {n}" for n in range(20)}
    assert all("be brief, please." in messages[0]["content"] for messages in asked)
