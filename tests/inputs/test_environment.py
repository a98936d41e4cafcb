from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inputs.endpoint_target import load_target, refuse_target

from evalgate.change.workspace import open_workspace
from evalgate.commands.validate import validate
from evalgate.domain.masking import make_mask
from evalgate.errors import InputError
from evalgate.mask import is_secret_variable, looks_random


def test_references_are_replaced_anywhere_in_url_and_model(tmp_path: Path) -> None:
    settings = "base_url: https://${HOST}/v1\nmodel: ${MODEL}"
    found = load_target(tmp_path, settings, {"HOST": "a.example:8000", "MODEL": " m-2\n"})
    assert (found.location, found.identity, found.model) == (*["https://a.example:8000/v1"] * 2, "m-2")
    literal = load_target(tmp_path, "base_url: https://a.example:8000/v1\nmodel: m-2")
    assert replace(found, url_variables=()) == literal  # a variable changes no digest
    assert found.url_variables == ("HOST",)
    left = load_target(tmp_path, settings)
    assert (left.location, left.model) == ("https://${HOST}/v1", "${MODEL}")


@pytest.mark.parametrize("environment", [{}, {"HOST": "", "MODEL": "  "}])
def test_variables_that_are_not_set_are_told_where_the_target_is_needed(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    target = load_target(tmp_path, "base_url: https://${HOST}/v1\nmodel: ${MODEL}", environment)
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
    error = refuse_target(tmp_path, "base_url: ${SOME_URL}", {"SOME_URL": url})
    assert "base_url" in str(error) and "sk-secret" not in str(error)


def test_the_variables_of_the_url_are_known(tmp_path: Path) -> None:
    settings = "base_url: https://${HOST}/${KEY}/v1?k=${KEY}\nmodel: ${MODEL}"
    found = load_target(tmp_path, settings, {"HOST": "a.example", "KEY": "s3cret-of-mine", "MODEL": "m-2"})
    assert found.url_variables == ("HOST", "KEY")


@given(
    st.text("abcdefXYZ0189-", min_size=8, max_size=40),
    st.sampled_from(["KEY", "TENANT"]),
    st.sampled_from(["https://a.example/{}/v1", "https://a.example/v1/{}", "https://a.example/x{}y", "{}"]),
)
def test_a_secret_in_the_path_of_a_url_is_in_no_identity(
    tmp_path_factory: pytest.TempPathFactory, value: str, name: str, url: str
) -> None:
    whole = f"https://a.example/{value}/v1" if url == "{}" else value
    folder = tmp_path_factory.mktemp("target")
    settings = f"base_url: {url.format(f'${{{name}}}')}\nmodel: m"
    found = load_target(folder, settings, {name: whole})
    is_secret = looks_random(value) if url == "{}" else is_secret_variable(name, value)
    assert found.location == url.format(whole)
    assert (value in found.identity) is not is_secret
    other = load_target(folder, settings, {name: whole.replace(value, f"{value}0")})
    assert other.identity != found.identity
    mask = make_mask(SimpleNamespace(targets={"t": found}, release=None), {name: whole})  # type: ignore[arg-type]
    assert value not in mask.text(f"asked /{value}/v1") or not is_secret
