from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langfuse_server import PUBLIC, SECRET, LangfuseServer

from evalgate.errors import InputError
from evalgate.inputs.langfuse_tree import LangfuseTree, close_tree, find_langfuse_tree
from evalgate.inputs.prompts import load_prompt
from evalgate.inputs.tree import WorkTree
from evalgate.services.langfuse import Langfuse, LangfuseKeys
from evalgate.services.langfuse_errors import LangfuseLostError


@pytest.fixture
def server() -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        made.prompts.create({"name": "support", "prompt": "one", "labels": ["production", "v1.0.0"]})
        made.prompts.create({"name": "support", "prompt": "two", "labels": ["staging"], "commitMessage": "why"})
        made.datasets.create({"name": "golden"})
        made.datasets.put({"datasetName": "golden", "id": "a", "input": {"q": "x"}})
        yield made
        assert made.violations == []


@pytest.fixture
def tree(server: LangfuseServer, tmp_path: Path) -> LangfuseTree:
    (tmp_path / "a.md").write_text("file")
    keys = LangfuseKeys(public=PUBLIC, secret=SECRET)
    return LangfuseTree(WorkTree(tmp_path), lambda: Langfuse(server.url, keys))


def refuse(act: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        act()
    return str(caught.value.faults[0])


def test_files_are_those_of_the_other_tree_and_need_no_server(server: LangfuseServer, tree: LangfuseTree) -> None:
    assert tree.read("a.md") == b"file" and tree.exists("a.md") and list(tree.list_files("")) == ["a.md"]
    assert tree.describe("a.md") == "working tree" and tree.root == tree.files.root
    assert not tree.exists("langfuse:support@staging") and tree.list_moved() == {} and not server.requests


def test_a_label_is_the_version_that_has_it_and_is_read_once(server: LangfuseServer, tree: LangfuseTree) -> None:
    found = json.loads(tree.read("langfuse:support@production"))
    assert found == {"name": "support", "prompt": "one", "config": {}, "numbers": ["1.0.0"]}
    count = len(server.requests)
    server.prompts.move("support", 2, ["production"])
    assert json.loads(tree.read("langfuse:support@production")) == found and len(server.requests) == count
    assert tree.describe("langfuse:support@production") == "langfuse:support@1"
    assert tree.find_author("langfuse:support@2") == ("API", "why")


def test_what_moved_is_named_and_what_did_not_is_not(server: LangfuseServer, tree: LangfuseTree) -> None:
    paths = ["langfuse:support@production", "langfuse:support@1", "langfuse:support@staging", "langfuse:golden"]
    for path in paths:
        tree.read(path)
    assert tree.list_moved() == {}
    server.prompts.move("support", 2, ["production"])
    server.datasets.put({"datasetName": "golden", "id": "b", "input": {"q": "y"}})
    server.prompts.delete("support", version=1, label=None)
    assert tree.list_moved() == {
        paths[0]: "langfuse:support@production was langfuse:support@1 when the run began, and now it is "
        "langfuse:support@2",
        paths[
            1
        ]: f"langfuse:support@1 was langfuse:support@1 when the run began, and now it does not exist at {server.url}",
        paths[3]: "langfuse:golden was langfuse:golden when the run began, and now it has another content",
    }


def test_a_number_that_was_given_again_has_another_content(server: LangfuseServer, tree: LangfuseTree) -> None:
    tree.read("langfuse:support@2")
    server.prompts.delete("support", version=2, label=None)
    server.prompts.create({"name": "support", "prompt": "other"})
    assert "now it has another content" in tree.list_moved()["langfuse:support@2"]


def test_what_is_missing_says_what_there_is(server: LangfuseServer, tree: LangfuseTree) -> None:
    said = refuse(lambda: tree.read("langfuse:support@canary"))
    assert said.startswith(f"langfuse:support@canary: does not exist at {server.url}")
    assert "the versions 1 to 2 and the labels latest, production, staging, v1.0.0" in said
    assert "no prompt has this name" in refuse(lambda: tree.read("langfuse:other@1"))
    assert "no dataset has this name" in refuse(lambda: tree.read("langfuse:other"))
    assert "names neither a prompt nor a dataset" in refuse(lambda: tree.read("langfuse:a@B"))


def test_a_label_that_two_versions_have_is_refused(server: LangfuseServer, tree: LangfuseTree) -> None:
    server.prompts.versions("support")[0]["labels"].append("staging")
    assert "langfuse:support@staging: has several versions, 1, 2" in refuse(
        lambda: tree.read("langfuse:support@staging")
    )


def test_a_server_that_fails_is_no_missing_prompt(server: LangfuseServer, tree: LangfuseTree) -> None:
    tree.read("langfuse:support@2")
    server.fail("GET", status=500, count=9)
    with pytest.raises(LangfuseLostError):
        tree.list_moved()


def test_a_closed_tree_asks_no_server(server: LangfuseServer, tree: LangfuseTree) -> None:
    closed = close_tree(tree)
    assert "is in Langfuse, which is not asked here" in refuse(lambda: closed.read("langfuse:support@2"))
    assert closed.read("a.md") == b"file" and not server.requests
    assert close_tree(tree.files) is tree.files
    assert find_langfuse_tree(tree) is tree and find_langfuse_tree(tree.files) is None


def test_the_properties_of_a_schema_stay_in_their_order(server: LangfuseServer, tree: LangfuseTree) -> None:
    schema = {"type": "object", "properties": {"reasoning": {"type": "string"}, "answer": {"type": "string"}}}
    config = {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}}
    server.prompts.create({"name": "support", "prompt": "three", "config": config, "labels": []})
    version = load_prompt(tree, "langfuse:support@3")
    assert version.response_format is not None
    sent: Any = version.response_format["json_schema"]
    assert list(sent["schema"]["properties"]) == ["reasoning", "answer"]
