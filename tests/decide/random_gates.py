"""Random gates of several criteria, as plain numbers: what the rule and its reference are compared on.

Left out is what the two are meant to treat differently. The rule counts a critical case before its turn, so only gates
with one look have critical cases. Draws that were asked for and did not come keep a case open, so a baseline always
has two fresh draws where it has any. Without a baseline's text there is no constant output, so cases with texts have a
baseline.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

SCALES = ([0.0, 0.25, 0.5, 0.75, 1.0], [0.75, 1.0], [0.0, 1.0], [0.25, 0.5, 0.75])


def random_gate(seed: int, *, most: int = 140) -> dict[str, Any]:
    """A gate with one to four criteria, whose arms differ in one way or another, the same for the same seed."""
    draw = random.Random(seed)
    cases = draw.choice([1, 3, 7, 8, 9, 12, 20, 40, 61, 80, 100, most])
    criteria = _draw_criteria(draw)
    source = _Source(draw=draw, criteria=criteria, ways=_draw_ways(draw, criteria))
    persistent = draw.random() < 0.3
    # the reference counts copies towards what may be broken or missing, from 100 cases on
    clustered, copied = draw.random() < 0.25, draw.random() < 0.25 and cases < 100
    samples = draw.choice([1, 2, 3, 3, 3])
    sequential = draw.random() < 0.8
    texts = draw.random() < 0.2
    # a run that may stop early has asked the baseline about every case it has seen
    without_baseline = 0.0 if sequential or texts else 0.01
    rows = []
    for number in range(cases):
        row = source.draw_row(number, samples, without_baseline=without_baseline, persistent=persistent)
        if clustered and draw.random() < 0.5:
            row["cluster"] = f"d{draw.randint(0, max(1, cases // 3))}"
        if copied and draw.random() < 0.4:
            row["request"] = f"r{draw.randint(0, max(1, cases // 4))}"
        if not sequential and draw.random() < 0.02:
            row["critical"] = True
        if texts:
            row["texts"] = {"baseline": f"b{number}", "candidate": "same" if draw.random() < 0.1 else f"c{number}"}
        rows.append(row)
    return {
        "name": f"seed {seed}",
        "margin": draw.choice([0.05, 0.05, 0.1]),
        "criteria": criteria,
        "cases": rows,
        "sequential": sequential,
        "redraw": draw.random() < 0.8,
    }


def _draw_criteria(draw: random.Random) -> list[dict[str, Any]]:
    criteria: list[dict[str, Any]] = []
    for number in range(draw.randint(1, 3)):
        kind = draw.choice(["judge", "judge", "check", "blocking"])
        criteria.append({"name": f"c{number}", "kind": kind})
        if kind == "blocking" and draw.random() < 0.1:
            criteria[-1]["strict"] = True
        if kind != "blocking" and draw.random() < 0.3:
            criteria[-1]["allowed"] = draw.choice([0.02, 0.1, 0.3])
    if draw.random() < 0.5:
        criteria.append({"name": "answered", "kind": "blocking"})
    return criteria


def _draw_ways(draw: random.Random, criteria: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How the scores of each criterion come about."""
    scale = draw.choice(SCALES)
    ways = [
        {
            "scale": [0.0, 1.0] if one["kind"] != "judge" else scale,
            "missing": draw.choice([0.0, 0.0, 0.0, 0.005, 0.05]),
            "fails": {arm: draw.choice([0.0, 0.0, 0.01, 0.03, 0.3, 0.9]) for arm in ("baseline", "candidate")},
            "drop": draw.choice([0.0, 0.0, 0.0, 0.05, 0.25]),
        }
        for one in criteria
    ]
    for way in ways:
        if draw.random() < 0.6:
            way["fails"]["candidate"] = way["fails"]["baseline"]
    return ways


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What the draws of a gate's cases come from."""

    draw: random.Random
    criteria: list[dict[str, Any]]
    ways: list[dict[str, Any]]

    def draw_row(self, number: int, samples: int, *, without_baseline: float, persistent: bool) -> dict[str, Any]:
        """One case; where a fault is `persistent`, the candidate may fail it in every draw."""
        draw = self.draw
        latent = [draw.random() for _ in self.criteria]
        bad = persistent and draw.random() < 0.04
        row: dict[str, Any] = {
            "id": f"k{number:03}",
            "baseline": [
                self._sample("baseline", latent, bad=bad)
                for _ in range(samples if draw.random() >= without_baseline else 0)
            ],
            "candidate": [self._sample("candidate", latent, bad=bad) for _ in range(3 if draw.random() < 0.1 else 1)],
            "fresh": [self._sample("candidate", latent, bad=bad) for _ in range(6)],
            "baseline_fresh": [self._sample("baseline", latent, bad=bad) for _ in range(2)],
        }
        if not row["baseline"]:
            row["baseline_fresh"] = []
        return row

    def _sample(self, arm: str, latent: list[float], *, bad: bool) -> list[float | None]:
        """One score of each criterion; `bad`: the candidate fails them all."""
        draw = self.draw
        found: list[float | None] = []
        for one, way, place in zip(self.criteria, self.ways, latent, strict=True):
            if draw.random() < way["missing"] and not one.get("strict"):
                found.append(None)
            elif one["kind"] == "judge":
                values = way["scale"]
                at = min(len(values) - 1, int((0.6 * place + 0.4 * draw.random()) * len(values)))
                value = values[at]
                if arm == "candidate" and draw.random() < way["drop"] * 2:
                    value = max(0.0, value - 0.5)
                found.append(0.0 if bad and arm == "candidate" else value)
            else:
                fails = (bad and arm == "candidate") or draw.random() < way["fails"][arm]
                found.append(0.0 if fails else 1.0)
        return found
