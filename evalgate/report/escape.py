"""Untrusted text in, inert text out: one function for each channel a report is written to.

Outputs, prompts, judge reasons, case ids and file names are written by others. In a terminal they could move the
cursor or reverse the reading order; on GitHub they could notify people, link, load images or end our own markup.
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
# Letters and marks that show nothing: grapheme joiner, Hangul fillers, Khmer inherent vowels, variation selectors.
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\U000e0100-\U000e01ef]")
_PLAIN = re.compile(r"[\n\t -~]*")
# Colours; and what hides the cursor, shows it, and clears the rest of a line: a progress bar is drawn with these.
_SEQUENCE = re.compile(r"(\x1b\[(?:[0-9;]*[mK]|\?25[hl]))")
_SPACES = re.compile(r"[ \t\n]+")

# GitHub looks for these after Markdown has been parsed, so entities do not stop it; <code> does: mentions and e-mail
# addresses, issues, commits, URLs, emoji names, formulas.
_LINKED = re.compile(r"[@#$]|://|www\.|GH-\d|:\S*:|\w:\w|\b[0-9a-f]{7,64}\b", re.IGNORECASE)
# One amount is no formula; two dollar signs in a word may be.
_DOLLARS = re.compile(r"\$[0-9.,]+")
_ACTIVE = re.compile(r"[\\`*_\[\]<>&|~]")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9]")
_STARTS_A_BLOCK = re.compile(r"[-+=]|\d+[.)]")


def visible(text: str, *, keep: str = "") -> str:
    r"""The text with each character that has no shape of its own as an escape, `\x1b` or `\u202e`, but for `keep`."""
    if _PLAIN.fullmatch(text) and not any(char in text for char in "\n\t" if char not in keep):
        return text
    return "".join(char if char in keep else _escape_char(char) for char in text)


def line(text: str) -> str:
    """One line for a terminal: nothing in it controls the terminal, and line ends are visible."""
    return visible(text)


def block(text: str) -> str:
    """Several lines for a terminal or a preformatted element: lines and tabs stay, all else is made visible."""
    return visible(text, keep="\n\t").expandtabs(4)


def escape_cells(text: str) -> str:
    r"""A finished text as it goes to a stream of the process: what each channel's function should have caught.

    Line ends, tabs, returns to the line's start, colours and a progress bar's sequences stay. Every other character
    that cannot be seen is an escape here, `\x1b` or `\u202e`, wherever it was missed.
    """
    return "\n".join(row if _PLAIN.fullmatch(row) else _escape_row(row) for row in text.split("\n"))


def prose(text: str, *, most: int = 1_000) -> str:
    """A sentence of several lines as one line of at most `most` characters; still to go through its channel."""
    one = _SPACES.sub(" ", text).strip(" ")
    return one if len(one) <= most else f"{one[:most]} ..."


def markdown(text: str) -> str:
    """Inline Markdown that shows the text and does nothing: safe in a paragraph, a list item and a table's cell."""
    words = visible(text).strip(" ").split(" ")
    inert = [_inert(word, code, lambda plain: _ACTIVE.sub(_entities, plain)) for word in words]
    first = _STARTS_A_BLOCK.match(inert[0])
    if first:
        inert[0] = _entities(first) + inert[0][first.end() :]
    return " ".join(inert)


def code(text: str) -> str:
    """An inline code span of Markdown, fenced by more backticks than the text has in a row.

    A pipe would end a table's cell even inside a code span, so it stands between two spans, as an entity.
    """
    return "&#124;".join(_span(part) for part in visible(text).split("|")) if text.strip(" ") else "`(empty)`"


def link(words: str, url: str) -> str:
    """A link of Markdown with words of ours. Raises ValueError for an address that is not http or https."""
    return f"[{words}](<{address(url)}>)"


def address(url: str) -> str:
    """A web address with all that could end it, in Markdown or in an attribute, percent-encoded.

    Raises ValueError for one that is not http or https, names no host, or is longer than 2,000 characters.
    """
    if not is_address(url):
        raise ValueError("not an http or https address of at most 2,000 characters")
    return quote(url, safe="/:?=&#%+,;@~!$", errors="replace")


def is_address(url: str) -> bool:
    """Whether `address` takes it."""
    return bool(_ADDRESS.match(url)) and len(url) <= 2_000


def page(text: str) -> str:
    """Text for an element or an attribute of a page of our own: on one line, and no markup."""
    return escape(visible(text))


def page_block(text: str) -> str:
    """Text of several lines for an element of a page of our own that keeps white space."""
    return escape(block(text))


def html(text: str) -> str:
    """Text for an element in a block of HTML inside Markdown: on one line, nothing of it is markup or a link."""
    return " ".join(_inert(word, html_code, escape) for word in visible(text).split(" "))


def html_code(text: str) -> str:
    """A name as code, for an element in a block of HTML inside Markdown; on one line."""
    return f"<code>{escape(visible(text))}</code>"


def preformatted(text: str) -> str:
    """Text for `<pre>` or `<code>` in a block of HTML inside Markdown; a blank line would end that block."""
    return escape(block(text)).replace("\n", "&#10;")


def _inert(word: str, as_code: Callable[[str], str], as_plain: Callable[[str], str]) -> str:
    """A word that GitHub would link or replace as code, but for the punctuation around it; any other as plain text."""
    if not _LINKED.search(word) or _DOLLARS.fullmatch(word):
        return as_plain(word)
    core = word.removeprefix("(").rstrip(".,;)")
    before, _, after = word.partition(core)
    return f"{as_plain(before)}{as_code(core)}{as_plain(after)}"


def _escape_char(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    if unicodedata.category(char) not in _UNSEEN_CATEGORIES and not _UNSEEN.match(char):
        return char
    number = ord(char)
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
