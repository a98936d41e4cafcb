"""`release publish`: each changed prompt of the merged commit becomes a version, on the report that it passed with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from evalgate.change import base_policy
from evalgate.change.workspace import Commit
from evalgate.commands import decide, run
from evalgate.decide import sign_off
from evalgate.domain import Admission, Gate, GatePlan, GateReport, Report, Verdict
from evalgate.domain.numbers import show_count
from evalgate.errors import EvalgateError, InputError, InterruptedRunError, ServiceError
from evalgate.gate import adapted_targets, given_report, provenance, reports
from evalgate.gate.options import CallMode, Machine, Selection, open_for_run
from evalgate.gate.plans import make_plans, select_gates
from evalgate.plan.target_changes import compare_published, find_model
from evalgate.release import publication
from evalgate.release.document import PublishedVersion
from evalgate.release.ledger import LedgerWalk
from evalgate.release.promotion import Actor, check_number, find_highest, next_number, publish_version
from evalgate.release.publication import Proof, Provenance
from evalgate.release.registry import (
    RaceLostError,
    RefusedError,
    Registry,
    RegistryError,
    StoredDocument,
    append_document,
    check_name,
    check_new_name,
)
from evalgate.release.walked_ledger import WalkedLedger, require_whole
from evalgate.services.git_names import shorten_name

if TYPE_CHECKING:
    from evalgate.execute.engine import ProgressEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOptions:
    """What is to be published: gates by name (empty: all), and the report and the reason if they are given.

    `offer` gives further reports for the commit that gave a prompt its content, best first. The first one that fits and
    lets its change merge is used; without any, the gate has its stored verdict or is run.

    `source` is a version in Langfuse, langfuse:NAME@NUMBER, which is published in place of the prompts of HEAD.

    A `dry_run` evaluates, if it has to, but writes nothing to the registry.
    """

    gates: tuple[str, ...] = ()
    report: Path | None = None
    reason: str | None = None
    default_branch: str | None = None
    offer: Callable[[str], Sequence[Report]] = lambda commit: ()
    dry_run: bool = False
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """The outcome of a gate. `stored` is the document that has the version; None in a dry run.

    A gate that was not published has its `error`, and no version.
    """

    gate: str
    result: Literal["published", "planned", "unchanged", "refused"]
    version: PublishedVersion | None = None
    stored: StoredDocument | None = None
    error: EvalgateError | None = None

    @property
    def admission(self) -> Admission:
        """The exit code of the gate."""
        return Admission.PASS if self.error is None else Admission(self.error.exit_code)


def publish(
    config_path: Path,
    registry: Registry,
    by: Actor,
    options: PublishOptions,
    machine: Machine,
    *,
    on_event: Callable[[ProgressEvent], None] = lambda event: None,
) -> tuple[Publication, ...]:
    """Publish the prompts of HEAD that are not published yet, or a version in Langfuse. Return each gate's outcome.

    The rules are those of HEAD in both cases. A gate that is refused does not keep the others from being published.
    Raises InputError if HEAD is not merged, for an unknown gate, and for a report that is none.
    """
    if options.reason is not None and not options.reason.strip():
        raise InputError("--reason is blank", hint="say in one sentence why the prompt was changed")
    selection = _select(options, "HEAD", options.gates)
    workspace = open_for_run(config_path, selection, environment=machine.environment)
    assert isinstance(workspace, Commit)
    gates = select_gates(workspace, selection)
    gates = provenance.choose_gates(workspace, gates, options.source, named=bool(options.gates))
    _require_merged(workspace, options.default_branch)
    given = None if options.report is None else reports.load_report(options.report)
    work = _Publisher(config_path, workspace, registry, by, options, machine, given, on_event)
    return tuple(work.try_gate(gate) for gate in gates)


def describe_publication(one: Publication) -> str:
    """Return a sentence on a gate that was published, would be, or need not be; each channel has to escape it."""
    version = one.version
    assert version is not None
    if one.result == "unchanged":
        return f"{one.gate}: nothing to do: {version} was published at {version.at}"
    did = "would publish" if one.stored is None else "published"
    revision = "" if one.stored is None else f" as revision {one.stored.document.revision}"
    cases = show_count(version.evaluation.cases, "case")
    return f"{one.gate}: {did} {version}{revision}: {version.level}, {version.evaluation.decision} on {cases}"


def describe_lack(one: Publication) -> str:
    """Return the sentence on a version that lacks its sign-off; empty if it lacks none."""
    if one.version is None or not is_unsigned(one.version):
        return ""
    return f"{one.gate}: {one.version} has no sign-off, which production needs"


def is_unsigned(version: PublishedVersion) -> bool:
    """Return whether a version needs a sign-off and has none, so that production refuses it."""
    return version.needs_sign_off and version.sign_off is None


def _select(options: PublishOptions, head: str, gates: tuple[str, ...]) -> Selection:
    branch = options.default_branch
    return Selection(head=head, gates=gates, candidate=options.source, default_branch=branch, first=True)


def _require_merged(workspace: Commit, default_branch: str | None) -> None:
    """Raise InputError for a commit that is not merged: there, its author chooses the policy."""
    git, commit = workspace.git, workspace.git.commit
    default = git.default_branch(default_branch)
    if not git.is_ancestor(commit, default):
        name = shorten_name(default)
        raise InputError(
            f"{commit[:7]} is not on {name}: a version is published after the merge",
            hint=f"merge it into {name}, and push",
        )


class _Publisher:
    """Publishes the gates of a commit one by one."""

    def __init__(  # noqa: PLR0917
        self,
        config_path: Path,
        workspace: Commit,
        registry: Registry,
        by: Actor,
        options: PublishOptions,
        machine: Machine,
        given: Report | None,
        on_event: Callable[[ProgressEvent], None],
    ) -> None:
        self._config_path = config_path
        self._workspace = workspace
        self._registry = registry
        self._by = by
        self._options = options
        self._machine = machine
        self._given = given
        self._on_event = on_event

    def try_gate(self, gate: Gate) -> Publication:
        """Publish a gate's prompt. An error becomes its outcome, except that the user stopped the run."""
        try:
            return self._publish(gate)
        except InterruptedRunError:
            raise
        except EvalgateError as error:
            return Publication(gate=gate.name, result="refused", error=error)

    def _publish(self, gate: Gate) -> Publication:
        check_name(gate.name)
        if self._options.source is None:
            provenance.refuse_dirty(self._workspace, gate)
        last, ledger = self._read_ledger(gate.name)
        (plan,) = make_plans(self._workspace, [gate], self._select(gate), CallMode(), self._machine.store)
        known = self._find_known(plan, last)
        if known is not None:
            return known
        # all that needs no evidence is refused before a call is paid for
        self._refuse_older(gate, last)
        publication.read_messages(plan)
        origin = provenance.find_provenance(self._workspace, plan, self._options.reason, self._by)
        if plan.candidate.version is not None:
            check_number(last, gate.name, plan.candidate.version)
        proof = self._prove(plan, last, origin)
        try:
            return self._append(plan, proof, origin, last, ledger)
        except RaceLostError:
            last, ledger = self._read_ledger(gate.name)
            known = self._find_known(plan, last)
            if known is not None:
                return known
            self._refuse_older(gate, last)
            return self._append(plan, proof, origin, last, ledger)

    def _read_ledger(self, name: str) -> tuple[StoredDocument | None, WalkedLedger]:
        """Return the last document of a prompt, if any, and its ledger. Raises RefusedError for a broken one."""
        last = self._registry.read(name)
        if last is None:
            check_new_name(self._registry, name)
            return None, WalkedLedger(walk=LedgerWalk(name), first_break=None)
        return last, require_whole(self._registry, last)

    def _find_known(self, plan: GatePlan, last: StoredDocument | None) -> Publication | None:
        """Return the outcome for a content that is published already, and complete what that publication left undone.

        Raises RefusedError if the given report has the sign-off that the version lacks.
        """
        name, digest = plan.gate.name, plan.candidate.digest
        known = publication.find_publication(self._registry, last, digest)
        if known is None:
            return None
        self._refuse_other_model(plan, known)
        if self._given is not None and self._given.sign_off is not None and is_unsigned(known):
            raise RefusedError(
                f"{name}: {known} was published without a sign-off, and a published version never changes",
                hint="publish a further change together with its signed report: --report FILE",
            )
        if not self._options.dry_run and self._registry.find_version(name, digest) is None:
            self._registry.put(known, name)
        return Publication(gate=name, result="unchanged", version=known, stored=last)

    def _refuse_older(self, gate: Gate, last: StoredDocument | None) -> None:
        """Raise RefusedError if the newest version was merged after HEAD: its number has to be the highest.

        HEAD then does not have the commit of that version, and the default branch has it. Nothing is known of a commit
        that is not in this clone.
        """
        newest = None if last is None else find_highest(last.document)
        git = self._workspace.git
        if newest is None or newest.git_sha is None or not git.knows(newest.git_sha):
            return
        default = git.default_branch(self._options.default_branch)
        if git.is_ancestor(newest.git_sha, "HEAD") or not git.is_ancestor(newest.git_sha, default):
            return
        name = shorten_name(default)
        raise RefusedError(
            f"{gate.name}: {git.resolve('HEAD')[:7]} is older than {newest}, which was published from a later commit "
            f"of {name}, {newest.git_sha[:7]}",
            hint=f"publish {name} as it is now; to go back to an older text, merge a revert",
        )

    def _refuse_other_model(self, plan: GatePlan, known: PublishedVersion) -> None:
        """Raise RefusedError if a content was published with another model or other parameters than it has now.

        A version is known by its content, so the present configuration can have no version beside it.
        """
        target = self._workspace.config.targets[plan.gate.candidate_target]
        changed = compare_published(target, plan.candidate, known.model, known.parameters)
        if changed:
            raise RefusedError(
                f'{plan.gate.name}: {known} is published with what target "{target.name}" said then, and it has '
                f"changed since ({', '.join(changed)}); a published version never changes",
                hint=f"write the model and its parameters into {plan.candidate.path}, which makes it a new version, or "
                f"restore them in {self._workspace.config.path}",
            )

    def _append(
        self, plan: GatePlan, proof: Proof, origin: Provenance, last: StoredDocument | None, ledger: WalkedLedger
    ) -> Publication:
        name, level = plan.gate.name, proof.gate.evidence.level
        assert level is not None
        provenance.refuse_moved(self._workspace, plan)
        target = self._workspace.config.targets[plan.gate.candidate_target]
        version = publication.make_version(
            plan,
            proof,
            origin,
            plan.candidate.version or next_number(last, level.effective.name),
            self._by,
            target=target,
            model=find_model(target, plan.candidate),
        )
        document = ledger.follow(publish_version(last, name, version, self._by))
        if self._options.dry_run:
            return Publication(gate=name, result="planned", version=version)
        stored = append_document(self._registry, document)
        # afterwards, so that what the registry keeps is always what the ledger has
        self._registry.put(stored.document.versions[version.digest], name)
        return Publication(gate=name, result="published", version=version, stored=stored)

    def _select(self, gate: Gate) -> Selection:
        return _select(self._options, self._workspace.git.commit, (gate.name,))

    def _prove(self, plan: GatePlan, last: StoredDocument | None, origin: Provenance) -> Proof:
        """Return the report that lets the change merge: the given one, else the stored verdict, else that of a run.

        A report that is offered goes before the stored verdict, since it may carry a sign-off.
        """
        if self._given is not None:
            return self._decide_given(plan, self._given, last)
        for report in self._options.offer(origin.git_sha) if origin.git_sha is not None else ():
            try:
                return self._decide_given(plan, report, last)
            except RegistryError:
                raise
            except EvalgateError as error:
                self._machine.note(f"an earlier report is not used: {error.faults[0].message}")
        args = (self._select(plan.gate), self._machine, CallMode(), self._on_event)
        report = run.run(self._config_path, *args)
        (gate,) = report.gates
        _require_pass(gate)
        return publication.make_proof(report, gate, sign_off.digest_subject(report))

    def _decide_given(self, plan: GatePlan, given: Report, last: StoredDocument | None) -> Proof:
        """Decide the gate of a given report by the present rules. Raises RefusedError if it does not let it merge."""
        config = adapted_targets.add_known_to_config(self._workspace.config, self._machine.store, replayed=True)

        def is_published(digest: str) -> bool:
            return publication.find_publication(self._registry, last, digest) is not None

        reasons = [
            given_report.explain_unfit(given, plan, one, is_published)
            for one in base_policy.list_code_variants(config, self._workspace.git)
        ]
        why = None if None in reasons else reasons[0]
        if why is not None:
            raise RefusedError(
                f"{plan.gate.name}: the report {why}",
                hint="give the report of this change, or leave out --report: the gate is then run, as far as needed",
            )
        (own,) = (gate for gate in given.gates if gate.evidence.name == plan.gate.name)
        current = replace(own, evidence=given_report.bring_up_to_date(own.evidence, plan))
        alone = replace(given, gates=(current,), sign_off=None)
        (gate,) = decide.decide_again(alone, config, floors={}, max_drop=None).gates
        _require_pass(gate)
        whole = replace(given, gates=tuple(gate if one is own else one for one in given.gates))
        return publication.make_proof(whole, gate, sign_off.digest_subject(whole), source=given)


def _require_pass(gate: GateReport) -> None:
    """Raise RefusedError, with what decides it, unless the gate lets its change merge, possibly after a sign-off."""
    if not gate.exit_code.blocks:
        return
    blocking = [one for one in gate.findings if one.blocks and one.decision is not Verdict.PASS]
    deciding = next((one.sentence for one in blocking if one.decision is gate.decision), "")
    message = f"{gate.evidence.name}: the gate's verdict is {gate.decision.value}: {deciding}".rstrip(": ")
    if not gate.exit_code.was_evaluated:
        raise ServiceError(message)
    raise RefusedError(message, hint="`evalgate run` shows the whole report")
