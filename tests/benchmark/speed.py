"""How fast the gate is: the command as a user runs it, against the ideal and against a bare aiohttp loop.

    python tests/benchmark/speed.py [--cases 200 1000] [--latency 0.2] [--concurrency 50] [--faults 429=0.1,500=0.02]

A gate of n cases x 2 arms x one judge makes 4 n calls. "Ideal" is calls x latency / concurrency: what a machine that
costs nothing would take. Wall and CPU include the start of the process, except that "CPU a call" is what a run costs
beyond one of a single case. Needs a system that tells a child's resources (not Windows).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent

_CONFIG = """\
format: 1
targets:
  api: {{type: openai, base_url: "{url}", model: m, prices: {{input: 1, output: 2}}}}
gates:
  - name: support
    prompt: candidate.prompt.yml
    baseline: baseline.prompt.yml
    dataset: cases.jsonl
    samples: {{baseline: 1, candidate: 1}}
    checks:
      - {{type: contains, value: "shop"}}
      - {{type: length, max_words: 60}}
    judges:
      - {{rubric: relevance}}
run: {{concurrency: {concurrency}{more}}}
policy: {{stop_early: false}} # every call is to be made
"""
_PROMPT = """\
name: support
version: "{version}"
change: for the benchmark
messages:
  - role: system
    content: You answer the customers of a small outdoor shop in one friendly sentence. {manner}
  - role: user
    content: "{{{{query}}}}\\n{{{{context}}}}"
"""
_CONTEXT = "Goods can be sent back within 30 days of delivery, in the state they came in, at no cost. " * 4


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A finished child process: seconds of wall and CPU, peak memory in MB, and what the endpoint was asked for."""

    code: int
    wall: float
    cpu: float
    memory: float
    counts: dict[str, int]
    err: str


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The server in a process of its own."""

    url: str

    def counts(self) -> dict[str, int]:
        with urllib.request.urlopen(f"{self.url}/counts") as reply:
            found: dict[str, int] = json.load(reply)
        return found


@contextlib.contextmanager
def endpoint(latency: float, faults: str, rate: float | None = None) -> Iterator[Endpoint]:
    command = [sys.executable, str(HERE / "endpoint.py"), "--latency", str(latency), "--faults", faults]
    command += [] if rate is None else ["--rate", str(rate)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Endpoint(url=process.stdout.readline().strip())
        process.communicate()


def write_project(folder: Path, url: str, cases: int, concurrency: int, more: str = "") -> None:
    """A gate whose every case is answered differently by each arm, so that no call can be saved."""
    folder.mkdir(parents=True)
    more = f", {more}" if more else ""
    (folder / "evalgate.yml").write_text(_CONFIG.format(url=url, concurrency=concurrency, more=more))
    for name, version, manner in (("baseline", "1.0.0", "Be exact."), ("candidate", "1.1.0", "Never guess anything.")):
        (folder / f"{name}.prompt.yml").write_text(_PROMPT.format(version=version, manner=manner))
    with (folder / "cases.jsonl").open("w") as file:
        for number in range(cases):
            case = {"id": f"case-{number:06}", "query": f"May I return order {number}?", "context": _CONTEXT}
            file.write(json.dumps({**case, "tags": [f"topic-{number % 5}"]}) + "\n")


def measure(command: Sequence[str | Path], server: Endpoint) -> Measured:
    """Runs a command to its end; Python keeps its compiled modules, as it does for a user."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = server.counts()
    with tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=err, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        err.seek(0)
        text = err.read().decode(errors="replace")
    after = server.counts()
    return Measured(
        code=process.returncode,
        wall=wall,
        cpu=used.ru_utime + used.ru_stime,
        memory=used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024),
        counts={name: after[name] - before.get(name, 0) for name in after},
        err=text,
    )


def gate(folder: Path, server: Endpoint) -> Measured:
    """`evalgate run`. Raises RuntimeError when it ended with an error instead of a verdict, or lost a case."""
    run = [sys.executable, "-c", "from evalgate.cli import entry; entry()", "run", "--config", folder / "evalgate.yml"]
    measured = measure(run, server)
    if measured.code not in (0, 1, 4, 5):
        raise RuntimeError(f"evalgate run ended with {measured.code}: {measured.err}")
    return measured


def lost_cases(folder: Path) -> int:
    """Results of the last report that hold no output, or a criterion without a score."""
    report = json.loads((folder / ".evalgate" / "report.json").read_text())
    results = report["gates"][0]["results"]
    return sum("failure" in r["outcome"] or any("unscored" in s for s in r["scores"].values()) for r in results)


def table(given: argparse.Namespace) -> Iterator[str]:
    """The lines of a Markdown table, each as soon as it is known."""
    heads = ("cases", "calls", "ideal s", "wall s", "x ideal", "bare x ideal", "x bare", "CPU ms a call", "bare CPU ms")
    heads = (*heads, "peak MB", "cached s", "cached calls", "lost")
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    with endpoint(given.latency, given.faults) as server, tempfile.TemporaryDirectory() as root:
        for name in ("compiling", "first"):
            write_project(Path(root, name), server.url, 1, given.concurrency, given.run)
            first = gate(Path(root, name), server)
        for cases in given.cases:
            folder = Path(root, f"of-{cases}")
            write_project(folder, server.url, cases, given.concurrency, given.run)
            yield f"| {' | '.join(_row(cases, folder, server, first, given))} |"


def _row(cases: int, folder: Path, server: Endpoint, first: Measured, given: argparse.Namespace) -> list[str]:
    calls = 4 * cases
    ideal = calls * given.latency / given.concurrency
    bare = None
    if not given.faults and not given.no_bare:
        command = [sys.executable, HERE / "bare.py", server.url, str(calls), str(given.concurrency)]
        bare = measure(command, server)
        if bare.code:
            raise RuntimeError(bare.err)
    cold = gate(folder, server)
    lost = "-" if given.no_lost else str(lost_cases(folder))
    again = gate(folder, server)
    return [
        str(cases),
        str(cold.counts["calls"]),
        f"{ideal:.2f}",
        f"{cold.wall:.2f}",
        f"{cold.wall / ideal:.3f}",
        f"{bare.wall / ideal:.3f}" if bare else "-",
        f"{cold.wall / bare.wall:.3f}" if bare else "-",
        f"{(cold.cpu - first.cpu) * 1000 / (calls - 4):.2f}" if cases > 1 else "-",
        f"{bare.cpu * 1000 / calls:.2f}" if bare else "-",
        f"{cold.memory:.0f}",
        f"{again.wall:.2f}",
        str(again.counts["calls"]),
        lost,
    ]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cases", type=int, nargs="+", default=[200, 1000])
    options.add_argument("--latency", type=float, default=0.2, metavar="SECONDS")
    options.add_argument("--concurrency", type=int, default=50)
    options.add_argument("--faults", default="", help="shares of requests: 429=, 500=, reset=, malformed=, hang=")
    options.add_argument("--run", default="", help="more of the configuration's `run:`, such as 'timeout: 5'")
    options.add_argument("--no-bare", action="store_true", help="leave the bare loop out")
    options.add_argument(
        "--no-lost", action="store_true", help="do not count lost cases, which needs memory of its own"
    )
    for line in table(options.parse_args()):
        print(line, flush=True)


if __name__ == "__main__":
    main()
