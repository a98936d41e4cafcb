"""How long a run waits for an endpoint that rejects calls: at random, and beyond a rate.

    python tests/benchmark/rejections.py [--runs 5]

Each row is the median of several runs of a gate of 800 calls of 50 ms with 8 at once. "Clean" is the same gate on the
same machine without rejections, run in turn with the others: only the difference to it is the endpoint's doing.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median

import speed

_CASES, _LATENCY, _CONCURRENCY = 200, 0.05, 8
_KINDS: dict[str, tuple[str, float | None]] = {
    "clean": ("", None),
    "at random": ("refused=0.1,500=0.02,reset=0.01,malformed=0.01", None),
    "100 a second": ("", 100.0),
}


def take(faults: str, rate: float | None, cases: int) -> float:
    """The wall seconds of one gate, from the start of its process to the end."""
    with speed.endpoint(_LATENCY, faults, rate) as server, tempfile.TemporaryDirectory() as root:
        folder = Path(root, "project")
        speed.write_project(folder, server.url, cases, _CONCURRENCY)
        return speed.gate(folder, server).wall


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--cases", type=int, default=_CASES)
    given = options.parse_args()
    taken: dict[str, list[float]] = {name: [] for name in _KINDS}
    for _ in range(given.runs):
        for name, (faults, rate) in _KINDS.items():
            taken[name].append(take(faults, rate, given.cases))
    print("| rejections | wall s | beyond clean s |\n| --- | --- | --- |")
    clean = taken["clean"]
    for name, seconds in taken.items():
        beyond = median(each - bare for each, bare in zip(seconds, clean, strict=True))
        print(f"| {name} | {median(seconds):.2f} | {beyond:.2f} |")


if __name__ == "__main__":
    main()
