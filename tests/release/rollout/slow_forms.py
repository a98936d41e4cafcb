"""The e-values of a rollout as loops over rows, as the rule is told: what the fast forms are compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evalgate.release.rollout.e_values import BETS


def means_slowly(given: Sequence[tuple[int, float]], max_drop: float) -> tuple[float, float, int]:
    """Multiply the wealth of each bet, block by block, as the rule is told."""
    worse, fine, blocks = [1.0] * len(BETS), [1.0] * len(BETS), 0
    block: list[tuple[int, float]] = []
    for row in given:
        block.append(row)
        own = [[bad for arm, bad in block if arm == one] for one in (0, 1)]
        if not own[0] or not own[1]:
            continue
        x = sum(own[1]) / len(own[1]) - sum(own[0]) / len(own[0])
        size = 2 / (1 / len(own[0]) + 1 / len(own[1]))
        for i, bet in enumerate(BETS):
            worse[i] *= 1 + min(0.9, bet * size) * x
            fine[i] *= 1 + min(0.9, bet * size) * (max_drop - x)
        block, blocks = [], blocks + 1
    return math.log(sum(worse) / len(BETS)), math.log(sum(fine) / len(BETS)), blocks


def deal_slowly(controls: int, candidates: int, share: float) -> float:
    """Multiply the predictions of the mixture, key by key: (a + candidates so far) / (100 + keys so far)."""
    log_e, ones = 0.0, 0
    order = [1] * candidates + [0] * controls
    for number, arm in enumerate(order):
        p = (100 * share + ones) / (100 + number)
        log_e += math.log(p / share) if arm else math.log((1 - p) / (1 - share))
        ones += arm
    return log_e
