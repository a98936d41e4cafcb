"""Reports of runs without secrets: their artifacts are untrusted, and never prove a pass."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import pytest
from action.pull_request_comment import HEAD, NEWER
from github_server import GitHubServer

from evalgate.action import fork
from evalgate.action.event import OtherRun
from evalgate.domain import Report, Verdict
from evalgate.errors import InputError
from evalgate.report.status import make_status
from evalgate.services.github import GitHub
from evalgate.store import report_json

OTHER = OtherRun(id=3, event="pull_request", head=HEAD, fork=True, repository_id=8, owner="eve", branch="change")


def zipped(data: bytes, name: str = "report.json") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, data)
    return file.getvalue()


def offered(server: GitHubServer, github: GitHub, data: bytes, name: str = "evalgate-report") -> Report:
    server.state["runs"].clear()
    server.add_artifact(3, 30, name, data)
    return fork.read_fork_report(github, OTHER, "evalgate-report")


def test_a_pass_that_somebody_claims_is_none(server, github, samples) -> None:
    for name in ("pass", "nothing", "major", "inconclusive"):
        report = offered(server, github, zipped(report_json.render(samples.SAMPLES[name]()).encode()))
        assert (report.decision, make_status(report).state) == (Verdict.INCONCLUSIVE, "failure"), name
        assert report.exit_code != 0
        assert all(gate.decision is not Verdict.PASS for gate in report.gates)


def test_a_fail_that_somebody_claims_is_one(server, github, samples) -> None:
    report = offered(server, github, zipped(report_json.render(samples.failing()).encode()))
    assert make_status(report).state == "failure"
    assert report.decision is Verdict.FAIL


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b'{"format": 1}', b"\xff\xfe", b"[" * 100_000, "ä".encode(), b'{"format": 99}'],
    ids=["empty", "object", "format", "bytes", "deep", "text", "newer"],
)
def test_an_artifact_that_is_no_report_is_refused(server, github, data: bytes) -> None:
    with pytest.raises(InputError):
        offered(server, github, zipped(data))


def test_an_artifact_under_another_name_or_of_a_great_size_is_not_read(server, github, monkeypatch) -> None:
    with pytest.raises(InputError, match="no artifacts named"):
        offered(server, github, zipped(b"{}"), name="other")
    monkeypatch.setattr(fork, "MOST_ZIPPED", 10)
    with pytest.raises(InputError, match="at most 10"):
        offered(server, github, zipped(b"{}"))


def test_a_pull_request_is_found_by_its_head_and_the_repository_it_comes_from(server, github) -> None:
    server.add_pull(8, head=HEAD, author="eve", fork=("eve/prompts", 8))
    server.add_pull(9, head=NEWER, author="eve", fork=("eve/prompts", 8))
    server.add_pull(10, head=HEAD, author="eve", fork=("eve/prompts", 8), state="closed")
    assert [pull.number for pull in fork.pull_requests(github, OTHER)] == [8]
    assert fork.pull_requests(github, replace(OTHER, repository_id=9)) == ()
