"""The embedded models: each entry names one file that can be fetched and checked."""

from __future__ import annotations

import re

from evalgate.domain.models import DEFAULT_MODEL, EMBEDDED_MODELS


def test_every_model_has_a_file_an_address_and_a_sha256() -> None:
    for name, model in EMBEDDED_MODELS.items():
        assert model.name == name and model.url.startswith("https://") and model.url.endswith(f"/{model.file}")
        assert re.fullmatch(r"[0-9a-f]{64}", model.sha256) and model.bytes > 0 and model.license


def test_no_two_models_share_a_file_and_the_default_is_one_of_them() -> None:
    assert len({model.file for model in EMBEDDED_MODELS.values()}) == len(EMBEDDED_MODELS)
    assert DEFAULT_MODEL in EMBEDDED_MODELS
