"""Count the attempts of one pull request, and apply what a strict policy requires after several of them.

Each content that is evaluated draws new answers. So with each attempt, a change that is worse by the whole allowed drop
has one more chance to pass. Contents are distinguished by the keys of their verdicts. Running the same content again,
or changing only its white space, is not a new attempt.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import repeat

from evalgate.decide import policy
from evalgate.domain import Admission, Attempts, Finding, GateReport, Report, Requirement, Verdict, digest

STRICT_UNITS = 59
"""The fewest units for which strict applies.

Fewer units cannot prove that a drop is smaller than 0.05, so after one FAIL no change could merge any more.
"""

SIGNED_FROM = 4
"""The first attempt whose PASS needs a sign-off under a strict policy."""

UNKNOWN = Attempts(number=None, blocked_before=True, chance_of_pass=None)
"""An unknown number of attempts; a strict policy then applies its most severe requirements."""

_MOST = 100_000  # more attempts than any pull request has
_KEY = 32  # hexadecimal digits, 128 bits: too many to search for two contents with the same key
_STRICT = "(policy.attempts: strict)"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastVerdict:
    """One verdict that was recorded on a pull request: the key of its content, and whether it blocked."""

    key: str
    blocked: bool


def compute_key(report: Report) -> str:
    """Return the key of the content that a report decided: 32 hexadecimal digits.

    The key is empty where no gate has a verdict key. Such a verdict does not depend on chance, so trying again changes
    nothing.
    """
    keys = {gate.evidence.name: gate.evidence.verdict_key for gate in report.gates if gate.evidence.verdict_key}
    return digest(sorted([name, key] for name, key in keys.items()))[:_KEY] if keys else ""


def count_attempts(recorded: Iterable[PastVerdict], present: str, *, alpha: float, queued: bool = False) -> Attempts:
    """Count the `recorded` attempts, in any order, and the `present` content (its key).

    A `queued` verdict comes from a merge queue, for content that has passed before. It is not counted as an attempt.
    """
    found = list(recorded)
    keys = {one.key for one in found} | (set() if queued else {present})
    number = max(1, len(keys))
    blocked = any(one.blocked and one.key != present for one in found)
    return Attempts(number=number, blocked_before=blocked, chance_of_pass=chance_of_pass(number, alpha))


def chance_of_pass(number: int, alpha: float) -> float:
    """Return the probability that at least one of `number` independent trials passes, each with probability `alpha`.

    1 - (1 - alpha)^number, the family-wise error rate (Sidak 1967, J. Am. Stat. Assoc. 62: 626-633). The decision rule
    lets a drop of the allowed size pass with probability alpha at most. The power is computed by multiplication, so
    that the result is the same on every machine.
    """
    return 1.0 - math.prod(repeat(1.0 - alpha, number))


def compute_alpha(gates: Sequence[GateReport]) -> float:
    """Return the largest alpha of the gates' policies; 0 without a gate."""
    return max((gate.policy.alpha for gate in gates), default=0.0)


def restate(attempts: Attempts, gates: Sequence[GateReport]) -> Attempts:
    """Return the same number of attempts, with the chance recomputed from the policy of these gates."""
    if attempts.number is None or not 1 <= attempts.number <= _MOST:
        return UNKNOWN
    return replace(attempts, chance_of_pass=chance_of_pass(attempts.number, compute_alpha(gates)))


def apply_attempts(report: Report, attempts: Attempts | None) -> Report:
    """Apply the number of attempts to a report whose gates were decided without it."""
    gates = tuple(apply_demands(gate, attempts) for gate in report.gates)
    decision, exit_code = policy.conclude(gates, report.policy_changes)
    restated = None if attempts is None else restate(attempts, gates)
    return replace(report, gates=gates, decision=decision, exit_code=exit_code, attempts=restated)


def apply_demands(gate: GateReport, attempts: Attempts | None) -> GateReport:
    """Apply what the policy requires after so many attempts to a gate that was decided without them.

    This concerns `policy.attempts: strict` and gates of 59 units or more. After a verdict that blocked, an INCONCLUSIVE
    blocks. From the fourth attempt on, a PASS needs a sign-off.
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
        why = "It is not known whether an earlier verdict in this pull request blocked"
    finding = _make_finding(Verdict.INCONCLUSIVE, f"{why}, so an INCONCLUSIVE blocks as well {_STRICT}.")
    return replace(gate, exit_code=Admission.INCONCLUSIVE, findings=(finding, *gate.findings), requirements=())


def _require_sign_off(gate: GateReport, attempts: Attempts) -> GateReport:
    which = "The number of attempts in this pull request is not known"
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
