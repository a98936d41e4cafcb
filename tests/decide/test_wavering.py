"""Which cases the candidate repeats: those on which the baseline varies most, and never more than a quarter."""

from __future__ import annotations

import json

import pytest
from decide import vectors
from hypothesis import given
from hypothesis import strategies as st

from evalgate.decide import wavering

MULTI = vectors.SHARED / "decision-vectors-multi.json"


@pytest.mark.skipif(not MULTI.is_file(), reason="the vectors of the decision rule are not part of the package")
def test_the_published_choices_agree() -> None:
    for vector in json.loads(MULTI.read_text())["wavering"]:
        assert list(wavering.choose_wavering(vector["baseline"])) == vector["expect"]


def test_the_case_that_varies_is_chosen_and_no_more_than_a_quarter() -> None:
    calm, restless = {"q": [0.75, 0.75, 0.75]}, {"q": [0.0, 0.5, 1.0]}
    assert wavering.choose_wavering([calm, calm, restless, calm, calm]) == (2,)
    assert wavering.choose_wavering([calm] * 8) == ()
    assert len(wavering.choose_wavering([restless, *[calm] * 9, *[{"q": [0.25, 0.5, 1.0]}] * 2])) <= 3


scores = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=3)


@given(st.lists(st.fixed_dictionaries({"a": scores, "b": scores}), min_size=1, max_size=40))
def test_never_more_than_a_quarter_and_none_twice(samples: list[dict[str, list[float]]]) -> None:
    chosen = wavering.choose_wavering(samples)
    assert len(chosen) <= len(samples) // 4
    assert len(set(chosen)) == len(chosen)
