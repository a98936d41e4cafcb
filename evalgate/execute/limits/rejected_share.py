"""Whether the share of rejected calls depends on how many are in flight."""

from __future__ import annotations

from dataclasses import dataclass

_WIDE, _NARROW = 0.8, 0.7  # shares of the ceiling: rounds with a wider or a narrower window are compared
_LEAST_WIDE, _LEAST_NARROW = 32, 80  # replies: fewer do not tell the shares apart; wide windows are left soon
_VALID_REPLIES = 500  # then the comparison is made again
MOST_TOLERATED = 0.5
"""A larger share of rejected calls always narrows the window: such an endpoint needs rest, whatever the cause."""


@dataclass(slots=True)
class _Side:
    """The replies of the rounds on one side, and the sum of their windows."""

    replies: int = 0
    rejected: int = 0
    windows: float = 0.0

    def add(self, window: float, rejected: int, replies: int) -> None:
        self.replies += replies
        self.rejected += rejected
        self.windows += window * replies

    @property
    def share(self) -> float:
        return self.rejected / self.replies

    @property
    def window(self) -> float:
        return self.windows / self.replies


class RejectedShare:
    """The share of rejected calls at wide and at narrow windows. A share up to `tolerated` does not narrow the window.

    An endpoint under too much load rejects a smaller share when fewer calls are in flight: under a limit of calls at
    once or a second, less than in proportion to the window. Rejections at random stay the same share. So
    once both sides have enough replies, the share at narrow windows is compared with the middle between the share at
    wide ones and that share in proportion. At or above it, narrowing does not help, and the share counts as random for
    the next 500 replies.
    """

    def __init__(self, ceiling: float) -> None:
        self.tolerated = 0.0
        self._ceiling = ceiling
        self._wide, self._narrow = _Side(), _Side()
        self._valid = 0

    def add(self, window: float, rejected: int, replies: int) -> None:
        """Record a round of this window."""
        self._valid -= replies
        if self.tolerated and self._valid <= 0:
            self._reset(0.0)
        if window >= _WIDE * self._ceiling:
            self._wide.add(window, rejected, replies)
        elif window <= _NARROW * self._ceiling:
            self._narrow.add(window, rejected, replies)
        wide, narrow = self._wide, self._narrow
        if self.tolerated or wide.replies < _LEAST_WIDE or narrow.replies < _LEAST_NARROW:
            return
        share, in_proportion = wide.share, wide.share * narrow.window / wide.window
        if narrow.share >= (share + in_proportion) / 2 and max(share, narrow.share) <= MOST_TOLERATED:
            self._reset(max(share, narrow.share))
            self._valid = _VALID_REPLIES
        else:
            self._narrow = _Side()

    def _reset(self, tolerated: float) -> None:
        self.tolerated = tolerated
        self._wide, self._narrow = _Side(), _Side()
