"""The parts of a change that people decide on: edited policy files, the sign-off, and the number of attempts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """A file with rules or cases of the gates that the change edits. The run uses the base's version of the file.

    `digest` is the sha256 of its content in the change. It is empty if the change removes the file. With
    `is_new_prompt`, the file is a prompt that the base has no gate for, and that the run does not evaluate.
    """

    path: str
    digest: str
    is_new_prompt: bool = field(default=False, metadata={"optional": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOff:
    """A person's approval that a change may merge. It is valid for one commit and one `subject`, which is a digest.

    `at` is ISO 8601 in UTC. `url` is the page of the approval, empty if there is none.
    """

    by: str
    at: str
    kind: Literal["review", "label"]
    commit: str
    subject: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """The number of different contents of one pull request that got a verdict, including this one.

    `blocked_before` says whether the verdict on another content blocked. `chance_of_pass` is the probability that a
    drop of the allowed size passes by chance in at least one of `number` attempts. If the number is unknown, `number`
    and `chance_of_pass` are None and `blocked_before` is true, which is the worst case.
    """

    number: int | None
    blocked_before: bool
    chance_of_pass: float | None = field(metadata={"key": "luck"})  # its key in stored reports
