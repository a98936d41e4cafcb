"""Measures the runtime: import, requests, 200 threads at once, and a rollback until many processes serve the old text.

python tests/benchmark/serving.py [--processes 20] [--rollbacks 3] [--quick]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import threading
import time
import timeit
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from release.chains import make_chain, make_rollout
from release.document_server import DocumentServer, serve_documents
from release.redis_server import PROGRAM, run_redis

from evalgate.release.runtime import PromptClient

CHAIN = make_chain(20)
THREADS = 200


def say(what: str, measured: str, bar: str) -> None:
    print(f"| {what} | {measured} | {bar} |", flush=True)


def time_program(code: str, repeats: int) -> list[float]:
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        found.append(time.perf_counter() - began)
    return found


def measure_import(repeats: int) -> None:
    bare = time_program("pass", repeats)
    loaded = time_program("import evalgate.release.runtime", repeats)
    best = (min(loaded) - min(bare)) * 1e3
    middle = (statistics.median(loaded) - statistics.median(bare)) * 1e3
    say("import over `python -c pass`", f"{best:.0f} ms at best, median {middle:.0f} ms", "60 ms")


def measure_requests(number: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "support.json"
        path.write_bytes(make_rollout(3000))
        with PromptClient(f"file:{path}") as client:
            client.get("support")
            for what, call, bar in (
                ("get", lambda: client.get("support"), "2 us"),
                ("choose", lambda: client.choose("support", "user-1234"), "5 us"),
            ):
                times = [one / number * 1e6 for one in timeit.repeat(call, number=number, repeat=7)]
                say(f"{what}, warm", f"{min(times):.2f} us at best, median {statistics.median(times):.2f} us", bar)


def ask_at_once(client: PromptClient) -> tuple[int, float, float, float]:
    """Return (errors, longest wait, median CPU time, largest CPU time) of one request in each of 200 threads."""
    barrier = threading.Barrier(THREADS)
    errors: list[Exception] = []
    waits: list[float] = []
    busy: list[float] = []

    def ask() -> None:
        barrier.wait()
        began, used = time.perf_counter(), time.thread_time()
        try:
            client.get("support")
        except Exception as error:
            errors.append(error)
        waits.append(time.perf_counter() - began)
        busy.append(time.thread_time() - used)

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(errors), max(waits), statistics.median(busy), max(busy)


def expire(client: PromptClient) -> None:
    client._held["support"].due = 0.0
    client._refresher._wakes[0].set()


def tell(what: str, server: DocumentServer, client: PromptClient, bar: str) -> None:
    before = len(server.requests)
    errors, wait, middle, most = ask_at_once(client)
    time.sleep(server.delay + 0.1)
    requests = len(server.requests) - before
    measured = f"{requests} requests, {errors} errors, longest wait {wait * 1e3:.1f} ms"
    say(f"{THREADS} threads, {what}", f"{measured}, CPU median {middle * 1e6:.0f} us, most {most * 1e6:.0f} us", bar)


def measure_threads() -> None:
    with serve_documents() as server:
        server.files["/support.json"] = CHAIN[0]
        server.delay = 0.5
        with PromptClient(server.url) as client:
            tell("cold, the registry takes 500 ms", server, client, "1 request, CPU 1 ms each")
            expire(client)
            tell("expired", server, client, "1 request, no wait, CPU 1 ms each")
            server.status = 503
            expire(client)
            tell("registry down", server, client, "no error, no wait, CPU 1 ms each")


APPLICATION = """
import sys, time
from evalgate.release.runtime import PromptClient
url, ttl, port, end = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), time.time() + 600
redis = None
if port:
    import redis as package
    redis = package.Redis(port=port)
client = PromptClient(url, redis=redis, ttl=ttl)
last = None
while time.time() < end:
    version = client.get("support").version
    if version != last:
        print(version, time.time(), flush=True)
        last = version
    time.sleep(0.01)
"""


@contextmanager
def run_applications(url: str, processes: int, ttl: float, port: int) -> Iterator[list[list[tuple[str, float]]]]:
    """Run an application in many processes, and yield the versions that each serves, with their times."""
    order = [sys.executable, "-c", APPLICATION, url, str(ttl), str(port)]
    started = [subprocess.Popen(order, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    seen: list[list[tuple[str, float]]] = [[] for _ in started]

    def read(one: subprocess.Popen[str], found: list[tuple[str, float]]) -> None:
        assert one.stdout is not None
        for line in one.stdout:
            version, at = line.split()
            found.append((version, float(at)))

    readers = [threading.Thread(target=read, args=pair) for pair in zip(started, seen, strict=True)]
    for reader in readers:
        reader.start()
    try:
        yield seen
    finally:
        for one in started:
            one.terminate()
        for one in started:
            one.wait()
        for reader in readers:
            reader.join()


def measure_rollback(processes: int, rollbacks: int, *, ttl: float, with_redis: bool) -> None:
    with serve_documents() as server, run_redis() if with_redis else nullcontext(0) as port:
        server.files["/support.json"] = CHAIN[0]
        longest = []
        with run_applications(server.url, processes, ttl, port) as seen:
            while not all(seen):
                time.sleep(0.05)
            for number in range(1, rollbacks + 1):
                time.sleep(min(11.0, ttl) if number == 1 else 1.7)  # at another point of the rounds each time
                began = time.time()
                server.files["/support.json"] = CHAIN[number]
                wanted = f"1.0.{number + 1}"
                while not all(found[-1][0] == wanted for found in seen):
                    if time.time() - began > 120:
                        raise TimeoutError(f"not all processes serve {wanted}")
                    time.sleep(0.02)
                longest.append(max(found[-1][1] for found in seen) - began)
            requests = len(server.requests)
    what = f"{processes} processes serve the old text, " + ("Redis" if with_redis else f"time to live {ttl:g} s")
    measured = f"{', '.join(f'{one:.1f}' for one in longest)} s; {requests} requests to the registry in all"
    say(what, measured, "15 s" if with_redis else f"{ttl:g} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=20)
    parser.add_argument("--rollbacks", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="less of each, and no Redis")
    given = parser.parse_args()
    print("| what | measured | bar |\n| --- | --- | --- |")
    measure_import(2 if given.quick else 30)
    measure_requests(1000 if given.quick else 100_000)
    measure_threads()
    measure_rollback(given.processes, given.rollbacks, ttl=1.0 if given.quick else 10.0, with_redis=False)
    if PROGRAM is not None and not given.quick:
        measure_rollback(given.processes, given.rollbacks, ttl=300.0, with_redis=True)


if __name__ == "__main__":
    main()
