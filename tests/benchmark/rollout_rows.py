"""How long a tick takes over a file of rows, and how much memory: reading, counting, deciding.

    python tests/benchmark/rollout_rows.py [--rows 1000000] [--texts]

The rows are those of two scores, out of order, half of them of returning users. A process of its own counts them. With
`--texts` they have texts in the place of scores, of which some are chosen and read, as if a check scored them.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]

COUNT = """
import resource, sys, time
sys.path[:0] = [{root!r}, {root!r} + "/tests"]
from evalgate.release.rollout.decision import decide
from evalgate.release.rollout.tally import tally_stage
from release.rollout.traffic import NAME, VERSIONS, clock, make_state

def score(chosen):
    from evalgate.gate.online_scoring import ChosenTexts
    from evalgate.release.rollout.online_scores import AnswerScores
    from evalgate.store.results_file import ResultsFile

    texts = ChosenTexts(NAME, chosen.ids, ResultsFile())
    with open({path!r}, "rb") as lines:
        texts.read(lines)
    return AnswerScores(values={{trial.case.id: {{"helpful": 1.0, "short": 1.0}} for trial in texts.list_trials()}})

own = {{"criteria": dict.fromkeys(("helpful", "short"), "a" * 64), "score_per_day": 1000}} if {texts} else {{}}
state = make_state(rules={{"scores": {{"helpful": 0.1, "short": 0.1}}, **own}})
began = time.perf_counter()
with open({path!r}, "rb") as lines:
    evidence = tally_stage(lines, name=NAME, state=state, versions=VERSIONS, now=clock(26), score=score)
found = decide(state, evidence, clock(26), 0)
seconds, cpu = time.perf_counter() - began, time.process_time()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"| {{evidence.rows:,}} | {{sum(evidence.keys):,}} | {{found.action}} | {{seconds:.1f}} | {{cpu:.1f}} | {{peak:.0f}} |")
"""


def write_rows(path: Path, count: int, *, texts: bool) -> None:
    sys.path.insert(0, str(ROOT / "tests"))
    from release.rollout.traffic import make_row

    rng = random.Random(1)
    with path.open("w", encoding="utf-8") as file:
        for _ in range(count):
            key = f"user-{rng.randrange(count // 2 + 1)}"
            row = make_row(key, 0.2 + 23 * rng.random(), share=500, id=f"{rng.getrandbits(128):032x}")
            row["scores"] = {"helpful": rng.randrange(5) / 4, "short": rng.randrange(5) / 4}
            if texts:
                row |= {"scores": {}, "fields": {"query": "how much is it? " * 5}, "output": "some words " * 20}
            file.write(json.dumps(row) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--texts", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "rows.jsonl"
        write_rows(path, given.rows, texts=given.texts)
        print("| rows | keys | decision | seconds | CPU seconds | peak MB |")
        print("| --- | --- | --- | --- | --- | --- |", flush=True)
        code = COUNT.format(root=str(ROOT), path=str(path), texts=given.texts)
        subprocess.run([sys.executable, "-c", code], check=True)


if __name__ == "__main__":
    main()
