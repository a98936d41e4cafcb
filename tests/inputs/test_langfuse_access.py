from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from evalgate.domain import DEFAULT_LEVELS, Config, Limits, Policy, ReleaseSettings
from evalgate.domain.langfuse_reference import LangfuseSettings
from evalgate.errors import InputError, MissingSecretError
from evalgate.inputs.langfuse_access import attach_langfuse, open_langfuse
from evalgate.inputs.langfuse_tree import LangfuseTree
from evalgate.inputs.tree import WorkTree

KEYS = {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk"}
OWN = LangfuseSettings(host="https://own.test", public_key_env="PK", secret_key_env="SK")
REGISTRY = ReleaseSettings(registry="langfuse:https://registry.test")


def make(
    environment: Mapping[str, str] | None,
    langfuse: LangfuseSettings | None = None,
    release: ReleaseSettings | None = None,
) -> Config:
    return Config(
        path="evalgate.yml",
        gates=(),
        targets={},
        policy=Policy(levels=DEFAULT_LEVELS),
        limits=Limits(),
        environment=environment,
        langfuse=langfuse,
        release=release,
    )


def test_the_server_is_the_nearest_one_that_is_named() -> None:
    environment = {**KEYS, "PK": "1", "SK": "2", "LANGFUSE_HOST": "https://host.test"}
    assert open_langfuse(make(environment, OWN, REGISTRY)).url == "https://own.test"
    assert open_langfuse(make(environment, None, REGISTRY)).url == "https://registry.test"
    other = ReleaseSettings(registry="git:origin")
    assert open_langfuse(make(environment, None, other)).url == "https://host.test"
    both = {**environment, "LANGFUSE_BASE_URL": "https://base.test"}
    assert open_langfuse(make(both)).url == "https://base.test"
    assert open_langfuse(make(both, LangfuseSettings(public_key_env="PK"))).url == "https://base.test"


def test_what_is_missing_is_named() -> None:
    with pytest.raises(InputError, match="no Langfuse server is named"):
        open_langfuse(make(KEYS))
    with pytest.raises(InputError, match="no Langfuse server is named"):
        open_langfuse(make(None))
    with pytest.raises(MissingSecretError, match="the variable SK is not set"):
        open_langfuse(make({"PK": "1"}, OWN))
    with pytest.raises(MissingSecretError, match="the variable LANGFUSE_PUBLIC_KEY is not set"):
        open_langfuse(make({"LANGFUSE_PUBLIC_KEY": " "}, None, REGISTRY))


def test_a_tree_asks_for_the_server_when_it_reads(tmp_path: Path) -> None:
    tree = attach_langfuse(WorkTree(tmp_path), make({}))
    assert isinstance(tree, LangfuseTree)
    with pytest.raises(InputError, match="no Langfuse server is named"):
        tree.read("langfuse:support@1")
