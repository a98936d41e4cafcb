"""The folder of downloaded models."""

from __future__ import annotations

from pathlib import Path

from evalgate.store.model_folder import find_home


def test_the_variable_decides_and_without_it_the_user_s_cache_folder() -> None:
    assert find_home({"EVALGATE_HOME": "/models"}) == Path("/models")
    default = find_home({})
    assert default == find_home({"EVALGATE_HOME": ""}) and default.is_absolute() and "evalgate" in default.parts
