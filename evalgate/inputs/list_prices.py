"""The dated table of list prices: what a model costs at its provider's own endpoint."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from evalgate.domain.target import ListPrice, ListPrices

_TABLE = "list_prices.json"


def find_list_prices(base_url: str) -> ListPrices | None:
    """Return the list prices of the provider whose own endpoint a URL is; None for any other one.

    A gateway, a region and a server of one's own have prices of their own, so that the host has to be the same.
    """
    parts = urlsplit(base_url)
    if parts.scheme != "https" or parts.port not in (None, 443):
        return None
    return _load().get(parts.hostname or "")


@cache
def _load() -> dict[str, ListPrices]:
    """Return the table by the host of the provider. A snapshot of a model has the prices of the model."""
    table: list[dict[str, Any]] = json.loads(Path(__file__).with_name(_TABLE).read_text(encoding="utf-8"))
    found: dict[str, ListPrices] = {}
    for provider in table:
        models: dict[str, ListPrice] = {}
        for row in provider["models"]:
            price = ListPrice(input=row["input"], output=row["output"], up_to=row.get("up_to"))
            models |= dict.fromkeys([row["model"], *row.get("snapshots", ())], price)
        found[provider["host"]] = ListPrices(
            provider=provider["provider"], date=provider["date"], source=provider["source"], models=models
        )
    return found
