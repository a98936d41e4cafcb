"""A hostile zip gives one report or one refusal, whatever is in it."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.errors import InputError
from evalgate.services.artifact import read_report

REPORT = b'{"verdict": "pass"}'


def archive(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, mode: int = 0) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as made:
        for name, data in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = method
            made.writestr(info, data)
    return stream.getvalue()


def entry(data: bytes) -> int:
    """Where the directory's first entry begins."""
    return data.index(b"PK\x01\x02")


def patched(data: bytes, at: int, form: str, *values: Any) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, at, *values)
    return bytes(changed)


def refusal(data: bytes, *, most: int = 1000) -> str:
    with pytest.raises(InputError) as caught:
        read_report(data, most=most)
    return str(caught.value)


@pytest.mark.parametrize("mode", [0, stat.S_IFREG | 0o644, 0o600])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_report_is_found_among_others(mode: int, method: int) -> None:
    data = archive(("report.md", b"# x"), ("report.json", REPORT), ("a/report.json", b"{}"), method=method, mode=mode)
    assert read_report(data, most=len(REPORT)) == REPORT


def test_a_report_may_have_as_many_bytes_as_allowed_and_not_one_more() -> None:
    data = archive(("report.json", REPORT))
    assert read_report(data, most=len(REPORT)) == REPORT
    assert f"more than {len(REPORT) - 1}" in refusal(data, most=len(REPORT) - 1)


def test_an_empty_report_is_handed_over_as_it_is() -> None:
    assert read_report(archive(("report.json", b"")), most=10) == b""


@pytest.mark.parametrize("data", [b"", b"not a zip", archive(("report.json", REPORT))[:-30], b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip_is_refused(data: bytes) -> None:
    assert "the artifact is refused" in refusal(data)


@pytest.mark.parametrize("name", ["report.md", "a/report.json", "/report.json", "../report.json", "REPORT.JSON"])
def test_another_name_is_not_the_reports(name: str) -> None:
    assert "0 members named report.json" in refusal(archive((name, REPORT)))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_several_members_of_the_name_are_refused() -> None:
    assert "2 members" in refusal(archive(("report.json", REPORT), ("report.json", b"{}")))


def test_a_name_that_goes_on_behind_a_null_is_refused() -> None:
    data = archive(("report.jsonXevil", REPORT)).replace(b"report.jsonXevil", b"report.json\x00evil")
    assert "hidden characters" in refusal(data)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_only_a_regular_file_is_read(kind: int) -> None:
    assert "not a regular file" in refusal(archive(("report.json", b"/etc/passwd"), mode=kind | 0o777))


@pytest.mark.parametrize("flag", [0x1, 0x40, 0x2000])
def test_an_encrypted_member_is_refused(flag: int) -> None:
    data = archive(("report.json", REPORT))
    assert "encrypted" in refusal(patched(data, entry(data) + 8, "<H", flag))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 99])
def test_a_compression_that_could_ask_for_much_memory_is_refused(method: int) -> None:
    data = archive(("report.json", REPORT))
    assert "only deflate is read" in refusal(patched(data, entry(data) + 10, "<H", method))


def test_a_bomb_that_says_its_size_is_not_opened() -> None:
    bomb = archive(("report.json", bytes(50_000_000)))
    assert len(bomb) < 60_000
    assert "50000000 bytes, more than 1000" in refusal(bomb)


def test_a_bomb_that_lies_about_its_size_stops_at_the_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = archive(("report.json", bytes(50_000_000)))
    bomb = patched(bomb, entry(bomb) + 24, "<I", 100)  # the directory's uncompressed size
    bomb = patched(bomb, 22, "<I", 100)  # the member's own
    taken: list[int] = []
    read = zipfile.ZipExtFile.read

    def spy(self: zipfile.ZipExtFile, size: int | None = -1) -> bytes:
        taken.append(len(found := read(self, size)))
        return found

    monkeypatch.setattr(zipfile.ZipExtFile, "read", spy)
    assert "the artifact is refused" in refusal(bomb)
    assert sum(taken) <= 100


def test_a_member_shorter_than_it_says_is_refused() -> None:
    data = archive(("report.json", REPORT), method=zipfile.ZIP_STORED)
    assert "the artifact is refused" in refusal(patched(data, entry(data) + 24, "<I", len(REPORT) + 5))


def test_a_changed_member_is_refused() -> None:
    data = archive(("report.json", REPORT), method=zipfile.ZIP_STORED)
    assert "valid zip" in refusal(data.replace(b"pass", b"fail"))


def test_a_directory_of_very_many_members_is_not_walked() -> None:
    data = archive(*((f"{number}", b"") for number in range(1001)))
    assert "more than 1000 members" in refusal(data)


def test_the_member_says_another_name_than_the_directory() -> None:
    data = archive(("report.json", REPORT))
    assert "valid zip" in refusal(data.replace(b"report.json", b"report.nosj", 1))


WHOLE = archive(("report.json", REPORT), ("more.txt", b"x" * 50))


@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=12), st.integers(0, 40))
def test_no_bytes_raise_anything_but_a_refusal(changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(WHOLE)
    for at, value in changes:
        data[at] = value
    try:
        assert len(read_report(bytes(data[: len(data) - cut]), most=1000)) <= 1000
    except InputError as error:
        assert "the artifact is refused" in str(error)
