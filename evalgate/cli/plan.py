"""`evalgate plan`: what a run could decide and what it would cost, before a call is spent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from evalgate.cli.folders import config_option, find_home, find_store
from evalgate.cli.run import add_version_options, engine_option
from evalgate.errors import ExitCode
from evalgate.report.escape import block

if TYPE_CHECKING:
    from evalgate.commands.plan import CallEstimate, PlanSummary, Precision
    from evalgate.execute.providers.backends import EngineName


@click.command("plan")
@config_option
@add_version_options
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
        store=find_store(config_path, store),
        home=find_home(),
        candidate=candidate,
        baseline=baseline,
        gates=gates,
        default_branch=default_branch or os.environ.get("GITHUB_BASE_REF") or None,
        policy_ref=policy_ref,
        head=head,
        engine=engine,
    )
    planned = plan.plan_run(config_path, options)
    for outlook in planned:
        for line in _render_plan(outlook):
            click.echo(line)
        if engine == "batch":
            click.echo(
                "  by batch          half the price of calls, within a day; all cases at once, no stopping early"
            )
    if any(outlook.plan.level.findings for outlook in planned):
        context.exit(ExitCode.FAIL)
    if any(outlook.lacking is not None for outlook in planned):
        context.exit(ExitCode.USAGE)


def _render_plan(outlook: PlanSummary) -> Iterator[str]:
    plan = outlook.plan
    yield f"{plan.gate.name}: {plan.level.effective.name}, {len(plan.dataset.cases)} cases"
    for finding in plan.level.findings:
        yield block(f"  FAIL              {finding.sentence}")
    if plan.stored_baseline is not None:
        yield _render_line("baseline", f"{plan.stored_baseline.samples} samples of each case, stored before")
    yield from _render_units(outlook)
    if outlook.lacking is not None:
        needed, why = outlook.lacking
        yield f"  cannot pass: {why}; at least {needed} are needed"
    if outlook.checks_alone:
        yield _render_line("decides", "blocking checks alone, at any number of cases")
    if outlook.units.least is None:
        for question in outlook.questions:
            yield from _render_question(question, is_grouped=outlook.units.count < len(plan.dataset.cases))
    if outlook.repeated:
        samples = plan.gate.wavering_samples
        cases = "1 case" if len(outlook.repeated) == 1 else f"{len(outlook.repeated)} cases"
        yield _render_line(
            "repeats", f"{cases} with {samples} samples instead of {plan.gate.candidate_samples}, where the stored"
        )
        yield _render_line("", f"baseline varies most; of the calls below: {_render_calls(outlook.repeats)}")
    yield _render_line("every case", _render_calls(outlook.full))
    if outlook.share < 1:
        yield _render_line("stopping early", _render_calls(outlook.expected))
        yield _render_line("", f"if the versions are equal, which takes about {outlook.share:.0%} of the cases")


def _render_line(label: str, text: str) -> str:
    return f"  {label:<16}  {text}"


def _render_units(outlook: PlanSummary) -> Iterator[str]:
    """How many independent units the cases are and why, and whether these are too few."""
    units, plan = outlook.units, outlook.plan
    if units.count < len(plan.dataset.cases):
        yield _render_line("units", f"{units.count} independent ones, on which everything below stands:")
        if units.clusters:
            clusters = "1 cluster" if units.clusters == 1 else f"{units.clusters} clusters"
            yield _render_line("", f"{units.clustered} cases are in {clusters}, and a cluster counts as one")
        if units.copies:
            ask = "1 case asks" if units.copies == 1 else f"{units.copies} cases ask"
            yield _render_line("", f"{ask} what another one asks, and equal requests count as one")
    if units.least is not None and outlook.lacking is None:
        what = "is inconclusive and blocks (exit code 4)" if units.blocks else "merges with a warning"
        yield _render_line("too few", f"{units.count} decide nothing but broken cases, {units.least} are needed:")
        yield _render_line("", f"unless a blocking check fails, this {plan.level.effective.name} {what}")


def _render_question(question: Precision, *, is_grouped: bool) -> Iterator[str]:
    units = "independent units" if is_grouped else "cases"
    yield _render_line(
        question.criterion,
        f"s_d {question.spread:.3f} ({question.source}): "
        f"{question.cases} {units} reliably show a drop of {question.detectable:.3f}",
    )
    enough = "enough" if question.needed <= question.cases else f"about {question.needed} needed"
    yield _render_line(
        "", f"to settle the allowed drop of {question.margin:g}: {enough} (no PASS below {question.fewest})"
    )
    if question.more is not None:
        share = f"{question.more.real_share:.0%} of the variance is a real effect on single cases"
        helps = "would help" if question.more.would_help else "would not help"
        yield _render_line("", f"more samples of each case {helps}: {share}")


def _render_calls(calls: CallEstimate) -> str:
    cost = f"cost unknown ({calls.unpriced})" if calls.cost_usd is None else f"about ${calls.cost_usd:.2f}"
    return (
        f"{calls.calls} calls to make, {calls.cached} known already; about {calls.input_tokens} tokens in, "
        f"{calls.output_tokens} out; {cost}"
    )
