"""The text of `evalgate plan`: what a run of a gate can decide, and its calls, tokens and dollars."""

from __future__ import annotations

from collections.abc import Iterator

from evalgate.cli.render.calls_text import render_calls
from evalgate.commands.plan import PlanSummary, Precision
from evalgate.domain.numbers import show_count
from evalgate.report.escape import block
from evalgate.report.wrapped_text import wrap_words


def render_plan(outlook: PlanSummary) -> Iterator[str]:
    """Yield the lines of one gate's plan."""
    plan = outlook.plan
    yield f"{plan.gate.name}: {plan.level.effective.name}, {show_count(len(plan.dataset.cases), 'case')}"
    for finding in plan.level.findings:
        yield block(f"  FAIL              {finding.sentence}")
    if plan.stored_baseline is not None:
        yield _render_line("baseline", f"{show_count(plan.stored_baseline.samples, 'stored sample')} of each case")
    yield from _render_units(outlook)
    if outlook.lacking is not None:
        needed, why = outlook.lacking
        yield wrap_words(f"cannot pass: {why}; at least {needed} are needed", indent="    ", first="  ")
    if outlook.checks_alone:
        yield _render_line("decides", "blocking checks alone, at any number of cases")
    if outlook.units.least is None:
        for question in outlook.questions:
            yield from _render_question(question, is_grouped=outlook.units.count < len(plan.dataset.cases))
    if outlook.repeated:
        cases, samples = len(outlook.repeated), plan.gate.wavering_samples
        repeats = f"{show_count(cases, 'case')} with {show_count(samples, 'sample')} instead of "
        repeats += f"{plan.gate.candidate_samples}, where the stored baseline varies most; of the calls below: "
        yield _render_line("repeats", f"{repeats}{render_calls(outlook.repeats)}")
    yield _render_line("every case", render_calls(outlook.full))
    if outlook.share < 1:
        condition = f"if the versions are equal, which takes about {outlook.share:.0%} of the cases"
        yield _render_line("stopping early", f"{render_calls(outlook.expected)} {condition}")
    if outlook.similarity is not None:
        yield _render_line("embeddings", f"{render_calls(outlook.similarity)}; reported only, beside these calls")


def _render_line(label: str, text: str) -> str:
    """Render a line, continued below its text where 80 columns are too few."""
    return wrap_words(text, indent=" " * 20, first=f"  {label:<16}  ")


def _render_units(outlook: PlanSummary) -> Iterator[str]:
    """Describe how many independent units the cases form and why, and whether these are too few."""
    units, plan = outlook.units, outlook.plan
    if units.count < len(plan.dataset.cases):
        count = show_count(units.count, "is", "are")
        yield _render_line("units", f"{count} independent; everything below counts these:")
        if units.clusters:
            clustered = show_count(units.clustered, "case is", "cases are")
            text = f"{clustered} in {show_count(units.clusters, 'cluster')}, and a cluster counts as one"
            yield _render_line("", text)
        if units.copies:
            repeat = show_count(units.copies, "case repeats", "cases repeat")
            yield _render_line("", f"{repeat} the request of another one, and equal requests count as one")
    if units.least is not None and outlook.lacking is None:
        what = "is inconclusive and blocks (exit code 4)" if units.blocks else "merges with a warning"
        yield _render_line(
            "too few",
            f"{show_count(units.count, 'is', 'are')} enough only to find broken cases, {units.least} are needed: "
            f"unless a blocking check fails, this {plan.level.effective.name} {what}",
        )


def _render_question(question: Precision, *, is_grouped: bool) -> Iterator[str]:
    units = show_count(question.cases, "independent unit" if is_grouped else "case")
    yield _render_line(
        question.criterion,
        f"standard deviation {question.spread:.3f} ({question.source}): "
        f"{units} reliably {'detects' if question.cases == 1 else 'detect'} a drop of {question.detectable:.3f}",
    )
    enough = "enough" if question.needed <= question.cases else f"about {question.needed} needed"
    yield _render_line(
        "", f"to decide on the allowed drop of {question.margin:g}: {enough} (no PASS below {question.fewest})"
    )
    if question.more is not None:
        share = f"{question.more.real_share:.0%} of the variance is real variation between cases"
        helps = "would help" if question.more.would_help else "would not help"
        yield _render_line("", f"more samples of each case {helps}: {share}")
