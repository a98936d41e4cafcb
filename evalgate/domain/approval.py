"""What of a change people decide: the policy files that it edits, its sign-off, and how often it was tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """A file the gates' rules or cases lie in, which the change edits while it is judged by the base's edition.

    `digest` is the sha256 of its content on the change's side, empty where the change removes it.
    """

    path: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOff:
    """A person's word that a change may merge. It holds for one commit, and for what `subject` is the digest of.

    `at` is ISO 8601 in UTC; `url` is where it was given, empty where there is no page for it.
    """

    by: str
    at: str
    kind: Literal["review", "label"]
    commit: str
    subject: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """How many different contents of one pull request were decided, this one included.

    `blocked_before` says whether the verdict on another content blocked, `luck` is the chance that luck alone lets a
    drop of the allowed size pass in one of so many attempts. Where the number could not be found out, `number` and
    `luck` are None, and `blocked_before` is true: what is not known is taken for the worst.
    """

    number: int | None
    blocked_before: bool
    luck: float | None
