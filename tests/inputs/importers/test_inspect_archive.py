"""Tests of the reader of `.eval` archives."""

from __future__ import annotations

import io
import json
import sys
import zipfile

import pytest
from tool_files import DATA

from evalgate.errors import InputError
from evalgate.inputs.importers import inspect_archive
from evalgate.inputs.importers.inspect_archive import is_archive, load_archive

OLD, NEW = "inspect-0.3.60-failed.eval", "inspect-good.eval"


def test_both_compressions_are_read() -> None:
    for name, samples in ((OLD, 3), (NEW, 6)):
        data = (DATA / name).read_bytes()
        assert is_archive(data)
        log = load_archive(data, name)
        assert (log["status"], len(log["samples"])) == ("success", samples)


def test_a_log_without_a_header_is_unfinished() -> None:
    assert load_archive((DATA / "inspect-killed.eval").read_bytes(), "x")["status"] == "started"


def test_another_archive_is_no_log() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
    assert not is_archive(file.getvalue())


@pytest.mark.parametrize("name", [OLD, NEW])
def test_a_damaged_archive_is_refused(name: str) -> None:
    data = bytearray((DATA / name).read_bytes())
    start = data.index(b"samples/") + 60
    data[start : start + 200] = bytes(200)
    for damaged in (bytes(data), bytes(data[: len(data) // 2])):
        with pytest.raises(InputError, match="is not a readable log of inspect_ai"):
            load_archive(damaged, name)


def test_an_archive_that_holds_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect_archive, "MAX_FILE_BYTES", 1000)
    with pytest.raises(InputError, match=r"header\.json in it has more than 1,000 bytes"):
        load_archive((DATA / OLD).read_bytes(), OLD)
    monkeypatch.setattr(inspect_archive, "_MOST_BYTES", 2000)
    with pytest.raises(InputError, match="holds more than 2,000 bytes"):
        load_archive((DATA / OLD).read_bytes(), OLD)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="the standard library reads Zstandard")
def test_what_is_kept_of_all_samples_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_journal/start.json", "{}")
        for number in range(4):
            sample = {"id": number, "input": "x" * 300, "messages": ["y" * 500]}
            archive.writestr(f"samples/{number}_epoch_1.json", json.dumps(sample))
    assert len(load_archive(file.getvalue(), "x")["samples"]) == 4
    monkeypatch.setattr(inspect_archive, "MAX_FILE_BYTES", 1000)
    with pytest.raises(InputError, match="without messages and events"):
        load_archive(file.getvalue(), "x")


def test_without_the_package_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "backports.zstd", None)
    with pytest.raises(InputError, match="Zstandard") as refused:
        load_archive((DATA / NEW).read_bytes(), NEW)
    assert "prompt-evalgate[inspect]" in str(refused.value) and "inspect log convert" in str(refused.value)
