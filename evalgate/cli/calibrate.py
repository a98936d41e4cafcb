"""`evalgate calibrate`: measure a judge by human labels, and by anchors that it scored twice."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalgate.cli.decide import Floor, refuse_twice
from evalgate.cli.folders import read_report
from evalgate.domain import Arm, Verdict
from evalgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from evalgate.commands.calibrate import Calibrated, Drift
    from evalgate.domain import Report, ScoreRow


@click.command("calibrate")
@click.argument("stored", required=False, metavar="[REPORT]", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--labels",
    "labels_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Human scores of outputs in the report: JSONL or CSV, case, criterion, value[, arm, repeat].",
)
@click.option(
    "--min",
    "floors",
    multiple=True,
    type=Floor(),
    callback=refuse_twice,
    help="With --labels: the floor of a criterion; repeatable.",
)
@click.option(
    "--points",
    type=click.IntRange(2, 100),
    default=5,
    show_default=True,
    help="With --labels: points of the rating scale.",
)
@click.option("--gate", "gate_name", help="With --labels: the gate of the report that the labels belong to.")
@click.option(
    "--anchors",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The judge's earlier scores of fixed outputs (anchors): case, criterion, value[, repeat].",
)
@click.option(
    "--now", type=click.Path(dir_okay=False, path_type=Path), help="The judge's new scores of the same anchors."
)
@click.option("--format", "form", type=click.Choice(("terminal", "json")), default="terminal", show_default=True)
@click.pass_context
def command(
    context: click.Context,
    *,
    stored: Path | None,
    labels_path: Path | None,
    floors: tuple[tuple[str, float], ...],
    points: int,
    gate_name: str | None,
    anchors: Path | None,
    now: Path | None,
    form: str,
) -> None:
    """Compare a report's judges with human labels, and a judge's anchor scores with its earlier ones.

    The labelled cases must be drawn at random. The labels of one case or cluster count once. Exits with 1 if a judge is
    unrelated to the human labels, if it has drifted or scores its anchors by chance, or if the mean, corrected by the
    labels, misses a floor. Exits with 4 if the labels or anchors are not enough to decide.
    """
    from evalgate.cli.render import calibration_text
    from evalgate.commands import calibrate

    if labels_path is None and anchors is None:
        raise click.UsageError("give --labels FILE, or --anchors FILE with --now FILE")
    if (anchors is None) != (now is None):
        raise click.UsageError("--anchors and --now go together: the same anchors, scored then and now")
    if labels_path is None and (stored is not None or floors or gate_name is not None):
        raise click.UsageError("a report, --min and --gate go with --labels")
    judged: tuple[Calibrated, ...] = ()
    drifts: Mapping[str, Drift] = {}
    if labels_path is not None:
        report = _select_gate(read_report(stored), gate_name)
        judged = calibrate.compare_labels(
            report, _read_rows(labels_path), str(labels_path), floors=dict(floors), points=points
        )
    if anchors is not None and now is not None:
        drifts = calibrate.compare_anchors(
            _read_rows(anchors), _read_rows(now), before_path=str(anchors), now_path=str(now)
        )
    render = calibration_text.render_json if form == "json" else calibration_text.render_text
    click.echo(render(judged, drifts))
    context.exit(_exit_code(judged, drifts))


def _read_rows(path: Path) -> tuple[ScoreRow, ...]:
    from evalgate.inputs.score_rows import load_scores
    from evalgate.inputs.tree import WorkTree

    return load_scores(WorkTree(Path.cwd()), path.absolute().as_posix(), arm=Arm.CANDIDATE)


def _select_gate(report: Report, name: str | None) -> Report:
    gates = tuple(gate for gate in report.gates if name in (None, gate.evidence.name))
    if not gates:
        names = ", ".join(gate.evidence.name for gate in report.gates) or "none"
        raise InputError(f'the report has no gate "{name}"', hint=f"its gates are: {names}")
    return dataclasses.replace(report, gates=gates)


def _exit_code(judged: Sequence[Calibrated], drifts: Mapping[str, Drift]) -> ExitCode:
    decisions = [one.decision for one in judged]
    standing = [one.agreement.standing for one in judged]
    if Verdict.FAIL in decisions or "rejected" in standing or any(drift.alarm for drift in drifts.values()):
        return ExitCode.FAIL
    is_open = Verdict.INCONCLUSIVE in decisions or "open" in standing or not all(d.stable for d in drifts.values())
    return ExitCode.INCONCLUSIVE if is_open else ExitCode.PASS
