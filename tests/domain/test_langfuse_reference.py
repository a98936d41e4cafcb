from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain.langfuse_reference import (
    LangfuseDatasetSource,
    LangfusePromptSource,
    LangfuseSettings,
    is_langfuse,
    parse_dataset_source,
    parse_prompt_source,
    parse_source,
)

names = st.text(st.characters(codec="utf-8", exclude_characters="@|", exclude_categories=("C", "Z")), min_size=1)
labels = st.text("abcz019_-.", min_size=1, max_size=36).filter(lambda one: not one.isdigit())


@given(names, labels | st.integers(1, 999_999_999))
def test_a_prompt_is_read_as_it_is_written(name: str, wanted: str | int) -> None:
    source = (
        LangfusePromptSource(name=name, label=wanted)
        if isinstance(wanted, str)
        else LangfusePromptSource(name=name, version=wanted)
    )
    assert parse_source(str(source)) == source and is_langfuse(str(source))
    assert str(source) == f"langfuse:{name}@{wanted}"


@given(names, st.none() | st.datetimes().map(lambda one: f"{one.isoformat()}Z"))
def test_a_dataset_is_read_as_it_is_written(name: str, at: str | None) -> None:
    source = LangfuseDatasetSource(name=name, at=at)
    assert parse_source(str(source)) == source
    assert (source.moment is None) is (at is None)
    with pytest.raises(ValueError, match="NAME@LABEL"):
        parse_prompt_source(str(source))


@pytest.mark.parametrize(
    "text",
    [
        "langfuse:", "langfuse:@staging", "langfuse:a", "langfuse:a@", "langfuse:a@Staging", "langfuse:a@0", "a@staging",
        "langfuse: a@staging", "langfuse:a|b@x", "langfuse:a@x y", "langfuse:a@1234567890 ",
    ],
)  # fmt: skip
def test_other_texts_name_no_prompt(text: str) -> None:
    with pytest.raises(ValueError, match="langfuse:support@staging"):
        parse_prompt_source(text)


@pytest.mark.parametrize(
    "text", ["langfuse:", "langfuse:a@2026-11-30", "langfuse:a@2026-11-30T10:00:00", "langfuse:a@b"]
)
def test_a_time_without_a_zone_names_no_dataset(text: str) -> None:
    with pytest.raises(ValueError, match="langfuse:golden@"):
        parse_dataset_source(text)


def test_a_name_may_have_an_at_and_a_folder() -> None:
    assert parse_prompt_source("langfuse:team/a@b@7") == LangfusePromptSource(name="team/a@b", version=7)


def test_the_keys_have_the_names_that_langfuse_gives_them() -> None:
    assert LangfuseSettings().key_variables == ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY")
    assert LangfuseSettings(public_key_env="A", secret_key_env="B").key_variables == ("A", "B")
