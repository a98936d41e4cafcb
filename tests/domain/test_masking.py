"""The secrets of a configuration: its variables, and what its URLs have."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import DEFAULT_LEVELS, Config, Limits, Policy, Target
from evalgate.domain.masking import list_secret_variables, make_mask
from evalgate.mask import Mask

PRINTABLE = st.characters(min_codepoint=33, max_codepoint=126)


def test_every_setting_that_names_a_variable_counts() -> None:
    targets = {
        "a": Target(name="a", kind="openai", location="u", identity="i", api_key_env="KEY_A"),
        "c": Target(name="c", kind="openai", location="u", identity="i", headers={"x-key": "KEY_D", "x-other": "KEY_A"}),
        "b": Target(name="b", kind="recorded", location="u", identity="i", options={"token_env": "KEY_B", "version": "KEY_C"}),
    }  # fmt: skip
    config = Config(path="c", gates=(), targets=targets, policy=Policy(levels={}), limits=Limits())
    assert list_secret_variables(config) == ("KEY_A", "KEY_B", "KEY_D")
    values = {"KEY_A": "first-secret\n", "KEY_B": "second-secret", "KEY_C": "third-secret", "KEY_D": "fourth-secret"}
    mask = make_mask(config, values, ["fifth-secret"])
    masked = mask.text("first-secret second-secret third-secret fourth-secret fifth-secret")
    assert masked == "*** *** third-secret *** ***"


@given(
    st.sampled_from(["api-key", "code_token", "sig", "Secret", "code", "auth", "pwd"]),
    st.text("abcXYZ019", min_size=12, max_size=40),
)
def test_a_key_in_the_query_of_a_url_is_masked(name: str, value: str) -> None:
    target = Target(
        name="t", kind="openai", identity="i", location=f"https://h/v1?{name}={value}&api-version=2024-02-01"
    )
    mask = make_mask(SimpleNamespace(targets={"t": target}, release=None), {})  # type: ignore[arg-type]
    assert mask.text(f"bad /v1?a={value}&api-version=2024-02-01") == "bad /v1?a=***&api-version=2024-02-01"


@pytest.mark.parametrize("name", ["auth", "authorization", "code", "pwd", "X-Amz-Credential", "jwt"])
def test_a_key_in_the_query_of_a_url_is_one_by_these_names_too(name: str) -> None:
    target = Target(name="t", kind="openai", location=f"https://api.invalid/v1?{name}=s3cret-of-mine", identity="i")
    config = Config(path="c", gates=(), targets={"t": target}, policy=Policy(levels=DEFAULT_LEVELS), limits=Limits())
    assert make_mask(config, {}).text("s3cret-of-mine") == "***"


def mask_of(location: str, variables: dict[str, str]) -> Mask:
    target = Target(name="t", kind="openai", location=location, identity="i", url_variables=tuple(variables))
    config = Config(path="c", gates=(), targets={"t": target}, policy=Policy(levels=DEFAULT_LEVELS), limits=Limits())
    return make_mask(config, variables)


@given(st.text("abcdefXYZ0189", min_size=8, max_size=40))
def test_the_password_of_a_url_in_a_variable_is_masked(password: str) -> None:
    assert password not in Mask([f"https://user:{password}@proxy.invalid/"]).text(f"bad password {password}")
    assert password not in mask_of(f"https://user:{password}@a.invalid/v1", {}).text(f"bad password {password}")


@given(
    st.text("abcdefXYZ0189", min_size=8, max_size=40),
    st.sampled_from(["HTTP_PROXY", "https_proxy", "All_Proxy"]),
    st.sampled_from(["http://", "socks5://", ""]),
)
def test_the_password_of_a_proxy_is_masked(password: str, name: str, scheme: str) -> None:
    config = Config(path="c", gates=(), targets={}, policy=Policy(levels=DEFAULT_LEVELS), limits=Limits())
    mask = make_mask(config, {name: f" {scheme}user:{password}@proxy.invalid:3128"})
    assert mask.text(f"wrong password {password}") == "wrong password ***"
    assert password not in mask.text(f"http://user:{password}@proxy.invalid")


@given(
    st.from_regex(r"[a-f]{8}[0-9a-f]{12}[0-9]", fullmatch=True), st.sampled_from(["/{}/v1", "/v1?k={}", "/v1?a=b&x={}"])
)
def test_a_variable_of_a_url_that_looks_like_a_key_is_masked(value: str, place: str) -> None:
    mask = mask_of(f"https://a.invalid{place.format(value)}", {"QK": value})
    assert mask.text(f"bad {value}") == "bad ***"


@pytest.mark.parametrize(
    ("name", "value", "is_secret"),
    [
        ("GATEWAY_TOKEN", "plain-words", True),
        ("API_KEY", "shortish", True),
        ("DEPLOYMENT", "gpt-4o-mini-2024-07-18", False),
        ("API_VERSION", "2024-12-01-preview", False),
        ("PROJECT", "internationalization", False),
        ("HOST", "models.example.invalid:8000", False),
        ("NUMBER", "12345678901234567890", False),
    ],
)
def test_a_variable_of_a_url_is_a_secret_by_its_name_or_its_looks(name: str, value: str, is_secret: bool) -> None:
    mask = mask_of(f"https://a.invalid/{value}/v1", {name: value})
    assert mask.text(f"at {value}") == ("at ***" if is_secret else f"at {value}")


@given(
    st.sampled_from(["OPENAI_API_KEY", "MY_TOKEN", "LANGFUSE_SECRET_KEY", "db_password"]),
    st.from_regex(r"(sk-)?[a-f]{6}[0-9]{6}[a-f0-9]{6,20}(-[a-f]{4})?", fullmatch=True)
    | st.uuids().map("sk-lf-{}".format),
    st.booleans(),
)
def test_a_key_of_the_environment_is_masked_where_a_function_answers(name: str, key: str, is_function: bool) -> None:
    target = Target(name="t", kind="python" if is_function else "openai", location="a:b", identity="i")
    config = Config(path="c", gates=(), targets={"t": target}, policy=Policy(levels=DEFAULT_LEVELS), limits=Limits())
    url = "postgres://postgres:postgres@localhost/shop"
    others = {
        "DB_PASSWORD": "postgres",
        "DATABASE_URL": url,
        "TOKENIZER": "gpt-4o-mini-2024-07-18",
        "CITY": "berlin0123456789x",
    }
    mask = make_mask(config, {**others, name: key})
    words = ", ".join(others.values())
    hidden = "***" if is_function else key
    assert (
        mask.text(f"404 for https://a.invalid/?key={key}, {words}")
        == f"404 for https://a.invalid/?key={hidden}, {words}"
    )
