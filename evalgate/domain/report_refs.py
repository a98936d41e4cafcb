"""References of a report: prompt versions and what differs between them, the dataset, inputs of cases, an output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRef:
    """A reference to a prompt version in a report."""

    name: str
    version: str | None
    digest: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRef:
    """A reference to a golden dataset in a report.

    `lost` are the cases that only the baseline's dataset has. `kept` counts the cases that both have. `edited` counts
    those of them whose content changed under the same id. `narrowed` are the cases to which a criterion no longer
    applies, by the criterion's name. `untagged` are the cases that lost a critical or blocking tag, by the tag.
    `same_answer` is the largest number of cases with one right answer; it is counted where there is no baseline.
    """

    path: str
    digest: str
    cases: int
    lost: tuple[str, ...] = ()
    kept: int = 0
    edited: int = 0
    narrowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict, metadata={"optional": True})
    untagged: Mapping[str, tuple[str, ...]] = field(default_factory=dict, metadata={"optional": True})
    same_answer: int = field(default=0, metadata={"optional": True})


MOST_LISTED = 2_000
"""Cases of a gate that a page of HTML shows, and unchanged ones whose inputs a report keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputField:
    """A field of a case that the prompt uses, and its text as a reader sees it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantOutput:
    """A text that the candidate returns for `cases` different requests for which the baseline's answers differ."""

    text: str
    cases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptChange:
    """What differs between the prompts of both versions, as parts with a name and a text; equal parts are left out.

    A part is a message, whose name is its role, or the model, a parameter, the response format or a tool.
    """

    baseline: tuple[InputField, ...]
    candidate: tuple[InputField, ...]
