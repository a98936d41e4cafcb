"""The draws of a candidate that its endpoint answered with no answer: a refusal, a filtered or an empty reply.

Such a draw counts in every later run of the same candidate, as an answer does that the cache holds: a second draw in
its place would be a second chance to pass, also after an edit of the rules or of other cases. Each one is written to
the store at once, so that an interrupted run forgets none. In an outage the endpoint gives such replies to every
prompt. So the baseline is asked about the same case in the same minutes, and where it lacks answers as well, the draws
of that run do not count: the next run makes them again.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from evalgate.decide import outages
from evalgate.domain import (
    Arm,
    Case,
    Config,
    Failure,
    GatePlan,
    GateReport,
    Outcome,
    Request,
    Target,
    Trial,
    answered,
    decode_outcome,
    digest,
    encode_outcome,
)
from evalgate.domain.numbers import show_count
from evalgate.gate import verdict_cache
from evalgate.plan.gate_plan import make_fresh_trial
from evalgate.store.store import Store

Draw: TypeAlias = tuple[str, int]
"""A draw of the candidate: case and repeat."""
_Asked: TypeAlias = tuple[Draw, str]
"""A draw with the digest of its request: a case that was edited asks something else, one with another id the same."""
Asking: TypeAlias = Generator[Sequence[Request], Sequence[Outcome], Outcome]

_REFUSED = "refused in an earlier run of the same content: "


class UnansweredDraws:
    """The draws without an answer of one plan: `earlier` ones, which count, and those of this run, in the file `path`.

    `ask` answers a trial. It writes a draw without an answer, then asks the baseline as a control, unless `controls` is
    False.
    """

    def __init__(self, path: Path, plan: GatePlan, targets: Mapping[str, Target], *, controls: bool = True) -> None:
        self._path = path
        self._plan = plan
        self._targets = targets
        self._run = uuid.uuid4().hex[:12]
        baseline = None if plan.baseline is None else targets[plan.gate.baseline_target]
        self._can_control = controls and baseline is not None and baseline.kind != "recorded"
        self._controls = 0
        self._controlled: set[str] = set()
        self._drawn: dict[Draw, Failure] = {}
        self._free = {result.case for result in plan.stored if is_unanswered(result.outcome)}
        self.earlier = self.load()

    def load(self) -> Mapping[Draw, Failure]:
        """Return the draws that count, of all runs so far. Lines that cannot be read are ignored."""
        found: dict[_Asked, Failure] = {}
        for run in _read(self._path):
            draws = run.list_own()
            if not outages.is_outage(_count_most_of_one_repeat(draws), run.cases, run.list_controls(self._can_control)):
                found |= draws
        asking: dict[str, list[str]] = defaultdict(list)
        for case in self._plan.dataset.cases if found else ():
            asking[self._identify_request(case)].append(case.id)
        known: dict[Draw, Failure] = {}
        for ((name, repeat), request), failure in found.items():
            same = asking.get(request, [])
            known |= {(one, repeat): failure for one in same if one == name or name not in same}
        return known

    def ask(self, trial: Trial) -> Asking:
        """Yield the trial's request, and return its outcome; one without an answer that is known needs no request.

        It is known from an earlier run, or from this one before the baseline was drawn anew.
        """
        if trial.arm is not Arm.CANDIDATE:
            return (yield [trial.request])[0]
        draw = (trial.case.id, trial.repeat)
        known = self.earlier.get(draw) or self._drawn.get(draw)
        if known is not None:
            return known
        (outcome,) = yield [trial.request]
        if not isinstance(outcome, Failure) or not is_unanswered(outcome):
            return outcome
        self._drawn[draw] = replace(outcome, cached=True)
        case = trial.case.id
        if case not in self._free:
            content = {"request": self._identify_request(trial.case), "cases": len(self._plan.dataset.cases)}
            self._write({"case": case, "repeat": trial.repeat, **content, **encode_outcome(outcome)})
            controls = self._make_controls(trial)
            for reply in (yield controls) if controls else ():
                if not isinstance(reply, Failure) or is_unanswered(reply):
                    has_answer = answered.score_answered(reply, "allow")
                    self._write({"control": case, "answered": getattr(has_answer, "value", 0.0) > 0})
        return outcome

    def add_note(self, gate: GateReport) -> GateReport:
        """Return the report with a note on the draws of earlier runs that it counts."""
        evidence = gate.evidence
        drawn = (*evidence.results, *evidence.confirmations)
        count = sum(r.arm is Arm.CANDIDATE and (r.case, r.repeat) in self.earlier for r in drawn)
        if not count:
            return gate
        note = (
            f"{show_count(count, 'draw')} of the candidate had no answer in an earlier run of the same "
            "content, and count as they were: an answer that followed a refusal in an earlier run would be a second "
            "draw. Edit the prompt, or `evalgate cache prune --forget-verdicts` if the endpoint was at fault"
        )
        return replace(gate, evidence=replace(evidence, notes=(*evidence.notes, note)))

    def forget(self) -> None:
        """Remove the file, so that no other run counts these draws."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _identify_request(self, case: Case) -> str:
        """Return the digest of what the candidate is asked about a case; white space and hidden text do not matter."""
        request = make_fresh_trial(self._plan, case, Arm.CANDIDATE, 0, self._targets).request
        return digest([[message.normalized_identity for message in request.messages], request.inputs])

    def _make_controls(self, trial: Trial) -> list[Request]:
        """Return new requests of the baseline on the trial's case, of which no answer is known."""
        case = trial.case
        if not self._can_control or case.id in self._controlled:
            return []
        self._controlled.add(case.id)
        count = min(outages.count_controls(len(self._plan.dataset.cases)), outages.CONTROLS - self._controls)
        numbers = range(self._controls, self._controls + count)
        self._controls += count
        made = [make_fresh_trial(self._plan, case, Arm.BASELINE, number, self._targets).request for number in numbers]
        return [replace(request, stream=f"control {self._run}") for request in made]

    def _write(self, row: Mapping[str, Any]) -> None:
        line = json.dumps({"run": self._run, **row}) + "\n"
        with contextlib.suppress(OSError):  # the cache has reported this already
            self._path.parent.mkdir(parents=True, exist_ok=True)
            number = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                os.write(number, line.encode())  # in one call: other processes append to the same file
            finally:
                os.close(number)


def open_draws(store: Store, plan: GatePlan, config: Config, *, replayed: bool) -> UnansweredDraws | None:
    """Return the draws without an answer of a plan's candidate; None if no chance is involved, or none is remembered.

    Gates, shards and runs by other rules share the draws of one candidate. Hidden text in a prompt shares them with the
    text that is shown, as a FAIL does.
    """
    keys = verdict_cache.compute_keys(plan, config, replayed=replayed)
    return None if keys is None else UnansweredDraws(store.find_unanswered(keys.draws), plan, config.targets)


def ask_target(trial: Trial) -> Asking:
    """Yield the trial's request, and return its outcome."""
    (outcome,) = yield [trial.request]
    return outcome


def is_unanswered(outcome: Outcome | None) -> bool:
    """Return True if the endpoint replied, and its reply is not an answer."""
    return isinstance(outcome, Failure) and (outcome.kind == "unusable" or outcome.refused)


@dataclass(slots=True)
class _Run:
    """The lines of one run: draws without an answer, and by case whether each control was answered.

    `cases` is the number of the gate's cases then.
    """

    draws: dict[_Asked, Failure] = field(default_factory=dict)
    controls: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    cases: int = 0

    def list_own(self) -> dict[_Asked, Failure]:
        """Return the draws of cases that the baseline was ever answered, or never asked."""
        lacking = self._list_lacking()
        return {asked: failure for asked, failure in self.draws.items() if asked[0][0] not in lacking}

    def list_controls(self, can_control: bool) -> list[bool] | None:
        """Return the controls of these cases; None without a baseline."""
        if not can_control:
            return None
        lacking = self._list_lacking()
        return [control for case, own in self.controls.items() if case not in lacking for control in own]

    def _list_lacking(self) -> set[str]:
        return {case for case, own in self.controls.items() if not any(own)}


def _count_most_of_one_repeat(draws: Iterable[_Asked]) -> int:
    """Return how many cases lack an answer in the same repeat.

    A control is one draw of its case. Of three draws, one is without an answer more often than of one.
    """
    return max(Counter(repeat for (_, repeat), _ in draws).values(), default=0)


def _read(path: Path) -> Iterator[_Run]:
    runs: dict[str, _Run] = defaultdict(_Run)
    with contextlib.suppress(OSError):
        for line in path.read_bytes().splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
                row = json.loads(line)
                run = runs[str(row["run"])]
                if "control" in row:
                    run.controls[str(row["control"])].append(row["answered"] is True)
                elif is_unanswered(failure := decode_outcome(row)):
                    draw, cases = (str(row["case"]), int(row["repeat"])), int(row["cases"])
                    run.draws[draw, str(row["request"])] = _mark_earlier(failure)
                    run.cases = cases
    yield from runs.values()


def _mark_earlier(failure: Outcome) -> Failure:
    assert isinstance(failure, Failure)
    message = f"{_REFUSED}{failure.message}" if failure.refused else failure.message
    return replace(failure, message=message, cached=True)
