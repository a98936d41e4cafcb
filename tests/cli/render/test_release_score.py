from __future__ import annotations

import pytest

from evalgate.cli.render.release_score import describe_score


@pytest.mark.parametrize(
    ("score", "text"),
    [
        ({"value": 0.823529411765, "low": 0.730994108259, "high": 1.0, "n": 68}, "0.8235 [0.731, 1.0], n = 68"),
        ({"value": 0.5}, "0.5"),
        ({"value": None, "n": 0}, "null, n = 0"),
        (0.123456, "0.1235"),
        ({"other": 0.123456}, '{"other": 0.123456}'),
    ],
)
def test_a_score_is_described_with_four_decimals_at_most(score: object, text: str) -> None:
    assert describe_score(score) == text
