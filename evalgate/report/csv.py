"""The scores of a report as a table, a row each: for notebooks, spreadsheets, and `evalgate decide --scores`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from evalgate.domain import ANSWERED, Report, Score
from evalgate.report.escape import line

if TYPE_CHECKING:
    import pandas as pd

# also in the wide forms that East Asian spreadsheets read alike
_FORMULA = re.compile("(^|;[\"']*)([=+\\-@\uff1d\uff0b\uff0d\uff20])")
_COLUMNS = ("gate", "case", "arm", "criterion", "value", "repeat", "tag", "cluster", "reason")


def make_frame(report: Report) -> pd.DataFrame:
    """One row for each gate, case, arm, repeat and criterion; `value` is missing where there is no score.

    `tag` is the case's first tag, `reason` that of the score or of its absence. Fresh samples of cases that turned are
    no part of it: they are in no mean.
    """
    import pandas as pd

    rows = [
        (
            gate.evidence.name,
            result.case,
            result.arm.value,
            criterion,
            score.value if isinstance(score, Score) else None,
            result.repeat,
            result.tags[0] if result.tags else None,
            gate.evidence.clusters.get(result.case),
            score.reason,
        )
        for gate in report.gates
        for result in gate.evidence.results
        for criterion, score in result.scores.items()
        if criterion != ANSWERED  # it is told from the outputs, and no score of the configuration's
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype({"value": "float64", "repeat": "int64"})


def render(report: Report) -> str:
    """The table as CSV, a row on a line: what cannot be seen in a text is an escape, as it is in a terminal.

    A text that a spreadsheet would take for a formula gets a space in front of it, and so does what would be one where
    a spreadsheet takes semicolons, as in many languages, or tabs for the ends of cells.
    """
    table = make_frame(report)
    for name in ("gate", "case", "criterion", "tag", "cluster", "reason"):
        table[name] = table[name].map(_escape_formula, na_action="ignore")
    text: str = table.to_csv(index=False, lineterminator="\n")
    return text


def _escape_formula(text: str) -> str:
    return _FORMULA.sub(r"\1 \2", line(text))
