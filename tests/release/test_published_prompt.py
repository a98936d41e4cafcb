"""A published version gives back the prompt that it was made of, and only that one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from release.documents import make_version

from evalgate.domain import PromptSettings, PromptVersion
from evalgate.inputs.prompts import parse_prompt
from evalgate.release.contents import make_contents
from evalgate.release.document import PublishedVersion, encode_version, parse_version
from evalgate.release.published_prompt import rebuild_prompt

FIELDS = ("query", "name", "earlier")
texts = st.lists(st.sampled_from(["Hello ", "{{query}}", "{{ name }}", "\n", "{", "}} ", "é{{", "x"]), min_size=1).map(
    "".join
)
contents = texts.filter(lambda text: bool(text.strip()))
messages = st.builds(
    lambda role, text: {"role": role, "content": text}, st.sampled_from(["system", "user", "assistant"]), contents
)
histories = st.just({"type": "placeholder", "name": "earlier"})
prompts = contents | st.lists(messages | histories, min_size=1, max_size=4)
values = st.dictionaries(st.sampled_from(["temperature", "top_p", "seed", "stop"]), st.integers(0, 2))


def publish(candidate: PromptVersion, given: dict[str, Any], model: str | None) -> PublishedVersion:
    """Return a version as publication makes it, with the model and the parameters of the target added."""
    version = replace(
        make_version(),
        digest=candidate.digest,
        source=candidate.source,
        git_sha=None,
        model=candidate.model or model,
        parameters={**given, **candidate.parameters},
        response_format=None,
        tools=(),
        messages=make_contents(candidate, FIELDS),
    )
    return parse_version(encode_version(version))


@given(
    prompts,
    values,
    values,
    st.sampled_from([None, "m"]),
    st.sampled_from([None, "t"]),
    st.sampled_from([None, "{{query}}"]),
)
def test_a_prompt_of_langfuse_is_rebuilt(  # noqa: PLR0917
    prompt: Any, own: dict[str, Any], target: dict[str, Any], model: str | None, served: str | None, user: str | None
) -> None:
    config = {**own, **({} if model is None else {"model": model})}
    data = json.dumps({"name": "support", "prompt": prompt, "config": config, "numbers": []}).encode()
    path = "langfuse:support@7"
    candidate = parse_prompt(data, path, path, PromptSettings(user=user))
    asked = "query" if candidate.is_text and not candidate.variables and user is None else None
    candidate = replace(candidate, asked=asked)
    version = publish(candidate, target, served)
    found = rebuild_prompt(version, "support")
    assert found is not None and found.content == candidate.content and found.digest == version.digest
    assert found.source == path and found.version == version.version


def test_another_content_is_none() -> None:
    assert rebuild_prompt(replace(make_version(), digest="0" * 64), "support") is None


def test_a_model_that_the_target_replaced_is_found_among_those_that_are_named() -> None:
    candidate = replace(make_prompt("Be exact."), model="local")
    version = replace(publish(candidate, {}, None), model="qwen")
    assert rebuild_prompt(version, "support") is None
    assert rebuild_prompt(version, "support", ["gpt", None]) is None
    found = rebuild_prompt(version, "support", ["gpt", "local"])
    assert found is not None and found.digest == candidate.digest


def make_prompt(text: str) -> PromptVersion:
    data = json.dumps({"name": "support", "prompt": text, "config": {}, "numbers": []}).encode()
    return parse_prompt(data, "langfuse:support@7", "langfuse:support@7", PromptSettings())
