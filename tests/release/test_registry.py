from __future__ import annotations

from pathlib import Path

import pytest

from evalgate.errors import InputError
from evalgate.release.registry import check_name
from evalgate.release.registry_access import open_registry


@pytest.mark.parametrize("url", ["", "sqlite:", "git:", "releases.sqlite3", "postgres:x", "http://x"])
def test_another_url_names_no_registry(url: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="names no registry"):
        open_registry(url, tmp_path)


def test_a_registry_is_not_kept_where_files_are_pruned(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="may be pruned"):
        open_registry("sqlite:.evalgate/releases.sqlite3", tmp_path)


@pytest.mark.parametrize("name", ["", " ", " a", "a\nb", "a\x1b[31m", "x" * 201])
def test_a_name_that_cannot_be_kept_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="cannot be the name"):
        check_name(name)
