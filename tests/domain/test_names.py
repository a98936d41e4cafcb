from __future__ import annotations

import pytest

from evalgate.domain.names import find_closest, suggest, suggest_closest

KNOWN = ("faithfulness", "policy", "Refund")


@pytest.mark.parametrize(
    ("name", "closest"),
    [("faithfullness", "faithfulness"), ("POLCY", "policy"), ("refunds", "Refund"), ("latency", None), ("", None)],
)
def test_the_closest_name_is_suggested(name: str, closest: str | None) -> None:
    assert find_closest(name, KNOWN) == closest
    assert suggest_closest(name, KNOWN, otherwise="none is near") == (suggest(closest) if closest else "none is near")


def test_how_near_a_name_has_to_be_may_be_said() -> None:
    assert find_closest("polic", KNOWN, cutoff=0.95) is None


def test_the_words() -> None:
    assert suggest("policy") == 'did you mean "policy"?'
