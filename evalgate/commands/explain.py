"""`explain`: look up what a finding means, why it blocks, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator

from evalgate.domain.names import suggest
from evalgate.errors import InputError
from evalgate.report.explanations import (
    CASE_FINDINGS,
    EXIT_CODES,
    FINDINGS,
    REPORTED,
    REQUIREMENTS,
    TOPICS,
    find_closest_topic,
    find_topics,
)

_GROUPS = (
    ("findings of a report", FINDINGS),
    ("required beside a PASS", REQUIREMENTS),
    ("exit codes", EXIT_CODES),
    ("findings of `evalgate cases lint`", CASE_FINDINGS),
    ("reported only", REPORTED),
)


def explain(words: str) -> Iterator[str]:
    """Yield the lines about what the words name. Raises InputError, with the closest name, if they name nothing."""
    names = find_topics(words)
    if not names:
        closest = find_closest_topic(words)
        hint = "`evalgate explain` lists all" if closest is None else suggest(closest)
        raise InputError(f'no finding and no exit code is called "{words}"', hint=hint)
    for position, name in enumerate(names):
        topic = TOPICS[name]
        if position:
            yield ""
        yield f"exit code {name}" if name in EXIT_CODES else name
        for label, text in (("means", topic.means), ("effect", topic.effect), ("mend", topic.mend)):
            yield f"  {label:<8}{text}"
        yield f"  {'more':<8}{topic.page}"


def list_topics() -> Iterator[str]:
    """Yield the names of everything that can be explained, each with its meaning."""
    for title, topics in _GROUPS:
        yield f"{title}:"
        for name, topic in topics.items():
            yield f"  {name:<15} {topic.means}"
