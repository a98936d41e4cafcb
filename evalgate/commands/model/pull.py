"""`model pull`: fetch an embedded model, and check its sha256."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from evalgate.domain.models import EmbeddedModel
from evalgate.execute.providers import local_model


def pull(model: EmbeddedModel, home: Path, *, source: Path | None, on_progress: Callable[[int, int], None]) -> Path:
    """Fetch a model from its publisher, or copy it from the file `source`, and return its path below `home`.

    `on_progress` takes the bytes so far and in total. Raises InputError for a file with another sha256.
    """
    return local_model.pull(model, home, source=source, on_progress=on_progress)
