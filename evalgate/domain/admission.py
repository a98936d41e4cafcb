"""The merge state of a gate or a report: whether its change may merge, and the exit code for it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from evalgate.errors import ExitCode


class Admission(IntEnum):
    """The merge state of a change. The value equals the exit code of the same name.

    A gate has one of PASS, FAIL, AWAITING_SIGN_OFF, INCONCLUSIVE and NOT_EVALUATED. Only the report of a run that
    ended with an error before any verdict has USAGE or INTERRUPTED.
    """

    PASS = ExitCode.PASS
    FAIL = ExitCode.FAIL
    AWAITING_SIGN_OFF = ExitCode.AWAITING_SIGN_OFF
    INCONCLUSIVE = ExitCode.INCONCLUSIVE
    NOT_EVALUATED = ExitCode.NOT_EVALUATED
    USAGE = ExitCode.USAGE
    INTERRUPTED = ExitCode.INTERRUPTED

    @property
    def lets_merge(self) -> bool:
        """Return whether the change may merge as it is, possibly with a warning."""
        return self is Admission.PASS

    @property
    def awaits_sign_off(self) -> bool:
        """Return whether the change may merge once a person has signed it off."""
        return self is Admission.AWAITING_SIGN_OFF

    @property
    def blocks(self) -> bool:
        """Return whether the change must not merge, even with a sign-off."""
        return not (self.lets_merge or self.awaits_sign_off)

    @property
    def was_evaluated(self) -> bool:
        """Return whether a verdict on the evidence was reached."""
        return self not in _NOT_JUDGED

    @property
    def is_open(self) -> bool:
        """Return whether more evidence or a sign-off can still turn this into a pass without another edit."""
        return self in (Admission.INCONCLUSIVE, Admission.AWAITING_SIGN_OFF)


_NOT_JUDGED = (Admission.USAGE, Admission.INTERRUPTED, Admission.NOT_EVALUATED)
_SEVERITY = (Admission.FAIL, *_NOT_JUDGED, Admission.INCONCLUSIVE, Admission.AWAITING_SIGN_OFF, Admission.PASS)


def combine_admissions(several: Iterable[Admission]) -> Admission:
    """Return the most severe of several admissions; PASS where there is none."""
    return min(several, key=_SEVERITY.index, default=Admission.PASS)
