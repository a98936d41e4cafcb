"""Find texts that are nearly the same, among thousands, in a bounded number of comparisons."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence

from evalgate.domain import normalize

LEAST = 92.0
"""The similarity from which two texts are nearly the same: the per cent of their characters that both have in order."""
MOST_COMPARED = 20
"""Texts that one text is compared with at most: those with which it shares the most of its rarest parts."""
LONGEST = 1_000
"""Characters of a text that are compared."""

_PART = 4
_FEW_WORDS = 12
_RAREST = 16
_MOST_HOLDERS = 100
_SHARED = 4
"""Texts that share less than one in this number of the rarest parts are not compared."""


def find_near_duplicates(texts: Sequence[str]) -> dict[int, int]:
    """Map the position of each text that is nearly the same as an earlier one to the first text that it is like.

    Texts are compared without case and with white space as one space. Each text is compared with firsts alone, so that
    the number of comparisons grows with the number of texts, also where all are alike. Texts that share none of their
    rarest parts (words, or four characters of a text of few words) are not found.
    """
    from rapidfuzz import fuzz

    plain = [normalize(text).casefold()[:LONGEST] for text in texts]
    counts: Counter[str] = Counter()
    for text in plain:
        counts.update(_split(text))
    holders: dict[str, list[int]] = {}
    equal: dict[str, int] = {}
    found: dict[int, int] = {}
    for position, text in enumerate(plain):
        if text in equal:
            found[position] = equal[text]
            continue
        several = [(counts[part], part) for part in _split(text) if counts[part] > 1]
        rarest = [part for _, part in heapq.nsmallest(_RAREST, several)]
        shared = Counter(holder for part in rarest for holder in holders.get(part, ()))
        for other, times in shared.most_common(MOST_COMPARED):
            if times * _SHARED < len(rarest):
                break
            if fuzz.ratio(text, plain[other], score_cutoff=LEAST):
                found[position] = other
                break
        equal[text] = found.get(position, position)
        for part in rarest if position not in found else ():
            held = holders.setdefault(part, [])
            if len(held) < _MOST_HOLDERS:
                held.append(position)
    return found


def _split(text: str) -> set[str]:
    words = text.split()
    if len(words) >= _FEW_WORDS:
        return set(words)
    return {text[at : at + _PART] for at in range(max(1, len(text) - _PART + 1))}
