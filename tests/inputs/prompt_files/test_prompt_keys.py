"""The keys that the prompt formats share."""

from __future__ import annotations

import pytest

from evalgate.errors import InputError
from evalgate.inputs.prompt_files.prompt_keys import PARAMETERS, make_api_name
from evalgate.inputs.prompts import parse_prompt
from evalgate.inputs.schema_check import load

KEYS = 'version: "1.0.0"\nchange: why\nmodel: m\nmodelParameters: {maxTokens: 5}\nresponseFormat: json_object\n'


@pytest.mark.parametrize(("key", "name"), [("maxTokens", "max_tokens"), ("top_p", "top_p"), ("topP", "top_p")])
def test_a_parameter_has_the_name_of_the_api(key: str, name: str) -> None:
    assert make_api_name(key) == name


@pytest.mark.parametrize("path", ["p.yml", "p.md", "p.j2", "p", "p.xml"])
def test_every_format_has_these_keys(path: str) -> None:
    body = "messages: [{role: user, content: x}]\n"
    text = f"{KEYS}{body}" if path == "p.yml" else f"---\n{KEYS}---\nx\n"
    prompt = parse_prompt(text.encode(), path, "x")
    assert (prompt.version, prompt.change, prompt.model) == ("1.0.0", "why", "m")
    assert (prompt.parameters, prompt.response_format) == ({"max_tokens": 5}, {"type": "json_object"})


def test_the_parameters_of_the_schema_are_known_ones() -> None:
    named = load("prompt.schema.json")["properties"]["modelParameters"]["properties"]
    assert {make_api_name(key) for key in named} <= PARAMETERS


@pytest.mark.parametrize("path", ["p.yml", "p.md", "p.prompt.md", "p.j2"])
@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_a_parameter_beside_the_keys_is_an_error_in_every_spelling(name: str, path: str) -> None:
    first, *rest = name.split("_")
    for key in (name, "".join([first, *map(str.title, rest)]), "-".join([first, *rest])):
        body = "messages: [{role: user, content: x}]\n"
        text = f"{key}: 1\n{body}" if path == "p.yml" else f"---\n{key}: 1\n---\nx\n"
        with pytest.raises(InputError) as caught:
            parse_prompt(text.encode(), path, "x")
        (fault,) = caught.value.faults
        assert f'unknown key "{key}"' in fault.message
        assert fault.hint == "it is a parameter of the model: write it under `modelParameters`"
