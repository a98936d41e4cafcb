from __future__ import annotations

from pathlib import Path

import pytest
from inputs.endpoint_target import load_target, refuse_target


def test_all_settings_are_read(tmp_path: Path) -> None:
    target = load_target(
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
    there = load_target(tmp_path, 'base_url: "https://r.openai.azure.us?api-version=2024-10-21"')
    here = load_target(tmp_path, "base_url: https://r.openai.azure.us\nazure: {api_version: 2024-10-21}")
    other = load_target(tmp_path, "base_url: https://r.openai.azure.us\nazure: {api_version: 2025-01-01}")
    assert there.identity == here.identity != other.identity


def test_settings_that_change_no_answer_are_in_no_digest(tmp_path: Path) -> None:
    plain = load_target(tmp_path, "model: m")
    headers = "timeout: 3\nstream: true\nheaders:\n  X-Key: ${SOME_KEY}\nresponse_format: none"
    assert load_target(tmp_path, f"model: m\n{headers}").served == plain.served == ["openai", plain.identity]
    assert load_target(tmp_path, "model: m\nparameters: {top_p: 1}").served != plain.served


@pytest.mark.parametrize("value", ["sk-secret-value-123", "$SECRET_KEY", '"Bearer ${SECRET_KEY}"', "{env: SECRET_KEY}", "${SECRET-KEY}"])  # fmt: skip
def test_a_header_cannot_hold_a_value(tmp_path: Path, value: str) -> None:
    error = refuse_target(tmp_path, f"headers:\n  X-Gateway-Key: {value}")
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
    error = refuse_target(tmp_path, settings, {"A": "x", "B": "y"})
    assert any(said in fault.message and fault.place and fault.place.line for fault in error.faults), error
