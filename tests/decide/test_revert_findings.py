"""A revert to a version with a PASS passes as such; nothing else in the evidence does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decide.small_evidence import RULES, evidence, results

from evalgate.decide import policy
from evalgate.decide.revert_findings import has_passed, make_findings
from evalgate.domain import Admission, Evidence, Level, LevelFinding, Revert, Verdict

BACK = Revert(
    version="1.0.0", digest="d", source="1a2b3c4:p.prompt.yml", replaced="1.1.0", passed="it passed in run 1 of then"
)
REVERT = replace(evidence([]), revert=BACK)


def test_a_revert_to_a_version_with_a_pass_passes_at_every_level_and_asks_for_nothing() -> None:
    assert REVERT.level is not None
    for level in Level:
        gate = policy.decide_at_level(replace(REVERT, level=replace(REVERT.level, effective=level)), {}, RULES)
        assert (gate.decision, gate.exit_code, gate.requirements) == (Verdict.PASS, Admission.PASS, ())
        (finding,) = gate.findings
        assert finding.sentence.endswith("that 1.1.0 replaced; it passed in run 1 of then.")


@pytest.mark.parametrize(
    "found",
    [
        replace(REVERT, revert=None),
        replace(REVERT, revert=replace(BACK, passed="")),
        replace(REVERT, revert=replace(BACK, digest="another")),
        replace(REVERT, candidate=None),
        replace(REVERT, level=None),
        replace(
            REVERT, level=replace(REVERT.level, findings=(LevelFinding(kind="immutability", sentence="used twice"),))
        ),
        replace(evidence(results([1.0] * 10, [0.0] * 10)), revert=BACK),
    ],
    ids=["no revert", "no pass", "of other content", "no candidate", "no level", "a fault of the number", "measured"],
)
def test_other_evidence_is_decided_by_what_was_measured(found: Evidence) -> None:
    assert not has_passed(found)
    assert policy.decide_at_level(found, {}, RULES).exit_code is not Admission.PASS
    assert all("passed in run" not in finding.sentence for finding in make_findings(found))
