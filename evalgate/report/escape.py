"""Escape untrusted text: one function for each channel that a report is written to.

Outputs, prompts, judge reasons, case ids and file names are untrusted. In a terminal they could move the cursor or
reverse the reading order. On GitHub they could notify people, link, load images or end the report's markup.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from html import escape
from urllib.parse import quote

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Controls, invisible formatting (bidi, zero-width, tags), lone surrogates, line and paragraph separators.
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Invisible letters and marks: grapheme joiner, Hangul fillers, Khmer inherent vowels, variation selectors.
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\U000e0100-\U000e01ef]")
_PLAIN = re.compile(r"[\n\t -~]*")
# Colours, and the sequences of a progress bar: hide the cursor, show it, clear the rest of a line.
_SEQUENCE = re.compile(r"(\x1b\[(?:[0-9;]*[mK]|\?25[hl]))")
_FORBIDDEN = re.compile("[\ufffe\uffff]")
_ABOVE = re.compile("[\U00010000-\U0010ffff]")
_SPACES = re.compile(r"[ \t\n]+")

# GitHub searches for these after it has parsed Markdown: mentions and e-mail addresses, issues, commits, URLs, emoji
# names, formulas. So entities do not prevent a link, but <code> does.
_LINKED = re.compile(r"[@#$]|://|www\.|GH-\d|:\S*:|\w:\w|\b[0-9a-f]{7,64}\b", re.IGNORECASE)
# A single amount is not a formula; a word with two dollar signs may be one.
_DOLLARS = re.compile(r"\$[0-9.,]+")
_ACTIVE = re.compile(r"[\\`*_\[\]<>&|~]")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9]")
# A first word that would begin a list, underline a heading or be a rule.
_STARTS_A_BLOCK = re.compile(r"(?:[-+]+|=+|\d+[.)])$")
# Punctuation around a word that is shown as code, which is not part of it.
_BEFORE, _AFTER = "([{\"'", ".,;:!?)]}\"'"


def visible(text: str, *, keep: str = "") -> str:
    r"""Return the text with each invisible character as an escape, `\x1b` or `\u202e`, except those in `keep`."""
    if _PLAIN.fullmatch(text) and not any(char in text for char in "\n\t" if char not in keep):
        return text
    return "".join(char if char in keep else _escape_char(char) for char in text)


def line(text: str) -> str:
    """Return the text as one line for a terminal, without control characters and with line ends as escapes."""
    return visible(text)


def block(text: str) -> str:
    """Return the text for a terminal or a preformatted element; lines and tabs stay, other controls are escapes."""
    return visible(text, keep="\n\t").expandtabs(4)


def escape_cells(text: str) -> str:
    r"""Return a rendered text for a stream of the process; a second check after the function of each channel.

    Line ends, tabs, carriage returns, colours and a progress bar's sequences stay. Every other invisible character that
    was missed before becomes an escape, `\x1b` or `\u202e`.
    """
    return "\n".join(row if _PLAIN.fullmatch(row) else _escape_row(row) for row in text.split("\n"))


def prose(text: str, *, most: int = 1_000) -> str:
    """Return the text on one line of at most `most` characters; it still needs the escaping of its channel."""
    one = _SPACES.sub(" ", text).strip(" ")
    return one if len(one) <= most else f"{one[:most]} ..."


def basic(text: str) -> str:
    r"""Return the text with each character above U+FFFF as an escape, `\U0001f642`, for a commit status.

    GitHub refuses such characters in the name and in the description of a status.
    """
    return _ABOVE.sub(lambda found: _escape_number(ord(found.group())), text)


def markdown(text: str) -> str:
    """Return inline Markdown that only shows the text; safe in a paragraph, a list item and a table's cell."""
    words = visible(text).strip(" ").split(" ")
    inert = [_inert(word, code, lambda plain: _ACTIVE.sub(_entities, plain)) for word in words]
    first = _STARTS_A_BLOCK.match(inert[0])
    if first:
        inert[0] = _entities(first) + inert[0][first.end() :]
    return " ".join(inert)


def code(text: str) -> str:
    """Return an inline code span of Markdown, fenced by more backticks than the text has in a row.

    A pipe would end a table's cell even inside a code span, so it is written between two spans, as an entity.
    """
    return "&#124;".join(_span(part) for part in visible(text).split("|")) if text.strip(" ") else "`(empty)`"


def link(words: str, url: str) -> str:
    """Return a Markdown link; `words` must be trusted. Raises ValueError for an address that is not http or https."""
    return f"[{words}](<{address(url)}>)"


def address(url: str) -> str:
    """Return a web address; characters that could end it in Markdown or in an attribute are percent-encoded.

    Raises ValueError for one that is not http or https, has no host, or is longer than 2,000 characters.
    """
    if not is_address(url):
        raise ValueError("not an http or https address of at most 2,000 characters")
    return quote(url, safe="/:?=&#%+,;@~!$", errors="replace")


def is_address(url: str) -> bool:
    """Return whether `address` accepts the address."""
    return bool(_ADDRESS.match(url)) and len(url) <= 2_000


def page(text: str) -> str:
    """Return text on one line, without markup, for an element or an attribute of the HTML report."""
    return escape(visible(text))


def page_block(text: str) -> str:
    """Return text of several lines for an element of the HTML report that keeps white space."""
    return escape(block(text))


def xml(text: str, *, lines: bool = False) -> str:
    """Return text for an attribute or, with `lines`, for an element of an XML 1.0 document.

    XML 1.0 forbids most control characters, lone surrogates and U+FFFE and U+FFFF, even as references: they become
    escapes, as in a terminal.
    """
    shown = block(text) if lines else visible(text)
    return escape(_FORBIDDEN.sub(lambda found: f"\\u{ord(found.group()):04x}", shown))


def html(text: str) -> str:
    """Return text on one line, without markup or links, for an element in a block of HTML inside Markdown."""
    return " ".join(_inert(word, html_code, escape) for word in visible(text).split(" "))


def html_code(text: str) -> str:
    """Return a name as code, on one line, for an element in a block of HTML inside Markdown."""
    return f"<code>{escape(visible(text))}</code>"


def escape_preformatted(text: str) -> str:
    """Return text for `<pre>` or `<code>` in a block of HTML inside Markdown; a blank line would end that block."""
    return escape(block(text)).replace("\n", "&#10;")


def _inert(word: str, as_code: Callable[[str], str], as_plain: Callable[[str], str]) -> str:
    """Return a word as code, without the punctuation around it, if GitHub would link or replace it; else as text."""
    if not _LINKED.search(word) or _DOLLARS.fullmatch(word):
        return as_plain(word)
    core = word.lstrip(_BEFORE).rstrip(_AFTER)
    if not core:
        return as_code(word)
    before, _, after = word.partition(core)
    return f"{as_plain(before)}{as_code(core)}{as_plain(after)}"


def _escape_char(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    if unicodedata.category(char) not in _UNSEEN_CATEGORIES and not _UNSEEN.match(char):
        return char
    return _escape_number(ord(char))


def _escape_number(number: int) -> str:
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def _escape_row(row: str) -> str:
    parts = _SEQUENCE.split(row)
    return "".join(part if position % 2 else visible(part, keep="\t\r") for position, part in enumerate(parts))


def _entities(found: re.Match[str]) -> str:
    return "".join(char if char.isdigit() else f"&#{ord(char)};" for char in found.group())


def _span(text: str) -> str:
    if not text:
        return ""
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"
