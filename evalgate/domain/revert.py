"""A change that goes back to the version that the present one replaced."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Revert:
    """The version that a change goes back to.

    `version` is its number (None: it declared none), `digest` its content, and `source` the commit and the file of its
    last state ("1a2b3c4:prompts/support.prompt.yml"). `replaced` names the present version in the same way. `passed`
    says where a PASS of the version is from; empty if none is known: the change is then measured.
    """

    version: str | None
    digest: str
    source: str
    replaced: str
    passed: str = ""
