"""Tests of the table of list prices: exact hosts, exact models, and a date and a page for each provider."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path

import pytest

from evalgate.inputs import list_prices
from evalgate.inputs.list_prices import find_list_prices

TABLE = json.loads(Path(list_prices.__file__).with_name("list_prices.json").read_text(encoding="utf-8"))


def test_each_provider_has_a_date_a_page_and_sound_prices() -> None:
    assert len({provider["host"] for provider in TABLE}) == len(TABLE)
    for provider in TABLE:
        assert datetime.date.fromisoformat(provider["date"]).isoformat() == provider["date"]
        assert provider["source"].startswith("https://")
        names = [name for row in provider["models"] for name in (row["model"], *row.get("snapshots", ()))]
        assert len(set(names)) == len(names)
        assert all(0 < row["input"] <= row["output"] for row in provider["models"])
        for row in provider["models"]:
            assert all(re.fullmatch(f"{row['model']}-[0-9-]+", name) for name in row.get("snapshots", ()))


def test_models_are_known_by_their_exact_names_alone() -> None:
    listed = find_list_prices("https://api.openai.com/v1")
    assert listed is not None
    assert listed.models["gpt-4o-mini-2024-07-18"] == listed.models["gpt-4o-mini"]
    for name in ("gpt-4o-2024-05-13", "gpt-4o-mini-audio-preview", "gpt-4o-", "ft:gpt-4o-mini:x", "GPT-4o", ""):
        assert name not in listed.models


@pytest.mark.parametrize("url", [
    "http://api.openai.com/v1",
    "https://api.openai.com:8443/v1",
    "https://eu.api.openai.com/v1",
    "https://api.openai.com.example/v1",
    "https://gateway.example/api.openai.com/v1",
    "https://name.openai.azure.com/openai/v1",
    "http://localhost:8000/v1",
])  # fmt: skip
def test_another_host_has_no_list_prices(url: str) -> None:
    assert find_list_prices(url) is None


def test_a_price_holds_up_to_its_limit() -> None:
    listed = find_list_prices("https://generativelanguage.googleapis.com/v1beta/openai/")
    assert listed is not None
    price = listed.models["gemini-2.5-pro"]
    assert price.compute_cost(200_000, 1_000_000) == pytest.approx(0.25 + 10)
    assert price.compute_cost(200_001, 1) is None


def test_the_page_has_every_provider_with_its_date_and_models() -> None:
    page = (Path(__file__).parents[2] / "docs/configuration.md").read_text(encoding="utf-8")
    for provider in TABLE:
        models = ", ".join(f"`{row['model']}`" for row in provider["models"])
        assert f"| {provider['provider']} | `{provider['host']}` | {provider['date']} | {models} |" in page
