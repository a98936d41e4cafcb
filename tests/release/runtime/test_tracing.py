from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from evalgate.release.runtime.tracing import set_attributes


def load_trace(monkeypatch: pytest.MonkeyPatch, span: Any) -> None:
    module = ModuleType("opentelemetry.trace")
    if span is not None:
        module.get_current_span = lambda: span  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", module)


@pytest.mark.parametrize("recording", [True, False])
def test_the_current_span_gets_the_attributes_if_it_records(recording: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, str] = {}
    span = SimpleNamespace(is_recording=lambda: recording, set_attribute=found.__setitem__)
    load_trace(monkeypatch, span)
    set_attributes("support", "2.4.0", "candidate")
    wanted = {
        "prompt.name": "support",
        "prompt.version": "2.4.0",
        "prompt.variant": "candidate",
        "gen_ai.prompt.name": "support",
        "gen_ai.prompt.version": "2.4.0",
    }
    assert found == (wanted if recording else {})


def test_it_never_raises_and_never_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "opentelemetry.trace", raising=False)
    set_attributes("support", "2.4.0", "production")
    assert "opentelemetry.trace" not in sys.modules
    load_trace(monkeypatch, None)  # half imported
    set_attributes("support", "2.4.0", "production")

    def fail(*_: object) -> None:
        raise RuntimeError("exporter")

    load_trace(monkeypatch, SimpleNamespace(is_recording=lambda: True, set_attribute=fail))
    set_attributes("support", "2.4.0", "production")
