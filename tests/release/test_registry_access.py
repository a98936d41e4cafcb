from __future__ import annotations

from pathlib import Path

import pytest
from langfuse_server import PUBLIC, SECRET, LangfuseServer
from release.documents import make_document, make_version
from repository import Repository

from evalgate.domain import ReleaseSettings
from evalgate.errors import InputError, MissingSecretError
from evalgate.release.registry_access import open_with_secrets
from evalgate.release.sqlite_registry import SqliteRegistry


def test_a_registry_without_secrets_needs_no_variable(tmp_path: Path) -> None:
    registry = open_with_secrets(ReleaseSettings(registry="sqlite:x.sqlite3"), tmp_path, {}, place="evalgate.yml")
    assert isinstance(registry, SqliteRegistry) and registry.path == tmp_path / "x.sqlite3"


def test_the_token_of_git_may_be_missing_where_anyone_may_read(repository: Repository) -> None:
    settings = ReleaseSettings(registry="git:https://127.0.0.1/x", token_env="TOKEN")
    with pytest.raises(MissingSecretError, match=r"evalgate.yml: the variable TOKEN of release.token_env is not set"):
        open_with_secrets(settings, repository.root, {"TOKEN": " "}, place="evalgate.yml")
    for environment in ({}, {"TOKEN": "x"}):
        found = open_with_secrets(settings, repository.root, environment, place="evalgate.yml", needs_token=False)
        assert found.url == settings.registry


@pytest.mark.parametrize("named", [True, False])
def test_the_keys_of_langfuse_come_from_their_variables(tmp_path: Path, named: bool) -> None:
    names = {"public_key_env": "LF_PUBLIC", "secret_key_env": "LF_SECRET"} if named else {}
    public, secret = ("LF_PUBLIC", "LF_SECRET") if named else ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY")
    with LangfuseServer() as server:
        settings = ReleaseSettings(registry=f"langfuse:{server.url}", **names)
        for environment, missing in (({}, public), ({public: PUBLIC}, secret), ({public: "", secret: SECRET}, public)):
            with pytest.raises(MissingSecretError, match=f"the variable {missing} is not set"):
                open_with_secrets(settings, tmp_path, environment, place="--registry", needs_token=False)
        registry = open_with_secrets(settings, tmp_path, {public: PUBLIC, secret: SECRET}, place="--registry")
        assert registry.append(make_document(make_version())) == registry.read("support")


def test_an_address_that_names_no_server_is_refused(tmp_path: Path) -> None:
    keys = {"LANGFUSE_PUBLIC_KEY": PUBLIC, "LANGFUSE_SECRET_KEY": SECRET}
    for url in ("langfuse:cloud.langfuse.com", "langfuse:https://pk:sk@host", "langfuse:"):
        with pytest.raises(InputError):
            open_with_secrets(ReleaseSettings(registry=url), tmp_path, keys, place="--registry")
