from __future__ import annotations

import pytest
from jinja2 import UndefinedError
from report.pages import parsed, require_inert

from evalgate.report.html_templates import PageTemplates


@pytest.mark.parametrize("styles", [("page.css",), ("page.css", "charts.css")])
def test_a_page_has_one_style_which_its_policy_knows(styles: tuple[str, ...]) -> None:
    page = PageTemplates(*styles).render("rollout.html", pages=[])
    require_inert(page)
    style = parsed(page).find("head/style").text
    assert style.count("--paper:") == 3 and (".curve" in style) is (len(styles) == 2)


def test_all_that_is_printed_is_escaped_once() -> None:
    evil = "<b>&\x1b\u202e"
    page = {
        "title": evil,
        "word": evil,
        "tone": "plain",
        "why": evil,
        "facts": [(evil, evil)],
        "after": (),
        "steps": [],
    }
    pages = [{**page, "table": [[evil], [evil]], "things": [], "signs": [], "share": None, "when": ""}]
    shown = PageTemplates().render("rollout.html", pages=pages)
    assert shown.count("&lt;b&gt;&amp;\\x1b\\u202e") == 9
    assert "<b>" not in shown and "\x1b" not in shown and "\u202e" not in shown
    with pytest.raises(UndefinedError):
        PageTemplates().render("rollout.html", pages=[page])
