"""Render the scores of a report as CSV, one row each, for spreadsheets and `evalgate decide --scores`."""

from __future__ import annotations

import csv
import io
import re

from evalgate.domain import Report
from evalgate.domain.frames import SCORE_COLUMNS, list_scores
from evalgate.report.escape import line

# includes the full-width forms, which East Asian spreadsheets read as well
_FORMULA = re.compile("(^|;[\"']*)([=+\\-@\uff1d\uff0b\uff0d\uff20])")


def render(report: Report) -> str:
    """Render the table as CSV, one row per line; invisible characters in a text are escapes, as in a terminal.

    A text that a spreadsheet would read as a formula gets a space in front. The same applies to a part of a text that
    would be a formula in a spreadsheet that separates cells by semicolons, as in many languages.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SCORE_COLUMNS)
    for row in list_scores(report):
        writer.writerow(escape_formula(cell) if isinstance(cell, str) else cell for cell in row)
    return text.getvalue()


def escape_formula(text: str) -> str:
    """Return a text for a cell, with a space in front of what a spreadsheet would read as a formula."""
    return _FORMULA.sub(r"\1 \2", line(text))
