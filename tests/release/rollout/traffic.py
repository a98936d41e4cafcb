"""Simulated traffic of a rollout: rows as applications log them, from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from evalgate.domain.rollout import RolloutRules, Stage
from evalgate.release.bucket import is_candidate
from evalgate.release.rollout.state import RolloutState

NAME = "support"
CONTROL, CANDIDATE = "a" * 64, "b" * 64
VERSIONS = {CONTROL: "1.0.0", CANDIDATE: "1.1.0"}
SALT = "support:1"
BEGAN = datetime(2026, 1, 31, 12, tzinfo=UTC)


def clock(hours: float = 0) -> str:
    return (BEGAN + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")


def make_state(*, rules: Mapping[str, Any] | None = None, stage: int = 1, **changes: Any) -> RolloutState:
    given = {"scores": {"helpful": 0.10}, **(rules or {})}
    made = RolloutRules(**given)
    share = made.stages[stage - 1].share if stage else 0
    values: dict[str, Any] = {
        "kind": "canary", "candidate": CANDIDATE, "control": CONTROL, "share": share, "salt": SALT, "stage": stage,
        "started": clock(), "began": clock(), "rules": made, "slow": 5.0, "expensive": 0.02,
    }  # fmt: skip
    return RolloutState(**{**values, **changes})


def make_row(key: str | None, hours: float, *, share: int, id: str | None = None, **changes: Any) -> dict[str, Any]:
    arm = key is not None and is_candidate(SALT, key, share)
    row: dict[str, Any] = {
        "id": f"{key}@{hours:.9f}" if id is None else id,
        "at": clock(hours),
        "prompt": NAME,
        "version": VERSIONS[CANDIDATE if arm else CONTROL],
        "digest": CANDIDATE if arm else CONTROL,
        "variant": "candidate" if arm else "production",
        "key": key,
        "error": None,
        "seconds": 1.0,
        "cost_usd": 0.01,
        "scores": {"helpful": 0.75},
        "sampled": True,
    }
    return {**row, **changes}


def is_candidates(row: Mapping[str, Any]) -> bool:
    return bool(row["variant"] == "candidate")


def make_traffic(
    keys: int,
    *,
    share: int = 500,
    hours: float = 24,
    start: float = 0.2,
    drop: float = 0.0,
    seed: int = 1,
    even: bool = False,
    change: Callable[[dict[str, Any], random.Random], dict[str, Any] | None] = lambda row, rng: row,
) -> list[dict[str, Any]]:
    """Return one row of each key, spread over the hours. Ratings have the mean .8, the candidate's less the drop.

    `even`: only as many controls as candidates are sampled. `change` edits a row, or drops it.
    """
    rng = random.Random(seed)
    rows = []
    for number in range(keys):
        key = f"user-{seed}-{number}"
        row = make_row(key, start + (hours - start) * number / keys, share=share)
        mean = 0.8 - (drop if is_candidates(row) else 0.0)
        row["scores"] = {"helpful": sum(rng.random() < mean for _ in range(4)) / 4}
        if even and not is_candidates(row) and rng.random() > share / (10_000 - share):
            row |= {"scores": {}, "sampled": False}
        changed = change(row, rng)
        if changed is not None:
            rows.append(changed)
    return rows


def make_stages(*shares: int, hours: float = 24) -> tuple[Stage, ...]:
    return tuple(Stage(share=share, hours=hours) for share in shares)
