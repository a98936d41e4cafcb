"""XML, without entities."""

from __future__ import annotations

import time

import pytest
from score.scored_outputs import fails_on_all_hostile, score, value

from evalgate.score.xml_output import MAX_DEPTH, find_paths

BOMB = (
    '<!DOCTYPE z [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefghi", "bcdefghij", strict=True))
    + "]><z>&j;</z>"
)
GOOD = ["<a/>", " <a>x &amp; y</a>\n", '<?xml version="1.0" encoding="latin-1"?><a>\u00e4</a>', "<a:b/>", "<a><![CDATA[<b>]]></a>"]  # fmt: skip
BAD = ["", "<a>", "<a/><b/>", "text <a/>", '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>']
WHOLE = ["<o><i><k/></i></o>", "<o><i/><i><k/></i></o>", "<o> <i>x<k>1</k></i></o>", '<o n="1"><i><k></k></i></o>', "<!-- c --><o><i><k/></i></o>"]  # fmt: skip
LACKING = ["<o/>", "<o><k/></o>", "<i><k/></i>", "<o><i/></o>", "<x><o><i><k/></i></o></x>"]


def test_five_outputs_pass_and_five_fail() -> None:
    assert [value("is_xml", text) for text in GOOD] == [1.0] * 5
    assert [value("is_xml", text) for text in BAD] == [0.0] * 5
    assert [value("is_xml", text, elements=["o/i/k", "o"]) for text in WHOLE] == [1.0] * 5
    assert [value("is_xml", text, elements=["o/i/k", "o"]) for text in LACKING] == [0.0] * 5


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:1/x"> %x;]><a/>',
        "<!DOCTYPE html><html/>",
        "<a>&unknown;</a>",
        "<a>\ud800</a>",
        "<a>\0</a>",
    ],
)
def test_nothing_is_expanded_or_loaded(text: str) -> None:
    began = time.perf_counter()
    assert value("is_xml", text) == 0.0
    assert time.perf_counter() - began < 1


def test_hostile_outputs_are_no_xml() -> None:
    assert fails_on_all_hostile("is_xml", elements=["a/a/a"])


def test_the_depth_is_limited() -> None:
    assert value("is_xml", "<a>" * MAX_DEPTH + "</a>" * MAX_DEPTH) == 1.0
    deep = score("is_xml", "<a>" * (MAX_DEPTH + 1) + "</a>" * (MAX_DEPTH + 1))
    assert "more than 200 elements inside each other" in deep.reason
    assert find_paths("<a><b/></a>", frozenset({"a/b", "b"})) == {"a/b"}


def test_the_missing_element_is_named() -> None:
    assert score("is_xml", "<o/>", elements=["o/i"]).reason == 'must be XML with "o/i"; found no "o/i"'
