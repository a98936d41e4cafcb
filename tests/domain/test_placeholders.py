"""Cases that still have the texts of `evalgate init`."""

from __future__ import annotations

from plan.small_gate import case, dataset

from evalgate.domain.placeholders import PLACEHOLDER, describe_placeholders


def test_cases_with_a_placeholder_are_counted() -> None:
    history = [{"role": "user", "content": f"{PLACEHOLDER}: history 1"}]
    some = dataset(
        case(1, query=f"{PLACEHOLDER}: query 1"), case(2, query="REPLACEMENT parts?"), case(3, query=history)
    )
    (note,) = describe_placeholders(some)
    assert note.startswith("placeholders: 2 of 3 cases have a text that begins with REPLACE")
    (one,) = describe_placeholders(dataset(case(1, query=f"{PLACEHOLDER}: query 1"), case(2)))
    assert "1 of 2 case has" in one
    assert describe_placeholders(dataset(case(2))) == ()
