"""Pages of HTML as a browser reads them: which elements and attributes they have, and whether they load anything."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

PLAIN = ("head", "title", "style", "body", "main", "summary", "code", "mark", "br", "tbody", "th", "td", "li", "dt")
CLASSED = ("header", "section", "div", "p", "span", "table", "ul", "dl", "tr", "b")
ALLOWED = {
    "html": {"lang"},
    "meta": {"charset", "http-equiv", "content", "name"},
    "a": {"href", "rel"},
    "details": {"class", "open"},
    "svg": {"class", "width", "height", "viewBox", "aria-hidden"},
    "line": {"class", "x1", "x2", "y1", "y2"},
    "circle": {"class", "cx", "cy", "r"},
    **{tag: set() for tag in (*PLAIN, "dd", "footer", "h1", "h2")},
    **{tag: {"class"} for tag in CLASSED},
}
CHARTS = {
    **ALLOWED,
    "svg": {"class", "viewBox", "role", "aria-label", "aria-hidden"},
    "text": {"class", "x", "y", "dy"},
    "polyline": {"class", "points"},
    "h3": set(),
}


def parsed(text: str):
    """The page as a browser reads it; any fault in its HTML is an error."""
    html5lib = pytest.importorskip("html5lib")
    return html5lib.HTMLParser(namespaceHTMLElements=False, strict=True).parse(text)


def require_ours(text: str, allowed: dict[str, set[str]] = ALLOWED) -> list[str]:
    """The tags of a page that has none but ours."""
    tags = []
    for element in parsed(text).iter():
        assert isinstance(element.tag, str), f"a comment: {element.text}"
        tag = element.tag.rpartition("}")[2]
        assert set(element.attrib) <= allowed[tag], (tag, element.attrib)
        for name in ("class", "open", "lang", "name"):
            assert re.fullmatch(r"[a-z -]*", element.get(name, "").lower())
        if "href" in element.attrib:
            assert re.match(r"https?://", element.get("href"))
        tags.append(tag)
    return tags


def require_inert(text: str) -> None:
    """Require that nothing in a page acts or loads: one style, which its security policy knows by its digest."""
    page = parsed(text)
    policy = page.find("head/meta[@http-equiv='Content-Security-Policy']").get("content")
    style = page.find("head/style").text
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert "url(" not in style and "@import" not in style
    assert len(page.findall(".//style")) == 1
    assert text.index("Content-Security-Policy") < text.index("<title>")
