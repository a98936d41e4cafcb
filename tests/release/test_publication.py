"""Which content a ledger has, and what a version says about its report."""

from __future__ import annotations

from dataclasses import replace

import pytest
from release.documents import make_version
from release.memory_registry import MemoryRegistry

from evalgate.decide import policy
from evalgate.domain import (
    DEFAULT_LEVELS,
    ChangeLevel,
    Criterion,
    DatasetRef,
    Evidence,
    GateReport,
    Level,
    Policy,
    PolicyChange,
    Requirement,
    SignOff,
    Threshold,
    VersionRef,
)
from evalgate.errors import InputError
from evalgate.gate.reports import make_report
from evalgate.release.document import PublishedVersion
from evalgate.release.promotion import Actor, publish_version
from evalgate.release.publication import (
    _make_time,
    _refuse_unreadable,
    digest_report,
    digest_rules,
    find_publication,
    make_proof,
)
from evalgate.release.registry import RegistryError, StoredDocument
from evalgate.store import report_json

BY = Actor(id="a1", who="ada", at="2026-11-29T12:00:00Z")


def publish(registry: MemoryRegistry, version: PublishedVersion) -> None:
    registry.put(version, "support")
    registry.append(publish_version(registry.read("support"), "support", version, BY))


def test_a_content_of_an_earlier_document_is_published() -> None:
    registry = MemoryRegistry()
    versions = [make_version(f"1.{number}.0", str(number)) for number in range(4)]
    assert find_publication(registry, registry.read("support"), versions[0].digest) is None
    for version in versions:
        publish(registry, version)
    last = registry.read("support")
    assert last is not None and versions[0].digest not in last.document.versions
    for version in versions:
        assert find_publication(registry, last, version.digest) == version


def test_a_content_that_was_only_put_is_not_published() -> None:
    registry = MemoryRegistry()
    publish(registry, make_version("1.0.0", "a"))
    other = make_version("1.1.0", "b")
    registry.put(other, "support")
    assert find_publication(registry, registry.read("support"), other.digest) is None


def test_a_damaged_revision_that_may_have_the_content_is_an_error() -> None:
    registry = MemoryRegistry()
    versions = [make_version(f"1.{number}.0", str(number)) for number in range(3)]
    for version in versions:
        publish(registry, version)
    first, *rest = registry.documents["support"]
    registry.documents["support"] = [StoredDocument(document=first.document, data=first.data[:-20]), *rest]
    with pytest.raises(RegistryError, match="evalgate release verify support"):
        find_publication(registry, registry.read("support"), versions[0].digest)


def test_the_digest_of_a_report_is_that_of_its_file() -> None:
    import hashlib

    report = make_report(())
    assert digest_report(report) == hashlib.sha256(report_json.render(report).encode()).hexdigest()


def test_times_of_reports_become_times_of_documents() -> None:
    assert _make_time("2026-11-29T13:00:00+01:00") == "2026-11-29T12:00:00Z"
    assert _make_time("2026-11-29T12:00:00") == "2026-11-29T12:00:00Z"
    with pytest.raises(InputError, match='"soon" in the report is not a time'):
        _make_time("soon")


@pytest.mark.parametrize(
    "changes",
    [{"version": "1.0.99999999999"}, {"tools": ("search",)}, {"parameters": {"temperature": float("nan")}}],
)
def test_a_version_that_no_reader_would_take_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"^p\.md: the prompt cannot be published: "):
        _refuse_unreadable(replace(make_version(), **changes), "p.md")  # type: ignore[arg-type]


def make_gate(**changes: object) -> GateReport:
    level = ChangeLevel(declared=None, minimum=Level.MINOR, effective=Level.MINOR)
    evidence = Evidence(
        name="support",
        level=level,
        candidate=VersionRef(name="support", version=None, digest="1" * 64, source="x"),
        baseline=None,
        dataset=DatasetRef(path="cases.jsonl", digest="2" * 64, cases=1),
        criteria=(),
        results=(),
    )
    rules = Policy(levels=DEFAULT_LEVELS)
    return replace(policy.decide(evidence, {}, rules, rules.levels[Level.MINOR]), **changes)  # type: ignore[arg-type]


SIGNED = SignOff(by="grace", at="2026-11-29T12:00:00+00:00", kind="review", commit="0" * 40, subject="s" * 64)


def test_a_proof_has_the_sign_off_of_its_own_subject_alone() -> None:
    report = replace(make_report([make_gate()]), sign_off=SIGNED)
    assert make_proof(report, report.gates[0], "s" * 64).sign_off == SIGNED
    assert make_proof(report, report.gates[0], "t" * 64).sign_off is None
    decided = replace(report, sign_off=None, run_id="another")
    proof = make_proof(decided, report.gates[0], "s" * 64, source=report)
    assert (proof.sign_off, proof.run_id, proof.report) == (SIGNED, report.run_id, digest_report(report))


def test_a_change_of_the_policy_needs_a_sign_off_at_any_level() -> None:
    gate = make_gate(requirements=())
    assert not make_proof(make_report([gate]), gate, "s" * 64).needs_sign_off
    edited = make_report([gate], (), [PolicyChange(path="evalgate.yml", digest="3" * 64)])
    assert make_proof(edited, gate, "s" * 64).needs_sign_off
    asked = make_gate(requirements=(Requirement(kind="sign_off", state="met", detail=""),))
    assert make_proof(make_report([asked]), asked, "s" * 64).needs_sign_off


def test_the_rules_of_a_verdict_have_a_digest() -> None:
    gate = make_gate()
    others = [
        replace(gate, thresholds={"facts": Threshold(minimum=0.5)}),
        replace(gate, policy=replace(gate.policy, alpha=0.04)),
        replace(gate, level_policy=replace(gate.level_policy, canary_hours=1)),
        replace(
            gate,
            evidence=replace(
                gate.evidence, criteria=(Criterion(name="c", kind="check", blocking=True, digest="4" * 64),)
            ),
        ),
    ]
    assert len({digest_rules(one) for one in (gate, *others)}) == 1 + len(others)
