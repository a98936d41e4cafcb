"""Tests of appending a case: all formats, the other bytes unchanged, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Column
from evalgate.errors import InputError
from evalgate.inputs.added_tree import AddedTree
from evalgate.inputs.dataset_lines import append_case
from evalgate.inputs.tree import WorkTree

ROW = {"id": "new", "query": 'a "quoted"\nline; é', "expected": "b", "tags": ["t", "u"], "cluster": "c"}
FILES = {
    "lines.jsonl": '{"id": 1, "query": "x"}\n{"id": 2, "query": "y"}',
    "spread.jsonl": '{\n  "id": 1,\n  "query": "x"\n}\n',
    "list.json": '[{"id": 1, "query": "x"}]',
    "rows.json": '[\n  {"id": 1, "query": "x"},\n  {"id": 2, "query": "y"}\n]\n',
    "deep.json": '[\n  {\n    "id": 1,\n    "query": "x"\n  }\n]\n',
    "block.yml": "# head\n- id: 1\n  query: x # why\n\n- id: 2\n  query: |\n    a\n    b\n# end\n",
    "indented.yaml": "---\n  - id: 1\n    query: x",
    "flow.yml": "[{id: 1, query: x}, {id: 2, query: y},] # end\n",
    "table.csv": "id;query;expected;tags;cluster\n1;x;y;;\n",
    "table.tsv": "id\tquery\texpected\ttags\tcluster\n1\tx\ty\t\t\n",
}


def append(name: str, text: str, row: dict, columns: dict[str, Column] | None = None):
    tree = AddedTree(WorkTree(Path()), {name: text.encode()})
    data, dataset = append_case(tree, name, row, columns)
    return data.decode(), dataset


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_case_is_last_and_the_others_stay(name: str, newline: str, mark: str) -> None:
    text = mark + FILES[name].replace("\n", newline)
    written, dataset = append(name, text, ROW)
    case = dataset.cases[-1]
    assert (case.id, case.tags, case.cluster) == ("new", ("t", "u"), "c")
    assert case.fields["query"] == ROW["query"] and case.fields["expected"] == "b"
    left = iter(written)
    assert all(char in left for char in text.rstrip("\r\n")), "every character is still there, in order"
    assert written.startswith(text.rstrip("\r\n]# end,"))


def test_columns_have_their_own_names() -> None:
    columns = {"id": Column(name="No."), "query": Column(name="Q"), "expected": Column(name="answer", json=True)}
    row = {"id": "n", "query": "q", "expected": ["b"]}
    written, dataset = append("a.csv", 'No.,Q,answer,tags\n1,x,"[1]",\n', row, columns)
    assert written.endswith('n,q,"[""b""]",\n') and dataset.cases[-1].fields["expected"] == ["b"]


def test_a_line_sep_and_carriage_returns_stay() -> None:
    assert append("a.csv", "sep=;\nid;query\n1;x\n", {"id": "2", "query": "y"})[0] == "sep=;\nid;query\n1;x\n2;y\n"
    assert append("a.csv", "id,query\r1,x\r", {"id": "2", "query": "y"})[0] == "id,query\r1,x\r2,y\r"


@pytest.mark.parametrize(("name", "row", "said"), [
    ("lines.jsonl", {"id": "1", "query": "z"}, "is given twice"),
    ("table.csv", {"id": "2", "quary": "z"}, 'no column "quary"(.|\n)*did you mean "query"'),
    ("table.csv", {"id": "2", "query": "NaN"}, "is NaN"),
    ("langfuse:set", {"id": "2"}, "is in Langfuse"),
])  # fmt: skip
def test_what_cannot_be_added_is_refused(name: str, row: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        append(name, FILES.get(name, ""), row)


@given(st.text(min_size=1), st.sampled_from([name for name in sorted(FILES) if "table" not in name]))
def test_any_text_is_read_back_or_refused(text: str, name: str) -> None:
    try:
        text.encode()
        _, dataset = append(name, FILES[name], {"id": "new", "query": text})
    except (InputError, UnicodeEncodeError):
        assert not text.isprintable()
        return
    assert dataset.cases[-1].fields["query"] == text
