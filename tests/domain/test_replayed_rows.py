from __future__ import annotations

from typing import Any

import pytest

from evalgate.domain.replayed_rows import ReplayedRows


def make(**changes: Any) -> ReplayedRows:
    given = {"since": "a", "until": "b", "rows": 200, "faults": {}, "sampled": 100, "unfit": 0, "redraws": True}
    return ReplayedRows(**{**given, **changes})


@pytest.mark.parametrize(("faults", "expected"), [({}, False), ({"a": 1, "b": 1}, False), ({"a": 1, "b": 2}, True)])
def test_one_row_in_a_hundred_may_have_a_fault(faults: dict[str, int], expected: bool) -> None:
    assert make(faults=faults).has_too_many_faults is expected


@pytest.mark.parametrize(("unfit", "expected"), [(0, False), (1, False), (2, True)])
def test_one_chosen_row_in_a_hundred_may_not_fit(unfit: int, expected: bool) -> None:
    assert make(unfit=unfit).has_too_many_unfit is expected
