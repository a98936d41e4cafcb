"""How the notes of a report begin by which other parts find them."""

from __future__ import annotations

REUSED = "decided before"
"""Of a verdict that was reached in an earlier run."""
BECAUSE = "changed because: "
"""The reason of a change."""
PLACEHOLDERS = "placeholders: "
"""Cases that still have a text of `evalgate init`."""
