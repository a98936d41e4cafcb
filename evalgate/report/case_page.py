"""All that a report knows of one case: the input, the prompts as sent, every sample with its scores, and word diffs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from evalgate.domain import Arm, Failure, GateReport, InputField, Json, Output, ReportKind, Result, Score, Unscored
from evalgate.domain.numbers import show, show_count
from evalgate.domain.sent_prompts import SentCase, SentPrompt
from evalgate.domain.text import WITHHELD
from evalgate.report import view
from evalgate.report.case_selection import ONLY_SCORES, Mark
from evalgate.report.escape import line, prose
from evalgate.report.message_diff import RoleText, compare_messages
from evalgate.report.similarity_lines import make_similarity_mark

_ROLE = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleView:
    """One sample of an arm: `number` of `of`; `is_fresh` if it was drawn to settle the case, and no mean includes it.

    `facts` are the measured numbers of the call, as words. `reported` is the similarity, which decides nothing.
    """

    arm: Arm
    number: int
    of: int
    is_fresh: bool
    text: str
    calls: tuple[str, ...]
    reasoning: str
    facts: tuple[str, ...]
    marks: tuple[Mark, ...]
    reported: Mark | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePage:
    """A case of one gate. `prompts` is empty where it is not known what was sent, and `prompts_note` says why."""

    gate: str
    verdict: str
    sentence: str
    case: str
    tags: tuple[str, ...]
    fields: tuple[InputField, ...]
    prompts: tuple[SentPrompt, ...]
    prompts_note: str
    samples: tuple[SampleView, ...]
    samples_note: str
    excluded: tuple[str, ...]
    prompt_diff: tuple[str, ...]
    output_title: str
    output_diff: tuple[str, ...]
    withheld: str


def make_page(
    gate: GateReport, case: str, sent: SentCase | None, note: str, *, arm: Arm | None, texts: str
) -> CasePage:
    """Return the page of a case. `sent` is what was sent, None with a `note` that says why it is not known.

    With `arm` the prompts and samples of the other one are left out. `texts` is the setting of the report.
    """
    evidence = gate.evidence
    drawn = [
        (result, fresh)
        for results, fresh in ((evidence.results, False), (evidence.confirmations, True))
        for result in results
        if result.case == case and arm in (None, result.arm)
    ]
    samples = _make_samples(gate, drawn)
    prompts = () if sent is None else tuple(one for one in sent.prompts if arm in (None, one.arm))
    title, diff = _compare_outputs(gate, [result for result, _ in drawn], samples)
    return CasePage(
        gate=evidence.name,
        verdict=view.NOT_A_GATE if evidence.kind is ReportKind.PART else view.headline(gate),
        sentence=view.find_deciding_sentence(gate),
        case=case,
        tags=next((result.tags for result, _ in drawn), ()),
        fields=evidence.inputs.get(case, ()) or (() if sent is None else sent.fields),
        prompts=prompts,
        prompts_note=note if sent is None else "",
        samples=samples,
        samples_note="" if samples else _explain_none(gate, arm),
        excluded=tuple(one.name for one in evidence.criteria if case in one.excluded),
        prompt_diff=_compare_prompts(prompts),
        output_title=title,
        output_diff=diff,
        withheld=_explain_withheld(texts, drawn),
    )


def _make_samples(gate: GateReport, drawn: Sequence[tuple[Result, bool]]) -> tuple[SampleView, ...]:
    made: list[SampleView] = []
    for arm in (Arm.BASELINE, Arm.CANDIDATE):
        own = [(result, fresh) for result, fresh in drawn if result.arm is arm]
        made += [
            _make_sample(gate, result, number, len(own), is_fresh=fresh)
            for number, (result, fresh) in enumerate(own, start=1)
        ]
    return tuple(made)


def _make_sample(gate: GateReport, result: Result, number: int, of: int, *, is_fresh: bool) -> SampleView:
    outcome = result.outcome
    output = outcome if isinstance(outcome, Output) else None
    calls = () if output is None else output.calls_beside_text
    return SampleView(
        arm=result.arm,
        number=number,
        of=of,
        is_fresh=is_fresh,
        text=_read_text(result),
        calls=tuple(f"{call.name or '(no name)'}({call.arguments})" for call in calls),
        reasoning="" if output is None else output.reasoning,
        facts=tuple(_list_facts(result)),
        marks=tuple(
            _make_mark(one.name, one.kind, result.scores.get(one.name), result)
            for one in gate.evidence.criteria
            if result.case not in one.excluded
        ),
        reported=None if is_fresh else make_similarity_mark(gate.evidence, result),
    )


def _read_text(result: Result) -> str:
    match result.outcome:
        case None:
            return ONLY_SCORES
        case Output(text=text):
            return text or "(empty output)"
        case Failure(kind=kind, message=message):
            return f"(no output; {kind}: {message})"
        case _:
            assert_never(result.outcome)


def _list_facts(result: Result) -> list[str]:
    outcome = result.outcome
    if outcome is None:
        return []
    facts = [f"finish {outcome.finish_reason}"] if isinstance(outcome, Output) else []
    if outcome.seconds is not None:
        facts.append(f"{outcome.seconds:.2f} s")
    if outcome.usage is not None:
        facts.append(
            f"{outcome.usage.input_tokens:,} input and {show_count(outcome.usage.output_tokens, 'output token')}"
        )
    if outcome.cost_usd is not None:
        facts.append(view.format_cost(outcome.cost_usd))
    if result.served_by is not None:
        facts.append(f"served by {result.served_by}")
    return [*facts, "cached" if outcome.cached else "called in this run"]


def _make_mark(name: str, kind: str, score: Score | Unscored | None, result: Result) -> Mark:
    match score:
        case None:
            return Mark(criterion=name, score="unscored", reason="not asked")
        case Unscored(reason=reason):
            return Mark(criterion=name, score="unscored", reason=reason)
        case Score(value=value, reason=reason):
            word = {0.0: "fails", 1.0: "holds"}.get(value) if kind == "check" else None
            asked = len(result.replies.get(name, ()))
            more = f" (reply {asked}, after one that could not be read)" if asked > 1 else ""
            return Mark(criterion=name, score=word or show(value), reason=f"{reason}{more}")
        case _:
            assert_never(score)


def _explain_none(gate: GateReport, arm: Arm | None) -> str:
    evidence = gate.evidence
    if evidence.baseline is None and arm is Arm.BASELINE:
        return "the gate has no baseline"
    cases = len({result.case for result in evidence.results})
    if not cases:
        return "no case was run: the verdict follows from the versions alone, or from an earlier one"
    return (
        f"this case was not run: {cases} of {show_count(evidence.dataset.cases, 'case')} "
        f"{'was' if cases == 1 else 'were'}"
    )


def _compare_prompts(prompts: Sequence[SentPrompt]) -> tuple[str, ...]:
    """Return the differences between both prompts, with those of their settings; empty with one arm alone."""
    if len(prompts) != 2:
        return ()
    old, new = (_list_texts(prompt) for prompt in prompts)
    return tuple(compare_messages(old, new)) or ("  both versions sent the same",)


def _list_texts(prompt: SentPrompt) -> list[RoleText]:
    from json import dumps

    texts = [(line(prose(message.role, most=_ROLE)), message.content) for message in prompt.messages]
    if prompt.settings:
        texts.append(("settings", dumps(prompt.settings, indent=1, ensure_ascii=False)))
    return texts


def _compare_outputs(
    gate: GateReport, results: Sequence[Result], samples: Sequence[SampleView]
) -> tuple[str, tuple[str, ...]]:
    """Return what is compared, and the differences: the candidate's worst sample and the baseline's best one."""
    arms = {arm: [one for one in results if one.arm is arm] for arm in (Arm.BASELINE, Arm.CANDIDATE)}
    if not all(arms.values()):
        return "", ()
    names = [criterion.name for criterion in gate.evidence.criteria]

    def worth(result: Result) -> float:
        known = [value for name in names if (value := result.values.get(name)) is not None]
        return sum(known) - 2 * (len(names) - len(known))

    base, other = max(arms[Arm.BASELINE], key=worth), min(arms[Arm.CANDIDATE], key=worth)
    places = [1 + arms[one.arm].index(one) for one in (base, other)]
    views = [
        next(s for s in samples if (s.arm, s.number) == (one.arm, n))
        for one, n in zip((base, other), places, strict=True)
    ]
    texts = [[("output", one.text), *(("tool call", call) for call in one.calls)] for one in views]
    title = f"baseline sample {places[0]} against candidate sample {places[1]}"
    return title, tuple(compare_messages(*texts)) or ("  both are the same",)


def _explain_withheld(texts: str, drawn: Sequence[tuple[Result, bool]]) -> str:
    is_withheld = any(isinstance(one.outcome, Output) and one.outcome.text == WITHHELD for one, _ in drawn)
    if not is_withheld:
        return ""
    return f"Texts are withheld: the configuration has `report: {{texts: {texts}}}`. Scores stay."


def as_json(page: CasePage) -> dict[str, Json]:
    """Return the page as plain data."""
    return {
        "gate": page.gate,
        "verdict": page.verdict,
        "sentence": page.sentence,
        "case": page.case,
        "tags": list(page.tags),
        "fields": {field.name: field.text for field in page.fields},
        "prompts": [
            {
                "arm": prompt.arm.value,
                "messages": [{"role": one.role, "content": one.content} for one in prompt.messages],
                **prompt.settings,
            }
            for prompt in page.prompts
        ],
        "prompts_note": page.prompts_note,
        "samples": [
            {
                "arm": one.arm.value,
                "number": one.number,
                "fresh": one.is_fresh,
                "text": one.text,
                "tool_calls": list(one.calls),
                "reasoning": one.reasoning,
                "facts": list(one.facts),
                "scores": [_encode_mark(mark) for mark in one.marks],
                **({} if one.reported is None else {"reported_only": _encode_mark(one.reported)}),
            }
            for one in page.samples
        ],
        "samples_note": page.samples_note,
        "excluded": list(page.excluded),
        "prompt_diff": list(page.prompt_diff),
        "output_diff": list(page.output_diff),
        "withheld": page.withheld,
    }


def _encode_mark(mark: Mark) -> dict[str, Json]:
    return {"criterion": mark.criterion, "score": mark.score, "reason": mark.reason}
