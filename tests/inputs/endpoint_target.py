"""A configuration with one endpoint, whose settings a test writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from evalgate.domain import Target
from evalgate.errors import InputError
from evalgate.inputs.config import load_config
from evalgate.inputs.tree import WorkTree


def load_target(folder: Path, settings: str, environment: Mapping[str, str] | None = None) -> Target:
    (folder / "p.md").write_text("Answer {{query}}")
    (folder / "cases.jsonl").write_text('{"id": "a", "query": "q"}\n')
    lines = "".join(f"    {line}\n" for line in settings.splitlines())
    text = f"targets:\n  api:\n    type: openai\n{lines}gates:\n  - {{prompt: p.md, dataset: cases.jsonl, checks: [{{type: is_json}}]}}\n"
    (folder / "evalgate.yml").write_text(text)
    return load_config(WorkTree(folder), "evalgate.yml", environment=environment).targets["api"]


def refuse_target(folder: Path, settings: str, environment: Mapping[str, str] | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        load_target(folder, settings, environment)
    return caught.value
