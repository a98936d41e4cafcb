from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.change.workspace import open_workspace
from evalgate.commands.validate import validate
from evalgate.domain import Json, Target
from evalgate.errors import InputError
from evalgate.inputs.config import load_config
from evalgate.inputs.tree import WorkTree


def load(folder: Path, settings: str, environment: Mapping[str, str] | None = None) -> Target:
    (folder / "p.md").write_text("Answer {{query}}")
    (folder / "cases.jsonl").write_text('{"id": "a", "query": "q"}\n')
    lines = "".join(f"    {line}\n" for line in settings.splitlines())
    text = f"targets:\n  api:\n    type: openai\n{lines}gates:\n  - {{prompt: p.md, dataset: cases.jsonl, checks: [{{type: is_json}}]}}\n"
    (folder / "evalgate.yml").write_text(text)
    return load_config(WorkTree(folder), "evalgate.yml", environment=environment).targets["api"]


def refuse(folder: Path, settings: str, environment: Mapping[str, str] | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        load(folder, settings, environment)
    return caught.value


def test_all_settings_are_read(tmp_path: Path) -> None:
    target = load(
        tmp_path,
        "base_url: https://gateway.example.cn\nazure: {api_version: 2024-10-21}\nmodel: m\nstream: true\ntimeout: 7\n"
        "parameters: {temperature: 0, extra: {a: [1]}}\nresponse_format: none\n"
        "headers:\n  X-Gateway-Key: ${GATEWAY_KEY}\nprices: {input: 2, output: 4, cached_input: 0.5}",
    )
    assert (target.azure_version, target.stream, target.timeout) == ("2024-10-21", True, 7)
    assert target.parameters == {"temperature": 0, "extra": {"a": [1]}}
    assert (target.response_format, target.headers) == ("none", {"x-gateway-key": "GATEWAY_KEY"})
    assert target.prices is not None and target.prices.cached_input == 0.5
    assert target.secret_variables == ("GATEWAY_KEY",)


def test_the_api_version_counts_alike_in_the_url_and_in_its_setting(tmp_path: Path) -> None:
    there = load(tmp_path, 'base_url: "https://r.openai.azure.us?api-version=2024-10-21"')
    here = load(tmp_path, "base_url: https://r.openai.azure.us\nazure: {api_version: 2024-10-21}")
    other = load(tmp_path, "base_url: https://r.openai.azure.us\nazure: {api_version: 2025-01-01}")
    assert there.identity == here.identity != other.identity


def test_settings_that_change_no_answer_are_in_no_digest(tmp_path: Path) -> None:
    plain = load(tmp_path, "model: m")
    headers = "timeout: 3\nstream: true\nheaders:\n  X-Key: ${SOME_KEY}\nresponse_format: none"
    assert load(tmp_path, f"model: m\n{headers}").served == plain.served == ["openai", plain.identity]
    assert load(tmp_path, "model: m\nparameters: {top_p: 1}").served != plain.served


@pytest.mark.parametrize("value", ["sk-secret-value-123", "$SECRET_KEY", '"Bearer ${SECRET_KEY}"', "{env: SECRET_KEY}", "${SECRET-KEY}"])  # fmt: skip
def test_a_header_cannot_hold_a_value(tmp_path: Path, value: str) -> None:
    error = refuse(tmp_path, f"headers:\n  X-Gateway-Key: {value}")
    (fault,) = error.faults
    assert fault.place is not None and (fault.place.line, fault.place.path) == (5, "evalgate.yml")
    assert "${NAME}" in fault.message or "must be text" in fault.message
    assert "secret" not in fault.message.lower()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("headers:\n  Content-Length: ${A}", "belongs to the connection"),
        ('headers:\n  "a b": ${A}', "not the name of a header"),
        ('headers:\n  "": ${A}', "not the name of a header"),
        ("headers:\n  X-A: ${A}\n  x-a: ${B}", "given twice"),
        ("parameters: {model: m}", "cannot be a parameter"),
        ("parameters: {stream: true}", "cannot be a parameter"),
        ("azure: {api_version: 2024-10-21}", 'needs a "base_url"'),
        ("azure: {}\nbase_url: https://a", '"api_version" is missing'),
        ('azure: {api_version: v1}\nbase_url: "https://a?api-version=v2"', "in one place"),
        ("timeout: 0", "more than 0"),
        ("response_format: json", "unknown value"),
        ("model: $MODEL", "begins no reference"),
        ("model: ${MODEL:-m}", "begins no reference"),
        ("base_url: https://${HOST-NAME}/v1", "begins no reference"),
    ],
)
def test_a_wrong_setting_is_told_with_its_place(tmp_path: Path, settings: str, said: str) -> None:
    error = refuse(tmp_path, settings, {"A": "x", "B": "y"})
    assert any(said in fault.message and fault.place and fault.place.line for fault in error.faults), error


def test_references_are_replaced_anywhere_in_url_and_model(tmp_path: Path) -> None:
    settings = "base_url: https://${HOST}/v1\nmodel: ${MODEL}"
    found = load(tmp_path, settings, {"HOST": "a.example:8000", "MODEL": " m-2\n"})
    assert (found.location, found.identity, found.model) == (*["https://a.example:8000/v1"] * 2, "m-2")
    literal = load(tmp_path, "base_url: https://a.example:8000/v1\nmodel: m-2")
    assert replace(found) == literal  # a variable changes no digest
    left = load(tmp_path, settings)
    assert (left.location, left.model) == ("https://${HOST}/v1", "${MODEL}")


@pytest.mark.parametrize("environment", [{}, {"HOST": "", "MODEL": "  "}])
def test_variables_that_are_not_set_are_told_where_the_target_is_needed(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    target = load(tmp_path, "base_url: https://${HOST}/v1\nmodel: ${MODEL}", environment)
    assert sorted(variable.name for variable in target.unset) == ["HOST", "MODEL"]
    places = [variable.fault.place for variable in target.unset]
    assert {(place.line, place.column) for place in places if place} == {(4, 15), (5, 12)}
    assert all("--env-file" in str(variable.fault.hint) for variable in target.unset)
    with pytest.raises(InputError) as caught:
        validate(open_workspace(tmp_path / "evalgate.yml", verify=None, environment=environment))
    assert caught.value.exit_code == 2 and len(caught.value.faults) == 2


@pytest.mark.parametrize("value", ["user:sk-secret-123@host", "a b", "sk-secret-123"])
def test_a_wrong_url_of_a_variable_is_not_quoted(tmp_path: Path, value: str) -> None:
    url = value if value == "sk-secret-123" else f"https://{value}/v1"
    error = refuse(tmp_path, "base_url: ${SOME_URL}", {"SOME_URL": url})
    assert "base_url" in str(error) and "sk-secret" not in str(error)


NAMES = st.sampled_from(["temperature", "top_p", "max_tokens", "max_completion_tokens", "seed"])
PARAMETERS = st.dictionaries(NAMES, st.one_of(st.none(), st.integers(0, 9)), max_size=4)


@given(theirs=PARAMETERS, own=PARAMETERS)
def test_a_prompts_own_parameters_win(theirs: dict[str, Any], own: dict[str, Json]) -> None:
    target = Target(name="t", kind="openai", location="u", identity="i", parameters=theirs)
    merged = target.merge_parameters(own)
    for name, value in own.items():
        assert merged.get(name, "unset") == ("unset" if value is None and name in theirs else value)
    assert merged.keys() <= theirs.keys() | own.keys()
    limits = {"max_tokens", "max_completion_tokens"}
    if limits & own.keys():
        assert limits & merged.keys() <= own.keys()
    if not theirs:
        assert merged is own
