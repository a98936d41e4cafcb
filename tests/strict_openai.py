"""The documented refusals of OpenAI's chat completions API, for the scripts of `chat_server`."""

from __future__ import annotations

from typing import Any

from chat_server import Reply, completion

FEWEST_TOKENS = 300
"""Tokens that a reasoning model spends before it writes any text."""

_KNOWN = {
    "frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "messages", "metadata",
    "model", "n", "parallel_tool_calls", "presence_penalty", "reasoning_effort", "response_format", "seed",
    "service_tier", "stop", "store", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity",
}  # fmt: skip
_NOT_REASONING = ("max_tokens", "logprobs", "top_logprobs", "logit_bias", "frequency_penalty", "presence_penalty")
_ONE_VALUE = {"temperature": 1, "top_p": 1}
_STRICT_KEYWORDS = {"type", "properties", "required", "additionalProperties", "enum", "const", "description", "items", "anyOf"}  # fmt: skip


def refuse(body: dict[str, Any]) -> Reply | None:
    """Return the refusal of a request, or the empty reply for want of tokens; None for an accepted request."""
    for name in body:
        if name not in _KNOWN:
            return _error(f"Unrecognized request argument supplied: {name}")
    if body["model"].startswith(("gpt-5", "o1", "o3", "o4")):
        refused = _refuse_reasoning(body)
        if refused is not None:
            return refused
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        return _refuse_schema(form["json_schema"])
    if form.get("type") == "json_object" and "json" not in str(body["messages"]).lower():
        message = (
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        )
        return _error(message, param="messages")
    return None


def _refuse_reasoning(body: dict[str, Any]) -> Reply | None:
    for name in _NOT_REASONING:
        if name in body:
            instead = " Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
            message = f"Unsupported parameter: '{name}' is not supported with this model.{instead}"
            return _error(message, code="unsupported_parameter", param=name)
    for name, value in _ONE_VALUE.items():
        if body.get(name, value) != value:
            message = (
                f"Unsupported value: '{name}' does not support {body[name]} with this model. "
                f"Only the default ({value}) value is supported."
            )
            return _error(message, code="unsupported_value", param=name)
    if body.get("max_completion_tokens", FEWEST_TOKENS) < FEWEST_TOKENS:
        return Reply(body=completion("", finish_reason="length"))
    return None


def _refuse_schema(form: dict[str, Any]) -> Reply | None:
    fault = _find_fault(form["schema"]) if form.get("strict") else None
    if fault is None:
        return None
    return _error(f"Invalid schema for response_format '{form['name']}': {fault}", param="response_format")


def _find_fault(schema: dict[str, Any]) -> str | None:
    for keyword in schema:
        if keyword not in _STRICT_KEYWORDS:
            return f"In context=(), '{keyword}' is not permitted."
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            return "In context=(), 'additionalProperties' is required to be supplied and to be false."
        if set(schema.get("required", [])) != set(schema["properties"]):
            return "In context=(), 'required' is required to include every key in properties."
    below = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    return next((fault for each in below if (fault := _find_fault(each))), None)


def _error(message: str, *, code: str | None = None, param: str | None = None) -> Reply:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}
    return Reply(body=body, status=400)
