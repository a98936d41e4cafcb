"""What is watched of one row of each key."""

from __future__ import annotations

from release.rollout.test_silence import make_firsts
from release.rollout.traffic import make_state

from evalgate.release.rollout.first_rows import FAILED, SAMPLED, SLOW
from evalgate.release.rollout.measures import list_measures
from evalgate.release.rollout.online_scores import NOTHING_SCORED, ScoredRows


def test_only_answers_can_be_slow_and_only_settled_ones_lack_a_score() -> None:
    import numpy as np

    bits = np.asarray([FAILED, SLOW | SAMPLED, SAMPLED, SAMPLED], dtype=np.int8)
    nan = float("nan")
    firsts = make_firsts([0, 1, 0, 1], bits=bits, scores=(np.asarray([nan, 0.5, nan, nan]),))
    scored = ScoredRows(firsts=firsts, is_chosen=np.zeros(4, dtype=bool), own=NOTHING_SCORED)
    found = {one.name: one for one in list_measures(scored, make_state(), ("helpful",), (), settled=2)}
    assert list(found) == ["helpful", "errors", "slow", "expensive", "unscored"]
    assert {name: one.n for name, one in found.items()} == {
        "helpful": (0, 1),
        "errors": (2, 2),
        "slow": (1, 2),
        "expensive": (1, 2),
        "unscored": (1, 1),
    }
    assert {name: one.mean for name, one in found.items()} == {
        "helpful": (None, 0.5),
        "errors": (0.5, 0.0),
        "slow": (0.0, 0.5),
        "expensive": (0.0, 0.0),
        "unscored": (1.0, 0.0),
    }
    assert found["helpful"].badness.tolist() == [0.5]
    assert [one.name for one in found.values() if one.is_dealt] == ["errors", "slow", "expensive"]
