from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from release.chains import make_chain, make_revision

from evalgate.release.runtime import last_good as module
from evalgate.release.runtime.cached_document import CachedDocument, parse_cached
from evalgate.release.runtime.last_good import LastGood

CHAIN = make_chain(12)
ROOT = Path(__file__).parents[3]


def hold(data: bytes, name: str = "support") -> CachedDocument:
    return parse_cached(name, data, time.monotonic() - 60)


def test_documents_come_back_with_the_time_of_their_confirmation(tmp_path: Path) -> None:
    path = tmp_path / "new" / "last.json"
    other = make_revision(1, None, name="a\nb", text="\ud800 @@@@ ü ")
    assert LastGood(path).read("support") is None
    assert LastGood(path).write([hold(CHAIN[0]), hold(other, "a\nb")])
    found = LastGood(path).read("support")
    assert found is not None and found.data == CHAIN[0]
    assert time.monotonic() - found.confirmed == pytest.approx(60, abs=1)
    second = LastGood(path).read("a\nb")
    assert second is not None and second.data == other
    assert (path.stat().st_mode & 0o777) == 0o600 or sys.platform == "win32"
    assert sorted(one.name for one in path.parent.iterdir()) == ["last.json", "last.json.lock"]


def test_a_revision_is_never_lowered(tmp_path: Path) -> None:
    keeper = LastGood(tmp_path / "last.json")
    keeper.write([hold(CHAIN[4])])
    keeper.write([hold(CHAIN[2])])
    found = keeper.read("support")
    assert found is not None and found.revision == 5


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b'{"format": 2, "documents": {}}',
        b'{"format": 1, "documents": []}',
        b'{"format": 1, "documents": {"support": 3}}',
        b'{"format": 1, "documents": {"support": {"at": 1, "data": "{}"}}}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_counts_as_empty_with_one_warning(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "last.json"
    path.write_bytes(content)
    keeper = LastGood(path)
    assert keeper.read("support") is None
    assert keeper.read("support") is None
    assert len(caplog.records) == 1 and "last.json" in caplog.text
    assert keeper.write([hold(CHAIN[0])])
    found = keeper.read("support")
    assert found is not None and found.revision == 1


def test_one_damaged_document_does_not_harm_another(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "last.json"
    LastGood(path).write([hold(CHAIN[0])])
    given = json.loads(path.read_text())
    given["documents"]["other"] = {"at": "soon", "data": "x"}
    given["documents"]["support"]["at"] = None
    path.write_text(json.dumps(given))
    assert LastGood(path).read("other") is None and "other" in caplog.text
    found = LastGood(path).read("support")
    assert found is not None and time.monotonic() - found.confirmed > 1e9


def test_a_place_that_cannot_be_written_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    keeper = LastGood(tmp_path / "file" / "last.json")
    assert not keeper.write([hold(CHAIN[0])])
    assert not keeper.write([hold(CHAIN[0])])
    assert len(caplog.records) == 1 and "cannot be written" in caplog.text
    (tmp_path / "folder").mkdir()
    assert LastGood(tmp_path / "folder").read("support") is None


def test_a_write_waits_for_another_and_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOCK_WAIT", 0.1)
    keeper = LastGood(tmp_path / "last.json")
    with module._lock(tmp_path / "last.json.lock") as locked:
        assert locked
        assert not keeper.write([hold(CHAIN[0])])
    assert keeper.write([hold(CHAIN[0])])


def test_many_threads_and_processes_lose_no_document_and_lower_none(tmp_path: Path) -> None:
    path = tmp_path / "last.json"
    code = """
import sys
from pathlib import Path
from hypothesis import given
from hypothesis import strategies as st
from release.chains import make_chain
from evalgate.release.runtime.cached_document import parse_cached
from evalgate.release.runtime.last_good import LastGood
keeper = LastGood(Path(sys.argv[1]))
for data in make_chain(12):
    keeper.write([parse_cached("support", data, 0.0)])
chain = make_chain(2, name=sys.argv[2])
keeper.write([parse_cached(sys.argv[2], chain[1], 0.0)])
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(path), f"p{number}"], env=environment) for number in range(4)
    ]
    revisions: list[int] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            found = LastGood(path).read("support")
            revisions.append(0 if found is None else found.revision)

    watching = threading.Thread(target=watch)
    watching.start()
    assert [one.wait(60) for one in started] == [0] * 4
    stop.set()
    watching.join()
    assert revisions == sorted(revisions)
    found = LastGood(path).read("support")
    assert found is not None and found.revision == 12
    assert all(LastGood(path).read(f"p{number}") is not None for number in range(4))


ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(categories=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(categories=None)), inner),
    max_leaves=6,
)
ENTRIES = ANY | st.fixed_dictionaries({"at": ANY, "data": st.text(st.characters(categories=None))}, optional={"x": ANY})


@given(st.dictionaries(st.sampled_from(["support", "other", "\ud800", ""]), ENTRIES))
def test_no_content_of_the_file_stops_a_write(documents: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "last.json"
        path.write_text(json.dumps({"format": 1, "documents": documents}), encoding="utf-8")
        assert LastGood(path).write([hold(CHAIN[1])])
        found = LastGood(path).read("support")
        assert found is not None and found.revision == 2


@pytest.mark.parametrize("depth", [100, 990, 2_000, 100_000])
def test_no_nesting_in_the_file_stops_a_write(tmp_path: Path, depth: int) -> None:
    path = tmp_path / "last.json"
    for deep in ("[" * depth + "]" * depth, '{"data": "x", "at": ' + "[" * depth + "]" * depth + "}"):
        path.write_text('{"format": 1, "documents": {"other": ' + deep + "}}", encoding="utf-8")
        assert LastGood(path).write([hold(CHAIN[1])])
        assert LastGood(path).read("support") is not None


def test_a_name_that_is_no_text_in_utf_8_is_kept(tmp_path: Path) -> None:
    name = "\ud800"
    document = make_revision(1, None, name=name)
    assert LastGood(tmp_path / "last.json").write([hold(document, name)])
    found = LastGood(tmp_path / "last.json").read(name)
    assert found is not None and found.data == document
