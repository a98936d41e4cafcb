"""SQLite (WAL) or one file an entry: what a store of answers costs, measured side by side.

    python tests/benchmark/stores.py [--entries 4000 100000] [--folder DIR]

An entry is a line of about 700 bytes under a key of 64 hexadecimal digits. "write" and "read" are one process; "two
write" are two processes that write half of the entries each at once. SQLite is `execute.cache.Cache` as a run uses it;
a file an entry is a file in one of 256 folders, written beside and renamed, without fsync. "tar" and "untar" pack the
folder as actions/cache does (tar through zstd, or gzip at its fastest where there is no zstd) and restore it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from evalgate.domain import Output, Usage
from evalgate.store.cache_entry import CacheEntry, dump, load
from evalgate.store.output_cache import Cache


class Store(Protocol):
    def put(self, key: str, line: str) -> None: ...
    def get(self, key: str) -> Output: ...
    def close(self) -> None: ...


class Sqlite:
    def __init__(self, folder: Path) -> None:
        self._cache = Cache(folder / "cache.sqlite3")

    def put(self, key: str, line: str) -> None:
        self._cache.put_line(key, line)

    def get(self, key: str) -> Output:
        found = self._cache.get(key)
        assert isinstance(found, Output)
        return found

    def close(self) -> None:
        self._cache.close()
        assert not self._cache.warnings, self._cache.warnings


class Files:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for number in range(256):
            (folder / f"{number:02x}").mkdir(parents=True, exist_ok=True)

    def put(self, key: str, line: str) -> None:
        path = self._path(key)
        part = f"{path}.{os.getpid()}.part"
        with open(part, "wb") as file:  # noqa: PTH123 - as fast as it can be
            file.write(line.encode())
        os.replace(part, path)  # noqa: PTH105

    def get(self, key: str) -> Output:
        with open(self._path(key), "rb") as file:  # noqa: PTH123
            found = load(file.read()).outcome
        assert isinstance(found, Output)
        return found

    def close(self) -> None:
        pass

    def _path(self, key: str) -> str:
        return f"{self._folder}/{key[:2]}/{key}.json"


STORES: dict[str, Callable[[Path], Store]] = {"sqlite": Sqlite, "files": Files}


def entries(first: int, count: int) -> Iterator[tuple[str, str]]:
    for number in range(first, first + count):
        key = hashlib.sha256(str(number).encode()).hexdigest()
        words = " ".join(key[place : place + 5] for place in range(0, 60, 3)) * 4  # text that packs as text does
        outcome = Output(
            text=words, served_by="m-1", usage=Usage(input_tokens=300, output_tokens=90), seconds=0.2, cost_usd=0.001
        )
        yield key, dump(CacheEntry(key=key, about=f"candidate, case {number}", outcome=outcome))


def write(store: Store, first: int, count: int) -> None:
    for key, line in entries(first, count):
        store.put(key, line)
    store.close()


def seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def two_write(name: str, folder: Path, count: int) -> None:
    """Two processes of this program, each with its half."""
    half = count // 2
    command = [sys.executable, __file__, "--write", name, str(folder)]
    processes = [subprocess.Popen([*command, str(first), str(half)]) for first in (0, half)]
    assert [process.wait() for process in processes] == [0, 0]


def on_disk(folder: Path) -> tuple[int, int]:
    """Files, and bytes of the blocks they take."""
    sizes = [path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)


def row(name: str, count: int, root: Path) -> list[str]:
    one, two, back = root / "one", root / "two", root / "back"
    for folder in (one, two, back):
        folder.mkdir(parents=True)
    make = STORES[name]
    nothing = seconds(lambda: sum(len(line) for _, line in entries(0, count)))
    wrote = seconds(lambda: write(make(one), 0, count)) - nothing
    keys = [key for key, _ in entries(0, count)]
    reader = make(one)
    read = seconds(lambda: [reader.get(key) for key in keys])
    reader.close()
    both = seconds(lambda: two_write(name, two, count))
    check = make(two)
    assert all(check.get(key).text for key in keys), "two processes lost an entry"
    check.close()
    files, size = on_disk(one)
    how = "zstd -T0" if shutil.which("zstd") else "gzip -1"
    packed = root / "packed"
    packing = seconds(lambda: subprocess.run(["tar", "-cf", packed, "-I", how, "-C", one, "."], check=True))
    program = how.split(maxsplit=1)[0]
    restoring = seconds(lambda: subprocess.run(["tar", "-xf", packed, "-I", program, "-C", back], check=True))
    restored = make(back)
    assert all(restored.get(key).text for key in keys), "an entry was not restored"
    restored.close()
    return [
        f"{count:,}",
        name,
        f"{wrote:.2f}",
        f"{read:.2f}",
        f"{both:.2f}",
        f"{files:,}",
        f"{size / 1e6:.1f}",
        f"{packed.stat().st_size / 1e6:.1f}",
        f"{packing:.2f}",
        f"{restoring:.2f}",
    ]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--entries", type=int, nargs="+", default=[4000, 100_000])
    options.add_argument("--folder", type=Path, help="where to write  [default: the system's temporary folder]")
    options.add_argument("--write", nargs=4, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.write:
        name, folder, first, count = given.write
        write(STORES[name](Path(folder)), int(first), int(count))
        return
    heads = ("entries", "store", "write s", "read s", "two write s", "files", "MB", "packed MB", "tar s", "untar s")
    print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}", flush=True)
    for count in given.entries:
        for name in STORES:
            with tempfile.TemporaryDirectory(dir=given.folder) as root:
                print(f"| {' | '.join(row(name, count, Path(root)))} |", flush=True)


if __name__ == "__main__":
    main()
