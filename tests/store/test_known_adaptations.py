from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalgate.store.known_adaptations import load_adaptations, save_adaptations


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format": 2, "endpoints": [{"endpoint": "i", "model": "m", "adaptations": ["drop seed"]}]}',
        '{"format": 1, "endpoints": 3}',
        '{"format": 1, "endpoints": [null, {"endpoint": 1, "model": "m", "adaptations": []}]}',
        '{"format": 1, "endpoints": [{"endpoint": "i", "model": "m", "adaptations": ["drop seed", "explode"]}]}',
    ],
)
def test_a_file_of_no_use_counts_as_empty(tmp_path: Path, text: str) -> None:
    path = tmp_path / "adaptations.json"
    path.write_text(text)
    assert load_adaptations(path) == {}


def test_the_adaptations_of_other_models_stay(tmp_path: Path) -> None:
    path = tmp_path / "adaptations.json"
    save_adaptations(path, {("i", "m"): ("drop seed",)})
    save_adaptations(path, {("i", "n"): ("drop strict",), ("i", ""): ("drop top_p",)})
    assert load_adaptations(path) == {
        ("i", "m"): ("drop seed",),
        ("i", "n"): ("drop strict",),
        ("i", ""): ("drop top_p",),
    }
    assert json.loads(path.read_text())["format"] == 1
