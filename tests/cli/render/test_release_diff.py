from __future__ import annotations

from release.documents import make_version

from evalgate.cli.render.release_diff import render_diff
from evalgate.release.document import PublishedVersion


def answer(*names: str) -> PublishedVersion:
    schema = {"properties": {name: {"type": "string"} for name in names}}
    format = {"json_schema": {"name": "a", "schema": schema}, "type": "json_schema"}
    return make_version(response_format=format)


def test_another_order_of_properties_is_shown() -> None:
    shown = render_diff(answer("reasoning", "answer"), answer("answer", "reasoning"))
    assert "response format:" in shown and "the same" not in shown
    assert shown.index('"reasoning"') < shown.index('"answer"')


def test_equal_versions_have_no_difference() -> None:
    assert render_diff(answer("a"), answer("a")).endswith("the content and the scores are the same")
