"""What others write does nothing in any channel: no control of a terminal, no markup, no link, no notification."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.report import escape, markdown, terminal

CHARACTERS = st.text(
    alphabet=st.one_of(
        st.sampled_from("`|<>&\\*_[]()!#@$:~-+=.1a/\n\r\t \x1b\u202e\u2066\u200b\u2028\ufeff\x00\x9b"),
        st.characters(),
    ),
    max_size=40,
)
# What means something to GitHub, whole or in parts that others may complete.
PIECES = (
    *("@octocat", "@acme/leads", "a@b.example", "#1", "acme/app#2", "GH-1", "closes #3", "c0ffee1", "octocat@c0ffee1"),
    *("https://evil.example", "HTTP://EVIL.example", "www.evil.example", "ftp://evil.example", "mailto:a@b.example"),
    *("xmpp:a@b.example", "//evil.example", "![x](https://evil.example/x.png)", "[x](", "](", ")", "[x]: https://x.y"),
    *("[x]", "[^1]", "[^1]: note", "- [ ] task", "[!NOTE]", "<img src=x onerror=alert(1)>", "<script>", "</table>"),
    *(
        "</td>",
        "</details>",
        "<!--",
        "-->",
        "<!-- evalgate:support {} -->",
        "<![CDATA[",
        "]]>",
        "<?php ?>",
        "<a href=x>",
    ),
    *("```", "~~~", "`", "``", "|", "\\|", "\\", "\n", "\n\n", "    code", "# title", "===", "---", "> quote", "1. x"),
    *("&#64;octocat", "&commat;octocat", "&lt;b&gt;", "&#x40;", "&amp", "**b**", "__b__", "~~s~~", "$x$", "$`x`$"),
    *(":tada:", ":+1:", " ", "\t", "\u200d", "\u202e", "\ufe0f"),
)
ATTACKS = CHARACTERS | st.sampled_from(PIECES) | st.lists(st.sampled_from(PIECES) | CHARACTERS, max_size=6).map("".join)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "\\x1b[31m"),
        ("a\rb", "a\\rb"),
        ("a\u202eb\u2066c\u2069", "a\\u202eb\\u2066c\\u2069"),
        ("zero\u200bwidth\ufeff\u200d", "zero\\u200bwidth\\ufeff\\u200d"),
        ("\x9b31m\x85\u2028", "\\x9b31m\\x85\\u2028"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("filler\u3164", "filler\\u3164"),
        ("\ud800", "\\ud800"),
        ("two\nlines\t", "two\\nlines\\t"),
        ("naïve 日本語 ❤️", "naïve 日本語 ❤️"),
    ],
)
def test_what_has_no_shape_becomes_visible(text: str, shown: str) -> None:
    assert escape.line(text) == shown


def test_a_block_keeps_its_lines_and_nothing_else() -> None:
    assert escape.block("a\n\tb\r\n\x1b") == "a\n    b\\r\n\\x1b"


@given(ATTACKS)
def test_no_text_reaches_a_terminal_with_an_unseen_character(text: str) -> None:
    for shown in (escape.line(text), escape.block(text).replace("\n", "")):
        assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_prose_is_one_line_of_bounded_length() -> None:
    assert escape.prose(" a\n\n b\tc ") == "a b c"
    assert escape.prose("x" * 50, most=10) == "x" * 10 + " ..."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("-0.018 [-0.069, +0.027]", "-0.018 &#91;-0.069, +0.027&#93;"),
        ("0.8105 of 1", "0.8105 of 1"),
        ("--- a", "&#45;&#45;&#45; a"),
        ("at 12:30.", "at `12:30`."),
        ('"a@b", [a@b]!', '"`a@b`", &#91;`a@b`&#93;!'),
        ("::", "`::`"),
        ("mean -0.018 of a_b", "mean -0.018 of a&#95;b"),
        ("ask @octocat, see #12.", "ask `@octocat`, see `#12`."),
        ("(GH-3)", "(`GH-3`)"),
        ("$0.01 is not $x$", "$0.01 is not `$x$`"),
        ("1. first", "1&#46; first"),
        ("a | b", "a &#124; b"),
        ("<img src=x>", "&#60;img src=x&#62;"),
        ("", ""),
    ],
)
def test_inline_markdown(text: str, shown: str) -> None:
    assert escape.markdown(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "`plain`"),
        ("a`b", "``a`b``"),
        ("`a``b`", "``` `a``b` ```"),
        ("a|b", "`a`&#124;`b`"),
        ("", "`(empty)`"),
        ("  ", "`(empty)`"),
        ("a\nb", "`a\\nb`"),
    ],
)
def test_code_spans_outgrow_their_backticks(text: str, shown: str) -> None:
    assert escape.code(text) == shown


def test_a_preformatted_text_has_no_blank_line() -> None:
    assert escape.escape_preformatted("a\n\n</pre>&") == "a&#10;&#10;&lt;/pre&gt;&amp;"


def test_colour_sequences_are_the_only_ones_in_a_hostile_report(samples) -> None:
    text = terminal.render(samples.hostile(), color=True)
    assert not re.search(r"[\x00-\x09\x0b-\x1a\x1c-\x1f\x7f-\x9f\u200b\u202e]", text)
    assert set(re.findall(r"\x1b[^m]*m", text)) <= {
        f"\x1b[{code}m" for code in ("0", "1", "2", "33", "1;31", "1;32", "1;4")
    }
    assert "\x1b" not in terminal.render(samples.hostile())


# What GitHub does to the parsed page: mentions, issues, URLs and formulas, outside of code and links.
AFTER_PARSING = re.compile(
    r"@\w|\w#\d|(?<!\w)#\d|GH-\d|\w://|www\.|mailto:\w|\b[0-9a-f]{7,40}\b"
    r"|\$[^\s$]([^$\n]*[^\s$])?\$|:\w+:",
    re.IGNORECASE,
)


def page(text: str):
    cmarkgfm = pytest.importorskip("cmarkgfm")
    html5lib = pytest.importorskip("html5lib")
    html = cmarkgfm.github_flavored_markdown_to_html(text, options=cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE)
    return html5lib.parse(html, namespaceHTMLElements=False)


def loose_text(element) -> str:
    """The text outside of code, as GitHub's filters see it."""
    parts = ["\n" if element.tag in ("td", "th", "p", "li", "tr") else "", element.text or ""]
    for child in element:
        parts.append("" if child.tag in ("code", "pre", "a") else loose_text(child))
        parts.append(child.tail or "")
    return "".join(parts)


@given(ATTACKS)
def test_inline_markdown_shows_the_text_and_does_nothing(text: str) -> None:
    for source in (f"- **x** {escape.markdown(text)}", escape.markdown(text) or "x"):
        parsed = page(source)
        body = parsed.find("body")
        assert {element.tag for element in body.iter()} <= {"body", "p", "ul", "li", "strong", "code"}
        assert not AFTER_PARSING.search(loose_text(body))
    expected = escape.visible(text).strip(" ") or "x"
    assert "".join(body.itertext()).split() == expected.split()


@given(ATTACKS, ATTACKS)
def test_a_cell_stays_one_cell(left: str, right: str) -> None:
    source = f"| a | b | c |\n| --- | --- | --- |\n| {escape.code(left)} | {escape.markdown(right)} | end |"
    parsed = page(source)
    cells = ["".join(cell.itertext()) for cell in parsed.iter("td")]
    assert len(cells) == 3 and cells[2] == "end"
    assert not AFTER_PARSING.search(loose_text(parsed.find("body")))
    assert cells[0].replace(" ", "") == (escape.visible(left).replace(" ", "") or "(empty)")


@given(ATTACKS)
def test_a_block_of_html_is_not_left(text: str) -> None:
    source = (
        f"<table>\n<tr><td>{escape.html(text)}</td><td>{escape.html_code(text)}</td>"
        f"<td><pre>{escape.escape_preformatted('.' + text)}</pre></td></tr>\n</table>\n"
    )
    parsed = page(source)
    assert {element.tag for element in parsed.find("body").iter()} <= {
        "body",
        "table",
        "tbody",
        "tr",
        "td",
        "code",
        "pre",
    }
    cells = ["".join(cell.itertext()) for cell in parsed.iter("td")]
    assert cells[0] == escape.visible(text) == cells[1]
    assert cells[2] == "." + escape.block("." + text)[1:]
    assert not AFTER_PARSING.search(loose_text(parsed.find("body")))


OURS = {
    "br",
    "body",
    "h2",
    "h3",
    "p",
    "ul",
    "li",
    "strong",
    "code",
    "details",
    "div",
    "summary",
    "b",
    "sub",
    "pre",
    "blockquote",
} | {
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
}


@given(ATTACKS)
def test_no_marker_of_a_comment_is_made_by_others(text: str) -> None:
    planted = f"<!-- evalgate:support {text} -->{text}"
    for made in (escape.markdown, escape.code, escape.html, escape.html_code, escape.escape_preformatted):
        shown = made(planted)
        # Inside a code span of Markdown the text is as it was, but then it stands behind a backtick.
        assert not re.match(r"\s*<!--", shown)
        assert shown.startswith("`") or "<!--" not in re.sub(r"(`+)[^`].*?[^`]\1(?!`)", "", shown)


@given(ATTACKS)
def test_a_link_has_our_words_and_their_address_only(text: str) -> None:
    url = f"https://a{text}"
    if not escape.is_address(url):
        assert len(url) > 2_000
        return
    body = page(f"see {escape.link('the run', url)} there").find("body")
    assert [element.tag for element in body.iter()] == ["body", "p", "a"]
    assert (body.find("p/a").text, body.find("p/a").tail) == ("the run", " there")
    assert set(body.find("p/a").attrib) == {"href"}


@pytest.mark.parametrize(
    "url", ["", "javascript:alert(1)", "data:text/html,x", "//evil", "http:", "https:///x", " https://a"]
)
def test_an_address_is_one_of_the_web(url: str) -> None:
    assert not escape.is_address(url)
    with pytest.raises(ValueError, match="address"):
        escape.address(url)


def test_a_hostile_report_is_a_page_of_ours_alone(samples) -> None:
    parsed = page(markdown.render(samples.hostile()))
    tags = {element.tag for element in parsed.find("body").iter()}
    assert tags <= OURS
    assert len(list(parsed.iter("h2"))) == 3
    assert len(list(parsed.iter("details"))) == 5, "the case, its field of many lines, what got better, and two runs"
    assert not AFTER_PARSING.search(loose_text(parsed.find("body")))
