"""Tests of writing rows of a dataset as a new file of the same format."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalgate.inputs.added_tree import AddedTree
from evalgate.inputs.case_files import read_case_rows, write_case_rows
from evalgate.inputs.datasets import load_dataset
from evalgate.inputs.tree import WorkTree

FILES = {
    "a.jsonl": '{"id": 1, "query": "x", "tags": ["t"]}\n{"query": {"deep": [1, null]}}\n',
    "a.json": '[{"id": 1, "query": "x"}, {"id": 2, "query": "é\\u2028"}]',
    "a.yml": "- id: 1\n  query: |\n    a\n    b\n- {id: 2, query: true}\n",
    "a.csv": 'id;query;tags;;\n1;"a;b";t;;\n2;"x\ny";;;\n',
    "a.tsv": "id\tquery\n1\tx\n2\ty\n",
}


@pytest.mark.parametrize("name", FILES)
def test_all_rows_written_again_are_the_same_cases(name: str) -> None:
    tree = AddedTree(WorkTree(Path()), {name: FILES[name].encode()})
    data = write_case_rows(tree, name, read_case_rows(tree, name))
    before, after = load_dataset(tree, name), load_dataset(AddedTree(tree, {name: data}), name)
    assert after.text_digest == before.text_digest
