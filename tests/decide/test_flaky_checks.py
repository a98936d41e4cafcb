"""The simulation of a check that fails at random."""

from __future__ import annotations

import numpy as np
import pytest
from decide import vectors

from evalgate.decide import flaky_checks


@pytest.mark.parametrize("failing", [0.01, 0.2])
def test_failures_are_decided_as_a_gate_of_one_check_would_be(failing: float) -> None:
    rng = np.random.default_rng(9)
    fails = 0
    for _ in range(60):
        candidate = rng.random((7, 40)) < failing * rng.choice([1.0, 3.0])
        if rng.random() < 0.3:
            candidate[:, :1] = True
        baseline = rng.random((3, 40)) < failing
        found = flaky_checks.fails_check(candidate, baseline.sum(axis=0))
        rows = [
            {
                "id": f"k{case}",
                "baseline": [[float(not fail)] for fail in baseline[:, case]],
                "candidate": [[float(not candidate[0, case])]],
                "fresh": [[float(not fail)] for fail in candidate[1:, case]],
            }
            for case in range(40)
        ]
        gate = {"criteria": [{"name": "check", "kind": "blocking"}], "cases": rows}
        assert (vectors.decided(gate)[0].decision == "FAIL") is found
        fails += found
    assert 5 <= fails <= 55
