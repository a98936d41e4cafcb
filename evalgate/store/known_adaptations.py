"""The file of the adaptations that endpoints need, by endpoint and model: what one run learned, the next one knows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from evalgate.domain.adaptations import is_adaptation
from evalgate.store.atomic import write_file

FORMAT = 1
_MAX_BYTES = 1024 * 1024

EndpointModel: TypeAlias = tuple[str, str]
"""The identity of an endpoint, and the model; "" for a request that names none."""


def load_adaptations(path: Path) -> dict[EndpointModel, tuple[str, ...]]:
    """Return the adaptations of each endpoint and model. A file that cannot be read counts as empty."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            return {}
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    rows = data.get("endpoints") if isinstance(data, dict) and data.get("format") == FORMAT else None
    found = {}
    for row in rows if isinstance(rows, list) else ():
        entry = _read_row(row)
        if entry is not None:
            found[entry[0]] = entry[1]
    return found


def save_adaptations(path: Path, known: Mapping[EndpointModel, tuple[str, ...]]) -> None:
    """Add adaptations to the file; those of other endpoints and models stay. Raise OSError."""
    merged = {**load_adaptations(path), **known}
    rows = [
        {"endpoint": endpoint, "model": model, "adaptations": list(adaptations)}
        for (endpoint, model), adaptations in sorted(merged.items())
    ]
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    write_file(path, f'{{\n "format": {FORMAT},\n "endpoints": [\n{lines}\n ]\n}}\n')


def _read_row(row: Any) -> tuple[EndpointModel, tuple[str, ...]] | None:
    if not isinstance(row, dict) or not isinstance(row.get("endpoint"), str) or not isinstance(row.get("model"), str):
        return None
    adaptations = row.get("adaptations")
    if not isinstance(adaptations, list) or not all(
        isinstance(each, str) and is_adaptation(each) for each in adaptations
    ):
        return None  # of a later version, perhaps
    return (row["endpoint"], row["model"]), tuple(adaptations)
