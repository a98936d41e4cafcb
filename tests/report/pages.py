"""Pages of HTML as a browser reads them: which elements and attributes they have, and whether they load anything."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files

import pytest

SCRIPT = "templates/report.js"
PLAIN = ("head", "title", "style", "body", "main", "summary", "code", "mark", "br", "tbody", "dt")
CLASSED = ("header", "section", "div", "p", "span", "table", "ul", "dl", "tr", "b")
ALLOWED = {
    "html": {"lang"},
    "meta": {"charset", "http-equiv", "content", "name"},
    "a": {"href", "rel", "tabindex", "aria-label"},
    "details": {"class", "open", *(f"data-{name}" for name in ("tags", "worse", "better", "broken", "unstable"))},
    "svg": {"class", "width", "height", "viewBox", "role", "aria-label", "aria-hidden"},
    "line": {"class", "x1", "x2", "y1", "y2"},
    "circle": {"class", "cx", "cy", "r"},
    "rect": {"class", "x", "y", "width", "height"},
    "text": {"class", "x", "y", "dy"},
    "g": {"class"},
    "ol": {"class", "aria-label"},
    "li": {"class", "title"},
    "td": {"class", "colspan", "data-name"},
    "th": {"scope"},
    "input": {"type"},
    "option": {"value"},
    **{tag: set() for tag in (*PLAIN, "dd", "footer", "h1", "h2", "h3", "thead", "tfoot", "label", "select", "script")},
    **{tag: {"class"} for tag in CLASSED},
    "section": {"class", "id"},
    "div": {"class", "id", "hidden", "tabindex", "role", "aria-label"},
    "span": {"class", "role"},
}
CHARTS = {
    **ALLOWED,
    "svg": {"class", "viewBox", "role", "aria-label", "aria-hidden"},
    "polyline": {"class", "points"},
    "details": {"class"},
    "td": set(),
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
            assert re.match(r"https?://|#g\d+(c\d+)?$", element.get("href"))
        for name in ("data-tags", "data-worse", "data-better", "data-broken", "data-unstable"):
            assert re.fullmatch(r"[\d ]*", element.get(name, ""))
        tags.append(tag)
    return tags


def require_inert(text: str) -> None:
    """Require that a page loads nothing: one style and at most one script, which its policy knows by their digests."""
    page = parsed(text)
    policy = page.find("head/meta[@http-equiv='Content-Security-Policy']").get("content")
    style = page.find("head/style").text
    scripts = page.findall(".//script")
    assert [script.text for script in scripts] in ([], [files("evalgate.report").joinpath(SCRIPT).read_text("utf-8")])
    sources = "".join(f"script-src '{_digest(script.text)}'; " for script in scripts)
    styles = f"style-src '{_digest(style)}'; "
    assert policy == f"default-src 'none'; {styles}{sources}base-uri 'none'; form-action 'none'"
    assert "url(" not in style and "@import" not in style
    assert len(page.findall(".//style")) == 1
    assert text.index("Content-Security-Policy") < text.index("<title>")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
