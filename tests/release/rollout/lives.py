"""Rollouts for tests: a registry with a version in production and a candidate, and the traffic of its stages."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from release.documents import make_version
from release.memory_registry import MemoryRegistry

from evalgate.commands.release.tick import Ticked, tick
from evalgate.domain.rollout import RolloutRules, Stage
from evalgate.release.bucket import is_candidate
from evalgate.release.document import PublishedVersion, ReleaseDocument, parse_document
from evalgate.release.ledger import verify
from evalgate.release.promotion import Actor, promote_version, publish_version
from evalgate.release.registry import Registry, StoredDocument, append_document
from evalgate.release.rollout import transitions
from evalgate.release.rollout.decision_record import encode_word
from evalgate.release.rollout.state import RolloutState, parse_state

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
OLD = make_version("1.0.0", "Hello, ")
NEW = make_version("1.1.0", "Hi, ", canary_hours=24)
RULES = RolloutRules(
    scores={"helpful": 0.10}, stages=tuple(Stage(share=share, hours=24) for share in (500, 2500, 5000)), staging_hours=0
)
Change = Callable[[dict[str, Any], random.Random], dict[str, Any] | None]


def clock(hours: float = 0) -> str:
    return (NOON + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class EntryIds:
    """The number of the last entry."""

    last: int = 0


_ids = EntryIds()


def by(hours: float = 0, who: str = "ada") -> Actor:
    _ids.last += 1
    return Actor(id=f"rollout-entry-{_ids.last}", who=who, at=clock(hours))


def keep(row: dict[str, Any], rng: random.Random) -> dict[str, Any] | None:
    return row


@dataclass(kw_only=True)
class Life:
    """A prompt whose version 1.1.0 can be rolled out against 1.0.0, in a registry."""

    registry: Registry = field(default_factory=MemoryRegistry)
    candidate: PublishedVersion = NEW

    def __post_init__(self) -> None:
        if (
            self.registry.read("support") is None
        ):  # the salt follows from the start's id: the same in any order of tests
            _ids.last = 0
        self.append(lambda last: publish_version(last, "support", OLD, by(-2)))
        self.append(lambda last: promote_version(last, OLD, "production", by(-2), "the first"))  # type: ignore[arg-type]
        self.append(lambda last: publish_version(last, "support", self.candidate, by(-1)))

    @property
    def last(self) -> StoredDocument:
        found = self.registry.read("support")
        assert found is not None
        return found

    @property
    def document(self) -> ReleaseDocument:
        return self.last.document

    @property
    def state(self) -> RolloutState:
        found = parse_state(self.document)
        assert found is not None
        return found

    def append(self, make: Callable[[StoredDocument | None], ReleaseDocument]) -> StoredDocument:
        document = make(self.registry.read("support"))
        for version in document.versions.values():
            self.registry.put(version, "support")
        return append_document(self.registry, document)

    def start(self, rules: RolloutRules = RULES, hours: float = 0, **options: Any) -> StoredDocument:
        return self.append(
            lambda _: transitions.start_rollout(self.last, self.candidate, rules, by(hours), "go", **options)
        )

    def advance(self, hours: float, why: str = "I saw enough") -> StoredDocument:
        return self.append(
            lambda _: transitions.advance_rollout(self.last, by(hours, "grace"), why, encode_word(self.state))
        )

    def tick(self, hours: float, rows: Iterable[dict[str, Any]], **options: Any) -> Ticked:
        lines = [json.dumps(row).encode() for row in rows]
        return tick(self.registry, "support", lambda: lines, by(hours, "cron"), **options)

    def make_rows(
        self, keys: int, since: float, until: float, *, drop: float = 0.0, seed: int = 1, change: Change = keep
    ) -> list[dict[str, Any]]:
        """Return a row of each key, spread over some hours. Ratings have the mean 0.8, the candidate's less a drop."""
        state, rng, rows = parse_state(self.document), random.Random(seed), []
        served = self.served
        on_staging = state is not None and state.stage == 0
        for number in range(keys):
            key = f"user-{seed}-{number}"
            dealt = state is not None and is_candidate(state.salt, key, state.share)
            version = self.candidate if dealt or on_staging else served
            mean = 0.8 - (drop if version is self.candidate else 0.0)
            row = {
                "id": f"{key}@{since}",
                "at": clock(since + (until - since) * number / keys),
                "prompt": "support",
                "version": version.version,
                "digest": version.digest,
                "variant": "staging" if on_staging else "candidate" if dealt else "production",
                "key": key,
                "error": None,
                "seconds": 1.0,
                "cost_usd": 0.01,
                "scores": {"helpful": sum(rng.random() < mean for _ in range(4)) / 4},
                "sampled": True,
            }
            changed = change(row, rng)
            rows += [] if changed is None else [changed]
        return rows

    @property
    def served(self) -> PublishedVersion:
        """The version in production."""
        return self.document.versions[self.document.labels["production"]]

    def list_verbs(self) -> list[str]:
        """Return the verbs of the ledger after the first three, which has to be whole."""
        data = list(self.registry.history("support"))
        assert verify(data, "support") is None
        return [parse_document(one).entry.verb for one in data][3:]


def finish(life: Life, *, hours: float = 0.0, keys: int = 4000) -> Ticked:
    """Take a rollout through all stages by ticks, and return the last one."""
    for stage in range(1, 4):
        rows = life.make_rows(keys, hours + 0.3, hours + 24, seed=stage)
        hours += 25
        done = life.tick(hours, rows)
        assert done.code == "proven", done.sentence
    return done
