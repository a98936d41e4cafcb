"""The scores of a report as CSV, a row each: for spreadsheets, and `evalgate decide --scores`."""

from __future__ import annotations

import csv
import io
import re

from evalgate.domain import Report
from evalgate.domain.frames import SCORE_COLUMNS, list_scores
from evalgate.report.escape import line

# also in the wide forms that East Asian spreadsheets read alike
_FORMULA = re.compile("(^|;[\"']*)([=+\\-@\uff1d\uff0b\uff0d\uff20])")


def render(report: Report) -> str:
    """The table as CSV, a row on a line: what cannot be seen in a text is an escape, as it is in a terminal.

    A text that a spreadsheet would take for a formula gets a space in front of it, and so does what would be one where
    a spreadsheet takes semicolons, as in many languages, or tabs for the ends of cells.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SCORE_COLUMNS)
    for row in list_scores(report):
        writer.writerow(_escape_formula(cell) if isinstance(cell, str) else cell for cell in row)
    return text.getvalue()


def _escape_formula(text: str) -> str:
    return _FORMULA.sub(r"\1 \2", line(text))
