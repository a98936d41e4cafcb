"""How long `validate` and `run --changed` take for many prompts that match one pattern.

    python tests/benchmark/many_prompts.py [PROMPTS]

Makes a repository with one dataset of 60 cases, and with one dataset for each prompt. Nothing is changed, so no call is
made. Each time is the best of three, of the whole process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EVALGATE = Path(sys.executable).with_name("evalgate")
CASES = 60
CONFIG = """\
format: 1
targets:
  api: {{type: openai, base_url: "http://127.0.0.1:9/v1", model: m}}
defaults:
  dataset: {dataset}
  checks: [{{type: length, min_chars: 1}}, {{type: regex, pattern: "[a-z]"}}]
gates:
  - prompt: prompts/**/*.prompt.yml
"""
PROMPT = """\
name: p{number}
version: "1.0.0"
messages:
  - role: system
    content: You answer in one sentence and in the manner of number {number}.
  - role: user
    content: "{{{{query}}}}"
"""


def make_project(root: Path, prompts: int, dataset: str) -> None:
    rows = "".join(json.dumps({"id": f"c{i}", "query": f"question {i}"}) + "\n" for i in range(CASES))
    for number in range(prompts):
        folder = root / "prompts" / f"team{number % 12}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"p{number}.prompt.yml").write_text(PROMPT.format(number=number))
        path = root / dataset.replace("{dir}", f"team{number % 12}").replace("{stem}", f"p{number}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rows)
    (root / "evalgate.yml").write_text(CONFIG.format(dataset=dataset))
    user = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for order in (["init", "--quiet", "-b", "main"], ["add", "."], [*user, "commit", "--quiet", "-m", "first"]):
        subprocess.run(["git", *order], cwd=root, check=True)
    subprocess.run(["git", "switch", "--quiet", "-c", "work"], cwd=root, check=True)


def measure(root: Path, *arguments: str) -> float:
    best = float("inf")
    for _ in range(3):
        begun = time.perf_counter()
        subprocess.run([EVALGATE, *arguments], cwd=root, check=True, stdout=subprocess.DEVNULL)
        best = min(best, time.perf_counter() - begun)
    return best


def main() -> None:
    prompts = int(sys.argv[1]) if len(sys.argv) > 1 else 218
    for dataset in ("cases.jsonl", "golden/{dir}/{stem}.jsonl"):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            make_project(root, prompts, dataset)
            for arguments in (["validate"], ["run", "--changed"]):
                seconds = measure(root, *arguments)
                print(f"{prompts} prompts, {dataset}: {' '.join(arguments)} {seconds:.2f} s")


if __name__ == "__main__":
    main()
