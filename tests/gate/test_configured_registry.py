"""Opening the registry of a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalgate.errors import InputError, MissingSecretError
from evalgate.gate.configured_registry import open_configured, open_configured_traffic
from evalgate.store.store import Store


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


ROWS = "release: {registry: 'sqlite:releases.db', rollout: {rows: langfuse}}\n"
KEYS = {"LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": "sk-lf-1"}


@pytest.mark.parametrize(("more", "environment", "url"), [
    ("", {"LANGFUSE_HOST": "http://127.0.0.1:1"}, "http://127.0.0.1:1"),
    ("langfuse: {host: 'http://127.0.0.1:2'}\n", {"LANGFUSE_HOST": "http://127.0.0.1:1"}, "http://127.0.0.1:2"),
])  # fmt: skip
def test_the_server_of_the_rows_is_that_of_the_configuration(
    tmp_path: Path, more: str, environment: dict[str, str], url: str
) -> None:
    config = tmp_path / "evalgate.yml"
    config.write_text(f"{ROWS}{more}gates: a fault elsewhere\n")
    found = open_configured_traffic(config, KEYS | environment, "support", None, Store(root=tmp_path))
    assert found.url == url


@pytest.mark.parametrize(("more", "environment", "message"), [
    ("", KEYS, "no Langfuse server is named, and `rows` of release.rollout reads from one"),
    ("", {"LANGFUSE_HOST": "http://127.0.0.1:1"}, "the variable LANGFUSE_PUBLIC_KEY is not set"),
    ("langfuse: {host: 'http://127.0.0.1:2', secret_key_env: OURS}\n", KEYS, "the variable OURS is not set"),
    ("langfuse: {hots: 'http://127.0.0.1:2'}\n", KEYS, 'unknown key "hots"; did you mean "host"?'),
])  # fmt: skip
def test_rows_of_langfuse_need_a_server_and_its_keys(
    tmp_path: Path, more: str, environment: dict[str, str], message: str
) -> None:
    config = tmp_path / "evalgate.yml"
    config.write_text(f"{ROWS}{more}")
    with pytest.raises(InputError) as caught:
        open_configured_traffic(config, environment, "support", None, Store(root=tmp_path))
    assert message in str(caught.value)
