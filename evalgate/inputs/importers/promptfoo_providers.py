"""The providers of a promptfoo configuration as targets, where an endpoint of the chat completions API exists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evalgate.domain import Json
from evalgate.errors import Place
from evalgate.inputs.formats.nodes import Node
from evalgate.inputs.importers.import_remarks import Remarks
from evalgate.inputs.importers.promptfoo_file import SCHEME, ForeignFiles, as_mapping, replace_variables

PLACEHOLDER: Mapping[str, Json] = {
    "type": "openai",
    "base_url": "https://api.openai.com/v1",
    "api_key_env": "OPENAI_API_KEY",
    "model": "gpt-5-mini",
}
"""The target in the place of a provider that evalgate cannot call."""
_ADDRESSES: Mapping[str, tuple[str, str | None]] = {
    "openai": ("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "anthropic": ("https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
    "google": ("https://generativelanguage.googleapis.com/v1beta/openai", "GOOGLE_API_KEY"),
    "palm": ("https://generativelanguage.googleapis.com/v1beta/openai", "GOOGLE_API_KEY"),
    "ollama": ("http://127.0.0.1:11434/v1", None),
    "openrouter": ("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "groq": ("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "mistral": ("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "deepseek": ("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "xai": ("https://api.x.ai/v1", "XAI_API_KEY"),
    "togetherai": ("https://api.together.ai/v1", "TOGETHER_API_KEY"),
    "fireworks": ("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "perplexity": ("https://api.perplexity.ai", "PERPLEXITY_API_KEY"),
    "cerebras": ("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "cohere": ("https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY"),
    "github": ("https://models.github.ai/inference", "GITHUB_TOKEN"),
    "llama": ("http://127.0.0.1:8080/v1", None),
    "localai": ("http://127.0.0.1:8080/v1", None),
    "vllm": ("http://127.0.0.1:8000/v1", None),
}
_FORMS = frozenset({"chat", "messages", "completion", "responses"})
_NO_CHAT = re.compile(
    r"embedding|moderation|image|assistant|realtime|transcription|speech|video|agents|codex|agent-sdk"
)
_COPIED = (
    "temperature", "max_tokens", "max_completion_tokens", "top_p", "seed", "frequency_penalty", "presence_penalty",
    "stop", "reasoning_effort", "tool_choice", "parallel_tool_calls",
)  # fmt: skip
_OF_ADDRESS = ("apiBaseUrl", "apiHost", "apiKey", "apiKeyEnvar", "organization", "apiVersion", "deployment_id")
_SILENT = frozenset(
    {*_COPIED, *_OF_ADDRESS, "tools", "functions", "response_format", "basePath", "env", "showThinking"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignProvider:
    """A provider: the name of its target, and the target as the configuration has it.

    `prompts` are the only prompts that it answers, by label or file; None: all. `tools` and `response_format` belong to
    the prompt.
    """

    id: str
    name: str
    target: dict[str, Json]
    place: Place
    tools: Json = None
    response_format: Json = None
    prompts: tuple[str, ...] | None = None
    config: Mapping[str, Any] = field(default_factory=dict)


def read_providers(root: Node, files: ForeignFiles, path: str, remarks: Remarks) -> list[ForeignProvider]:
    """Read `providers`, or `targets`: names, mappings with `id` and `config`, and files of them."""
    node = root.get("providers") or root.get("targets")
    found: list[ForeignProvider] = []
    for entry, place, at in _list_entries(node, files, path, remarks):
        del at
        made = make_provider(entry, place, remarks, {each.name for each in found})
        found.append(made)
    if not found:
        remarks.ask("the configuration names no provider: set the target", Place(path=path))
        found.append(ForeignProvider(id="", name="api", target=dict(PLACEHOLDER), place=Place(path=path)))
    return found


def _list_entries(
    node: Node | None, files: ForeignFiles, path: str, remarks: Remarks, depth: int = 0
) -> list[tuple[Any, Place, str]]:
    if node is None or node.data is None or depth > 3:
        return []
    if isinstance(node.children, list):
        return [each for child in node for each in _list_entries(child, files, path, remarks, depth + 1)]
    data = node.data
    if isinstance(data, str) and data.startswith(SCHEME) and data.endswith((".yaml", ".yml", ".json")):
        if files.exists(data):
            resolved = files.resolve(data)
            return _list_entries(files.parse(data), files.inside(resolved), resolved, remarks, depth + 1)
        return [(data, node.place(path), path)]
    if isinstance(data, dict) and "id" not in data and len(data) == 1:
        ((name, inner),) = data.items()
        return [({"id": name, **as_mapping(inner)}, node.place(path), path)]
    return [(data, node.place(path), path)]


def make_provider(entry: Any, place: Place, remarks: Remarks, taken: set[str]) -> ForeignProvider:
    """Return a provider, with a placeholder for its target if evalgate cannot call it; that is told in the remarks."""
    data = {"id": entry} if isinstance(entry, str) else dict(as_mapping(entry))
    name = str(data.get("id") or "").strip()
    config = as_mapping(data.get("config"))
    target = _make_target(name, config, place, remarks)
    if target is None:
        shown = name or "without a name"
        remarks.ask(f"the provider {shown} has no counterpart: replace its target, a placeholder", place)
        target = dict(PLACEHOLDER)
    for key in ("transform", "transformResponse"):
        if data.get(key) or config.get(key):
            remarks.ask(f"the `{key}` of the provider {name} is code: take it over into its target", place)
    prompts = data.get("prompts")
    label = data.get("label")
    short = re.sub(r"[^\w.-]+", "-", str(label or name.rsplit(":", 1)[-1])).strip("-.") or "api"
    return ForeignProvider(
        id=name,
        name=_make_unique(short[:60], taken),
        target=target,
        place=place,
        tools=config.get("tools") or config.get("functions"),
        response_format=config.get("response_format"),
        prompts=tuple(map(str, prompts)) if isinstance(prompts, list) else None,
        config=config,
    )


def _make_unique(name: str, taken: set[str]) -> str:
    return next(each for each in (name, *(f"{name}-{number}" for number in range(2, 10_000))) if each not in taken)


def _make_target(name: str, config: Mapping[str, Any], place: Place, remarks: Remarks) -> dict[str, Json] | None:
    parts = name.split(":")
    vendor = parts[0]
    if name.startswith((SCHEME, "http://", "https://", "exec:", "python:", "package:")) or _NO_CHAT.search(name):
        return None
    if vendor in ("azure", "azureopenai"):
        return _make_azure(parts, config)
    if vendor not in _ADDRESSES or len(parts) < 2:
        return None
    rest = parts[1:]
    form = rest[0] if rest[0] in _FORMS and len(rest) > 1 else ""
    if form == "completion" and vendor == "openai":
        return None
    model = ":".join(rest[1:] if form else rest)
    if not model:
        return None
    if form == "responses":
        remarks.change(f"the provider {name} is asked by the chat completions API", place)
    address, key = _ADDRESSES[vendor]
    given = config.get("apiBaseUrl") or config.get("apiHost")
    made: dict[str, Json] = {"type": "openai", "base_url": replace_variables(str(given)) if given else address}
    key = str(config.get("apiKeyEnvar") or key or "")
    if config.get("apiKey"):
        remarks.ask(f"the key of {name} is not copied: put it into an environment variable", place)
    return made | ({"api_key_env": key} if key else {}) | {"model": model} | _copy_parameters(config)


def _make_azure(parts: list[str], config: Mapping[str, Any]) -> dict[str, Json] | None:
    host = str(config.get("apiHost") or config.get("apiBaseUrl") or "").removeprefix("https://").strip("/")
    if len(parts) < 2 or not host or "{{" in host:
        return None
    version = str(config.get("apiVersion") or "2024-10-21")
    made: dict[str, Json] = {"type": "openai", "base_url": f"https://{host}?api-version={version}"}
    key = str(config.get("apiKeyEnvar") or "AZURE_API_KEY")
    return {**made, "api_key_env": key, "model": parts[-1], **_copy_parameters(config)}


def _copy_parameters(config: Mapping[str, Any]) -> dict[str, Json]:
    held = find_parameters(config)
    return {"parameters": held} if held else {}


def find_parameters(config: Mapping[str, Any]) -> dict[str, Json]:
    """Return the parameters of the API in the `config` of a provider or a prompt."""
    generation = as_mapping(config.get("generationConfig"))
    held = {key: config[key] for key in _COPIED if config.get(key) is not None and not _has_template(config[key])}
    names = {"temperature": "temperature", "maxOutputTokens": "max_tokens", "topP": "top_p", "stopSequences": "stop"}
    held |= {new: generation[old] for old, new in names.items() if generation.get(old) is not None}
    reasoning = as_mapping(config.get("reasoning")).get("effort")
    held |= {"reasoning_effort": reasoning} if isinstance(reasoning, str) else {}
    if "max_output_tokens" in config and "max_tokens" not in held:
        held["max_tokens"] = config["max_output_tokens"]
    return held


def gives_data(provider: ForeignProvider) -> bool:
    """Return whether promptfoo parses the answers of a provider: those that OpenAI's API gives by a JSON Schema."""
    form = as_mapping(provider.response_format).get("type")
    return provider.id.startswith(("openai:", "azure:", "azureopenai:")) and form == "json_schema"


def _has_template(value: Any) -> bool:
    return isinstance(value, str) and "{{" in value


def list_lost_settings(provider: ForeignProvider) -> list[str]:
    """Return the settings of a provider that its target does not have, sorted."""
    if provider.target == PLACEHOLDER:
        return []
    lost = set(provider.config) - _SILENT - {"generationConfig", "reasoning", "max_output_tokens"}
    return sorted(lost)
