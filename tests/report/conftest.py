"""The sample reports, as a module and one by one."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from evalgate.domain import Report


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("report_samples", Path(__file__).with_name("samples.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_SAMPLES = _load()


@pytest.fixture(scope="session")
def samples() -> ModuleType:
    return _SAMPLES


@pytest.fixture(params=_SAMPLES.SAMPLES)
def named(request: pytest.FixtureRequest) -> tuple[str, Report]:
    """Each sample in turn, with its name."""
    return request.param, _SAMPLES.SAMPLES[request.param]()
