"""Targets of a configuration, and the identity of their answers."""

from __future__ import annotations

import pytest

from evalgate.inputs.config import load_config

from .conftest import CHECKS, CONFIG, Project, faults


def test_recorded_identity_follows_the_content(project: Project) -> None:
    project.write(
        "evalgate.yml",
        CONFIG.replace(
            '{type: openai, base_url: "https://example.org/v1", api_key_env: MY_KEY, model: m}',
            "{type: recorded, path: o.jsonl}",
        ),
    )
    seen = set()
    for text in ("a", "b", "a"):
        project.write("o.jsonl", text)
        seen.add(load_config(project.tree, "evalgate.yml").targets["api"].identity)
    assert len(seen) == 2


def test_a_query_is_part_of_the_identity_and_never_shown(project: Project) -> None:
    seen = set()
    for query in ("", "?key=secret-1", "?key=secret-2"):
        project.write("evalgate.yml", CONFIG.replace("example.org/v1", f"example.org/v1{query}"))
        seen.add(load_config(project.tree, "evalgate.yml").targets["api"].identity)
    assert len(seen) == 3
    assert "https://example.org/v1" in seen and "secret" not in str(seen)


@pytest.mark.parametrize(
    "target",
    [
        "{type: openai, api_key: sk-verysecret}",
        "{type: openai, token: sk-verysecret}",
        "{type: openai, api_key_env: sk-verysecret}",
        '{type: openai, base_url: "https://me:sk-verysecret@example.org/v1"}',
        '{type: openai, base_url: "https://sk-verysecret@example.org/v1"}',
    ],
)
def test_a_key_in_the_file_is_refused_and_never_shown(project: Project, target: str) -> None:
    found = "\n".join(faults(project, CHECKS.replace("{type: openai}", target)))
    assert "verysecret" not in found
    assert "evalgate.yml:2:" in found
    assert "NAME of" in found
