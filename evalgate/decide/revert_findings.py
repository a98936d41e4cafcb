"""The finding on a change that goes back to the version that the present one replaced."""

from __future__ import annotations

from evalgate.domain import Evidence, Finding, Verdict


def has_passed(evidence: Evidence) -> bool:
    """Return True if the change is a revert to a version that has a PASS, so that nothing was measured.

    A fault of the version numbers, or of the evidence itself, is decided as for any other change.
    """
    back = evidence.revert
    if back is None or not back.passed or evidence.level is None or evidence.level.findings:
        return False
    same = evidence.candidate is not None and evidence.candidate.digest == back.digest
    return same and not evidence.results and not evidence.confirmations and evidence.shard is None


def make_findings(evidence: Evidence) -> tuple[Finding, ...]:
    """Return a PASS for a revert, with the version that it goes back to and where its PASS is from; else nothing."""
    back = evidence.revert
    if back is None:
        return ()
    name = back.version or f"digest {back.digest[:12]}"
    sentence = f"Revert: goes back to {name} ({back.source}), the version that {back.replaced} replaced"
    if has_passed(evidence):
        sentence += f"; {back.passed}."
    else:
        sentence += "; no PASS of it under these rules was found, so it is measured like any other change."
    return (Finding(criterion=None, kind="revert", decision=Verdict.PASS, sentence=sentence, blocks=False),)
