"""The verdict that stands on a commit: evalgate's last status there, unless it only says that a run began."""

from __future__ import annotations

from collections.abc import Mapping

from evalgate.action import heads
from evalgate.action.posted_comment import Sticky
from evalgate.domain import Admission, Report
from evalgate.report.status import EVALUATING, Status, Word
from evalgate.services.github_rows import CommitStatus

_DECIDED = ("success", "failure")
_WORDS: Mapping[str, tuple[Word, ...]] = {"success": ("PASS", "INCONCLUSIVE"), "failure": ("FAIL", "INCONCLUSIVE")}
"""The verdicts that the description of a decided status begins with, by its state; the first where it says none."""


def find_standing(sticky: Sticky, context: str, sha: str) -> CommitStatus | None:
    """Return the verdict of this context that stands on a commit; None if there is none. Raises ServiceError.

    A run that was cancelled leaves the status of its beginning, which is not a verdict. Nor is an error.
    """
    last = next(iter(heads.list_own_statuses(sticky, context, sha)), None)
    if last is None or last.state == "error" or last.description == EVALUATING.description:
        return None
    return last


def is_decided(standing: CommitStatus | None) -> bool:
    """Return True for a verdict that waits for nothing."""
    return standing is not None and standing.state in _DECIDED


def outlasts(standing: CommitStatus | None, status: Status, report: Report, key: str) -> bool:
    """Return True if a decided verdict stays in spite of what a later run of the same commit found.

    So it does if that run could not evaluate the commit. A success also stays if the same content (`key`) fails when it
    is drawn anew: a verdict is reached once. A gate without a key does not depend on chance, and its failure counts.
    """
    if standing is None or not is_decided(standing):
        return False
    if status.state == "error":
        return True
    blocking = [gate for gate in report.gates if gate.exit_code.blocks]
    is_same = bool(key) and heads.read_key(standing) == key
    drawn = bool(blocking) and all(gate.evidence.verdict_key is not None for gate in blocking)
    return standing.state == "success" and status.state == "failure" and is_same and drawn


def make_kept_status(standing: CommitStatus) -> Status:
    """Return the status of a run that leaves the standing verdict as it is, with the verdict that its description says.

    An INCONCLUSIVE may let a change merge, or block it with an exit code of its own.
    """
    if standing.state not in _WORDS:
        asked = heads.read_sign_off(standing)
        code = Admission.AWAITING_SIGN_OFF if asked else Admission.NOT_EVALUATED
        return Status(verdict="PENDING", state="pending", sentence=standing.description, code=code)
    word, _, sentence = standing.description.partition(":")
    verdict = next((one for one in _WORDS[standing.state] if one == word), None)
    if verdict is None:
        verdict, sentence = _WORDS[standing.state][0], standing.description
    code = Admission.INCONCLUSIVE if verdict == "INCONCLUSIVE" else Admission.FAIL
    code = Admission.PASS if standing.state == "success" else code
    return Status(verdict=verdict, state=standing.state, sentence=sentence.strip(), code=code)
