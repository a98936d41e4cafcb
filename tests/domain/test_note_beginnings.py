"""The beginnings of notes by which other parts find them."""

from __future__ import annotations

from evalgate.domain import note_beginnings
from evalgate.domain.adaptations import NOT_AS_WRITTEN


def test_no_beginning_is_that_of_another() -> None:
    found = [NOT_AS_WRITTEN, note_beginnings.REUSED, note_beginnings.BECAUSE, note_beginnings.PLACEHOLDERS]
    assert not [(one, other) for one in found for other in found if one is not other and one.startswith(other)]
