"""Logs of inspect_ai (`.eval` and `.json`): one test for each sample and epoch, with the scores of all scorers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalgate.inputs.importers import inspect_archive
from evalgate.inputs.importers.case_rows import EXPECTED, QUESTION, CaseRows
from evalgate.inputs.importers.foreign_json import ForeignPart, decode_text, load_json
from evalgate.inputs.importers.tool_results import ToolResults, ToolScore, ToolTest, read_number, shorten

TOOL = "inspect_ai"
_VALUES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}  # the defaults of inspect_ai's `value_to_float`
_WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_UNSCORED = frozenset({"grader_failed", "scoring_failed"})
_MOST_PLANNED = 1_000_000
_NO_GRADE = "Grade not found in model output"  # how older versions write a grader that did not grade, as "I"


def is_log(data: Any) -> bool:
    """Return whether the data of a file are a log of inspect_ai."""
    return isinstance(data, Mapping) and {"version", "status", "eval"} <= data.keys() and isinstance(data["eval"], dict)


def load_log(data: bytes, path: str) -> Mapping[str, Any]:
    """Return the content of a log, from an archive or from JSON. Raises InputError for a file that is none."""
    if inspect_archive.is_archive(data):
        return inspect_archive.load_archive(data, path)
    whole = load_json(decode_text(data, path), path)
    if not is_log(whole):
        raise ForeignPart(data={}, path=path).refuse(
            "is not a log of inspect_ai", "inspect eval writes one to its --log-dir"
        )
    log: Mapping[str, Any] = whole
    return log


def read_log(data: Mapping[str, Any], path: str) -> ToolResults:
    """Read the scores of a log.

    A sample with an error, an invalidated one, and one that a log which did not end lacks, are without scores. Raises
    InputError for a log without samples, and for one that did not end and does not say which samples it should have.
    """
    whole = ForeignPart(data=data, path=path)
    run = whole.part("eval")
    status = whole.text("status") or "unknown"
    samples = whole.parts("samples")
    if not samples:
        raise whole.refuse(f"the log has no samples (its status is {status})", "write logs with samples: log_samples")
    planned = run.part("dataset").data.get("sample_ids")
    if status != "success" and not planned:
        raise whole.refuse(
            f"the log did not end: its status is {status}, and it does not say which samples are missing"
        )
    numbered = _are_numbered(planned or [one.data.get("id") for one in samples])
    scorers = {name: one.data.get("options") for one in run.parts("scorers") if (name := one.text("name"))}
    tests = [_read_sample(sample, numbered, scorers) for sample in samples]
    tests += _list_missing(whole, samples, planned, status)
    model = run.text("model") or "a model"
    return ToolResults(
        tool=f"{TOOL} {version}" if (version := run.part("packages").text(TOOL)) else TOOL,
        path=path,
        subject=f"{model} in the task {run.text('task') or 'without a name'}",
        tests=tuple(tests),
        same_criteria=True,
        remarks=() if status == "success" else (f"the log {path} did not end: its status is {status}",),
    )


def read_content(sample: ForeignPart) -> dict[str, Any]:
    """Return what a sample asks and expects: its input, target and choices.

    System messages are left out, since they are the prompt that two logs may differ in; so are the ids of messages.
    """
    content = {key: sample.data[key] for key in ("input", "target", "choices") if sample.data.get(key) is not None}
    if isinstance(content.get("input"), list):
        messages = [one for one in sample.parts("input") if one.text("role") != "system"]
        content["input"] = [[one.text("role"), one.data.get("content")] for one in messages]
    return content


def _are_numbered(ids: Any) -> bool:
    """Return whether the ids are only positions: inspect_ai numbers samples that have none from 1."""
    return isinstance(ids, list) and all(type(one) is int for one in ids) and min(ids, default=1) == 1


def _read_sample(sample: ForeignPart, numbered: bool, scorers: Mapping[str, Any]) -> ToolTest:
    epoch = sample.data.get("epoch")
    error, scores = sample.data.get("error"), {}
    problem = None
    if error:
        problem = shorten(error.get("message") if isinstance(error, Mapping) else error, "the sample failed")
    elif sample.data.get("invalidation"):
        problem = "the sample was invalidated"
    else:
        scores = dict(_read_scores(sample, scorers))
        problem = None if scores else "the sample was not scored"
    return ToolTest(
        id=None if numbered else sample.text("id"),
        content=read_content(sample),
        scores=scores,
        copy=epoch - 1 if isinstance(epoch, int) and epoch > 0 else None,
        problem=problem,
    )


def _list_missing(whole: ForeignPart, samples: list[ForeignPart], planned: Any, status: str) -> Iterator[ToolTest]:
    """Yield the samples that the log plans and does not have. Without an id, they are known by their position only."""
    if not isinstance(planned, list):
        return
    epochs = whole.part("eval").part("config").data.get("epochs")
    there = {(sample.text("id"), read_number(sample.data.get("epoch"))) for sample in samples}
    numbered, repeats = _are_numbered(planned), epochs if isinstance(epochs, int) else 1
    if len(planned) * repeats > _MOST_PLANNED:
        raise whole.refuse(f"the log plans more than {_MOST_PLANNED:,} samples: {len(planned)} by {repeats}")
    for one in planned:
        for epoch in range(1, repeats + 1):
            if (str(one), epoch) not in there:
                yield ToolTest(
                    id=None if numbered else str(one),
                    content={"position": one} if numbered else {},
                    scores={},
                    copy=epoch - 1,
                    problem=f"the log does not have the sample (its status is {status})",
                )


def _read_scores(sample: ForeignPart, scorers: Mapping[str, Any]) -> Iterator[tuple[str, ToolScore]]:
    for name, data in sample.part("scores").data.items():
        one = ForeignPart(
            data=data if isinstance(data, Mapping) else {}, path=sample.path, where=f"{sample.where}.scores.{name}"
        )
        value, settings = one.data.get("value"), scorers.get(name) or None
        unscored = _find_absence(one)
        if isinstance(value, Mapping):
            for key, inner in value.items():
                yield f"{name}/{key}", _make_score(inner, unscored, settings)
        elif isinstance(value, list):
            for number, inner in enumerate(value):
                yield f"{name}/{number}", _make_score(inner, unscored, settings)
        else:
            yield name, _make_score(value, unscored, settings)


def _find_absence(score: ForeignPart) -> str | None:
    """Return why a score that may have a value is none: its grader or its scorer failed."""
    reason = score.text("reason") or score.part("metadata").text("unscored_reason")
    explanation = score.text("explanation") or ""
    if reason in _UNSCORED or explanation.startswith(_NO_GRADE):
        return shorten(explanation, "") or str(reason)
    return None


def _make_score(value: Any, unscored: str | None, settings: Any) -> ToolScore:
    number = convert_value(value)
    if unscored is None and number is None:
        unscored = f'the value "{value}" is not a score' if isinstance(value, str) else "the scorer gave no score"
    return ToolScore(value=None if unscored else number, reason=unscored, settings=settings)


def convert_value(value: Any) -> float | None:
    """Return a value of inspect_ai as a number, as its `value_to_float` does; None where that would guess 0.

    "C" is 1, "P" is 0.5, "I" and "N" (no answer) are 0; yes and true are 1, no and false are 0; a text of digits is
    that number.
    """
    if not isinstance(value, str):
        return read_number(value)
    if value in _VALUES:
        return _VALUES[value]
    word = value.strip().lower()
    if word in _WORDS:
        return _WORDS[word]
    try:
        return read_number(float(word))
    except ValueError:
        return None


def read_cases(data: Mapping[str, Any], path: str) -> CaseRows:
    """Read the samples of a log as cases: input, target, choices and metadata. Repeats of a sample are one case."""
    found = CaseRows(path=path)
    samples = ForeignPart(data=data, path=path).parts("samples")
    numbered = _are_numbered([one.data.get("id") for one in samples])
    seen = set()
    for sample in samples:
        if sample.text("id") in seen:
            continue
        seen.add(sample.text("id"))
        for key in ("sandbox", "files", "setup"):
            if sample.data.get(key):
                found.leave_out(f'"{key}" of samples')
        target = sample.data.get("target")
        own = {EXPECTED: target or None, "choices": sample.data.get("choices") or None}
        more = {key: value for key, value in sample.part("metadata").data.items() if key not in (QUESTION, *own)}
        name = None if numbered else sample.text("id")
        if isinstance(sample.data.get("input"), list):
            found.add_messages(sample.parts("input"), {**own, **more}, name=name)
        else:
            found.add({QUESTION: sample.text("input"), **own, **more}, name=name)
    found.finish()
    return found
