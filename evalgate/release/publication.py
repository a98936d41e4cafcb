"""Publication: the version that a passing report makes of a prompt, and whether a content is published already."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from evalgate.domain import GatePlan, GateReport, Json, Level, PromptVersion, Report, SignOff, Target, digest
from evalgate.errors import InputError, Place
from evalgate.release.checked_value import DocumentError
from evalgate.release.contents import has_plain_values, make_contents
from evalgate.release.document import (
    Approval,
    Evaluation,
    PublishedMessage,
    PublishedVersion,
    encode_version,
    parse_document,
    parse_version,
)
from evalgate.release.promotion import Actor
from evalgate.release.published_prompt import rebuild_prompt
from evalgate.release.registry import Registry, RegistryError, StoredDocument
from evalgate.store import codec, report_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a version comes from: the author and the commit of its content, the path there, and why it was changed.

    A version in Langfuse has no commit, and its `source` is langfuse:NAME@NUMBER.
    """

    author: str
    git_sha: str | None
    source: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The report that a version is published on, with its gate as decided by the present rules.

    `report` is the digest of the report. A sign-off approves its `subject`.
    """

    gate: GateReport
    run_id: str
    created_at: str
    report: str
    subject: str
    needs_sign_off: bool
    sign_off: SignOff | None


def make_proof(report: Report, gate: GateReport, subject: str, *, source: Report | None = None) -> Proof:
    """Return the proof that a gate of a report is. `source` is the report as it was given, if it was decided again.

    Its sign-off counts only if it approves the subject. A change of the policy needs one as the gate's level may.
    """
    given = source or report
    awaits = any(requirement.kind == "sign_off" for requirement in gate.requirements) or bool(given.policy_changes)
    signed = given.sign_off
    return Proof(
        gate=gate,
        run_id=given.run_id,
        created_at=given.created_at,
        report=digest_report(given),
        subject=subject,
        needs_sign_off=awaits,
        sign_off=signed if signed is not None and signed.subject == subject else None,
    )


def digest_report(report: Report) -> str:
    """Return the sha256, in hex, of a report as evalgate writes it."""
    found = hashlib.sha256()
    for piece in report_json.pieces(report):
        found.update(piece.encode("ascii"))
    return found.hexdigest()


def digest_rules(gate: GateReport) -> str:
    """Return the digest of what a verdict was reached by: criteria, thresholds and policy."""
    criteria: list[Json] = [[one.name, one.kind, one.blocking, one.digest] for one in gate.evidence.criteria]
    limits: dict[str, Json] = {name: [one.minimum, one.max_drop] for name, one in gate.thresholds.items()}
    return digest([criteria, limits, gate.policy.as_json(), asdict(gate.level_policy)])


def read_messages(plan: GatePlan) -> tuple[PublishedMessage, ...]:
    """Return the messages of a gate's candidate. Raises InputError for what cannot be published."""
    return make_contents(plan.candidate, {field for case in plan.dataset.cases for field in case.fields})


def make_version(
    plan: GatePlan, proof: Proof, origin: Provenance, number: str, by: Actor, *, target: Target, model: str | None
) -> PublishedVersion:
    """Return the version that is published of a gate's candidate, on the proof of its report.

    `target` and `model` are what it was evaluated with. Raises InputError for a content that no document can have.
    """
    candidate, level = plan.candidate, proof.gate.evidence.level
    assert level is not None, "the gate of a change has a level"
    canary = any(requirement.kind == "canary" for requirement in proof.gate.requirements)
    version = PublishedVersion(
        digest=candidate.digest,
        version=number,
        author=origin.author,
        at=by.at,
        reason=origin.reason,
        git_sha=origin.git_sha,
        source=origin.source,
        model=model,
        parameters=dict(target.merge_parameters(candidate.parameters)),
        response_format=candidate.response_format,
        tools=candidate.tools,
        messages=read_messages(plan),
        level=level.effective.name,
        canary_hours=proof.gate.level_policy.canary_hours if canary else 0,
        needs_sign_off=proof.needs_sign_off,
        sign_off=_make_approval(proof.sign_off),
        evaluation=_make_evaluation(plan, proof),
        plain_values=has_plain_values(candidate),
    )
    return _refuse_lost(_refuse_unreadable(version, candidate.path), candidate)


def find_publication(registry: Registry, last: StoredDocument | None, digest: str) -> PublishedVersion | None:
    """Return the version of a content that a prompt's ledger has; None if it was never published.

    A version that was put, but that no document names, was not published. Raises RegistryError for a damaged ledger.
    """
    if last is None:
        return None
    name = last.document.name
    if digest in last.document.versions:
        return last.document.versions[digest]
    for data in registry.history(name):
        if digest.encode() not in data:
            continue
        try:
            document = parse_document(data)
        except DocumentError as error:
            raise RegistryError(
                f"{name}: a revision cannot be read: {error}", hint=f"evalgate release verify {name}"
            ) from None
        if digest in document.versions:
            return document.versions[digest]
    return None


def _make_evaluation(plan: GatePlan, proof: Proof) -> Evaluation:
    evidence = proof.gate.evidence
    assert evidence.candidate is not None
    scores: dict[str, Mapping[str, Json]] = {
        one.criterion: {
            "value": one.candidate.value,
            "low": one.candidate.low,
            "high": one.candidate.high,
            "n": one.candidate.n,
        }
        for one in proof.gate.comparisons
        if one.candidate is not None
    }
    return Evaluation(
        decision=str(codec.encode(proof.gate.decision)),
        evaluated=evidence.evaluated or evidence.candidate.digest,
        subject=proof.subject,
        report=proof.report,
        run_id=proof.run_id,
        at=_make_time(proof.created_at),
        dataset=evidence.dataset.digest,
        cases=len(plan.dataset.cases),
        policy=digest_rules(proof.gate),
        scores=scores,
        baseline=None if plan.baseline is None else plan.baseline.digest,
        minor_canary_hours=proof.gate.policy.levels[Level.MINOR].canary_hours,
    )


def _make_approval(given: SignOff | None) -> Approval | None:
    if given is None:
        return None
    return Approval(
        by=given.by, at=_make_time(given.at), kind=given.kind, commit=given.commit, subject=given.subject, url=given.url
    )


def _make_time(written: str) -> str:
    """Return a time of a report in the form of documents: in UTC, with a Z at the end."""
    try:
        moment = datetime.datetime.fromisoformat(written)
    except ValueError:
        raise InputError(
            f'"{written[:60]}" in the report is not a time', hint="give the report as a run wrote it"
        ) from None
    moment = moment.replace(tzinfo=datetime.UTC) if moment.tzinfo is None else moment.astimezone(datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _refuse_lost(version: PublishedVersion, candidate: PromptVersion) -> PublishedVersion:
    """Return the version. Raises InputError for one in no repository that its document does not give back.

    Later gates are compared with the prompt that was evaluated, and no commit has it.
    """
    if version.git_sha is None and rebuild_prompt(version, candidate.name) is None:
        raise InputError(
            "the prompt cannot be published: a release document does not have all of it, and no commit has it",
            place=Place(path=candidate.path),
            hint="write its variables as {{name}}, in letters, digits and _",
        )
    return version


def _refuse_unreadable(version: PublishedVersion, path: str) -> PublishedVersion:
    """Return the version as readers will read it. Raises InputError if they would refuse it."""
    try:
        return parse_version(encode_version(version))
    except (DocumentError, ValueError, TypeError) as error:
        raise InputError(f"the prompt cannot be published: {error}", place=Place(path=path)) from None
