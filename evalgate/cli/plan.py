"""`evalgate plan`: what a run could decide and what it would cost, before a call is spent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from evalgate.cli.folders import config_option, home_folder, store_folder
from evalgate.cli.run import engine_option, version_options
from evalgate.errors import ExitCode
from evalgate.report.escape import block

if TYPE_CHECKING:
    from evalgate.commands.plan import CallEstimate, Outlook, Question
    from evalgate.execute.providers.backends import EngineName


@click.command("plan")
@config_option
@version_options
@engine_option
@click.option("--store", type=click.Path(file_okay=False, path_type=Path), help="Folder of cache and journal.")
@click.pass_context
def command(
    context: click.Context,
    *,
    config_path: Path,
    candidate: str | None,
    baseline: str | None,
    gates: tuple[str, ...],
    default_branch: str | None,
    policy_ref: Literal["head", "base"],
    head: str | None,
    engine: EngineName,
    store: Path | None,
) -> None:
    """Say what a run could decide, and what it would take: cases, calls, tokens, dollars. Nothing is called.

    Exits as the run would: with 1 where version numbers are not in order, and with 2 where a level needs a PASS that
    so few cases cannot give.
    """
    from evalgate.commands import plan
    from evalgate.gate.options import Options

    options = Options(
        environment=os.environ,
        store=store_folder(config_path, store),
        home=home_folder(),
        candidate=candidate,
        baseline=baseline,
        gates=gates,
        default_branch=default_branch or os.environ.get("GITHUB_BASE_REF") or None,
        policy_ref=policy_ref,
        head=head,
        engine=engine,
    )
    planned = plan.estimate(config_path, options)
    for outlook in planned:
        for line in _lines(outlook):
            click.echo(line)
        if engine == "batch":
            click.echo(
                "  by batch          half the price of calls, within a day; all cases at once, no stopping early"
            )
    if any(outlook.plan.level.findings for outlook in planned):
        context.exit(ExitCode.FAIL)
    if any(outlook.lacking is not None for outlook in planned):
        context.exit(ExitCode.USAGE)


def _lines(outlook: Outlook) -> Iterator[str]:
    plan = outlook.plan
    yield f"{plan.gate.name}: {plan.level.effective.name}, {len(plan.dataset.cases)} cases"
    for finding in plan.level.findings:
        yield block(f"  FAIL              {finding.sentence}")
    if plan.stored_baseline is not None:
        yield _line("baseline", f"{plan.stored_baseline.samples} samples of each case, stored before")
    yield from _units(outlook)
    if outlook.lacking is not None:
        needed, why = outlook.lacking
        yield f"  cannot pass: {why}; at least {needed} are needed"
    if outlook.checks_alone:
        yield _line("decides", "blocking checks alone, at any number of cases")
    if outlook.units.least is None:
        for question in outlook.questions:
            yield from _question(question, is_grouped=outlook.units.count < len(plan.dataset.cases))
    if outlook.repeated:
        samples = plan.gate.wavering_samples
        cases = "1 case" if len(outlook.repeated) == 1 else f"{len(outlook.repeated)} cases"
        yield _line(
            "repeats", f"{cases} with {samples} samples instead of {plan.gate.candidate_samples}, where the stored"
        )
        yield _line("", f"baseline varies most; of the calls below: {_calls(outlook.repeats)}")
    yield _line("every case", _calls(outlook.full))
    if outlook.share < 1:
        yield _line("stopping early", _calls(outlook.expected))
        yield _line("", f"if the versions are equal, which takes about {outlook.share:.0%} of the cases")


def _line(label: str, text: str) -> str:
    return f"  {label:<16}  {text}"


def _units(outlook: Outlook) -> Iterator[str]:
    """How many independent units the cases are and why, and whether these are too few."""
    units, plan = outlook.units, outlook.plan
    if units.count < len(plan.dataset.cases):
        yield _line("units", f"{units.count} independent ones, on which everything below stands:")
        if units.clusters:
            clusters = "1 cluster" if units.clusters == 1 else f"{units.clusters} clusters"
            yield _line("", f"{units.clustered} cases are in {clusters}, and a cluster counts as one")
        if units.copies:
            ask = "1 case asks" if units.copies == 1 else f"{units.copies} cases ask"
            yield _line("", f"{ask} what another one asks, and equal requests count as one")
    if units.least is not None and outlook.lacking is None:
        what = "is inconclusive and blocks (exit code 4)" if units.blocks else "merges with a warning"
        yield _line("too few", f"{units.count} decide nothing but broken cases, {units.least} are needed:")
        yield _line("", f"unless a blocking check fails, this {plan.level.effective.name} {what}")


def _question(question: Question, *, is_grouped: bool) -> Iterator[str]:
    units = "independent units" if is_grouped else "cases"
    yield _line(
        question.criterion,
        f"s_d {question.spread:.3f} ({question.source}): "
        f"{question.cases} {units} reliably show a drop of {question.detectable:.3f}",
    )
    enough = "enough" if question.needed <= question.cases else f"about {question.needed} needed"
    yield _line("", f"to settle the allowed drop of {question.margin:g}: {enough} (no PASS below {question.fewest})")
    if question.more is not None:
        share = f"{question.more.real_share:.0%} of the variance is real effect on single cases"
        helps = "would help" if question.more.would_help else "would not help"
        yield _line("", f"more samples of each case {helps}: {share}")


def _calls(calls: CallEstimate) -> str:
    cost = f"cost unknown ({calls.unpriced})" if calls.cost_usd is None else f"about ${calls.cost_usd:.2f}"
    return (
        f"{calls.calls} calls to make, {calls.cached} known already; about {calls.input_tokens} tokens in, "
        f"{calls.output_tokens} out; {cost}"
    )
