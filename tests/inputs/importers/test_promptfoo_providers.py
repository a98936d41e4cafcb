"""Tests of providers as targets: addresses, keys, parameters, and placeholders."""

from __future__ import annotations

from typing import Any

import pytest

from evalgate.errors import Place
from evalgate.inputs.importers.import_remarks import Remarks
from evalgate.inputs.importers.promptfoo_providers import PLACEHOLDER, list_lost_settings, make_provider


def make(entry: Any) -> tuple[Any, Remarks]:
    remarks = Remarks()
    return make_provider(entry, Place(path="a.yaml", line=1), remarks, set()), remarks


@pytest.mark.parametrize(
    ("name", "base", "key", "model"),
    [
        ("openai:gpt-5", "https://api.openai.com/v1", "OPENAI_API_KEY", "gpt-5"),
        ("openai:chat:ft:gpt:x", "https://api.openai.com/v1", "OPENAI_API_KEY", "ft:gpt:x"),
        ("anthropic:messages:claude-haiku", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", "claude-haiku"),
        ("openrouter:meta/llama-3", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", "meta/llama-3"),
        ("ollama:chat:qwen2.5:1.5b", "http://127.0.0.1:11434/v1", None, "qwen2.5:1.5b"),
        (
            "google:gemini-flash",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "GOOGLE_API_KEY",
            "gemini-flash",
        ),
    ],
)
def test_an_endpoint_has_its_address(name: str, base: str, key: str | None, model: str) -> None:
    provider, remarks = make(name)
    assert provider.target == {
        "type": "openai",
        "base_url": base,
        **({"api_key_env": key} if key else {}),
        "model": model,
    }
    assert not remarks.open and not remarks.changed


@pytest.mark.parametrize(
    "name",
    ["echo", "python:x.py", "file://x.js", "https://example.org", "openai:embedding:x", "bedrock:x", "openai:", ""],
)
def test_other_providers_are_placeholders_that_are_named(name: str) -> None:
    provider, remarks = make(name)
    assert provider.target == PLACEHOLDER
    assert len(remarks.open) == 1


def test_settings_are_parameters_and_keys_are_not_taken_over() -> None:
    config = {
        "temperature": 0,
        "apiKey": "sk-secret-key",
        "apiHost": "https://{{env.HOST}}/v1",
        "x": 1,
        "max_tokens": 5,
    }
    provider, remarks = make({"id": "openai:chat:m", "label": "My m", "config": config})
    assert provider.name == "My-m"
    assert provider.target["parameters"] == {"temperature": 0, "max_tokens": 5}
    assert provider.target["base_url"] == "https://${HOST}/v1"
    assert "sk-secret-key" not in str(provider.target) and "put it into an environment variable" in str(
        list(remarks.open)
    )
    assert list_lost_settings(provider) == ["x"]


def test_azure_needs_its_host() -> None:
    entry = {"id": "azure:chat:my-deployment", "config": {"apiHost": "x.openai.azure.com"}}
    provider, _ = make(entry)
    assert provider.target["base_url"] == "https://x.openai.azure.com?api-version=2024-10-21"
    assert make("azure:chat:d")[0].target == PLACEHOLDER


def test_the_responses_api_is_told() -> None:
    _, remarks = make("openai:responses:gpt-5")
    assert [str(each) for each in remarks.changed] == [
        "a.yaml:1: the provider openai:responses:gpt-5 is asked by the chat completions API"
    ]
