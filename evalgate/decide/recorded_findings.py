"""The finding on a verdict that an earlier run recorded for the same content: a second draw does not replace it."""

from __future__ import annotations

from evalgate.domain import Admission, Evidence, Finding, Verdict

_HINT = "the same content is decided once; edit the prompt or the cases"


def find_finding(evidence: Evidence, found: Admission) -> Finding | None:
    """Return the finding that keeps the recorded verdict, if the one `found` now is better; else None."""
    past = evidence.recorded
    if past is None or found is Admission.FAIL or (found.blocks and past.decision is not Verdict.FAIL):
        return None
    page = f": {past.page}" if past.page else ""
    sentence = f"An earlier run decided {past.decision} at {past.at}, which stands: {_HINT}. The earlier run{page}"
    return Finding(criterion=None, kind="recorded", decision=past.decision, sentence=sentence, blocks=True)
