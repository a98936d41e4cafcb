"""Semantic similarity: make the requests for embeddings of texts, and compute the score from the replies.

Does not call models. No score of this module enters a verdict.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from evalgate.domain import (
    Case,
    Failure,
    Message,
    Outcome,
    Request,
    Score,
    Scored,
    Target,
    Unscored,
    as_text,
    normalize,
)
from evalgate.domain.field_paths import dig
from evalgate.domain.similarity import Similarity
from evalgate.domain.vectors import decode_vector

_UNREADABLE = re.compile("[\x00\ud800-\udfff]")


def list_texts(similarity: Similarity, case: Case) -> tuple[str, ...]:
    """Return the different texts of a case that its outputs are compared with, without blank ones."""
    try:
        value = dig(case.fields, similarity.source)
    except LookupError:
        return ()
    values = value if isinstance(value, list | tuple) else [value]
    texts = [as_text(each) for each in values if each is not None]
    return tuple(dict.fromkeys(text for text in texts if normalize(text)))


def make_request(similarity: Similarity, text: str, target: Target, about: str) -> Request:
    """Make the request for the embedding of a text. Equal texts give equal keys, whatever they are texts of."""
    return Request(
        target=target.name,
        identity=target.identity,
        model=similarity.model,
        messages=(Message(role="user", content=_UNREADABLE.sub("\ufffd", text)),),
        embeds=True,
        about=about,
    )


def score_similarity(output: Outcome, texts: Sequence[Outcome]) -> Scored:
    """Return the similarity of an output to the closest text, from the replies with their embeddings. Never raises.

    It is (1 + cos) / 2 of the angle between the two embeddings: 1 in the same direction, 0.5 at a right angle, 0 in
    opposite directions. A text without a usable embedding leaves the output unscored, since it may be the closest.
    """
    try:
        own = _read_vector(output, "the output")
        cosines = [compute_cosine(own, _read_vector(each, "the text to compare with")) for each in texts]
    except ValueError as error:
        return Unscored(reason=str(error))
    if not cosines:
        return Unscored(reason="there is no text to compare with")
    cosine = max(cosines)
    return Score(value=(1.0 + cosine) / 2.0, reason=f"cosine {cosine:.4f}")


def compute_cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the cosine of the angle between two vectors, in [-1, 1]. Raises ValueError if it has none."""
    if len(one) != len(other):
        raise ValueError(f"the embeddings have different numbers of values: {len(one)} and {len(other)}")
    left, right = _normalize_length(one), _normalize_length(other)
    return max(-1.0, min(1.0, math.fsum(a * b for a, b in zip(left, right, strict=True))))


def _normalize_length(vector: Sequence[float]) -> list[float]:
    # by the largest value first, so that no square overflows or becomes 0
    largest = max(map(abs, vector), default=0.0)
    if not math.isfinite(largest) or largest == 0.0:
        raise ValueError("an embedding has no direction")
    scaled = [value / largest for value in vector]
    length = math.hypot(*scaled)
    return [value / length for value in scaled]


def _read_vector(outcome: Outcome, what: str) -> tuple[float, ...]:
    if isinstance(outcome, Failure):
        raise ValueError(f"{what} has no embedding: {outcome.message}")
    try:
        return decode_vector(outcome.text)
    except ValueError as error:
        raise ValueError(f"the embedding of {what} cannot be used: {error}") from None
