"""Cases that changed between pass and fail, settled by fresh draws."""

from __future__ import annotations

from dataclasses import replace

from decide.small_evidence import RULES, evidence, results

from evalgate.decide import policy
from evalgate.domain import Level, Verdict


def test_as_many_risen_as_fallen_and_none_of_them_drawn_again_is_no_pass() -> None:
    before, now = [1.0] * 60 + [0.0] * 6, [0.0] * 6 + [1.0] * 60
    rules = replace(RULES, max_drop=0.5)
    found = replace(evidence(results(before, now)), redraws=True)
    gate = policy.decide(found, {}, rules, rules.levels[Level.MINOR])
    assert (gate.decision, len(gate.flips.open)) == (Verdict.INCONCLUSIVE, 6)
