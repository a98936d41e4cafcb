"""Sending the arms of a report: the project, the inputs as they were sent, and what counts as missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from langfuse_server import PUBLIC, SECRET, LangfuseServer
from plan import small_gate
from report.samples import passing, result

from evalgate.domain import Arm, Output, ReleaseSettings, Score
from evalgate.domain.masking import Mask
from evalgate.errors import InputError, MissingSecretError, ServiceError
from evalgate.gate import experiment_upload
from evalgate.gate.experiment_upload import _count_back, _find_start, _make_finder, open_project
from evalgate.gate.experiments import ArmContents, Experiment, make_experiment
from evalgate.services.langfuse import Langfuse, LangfuseKeys
from evalgate.services.langfuse_experiments import LangfuseExperiments

KEYS = {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk"}
HERE = ReleaseSettings(registry="langfuse:https://registry.test")


@pytest.fixture
def server() -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        yield made
        assert made.violations == []


@pytest.mark.parametrize(
    ("release", "environment", "url"),
    [
        (None, {"LANGFUSE_HOST": "https://host.test/"}, "https://host.test"),
        (None, {"LANGFUSE_BASE_URL": " https://base.test ", "LANGFUSE_HOST": "https://host.test"}, "https://base.test"),
        (HERE, {"LANGFUSE_HOST": "https://host.test"}, "https://registry.test"),
        (ReleaseSettings(registry="sqlite:a"), {"LANGFUSE_HOST": "https://host.test"}, "https://host.test"),
    ],
)
def test_the_registry_names_the_project_and_else_the_environment(
    release: ReleaseSettings | None, environment: dict[str, str], url: str
) -> None:
    assert open_project(release, KEYS | environment).url == url


@pytest.mark.parametrize(
    ("release", "environment", "kind", "told"),
    [
        (None, KEYS, InputError, "no Langfuse server is named"),
        (None, {"LANGFUSE_HOST": "https://host.test"}, MissingSecretError, "LANGFUSE_PUBLIC_KEY is not set"),
        (HERE, {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": " "}, MissingSecretError, "SECRET_KEY is not set"),
        (None, {**KEYS, "LANGFUSE_HOST": "host.test"}, InputError, "https, a host"),
    ],
)
def test_what_is_not_set_is_told(
    release: ReleaseSettings | None, environment: dict[str, str], kind: type[InputError], told: str
) -> None:
    with pytest.raises(kind, match=told):
        open_project(release, environment)


def make(criteria: int) -> Experiment:
    whole = passing()
    scores = {f"c{number:03}": Score(value=number / criteria) for number in range(criteria)}
    results = tuple(result(f"case-{number}", Arm.CANDIDATE, 0, Output(text="x"), **scores) for number in range(2))
    gate = replace(whole.gates[0], evidence=replace(whole.gates[0].evidence, results=results, confirmations=()))
    contents = ArmContents(
        link=None, model=None, find_input=lambda case: None, find_expected=lambda case: None, kept=None
    )
    made = make_experiment(whole, gate, Arm.CANDIDATE, contents, Mask(()))
    assert made is not None
    return made


def send(server: LangfuseServer, experiment: Experiment) -> LangfuseExperiments:
    service = LangfuseExperiments(Langfuse(server.url, LangfuseKeys(public=PUBLIC, secret=SECRET)))
    service.send_spans([span for item in experiment.items for span in item.spans], tool_version="1")
    service.send_scores([score for item in experiment.items for score in item.scores])
    assert experiment.verdict is not None
    service.send_scores([experiment.verdict])
    return service


def test_more_scores_than_the_server_shows_beside_an_item_are_counted(server: LangfuseServer) -> None:
    made = make(60)
    service = send(server, made)
    _count_back(service, made, _find_start([made]), 0.0, server.url)
    lost = made.items[1].scores[7]
    del server.rows.scores[lost["id"]]
    with pytest.raises(ServiceError, match=r"1 of 121 scores is missing or differs \(c007 of case-1\)"):
        _count_back(service, made, _find_start([made]), 0.0, server.url)


def test_a_score_with_another_value_is_told(server: LangfuseServer) -> None:
    made = make(3)
    service = send(server, made)
    server.rows.scores[made.items[0].scores[1]["id"]][0]["value"] = 0.125
    with pytest.raises(ServiceError, match=r"1 of 7 scores is missing or differs \(c001 of case-0\)"):
        _count_back(service, made, _find_start([made]), 0.0, server.url)


def test_an_item_that_no_run_sent_is_reported(server: LangfuseServer) -> None:
    made = make(3)
    service = send(server, made)
    about = {"id": made.id, "name": made.name, "item.id": "case-9", "item.root_observation_id": "9" * 16}
    facts = {f"langfuse.experiment.{name}": value for name, value in about.items()}
    server.rows.seed_span(start=_find_start([made]).replace("Z", "+00:00"), span="9" * 16, **facts)
    with pytest.raises(ServiceError, match="the server counts 3 items, and 2 were sent"):
        _count_back(service, made, _find_start([made]), 0.0, server.url)


def test_the_waiting_has_an_end(server: LangfuseServer, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make(1)
    service = send(server, made)
    server.rows.lag = 1_000_000
    waits: list[float] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(experiment_upload.time, "sleep", sleep)
    monkeypatch.setattr(experiment_upload.time, "monotonic", lambda: now[0])
    with pytest.raises(ServiceError, match=r"2 of 2 items are missing \(case-0, case-1\)"):
        _count_back(service, made, _find_start([made]), experiment_upload.LAG_SECONDS, server.url)
    assert sum(waits) == experiment_upload.LAG_SECONDS and max(waits) == 5.0 and len(waits) < 30


def test_the_input_is_what_was_sent() -> None:
    fields = {"id": "c1", "query": "q1", "context": "text", "expected": "x"}
    messages = [{"role": "user", "content": "Answer q1 from text"}]
    expected = {"api": messages, "app": fields, "rag": {"messages": messages, "fields": fields}}
    for target, sent in expected.items():
        made = small_gate.plan(small_gate.gate(target))
        find = _make_finder(made, Arm.CANDIDATE, {one.id: one for one in made.dataset.cases}, small_gate.TARGETS)
        assert find("c1") == sent and find("unknown") is None


def test_each_arm_has_the_input_of_its_own_prompt() -> None:
    made = small_gate.plan(baseline=small_gate.prompt("Before {{query}}"))
    cases = {one.id: one for one in made.dataset.cases}
    before = _make_finder(made, Arm.BASELINE, cases, small_gate.TARGETS)("c2")
    assert before == [{"role": "user", "content": "Before q2"}]
