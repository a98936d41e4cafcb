"""Tests of data as YAML: what is written is read back as the same data, by evalgate and by other readers."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from evalgate.inputs.formats import yaml as yaml_reader
from evalgate.inputs.importers.yaml_text import make_block, make_flow

TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(
        [
            "yes",
            "null",
            "~",
            "1.10",
            "a: b",
            "- x",
            "a\nb\n",
            " a\n b",
            "a\n\n  b",
            "#",
            "{{x}}",
            "\u2028",
            "\x85",
            "0x1",
        ]
    ),
)
DATA = st.recursive(
    st.one_of(TEXT, st.integers(-(10**6), 10**6), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT.filter(bool), inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(TEXT.filter(bool), DATA, min_size=1, max_size=3))
def test_block_style_is_read_back(data: dict[str, Any]) -> None:
    text = "\n".join(make_block(data)) + "\n"
    assert yaml_reader.parse(text, "x").data == data


@given(DATA)
def test_flow_style_is_read_back(data: Any) -> None:
    assert yaml_reader.parse(f"v: {make_flow(data)}\n", "x").data == {"v": data}


def test_texts_of_several_lines_stay_readable() -> None:
    text = "\n".join(make_block({"messages": [{"role": "user", "content": "One\nTwo"}], "n": [{"a": 1}, {"b": "x"}]}))
    assert text == 'messages:\n  - role: user\n    content: |-\n      One\n      Two\n"n":\n  - {a: 1}\n  - {b: x}'
    assert yaml.safe_load(text)["messages"][0]["content"] == "One\nTwo"
