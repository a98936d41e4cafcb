from __future__ import annotations

from time import monotonic, time

import pytest
from release.chains import make_chain, make_revision, make_rollout

from evalgate.release.checked_value import DocumentError
from evalgate.release.runtime.cached_document import check_successor, count_from, parse_cached, tell_wall

FIRST, SECOND, THIRD = make_chain(3)


def test_labels_and_the_rollout_are_at_hand() -> None:
    held = parse_cached("support", make_rollout(500), 0.0)
    assert {label: version.version for label, version in held.labels.items()} == {
        "production": "1.0.0",
        "canary": "1.1.0",
    }
    assert held.rollout is not None and held.rollout[:2] == ("support:3f2a", 500)
    assert held.rollout[2].version == "1.1.0"


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", make_revision(1, None, name="other")])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(DocumentError):
        parse_cached("support", data, 0.0)


def test_a_successor_is_the_same_or_later_in_the_same_chain() -> None:
    first, second, third = (parse_cached("support", data, 0.0) for data in (FIRST, SECOND, THIRD))
    for old, new in ((first, first), (first, second), (first, third), (second, third)):
        check_successor(old, new)
    for old, data, problem in (
        (second, FIRST, "revision: 1 is below 2"),
        (first, make_revision(1, None, text="Bye "), "another document had the revision 1"),
        (first, make_revision(2, SECOND), "previous: it is not the digest of revision 1"),
        (first, make_revision(2, None), "previous: it is not the digest of revision 1"),
    ):
        with pytest.raises(DocumentError, match=problem):
            check_successor(old, parse_cached("support", data, 0.0))


def test_times_of_both_clocks_belong_together() -> None:
    assert tell_wall(count_from(time() - 100)) == pytest.approx(time() - 100, abs=0.5)
    assert count_from(time() + 1000) == pytest.approx(monotonic(), abs=0.5)
    assert count_from(float("nan")) <= monotonic()
