"""Opening the registry of a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalgate.errors import InputError, MissingSecretError
from evalgate.gate.configured_registry import open_configured


def test_a_relative_path_is_counted_from_the_configuration(tmp_path: Path) -> None:
    config = tmp_path / "evalgate.yml"
    config.write_text("format: 1\nrelease: {registry: 'sqlite:releases.db'}\n")
    assert open_configured(config, {}).read("support") is None
    assert str(tmp_path / "releases.db") in open_configured(config, {}).url


@pytest.mark.parametrize("text", [None, "format: 1\n"])
def test_a_configuration_without_a_registry_is_refused(tmp_path: Path, text: str | None) -> None:
    config = tmp_path / "evalgate.yml"
    if text is not None:
        config.write_text(text)
    with pytest.raises(InputError) as caught:
        open_configured(config, {})
    assert "--registry URL" in (caught.value.faults[0].hint or "")


@pytest.mark.parametrize("environment", [{}, {"REGISTRY_TOKEN": ""}])
def test_the_variable_of_the_token_has_to_be_set(tmp_path: Path, environment: dict[str, str]) -> None:
    config = tmp_path / "evalgate.yml"
    config.write_text("format: 1\nrelease: {registry: 'git:https://127.0.0.1/x', token_env: REGISTRY_TOKEN}\n")
    with pytest.raises(MissingSecretError, match="REGISTRY_TOKEN"):
        open_configured(config, environment)
    assert open_configured(config, {"REGISTRY_TOKEN": "t"}).url == "git:https://127.0.0.1/x"
