"""The semantic similarity of outputs to a text of their case: how it is measured, and what was measured.

It is reported only. No type of this module is read by `decide`, and no digest of a criterion or a verdict includes it.
"""

from __future__ import annotations

from dataclasses import dataclass

from evalgate.domain.text import Json, digest

SEMANTIC_SIMILARITY = "semantic_similarity"
"""The key of a gate, and the name that no criterion of such a gate may have."""
REPORTED_SIMILARITY = f"{SEMANTIC_SIMILARITY} (reported only)"
"""The name in reports. A table of scores that has it under `criterion` is read without these rows."""
WHY_ONLY_REPORTED = "embeddings rank a reply with one fact flipped above a good paraphrase"


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity:
    """How a gate measures the similarity: the target and the model of the embeddings, and the field to compare with."""

    target: str
    model: str
    source: str = "expected"

    def identify(self, identity: str) -> str:
        """Return the digest of everything that the values depend on besides the texts; `identity` is the target's."""
        parts: list[Json] = [identity, self.model, self.source]
        return digest(parts)
