"""The rule against its reference implementation, on random gates of several criteria and on the cases to repeat."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from decide import vectors
from decide.random_gates import random_gate
from decide.test_vectors import assert_agrees, summary
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.decide import statistics, wavering

pytestmark = pytest.mark.skipif(
    not vectors.REFERENCE.is_dir(), reason="the reference implementation of the rule is not part of the package"
)
ANY_SEED = st.integers(0, 2**32)


def agree(seed: int) -> None:
    """Asserts that verdict, findings, numbers and cases of a random gate are those of the reference."""
    gate, rule = random_gate(seed), vectors.reference()
    expected, found = rule.decide(rule.unpack(gate)), summary(gate)
    for name, finding in expected["findings"].items():
        if finding["kind"] != "blocking" and nothing_varies(finding):
            # the reference tests differences in the last place, which means of thirds leave where there are none
            assert found["findings"][name]["reg_p"] == (0.0 if finding.pop("mean_diff") < -1e-9 else 1.0)
            del finding["reg_p"]
    assert_agrees(found, expected, gate["name"])


def nothing_varies(finding: Mapping[str, Any]) -> bool:
    """Whether all units have the same difference."""
    if "pass_bound" not in finding:
        return False
    same = np.full(finding["units"], finding["mean_diff"])
    return statistics.lower_bound(same, finding["level"]) == pytest.approx(finding["pass_bound"], abs=1e-9)


@given(seed=ANY_SEED)
def test_any_gate_agrees(seed: int) -> None:
    agree(seed)


@pytest.mark.long
@settings(max_examples=5_000)
@given(seed=ANY_SEED)
def test_thousands_of_gates_agree(seed: int) -> None:
    agree(seed)


scores = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=4)
rows = st.fixed_dictionaries({"judge": scores, "check": scores}, optional={"seldom": scores})


@given(baseline=st.lists(rows, min_size=1, max_size=40))
def test_the_cases_to_repeat_agree(baseline: list[dict[str, list[float]]]) -> None:
    chosen = wavering.choose_wavering(baseline)
    assert sorted(chosen) == vectors.reference().choose_wavering(baseline)
    assert len(chosen) <= len(baseline) / 4


def test_the_cases_to_repeat_are_those_of_the_vectors() -> None:
    for vector in json.loads((vectors.SHARED / "decision-vectors-multi.json").read_text())["wavering"]:
        assert sorted(wavering.choose_wavering(vector["baseline"])) == sorted(vector["expect"]), vector["name"]
