"""How often one pull request was tried: what luck makes of that, and what a strict policy asks for then.

Each content that is decided draws new answers, so a change that is worse by the whole allowed drop has one more chance
to pass with each. Contents are told apart by the keys of their verdicts: running one again, or changing white space in
it, is no new attempt.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import repeat

from evalgate.decide import policy
from evalgate.domain import Admission, Attempts, Finding, GateReport, Report, Requirement, Verdict, digest

STRICT_UNITS = 59
"""On fewer units no verdict proves an allowed drop of 0.05 to be kept: after one FAIL nothing could merge any more."""

SIGNED_FROM = 4
"""The first attempt whose PASS needs a sign-off under a strict policy."""

UNKNOWN = Attempts(number=None, blocked_before=True, luck=None)
"""The number could not be found out: taken for the one that a strict policy asks most of."""

_MOST = 100_000  # as many heads no pull request has
_KEY = 32  # hexadecimal digits, 128 bits: an author cannot search for two contents that share them
_STRICT = "(policy.attempts: strict)"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastVerdict:
    """One verdict that was recorded on a pull request: the key of its content, and whether it blocked."""

    key: str
    blocked: bool


def compute_key(report: Report) -> str:
    """What tells the content that a report decided from other contents: 32 hexadecimal digits.

    Empty where no gate has the key of a verdict: then there is no chance in the verdict that could be tried again.
    """
    keys = {gate.evidence.name: gate.evidence.verdict_key for gate in report.gates if gate.evidence.verdict_key}
    return digest(sorted([name, key] for name, key in keys.items()))[:_KEY] if keys else ""


def count_attempts(recorded: Iterable[PastVerdict], present: str, *, alpha: float, queued: bool = False) -> Attempts:
    """The attempts that were recorded, in any order, and the `present` content (its key).

    A `queued` verdict is that of a merge queue on what has passed before: it is no further chance, and not counted.
    """
    found = list(recorded)
    keys = {one.key for one in found} | (set() if queued else {present})
    number = max(1, len(keys))
    blocked = any(one.blocked and one.key != present for one in found)
    return Attempts(number=number, blocked_before=blocked, luck=chance_of_pass(number, alpha))


def chance_of_pass(number: int, alpha: float) -> float:
    """The chance that at least one of `number` independent trials passes where each does with probability `alpha`.

    1 - (1 - alpha)^number, the family-wise error rate (Sidak 1967, J. Am. Stat. Assoc. 62: 626-633). The rule lets a
    drop of the allowed size pass with probability alpha at most. The product is multiplied out: the same on every
    machine.
    """
    return 1.0 - math.prod(repeat(1.0 - alpha, number))


def compute_alpha(gates: Sequence[GateReport]) -> float:
    """The level at which the gates' own policy lets a drop of the allowed size pass."""
    return max((gate.policy.alpha for gate in gates), default=0.0)


def restate(attempts: Attempts, gates: Sequence[GateReport]) -> Attempts:
    """The same number of attempts, with the chance that the policy of these gates gives."""
    if attempts.number is None or not 1 <= attempts.number <= _MOST:
        return UNKNOWN
    return replace(attempts, luck=chance_of_pass(attempts.number, compute_alpha(gates)))


def apply_attempts(report: Report, attempts: Attempts | None) -> Report:
    """The report of gates that were decided alone, with what their policy makes of the attempts."""
    gates = tuple(apply_demands(gate, attempts) for gate in report.gates)
    decision, exit_code = policy.conclude(gates, report.policy_changes)
    told = None if attempts is None else restate(attempts, gates)
    return replace(report, gates=gates, decision=decision, exit_code=exit_code, attempts=told)


def apply_demands(gate: GateReport, attempts: Attempts | None) -> GateReport:
    """A gate that was decided alone, with what its policy asks for after so many attempts.

    Strict, with 59 units and more: after a verdict that blocked an INCONCLUSIVE blocks, and from the fourth attempt on
    a PASS needs a sign-off.
    """
    if attempts is None or gate.policy.attempts != "strict" or gate.units < STRICT_UNITS:
        return gate
    if gate.exit_code.blocks:
        return gate
    if gate.decision is Verdict.INCONCLUSIVE and attempts.blocked_before:
        return _block(gate, attempts)
    if gate.decision is Verdict.PASS and (attempts.number is None or attempts.number >= SIGNED_FROM):
        return _require_sign_off(gate, attempts)
    return gate


def _block(gate: GateReport, attempts: Attempts) -> GateReport:
    why = "An earlier verdict in this pull request blocked"
    if attempts.number is None:
        why = "Whether an earlier verdict in this pull request blocked is not known"
    finding = _make_finding(Verdict.INCONCLUSIVE, f"{why}, so an INCONCLUSIVE blocks as well {_STRICT}.")
    return replace(gate, exit_code=Admission.INCONCLUSIVE, findings=(finding, *gate.findings), requirements=())


def _require_sign_off(gate: GateReport, attempts: Attempts) -> GateReport:
    which = "How often this pull request was tried is not known"
    if attempts.number is not None:
        which = f"This is attempt {attempts.number} in this pull request"
    finding = _make_finding(Verdict.PASS, f"{which}: from attempt {SIGNED_FROM} on a PASS needs a sign-off {_STRICT}.")
    requirements = gate.requirements
    if all(one.kind != "sign_off" for one in requirements):
        detail = "sign-off by a person who did not write the change"
        requirements = (*requirements, Requirement(kind="sign_off", state="pending", detail=detail))
    return replace(
        gate, exit_code=Admission.AWAITING_SIGN_OFF, findings=(*gate.findings, finding), requirements=requirements
    )


def _make_finding(decision: Verdict, sentence: str) -> Finding:
    blocks = decision is Verdict.INCONCLUSIVE
    return Finding(criterion=None, kind="attempts", decision=decision, sentence=sentence, blocks=blocks)
