"""How long an arm of a rollout has no row: a version that answers or logs no more leaves the rows of before. Pure.

Keys are assigned by a hash, so among those in a row each is the candidate's with the chance of the share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from evalgate.release.bucket import BUCKETS
from evalgate.release.rollout import e_values
from evalgate.release.rollout.first_rows import FirstRows
from evalgate.release.rollout.traffic_rows import format_instant

SILENCE_BOUND: Final = 100_000.0
"""The e-value from which on an arm has lost its rows. A hold for a silence does not end by waiting."""
_SUM_OF_SQUARES = math.pi**2 / 6
"""The sum of 1 / i^2 over all runs i."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """The run of keys in a row that says most strongly that the other arm has lost its rows.

    `arm` is the silent one, `keys` are those of the other, and `since` is the time of the first of them. `log_e` is 0
    where nothing is compared.
    """

    arm: int = e_values.CANDIDATE
    keys: int = 0
    since: str = ""
    log_e: float = 0.0


NO_SILENCE = Silence()


def find_silence(firsts: FirstRows, share: float, until: float) -> Silence:
    """Return the longest silence of either arm up to a time, by the first row of each key.

    Between two keys of the candidate there are m of the control or more with the chance (1 - share)^m. With the i-th
    run at 1 / (a i^2 pi^2 / 6), the chance that any of them ever reaches a is at most 1 / a, for each arm.
    Rows of one time are in the order of the hash of their keys: that of their ids may be by arm.
    """
    import numpy as np

    there = np.flatnonzero(firsts.at <= until)
    order = there[np.lexsort((firsts.keys[there] // BUCKETS, firsts.at[there]))]
    best = NO_SILENCE
    for arm, chance in ((e_values.CANDIDATE, share), (e_values.CONTROL, 1 - share)):
        ends = np.flatnonzero(firsts.arms[order] == arm)
        starts = np.concatenate(([0], ends + 1))
        lengths = np.concatenate((ends, [len(order)])) - starts
        logs = -lengths * math.log1p(-chance) - 2 * np.log(np.arange(1, len(lengths) + 1)) - math.log(_SUM_OF_SQUARES)
        place = int(np.argmax(logs))
        if lengths[place] and logs[place] > best.log_e:
            since = format_instant(float(firsts.at[order[starts[place]]]))
            best = Silence(arm=arm, keys=int(lengths[place]), since=since, log_e=float(logs[place]))
    return best
