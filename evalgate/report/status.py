"""Make the commit status of a verdict: one of four states, and its description."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evalgate.domain import Admission, Level, Report, Verdict
from evalgate.errors import EvalgateError
from evalgate.report import view
from evalgate.report.escape import basic, line, prose

LONGEST = 140
"""The most characters of a description that GitHub accepts."""

Word = Literal["PASS", "FAIL", "INCONCLUSIVE", "PENDING", "ERROR"]
State = Literal["success", "failure", "pending", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The result of a run, as a required check shows it. Only the state `success` lets a change merge."""

    verdict: Word
    state: State
    sentence: str
    code: Admission

    @property
    def description(self) -> str:
        """The sentence on one line of at most 140 characters, after the verdict where the state does not show it."""
        shown = self.sentence if self.verdict in ("PENDING", "ERROR") else f"{self.verdict}: {self.sentence}"
        text = basic(line(prose(shown)))
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 4].rstrip()} ..."


EVALUATING = Status(verdict="PENDING", state="pending", sentence="being evaluated", code=Admission.NOT_EVALUATED)
"""The status of a commit while its run is in progress."""


def make_status(report: Report, *, waiting_for: str | None = None) -> Status:
    """Return the status of a report. `waiting_for` says what a sign-off still needs."""
    code = report.exit_code
    if code.awaits_sign_off:
        sentence = (
            f"{describe_level(report)}: {waiting_for or 'needs a sign-off by a person who did not write the change'}"
        )
        return Status(verdict="PENDING", state="pending", sentence=sentence, code=code)
    if code.lets_merge:
        return Status(verdict=_word(report.standing), state="success", sentence=_sentence(report), code=code)
    if code.was_evaluated:
        return Status(verdict=_word(report.standing), state="failure", sentence=_sentence(report), code=code)
    return Status(verdict="ERROR", state="error", sentence=f"could not evaluate: {_sentence(report)}", code=code)


def make_error_status(error: EvalgateError) -> Status:
    """Return the status after an error: the first fault, and the number of further ones."""
    first, *more = error.faults
    where = f"{first.place}: " if first.place else ""
    others = f" (and {len(more)} more)" if more else ""
    sentence, code = f"{where}{first.message}{others}", Admission(error.exit_code)
    return Status(verdict="ERROR", state="error", sentence=sentence, code=code)


def describe_level(report: Report) -> str:
    """Return the name of the strictest change level in a report; empty where there is none."""
    if report.policy_changes:
        return Level.MAJOR.name
    found = [gate.evidence.level.effective for gate in report.gates if gate.evidence.level is not None]
    return max(found).name if found else ""


def _word(verdict: Verdict) -> Word:
    match verdict:
        case Verdict.PASS:
            return "PASS"
        case Verdict.FAIL:
            return "FAIL"
        case Verdict.INCONCLUSIVE:
            return "INCONCLUSIVE"


def _sentence(report: Report) -> str:
    """Return the deciding sentence: of the only gate, or the number of blocking gates and the sentence of the first.

    Answers that were drawn again decide nothing: the sentence says so.
    """
    if report.redrawn is not None:
        return view.redrawn(report)
    code = report.exit_code
    worst = next((gate for gate in report.gates if gate.exit_code is code and not code.lets_merge), None)
    if len(report.gates) == 1 or worst is None:
        return view.sentence(report)
    return f"{view.sentence(report)} {worst.evidence.name}: {view.find_deciding_sentence(worst)}"
