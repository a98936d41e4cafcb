from __future__ import annotations

import sys
from pathlib import Path

import pytest

from evalgate.domain.rollout import RowSource
from evalgate.errors import ServiceError
from evalgate.release.row_source import LONGEST, stream_rows


def test_files_are_found_by_their_patterns_and_read_once(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    for name in ("b", "a"):
        (tmp_path / "rows" / f"{name}.jsonl").write_bytes(f'{{"id": "{name}"}}\n'.encode())
    source = RowSource(files=("rows/*.jsonl", "rows/a.jsonl", str(tmp_path / "rows/b.jsonl")))
    assert list(stream_rows(source, tmp_path)) == [b'{"id": "a"}\n', b'{"id": "b"}\n']


def test_a_name_with_brackets_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "rows[1].jsonl").write_bytes(b"{}\n")
    assert list(stream_rows(RowSource(files=("rows[1].jsonl",)), tmp_path)) == [b"{}\n"]


def test_a_line_without_an_end_is_cut(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b"x" * (3 * LONGEST + 5) + b"\n{}\n")
    found = list(stream_rows(RowSource(files=("rows.jsonl",)), tmp_path))
    assert [len(one) for one in found] == [LONGEST, 3]


@pytest.mark.parametrize("pattern", ["none/*.jsonl", "missing.jsonl", "."])
def test_a_pattern_without_a_file_is_an_error(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(ServiceError, match="there is no such file of rows"):
        list(stream_rows(RowSource(files=(pattern,)), tmp_path))


def test_a_command_prints_the_rows(tmp_path: Path) -> None:
    (tmp_path / "export.py").write_text("print('{}')\nprint('{\"a\": 1}')\n")
    source = RowSource(command=(sys.executable, "export.py"))
    assert [one.strip() for one in stream_rows(source, tmp_path)] == [b"{}", b'{"a": 1}']
