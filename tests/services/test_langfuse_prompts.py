"""What Langfuse's client has of a prompt is read as plain data, or refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from evalgate.services.langfuse_prompts import make_listings, make_prompt


def _list(versions: list[int]) -> Any:
    row = SimpleNamespace(name="a", versions=versions, labels=["b"], tags=["c"], last_config=7)
    return SimpleNamespace(data=[row])


def test_versions_are_in_order_and_a_config_that_is_no_object_is_empty() -> None:
    [found] = make_listings(_list([3, 1]))
    assert (found.name, found.versions, found.labels, found.tags, found.config) == ("a", (1, 3), ("b",), ("c",), {})


@pytest.mark.parametrize("versions", [[], [0], [-1, 2], [2**31]])
def test_numbers_that_no_version_has_are_refused(versions: list[int]) -> None:
    with pytest.raises(ValueError, match="versions"):
        make_listings(_list(versions))


@pytest.mark.parametrize(("author", "read"), [(" Ada\n", "Ada"), (7, ""), (None, "")])
def test_the_author_is_one_line_or_empty(author: object, read: str) -> None:
    given = SimpleNamespace(
        name="a",
        version=1,
        prompt="text",
        labels=[],
        tags=[],
        config=[],
        commit_message=None,
        model_extra={"createdBy": author},
    )
    found = make_prompt(given)
    assert (found.prompt, found.config, found.author) == ("text", {}, read)
