"""The lines that `evalgate release publish` prints."""

from __future__ import annotations

import pytest
from release.documents import make_document, make_version

from evalgate.cli.release.publish import render_publication
from evalgate.commands.release.publish import Publication
from evalgate.release.registry import make_bytes


@pytest.mark.parametrize("result", ["published", "planned", "unchanged"])
def test_a_gate_gets_lines_of_80_columns_without_control_characters(result: str) -> None:
    version = make_version("1.2.3")
    stored = make_bytes(make_document(version), 7) if result == "published" else None
    for name in ("support", "a long name of a prompt " * 6, "\x1b[31msupport\u202e" * 9):
        one = Publication(gate=name, result=result, version=version, stored=stored)  # type: ignore[arg-type]
        text = render_publication(one)
        assert all(len(row) <= 80 for row in text.splitlines())
        assert "\x1b" not in text and "\u202e" not in text
        assert "1.2.3" in text


def test_the_line_says_what_was_done() -> None:
    version = make_version("1.2.3")
    short = version.digest[:12]
    done = Publication(
        gate="support", result="published", version=version, stored=make_bytes(make_document(version), 7)
    )
    assert render_publication(done) == f"support: published 1.2.3 ({short}) as revision 7: MINOR, PASS on 68 cases"
    planned = Publication(gate="support", result="planned", version=version)
    assert render_publication(planned) == f"support: would publish 1.2.3 ({short}): MINOR, PASS on 68 cases"
    known = Publication(gate="support", result="unchanged", version=version)
    assert render_publication(known).startswith(f"support: nothing to do: 1.2.3 ({short}) was published at")
