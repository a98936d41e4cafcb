from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from repository import Repository

import evalgate
from evalgate.errors import InputError
from evalgate.store.atomic import write_file
from evalgate.store.store import KINDS, OTHER, Store, find_kind

SOURCE = Path(evalgate.__file__).parent
# The files of an earlier store have to be found again.
PATHS = [
    "baselines/k.json",
    "batches",
    "cache.sqlite3",
    "journal/k.jsonl",
    "report.json",
    "verdicts/k.json",
]


def paths(store: Store) -> list[Path]:
    return [
        store.find_baseline("k"),
        store.batches,
        store.cache,
        store.find_journal("k"),
        store.last_report,
        store.find_verdict("k"),
    ]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(root=tmp_path / "a" / "store")


def test_every_path_lies_where_it_always_did(store: Store) -> None:
    assert [path.relative_to(store.root).as_posix() for path in paths(store)] == PATHS
    assert store.results == store.root


def test_naming_paths_makes_and_reads_nothing(store: Store) -> None:
    paths(store)
    assert store.list_verdicts() == store.list_baselines() == store.list_journals() == store.list_damaged_caches() == []
    assert not store.root.exists()


def test_files_are_listed_by_kind_and_in_order(store: Store) -> None:
    listed = [store.find_verdict("b"), store.find_verdict("a"), store.find_baseline("c")]
    journals = [store.find_journal("drift-k-2Z"), store.find_journal("drift-k-1Z"), store.find_journal("k")]
    damaged = store.root / "cache.sqlite3.damaged-1"
    for path in (*listed, *journals, damaged, store.cache, store.last_report, store.root / "verdicts" / ".x.part"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert store.list_verdicts() == [store.find_verdict("a"), store.find_verdict("b")]
    assert store.list_baselines() == [store.find_baseline("c")]
    assert store.list_journals() == sorted(journals)
    assert store.list_journals("drift-k-*Z") == sorted(journals[:2])
    assert store.list_damaged_caches() == [damaged]


def list_paths(store: Store) -> dict[str, Path]:
    """Return each path that a store names, by the name of its member; of a folder, that of a file in it."""
    found = {}
    for name, member in vars(Store).items():
        if name.startswith("find_"):
            found[name] = store.find_prompts(store.last_part) if name == "find_prompts" else getattr(store, name)("k.2")
        elif isinstance(member, property):
            path = getattr(store, name)
            found[name] = path if path.suffix else path / "k.json"
    return found


def test_each_path_that_a_store_names_is_of_one_kind(store: Store) -> None:
    named = list_paths(store)
    assert len(named) >= 13
    for name, path in named.items():
        if name not in {"root", "results"}:
            assert find_kind(path.relative_to(store.root).as_posix()) is not OTHER, name
    for kind in KINDS:
        for pattern in kind.patterns:
            assert find_kind(pattern.replace("*", "k")) is kind, "no other kind has the same files"
    for path in ("verdicts/k.json.txt", "more/verdicts/k.json", "releases.sqlite3", "", "cache.sqlite30"):
        assert find_kind(path) is OTHER


def test_what_a_killed_process_leaves_is_listed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "replace", lambda self, target: None)  # as if the process ended before
    for path in (store.last_report, store.find_verdict("k")):
        write_file(path, "x")
    assert [kind.name for kind, files in store.list_files().items() if len(files) == 2] == ["leftovers"]


def test_a_folder_that_cannot_be_read_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = store.root / "closed"
    closed.mkdir(parents=True)
    listed = Path.iterdir

    def refuse(path: Path) -> Iterator[Path]:
        if path == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(InputError, match="closed: cannot be read: Permission denied"):
        store.list_files()


def test_a_prepared_store_hides_itself_from_git_and_keeps_what_a_user_wrote(repository: Repository) -> None:
    store = Store(root=repository.root / "store")
    store.prepare()
    store.cache.touch()
    told = subprocess.run(
        ["git", "status", "--porcelain"], cwd=repository.root, capture_output=True, text=True, check=True
    )
    assert told.stdout == ""
    (store.root / ".gitignore").write_text("cache.sqlite3\n")
    store.prepare()
    assert (store.root / ".gitignore").read_text() == "cache.sqlite3\n"


def test_a_store_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    Store(root=tmp_path / "file").prepare()
    Store(root=tmp_path / "file" / "store").prepare()


def test_no_other_file_spells_a_path_of_the_store() -> None:
    spelled = re.compile(r'"(\.evalgate|cache\.sqlite3|\.damaged-)|/ "(journal|batches|verdicts|baselines)"')
    found = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if spelled.search(path.read_text())}
    assert found == {"store/store.py", "store/atomic.py"}, "a temporary file has the name of the tool, too"
