"""Tests of `evalgate model pull`, from a file: nothing is downloaded."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import MappingProxyType

import pytest
from gated_project import World

from evalgate.cli.model import pull
from evalgate.domain.models import EmbeddedModel

CONTENT = b"weights" * 1_000


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> EmbeddedModel:
    """A small model in place of the embedded ones, under the name of one of them."""
    (name, *_) = pull.EMBEDDED_MODELS
    made = EmbeddedModel(
        name=name,
        file="small.gguf",
        bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        url="https://example.invalid/small.gguf",
        license="MIT",
    )
    monkeypatch.setattr(pull, "EMBEDDED_MODELS", MappingProxyType({name: made}))
    monkeypatch.setenv("EVALGATE_HOME", str(tmp_path / "home"))
    return made


def test_a_file_is_copied_to_the_folder_of_models_and_described(
    world: World, model: EmbeddedModel, tmp_path: Path
) -> None:
    (tmp_path / "copy.gguf").write_bytes(CONTENT)
    told = world.evalgate("model", "pull", model.name, "--from", str(tmp_path / "copy.gguf"))
    assert told.code == 0, told.err
    (kept,) = (path for path in (tmp_path / "home").rglob("*.gguf"))
    assert kept.read_bytes() == CONTENT
    assert told.out == f"{kept}: {len(CONTENT):,} bytes, sha256 {model.sha256[:12]}..., MIT\n"


def test_another_file_is_refused_and_not_kept(world: World, model: EmbeddedModel, tmp_path: Path) -> None:
    (tmp_path / "other.gguf").write_bytes(b"other" + CONTENT[5:])
    told = world.evalgate("model", "pull", model.name, "--from", str(tmp_path / "other.gguf"))
    assert told.code == 2 and "sha256" in told.err
    assert not list((tmp_path / "home").rglob("*.gguf"))


def test_an_unknown_model_is_refused_with_those_that_there_are(world: World, model: EmbeddedModel) -> None:
    told = world.evalgate("model", "pull", "unknown")
    assert told.code == 2 and model.name in told.err
