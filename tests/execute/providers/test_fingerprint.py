"""The fingerprint of a function: which files it covers."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from evalgate.execute.providers import fingerprint as fingerprints


@pytest.fixture
def measure(tmp_path: Path) -> Callable[[], str | None]:
    """Return a function that takes the fingerprint of `app.answer` in a project with one data file."""
    (tmp_path / "app.py").write_text("def answer(case):\n    return 'x'\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "facts.txt").write_text("one")

    def take() -> str | None:
        spec = importlib.util.spec_from_file_location("app_of_fingerprint", tmp_path / "app.py")
        assert spec is not None and spec.loader is not None
        module: ModuleType = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return fingerprints.fingerprint(module, module.answer, tmp_path, tmp_path / ".evalgate")

    return take


def test_it_changes_with_code_and_data_and_with_nothing_else(measure: Callable[[], str | None], tmp_path: Path) -> None:
    before = measure()
    assert before is not None and measure() == before
    for ignored in (".evalgate/cache.sqlite3", ".git/HEAD", "node_modules/x.js", "__pycache__/app.pyc", ".env"):
        (tmp_path / ignored).parent.mkdir(exist_ok=True)
        (tmp_path / ignored).write_text("new")
        assert measure() == before, ignored
    for counted in ("data/facts.txt", "data/more.txt", "app.py"):
        (tmp_path / counted).write_text("def answer(case):\n    return 'y'\n")
        now = measure()
        assert now not in (None, before), counted
        before = now


def test_a_large_file_counts_by_its_size(measure: Callable[[], str | None], tmp_path: Path) -> None:
    (tmp_path / "data" / "large.bin").write_bytes(b"x" * 100_000)
    before = measure()
    (tmp_path / "data" / "large.bin").write_bytes(b"x" * 100_001)
    assert measure() != before


def test_too_many_files_have_no_fingerprint(measure: Callable[[], str | None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprints, "_MAX_FILES", 1)
    assert measure() is None


def test_a_cycle_of_links_ends(measure: Callable[[], str | None], tmp_path: Path) -> None:
    (tmp_path / "data" / "again").symlink_to(tmp_path, target_is_directory=True)
    assert measure() is not None


def test_a_module_without_a_file_has_no_fingerprint(tmp_path: Path) -> None:
    assert fingerprints.fingerprint(ModuleType("made_up"), lambda: None, tmp_path) is None
