from __future__ import annotations

import pytest

from evalgate.change.base_policy import list_policy_files
from evalgate.change.registry_path import find_registry_path, list_registry_files
from evalgate.domain import DEFAULT_LEVELS, Config, Limits, Policy, ReleaseSettings


def make(registry: str | None, path: str = "evalgate.yml") -> Config:
    release = None if registry is None else ReleaseSettings(registry=registry)
    return Config(
        path=path, gates=(), targets={}, policy=Policy(levels=DEFAULT_LEVELS), limits=Limits(), release=release
    )


@pytest.mark.parametrize(
    ("registry", "config", "wanted"),
    [
        ("sqlite:releases.sqlite3", "evalgate.yml", "releases.sqlite3"),
        ("sqlite:./data/../r.db", "shop/evalgate.yml", "shop/r.db"),
        ("sqlite:../r.db", "shop/evalgate.yml", "r.db"),
        ("sqlite:../r.db", "evalgate.yml", None),
        ("sqlite:/srv/r.db", "evalgate.yml", None),
        ("sqlite:/repo/ci/r.db", "evalgate.yml", "ci/r.db"),
        ("sqlite:/repository/r.db", "evalgate.yml", None),
        ("git:releases", "shop/evalgate.yml", "shop/releases"),
        ("git:./releases#main", "evalgate.yml", "releases"),
        ("git:..", "shop/evalgate.yml", None),
        ("langfuse:https://cloud.langfuse.com", "evalgate.yml", None),
        (None, "evalgate.yml", None),
    ],
)
def test_the_path_of_a_registry_in_the_repository(registry: str | None, config: str, wanted: str | None) -> None:
    found = make(registry, config)
    assert find_registry_path(found, "/repo") == wanted


def test_the_file_and_its_logs_are_rules_and_no_folder_is() -> None:
    files = {"a/r.db", "a/r.db-wal", "a/r.db-journal"}
    assert list_registry_files(make("sqlite:r.db", "a/evalgate.yml")) == files
    assert files < list_policy_files(make("sqlite:r.db", "a/evalgate.yml"))
    assert list_registry_files(make("git:origin")) == set() == list_registry_files(make(None))
