"""Send the arms of a report to Langfuse as experiments, and count back what is there."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from evalgate.change.workspace import Workspace
from evalgate.domain import Arm, Case, Config, GatePlan, GateReport, Json, ReleaseSettings, Report, Target
from evalgate.domain.lists import name_some
from evalgate.domain.masking import make_mask
from evalgate.domain.numbers import show_count
from evalgate.errors import Fault, InputError, MissingSecretError, ServiceError
from evalgate.gate.experiments import ArmContents, Experiment, ExperimentItem, PromptLink, make_experiment
from evalgate.gate.options import Machine
from evalgate.plan.gate_plan import make_fresh_trial
from evalgate.plan.target_changes import find_model
from evalgate.release.langfuse_chain import make_label_name
from evalgate.services.langfuse import Langfuse, LangfuseKeys
from evalgate.services.langfuse_experiments import MOST_SCORES_OF_ITEM, LangfuseExperiments, ReadItem

LAG_SECONDS = 90.0
"""How long a span or a score may take until it can be read. Langfuse documents 15 to 30 seconds."""

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 5.0
_SCANNED = 50
_NAMED = 3
_MARGIN_SECONDS = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class SentExperiment:
    """An experiment that is complete in Langfuse, with the numbers that were sent and counted back."""

    name: str
    items: int
    scores: int
    link: PromptLink | None


class ExperimentUpload:
    """Sends the report of one run. `prepare` is called with the plans of the run, before its first model call."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._plans: dict[str, GatePlan] = {}
        self._config: Config | None = None
        self._langfuse: Langfuse | None = None

    def prepare(self, workspace: Workspace, plans: Sequence[GatePlan]) -> None:
        """Take the plans, and check that the server answers to the keys.

        Raises MissingSecretError and InputError if host or keys are not set, or the package is not installed;
        LangfuseError if the server refuses the keys.
        """
        langfuse = open_project(workspace.config.release, self._machine.environment)
        LangfuseExperiments(langfuse).check_keys()
        self._langfuse, self._config = langfuse, workspace.config
        self._plans = {plan.gate.name: plan for plan in plans}

    def send(self, report: Report, kept: Mapping[str, Collection[str] | None]) -> list[SentExperiment]:
        """Send each arm that has answers, and wait until all items and scores can be read.

        Of `report` the withheld texts are taken out; `kept` has for each gate the cases whose texts may be sent, None
        for all. Raises LangfuseError, and ServiceError that names what is missing.
        """
        if self._langfuse is None or self._config is None:
            return []
        service = LangfuseExperiments(self._langfuse)
        experiments = [one for gate in report.gates for one in self._make(report, gate, kept[gate.evidence.name])]
        for experiment in experiments:
            spans = list(chain.from_iterable(item.spans for item in experiment.items))
            service.send_spans(spans, tool_version=report.tool_version)
            scores = list(chain.from_iterable(item.scores for item in experiment.items))
            service.send_scores([*scores, *([experiment.verdict] if experiment.verdict is not None else [])])
        since = _find_start(experiments)
        deadline = time.monotonic() + LAG_SECONDS
        for experiment in experiments:
            _count_back(service, experiment, since, deadline, self._langfuse.url)
        return [_summarise(one) for one in experiments]

    def _make(self, report: Report, gate: GateReport, kept: Collection[str] | None) -> Iterator[Experiment]:
        assert self._config is not None
        plan = self._plans[gate.evidence.name]
        config = self._config
        own_secret = self._machine.environment.get("LANGFUSE_SECRET_KEY", "")  # the configuration may not name it
        mask = make_mask(config, self._machine.environment, (*self._machine.secrets, own_secret))
        links = self._find_links(plan.gate.name) if gate.evidence.results else {}
        cases = {case.id: case for case in plan.dataset.cases}
        for arm, version, target in (
            (Arm.CANDIDATE, plan.candidate, plan.gate.candidate_target),
            (Arm.BASELINE, plan.baseline, plan.gate.baseline_target),
        ):
            if version is None or not any(one.arm is arm for one in gate.evidence.results):
                continue
            contents = ArmContents(
                link=links.get(version.digest),
                model=find_model(config.targets[target], version),
                find_input=_make_finder(plan, arm, cases, config.targets),
                find_expected=_make_expected_finder(cases),
                kept=kept,
            )
            made = make_experiment(report, gate, arm, contents, mask)
            if made is not None:
                yield made

    def _find_links(self, gate: str) -> dict[str, PromptLink]:
        """Return the versions of Langfuse that releases of evalgate wrote for a gate, by the digest of the prompt.

        Somebody may save another text with a copied `config`: the copy is the later one.
        """
        assert self._langfuse is not None
        name = make_label_name(gate)
        listing = self._langfuse.find_prompt(name)
        found: dict[str, PromptLink] = {}
        for number in reversed(listing.versions[-_SCANNED:] if listing is not None else ()):
            one = self._langfuse.read(name, number)
            about = None if one is None else one.config.get("evalgate")
            if isinstance(about, dict) and isinstance(about.get("digest"), str):
                found[about["digest"]] = PromptLink(name=name, version=number)
        return found


def open_project(release: ReleaseSettings | None, environment: Mapping[str, str]) -> Langfuse:
    """Open the project of a configuration's registry, else that of the variables of Langfuse's own clients.

    Raises InputError without a server, and MissingSecretError without keys. Nothing is requested yet.
    """
    if release is not None and release.is_langfuse:
        url, names = release.registry.removeprefix("langfuse:"), release.secret_variables
    else:
        url = environment.get("LANGFUSE_BASE_URL", "").strip() or environment.get("LANGFUSE_HOST", "").strip()
        names = ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY")
    if not url:
        raise InputError(
            "--langfuse: no Langfuse server is named",
            hint="set LANGFUSE_HOST to its address, or release.registry to langfuse:https://HOST",
        )
    public, secret = (environment.get(name, "").strip() for name in names)
    missing = [name for name, value in zip(names, (public, secret), strict=True) if not value]
    if missing:
        raise MissingSecretError(
            f"--langfuse: the variable {missing[0]} is not set",
            hint=f"set {' and '.join(names)} to a public and a secret key of the Langfuse project",
        )
    return Langfuse(url, LangfuseKeys(public=public, secret=secret))


def _make_finder(
    plan: GatePlan, arm: Arm, cases: Mapping[str, Case], targets: Mapping[str, Target]
) -> Callable[[str], Json]:
    """Return a function that tells what was sent for a case: messages, and for a Python function its fields.

    Where recorded outputs are read nothing is sent: the fields are the input.
    """

    def find(case: str) -> Json:
        if case not in cases:
            return None
        request = make_fresh_trial(plan, cases[case], arm, 0, targets).request
        messages: list[Json] = [
            {"role": one.role, "content": one.content} if one.images else one.encode() for one in request.messages
        ]
        fields: dict[str, Json] = dict(cases[case].fields)
        if not messages:
            return fields
        return messages if request.inputs is None else {"messages": messages, "fields": fields}

    return find


def _make_expected_finder(cases: Mapping[str, Case]) -> Callable[[str], Json]:
    return lambda case: cases[case].fields.get("expected") if case in cases else None


def _find_start(experiments: Sequence[Experiment]) -> str:
    """Return a time before the first item of all, as the server wants it."""
    starts = [int(item.spans[0]["startTimeUnixNano"]) for one in experiments for item in one.items]
    first = datetime.datetime.fromtimestamp(min(starts, default=0) // 1_000_000_000, datetime.UTC)
    shown = max(first - datetime.timedelta(seconds=_MARGIN_SECONDS), datetime.datetime.fromtimestamp(0, datetime.UTC))
    return shown.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _count_back(service: LangfuseExperiments, experiment: Experiment, since: str, deadline: float, url: str) -> None:
    """Wait until an experiment can be read as it was sent. Raises ServiceError that names what is missing."""
    wait = _FIRST_WAIT
    while True:
        lost = _list_lost(service, experiment, since)
        if not lost:
            return
        if time.monotonic() >= deadline:
            what = f'{url}: the experiment "{experiment.name}" is not complete after {LAG_SECONDS:.0f} seconds'
            raise ServiceError(
                faults=[
                    Fault(
                        message=f"{what}: {'; '.join(lost)}",
                        hint="check that the server's queue works, and repeat the command: no answer is paid twice",
                    )
                ]
            )
        time.sleep(max(0.0, min(wait, deadline - time.monotonic())))
        wait = min(_LONGEST_WAIT, wait * 2)


def _list_lost(service: LangfuseExperiments, experiment: Experiment, since: str) -> list[str]:
    """Return a phrase for each kind of what differs from what was sent."""
    there = service.read_items(experiment.id, since)
    missing = [item for item in experiment.items if item.root not in there]
    if missing:
        return [
            f"{len(missing)} of {show_count(len(experiment.items), 'item')} {'is' if len(missing) == 1 else 'are'} "
            f"missing ({_name_items(missing)})"
        ]
    lost: list[str] = []
    counted = service.count_items(experiment.id, since)
    if counted != len(experiment.items) or len(there) != len(experiment.items):
        lost.append(
            f"the server counts {show_count(counted, 'item')}, and "
            f"{show_count(len(experiment.items), 'was', 'were')} sent"
        )
    names = [
        f"{score['name']} of {item.case}"
        for item in experiment.items
        for score in _list_lost_scores(service, item, there[item.root])
    ]
    if experiment.verdict is not None and not _has(service.read_run_scores(experiment.id), experiment.verdict):
        names.append(f"{experiment.verdict['name']} of the run")
    if names:
        sent = _count_scores(experiment)
        lost.append(
            f"{len(names)} of {show_count(sent, 'score')} "
            f"{'is missing or differs' if len(names) == 1 else 'are missing or differ'} ({name_some(names, _NAMED)})"
        )
    return lost


def _list_lost_scores(service: LangfuseExperiments, item: ExperimentItem, there: ReadItem) -> list[Mapping[str, Any]]:
    lost = [score for score in item.scores if not _has(there.scores, score)]
    if lost and len(item.scores) > MOST_SCORES_OF_ITEM:  # the server does not show all of them beside the item
        values = service.read_trace_scores(item.trace)
        lost = [score for score in lost if not _has(values, score)]
    return lost


def _has(values: Mapping[str, Any], score: Mapping[str, Any]) -> bool:
    return score["id"] in values and values[score["id"]] == score["value"]


def _name_items(items: Sequence[ExperimentItem]) -> str:
    return name_some([item.case if not item.repeat else f"{item.case}, repeat {item.repeat}" for item in items], _NAMED)


def _count_scores(experiment: Experiment) -> int:
    return sum(len(item.scores) for item in experiment.items) + (experiment.verdict is not None)


def _summarise(experiment: Experiment) -> SentExperiment:
    return SentExperiment(
        name=experiment.name, items=len(experiment.items), scores=_count_scores(experiment), link=experiment.link
    )
