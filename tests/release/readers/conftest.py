from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from release.readers.children import Child, start_csharp, start_node


def _require_mono() -> None:
    if not (shutil.which("mcs") and shutil.which("mono")):
        pytest.skip("C# needs mcs and mono: apt-get install --no-install-recommends mono-mcs mono-runtime")


@pytest.fixture(scope="session")
def mono() -> None:
    """Skip a test where C# cannot be compiled and run."""
    _require_mono()


@pytest.fixture(scope="session", params=["node", "csharp"])
def reader(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """Return each reader, in a process that lives as long as the tests."""
    if request.param == "csharp":
        _require_mono()
    child = start_node() if request.param == "node" else start_csharp(tmp_path_factory.mktemp("csharp"))
    yield child
    child.close()
