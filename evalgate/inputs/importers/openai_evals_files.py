"""Files of openai/evals: the log of a run (`oaieval --record_path`), one event a line; and samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalgate.inputs.importers.case_rows import EXPECTED, QUESTION, CaseRows
from evalgate.inputs.importers.foreign_json import ForeignPart
from evalgate.inputs.importers.tool_results import ToolResults, ToolScore, ToolTest, read_number, shorten

MATCH, CHOICE = "match", "choice"
_INVALID = "__invalid__"


def is_log(first: Any) -> bool:
    """Return whether the first line of a file begins a log of openai/evals."""
    spec = first.get("spec") if isinstance(first, Mapping) else None
    return isinstance(spec, Mapping) and "eval_name" in spec and "completion_fns" in spec


def read_log(lines: Sequence[ForeignPart], path: str) -> ToolResults:
    """Read the scores of a log: `match` events and the numbers of `metrics` events, by sample.

    The choices of a model-graded eval become a criterion only where the eval gives them scores. Raises InputError for
    a log without a final report: its run did not end, and nothing says how many samples are missing.
    """
    spec = lines[0].part("spec")
    if not any("final_report" in line.data for line in lines):
        raise lines[0].refuse(
            "the log has no final report: its run did not end, and how many samples are missing is unknown",
            "run the eval again",
        )
    events: dict[str, list[ForeignPart]] = {}
    for line in lines[1:]:
        sample = line.text("sample_id")
        if sample is not None and line.text("type"):
            events.setdefault(sample, []).append(line)
    if not events:
        raise lines[0].refuse("the log has no events of samples")
    settings = {"eval": spec.text("eval_name"), **_read_arguments(spec)}
    names = spec.data.get("completion_fns")
    tests = tuple(_read_sample(sample, own, settings) for sample, own in events.items())
    remarks = []
    if any(
        event.text("type") == "metrics" and event.part("data").text(CHOICE) for own in events.values() for event in own
    ):
        graded = any(name.endswith("score") for test in tests for name in test.scores)
        if not graded:
            remarks.append("the choices of the grading model have no scores (`choice_scores`), and do not count")
    return ToolResults(
        tool="openai/evals",
        path=path,
        subject=", ".join(map(str, names)) if isinstance(names, list) else str(names),
        tests=tests,
        same_criteria=True,
        remarks=tuple(remarks),
    )


def _read_arguments(spec: ForeignPart) -> dict[str, Any]:
    """Return what decides how samples are scored: the class of the eval and its arguments, but for its samples."""
    eval_spec = spec.part("run_config").part("eval_spec")
    arguments = {key: value for key, value in eval_spec.part("args").data.items() if key != "samples_jsonl"}
    return {"class": eval_spec.text("cls"), "args": arguments}


def _read_sample(sample: str, events: Sequence[ForeignPart], settings: Mapping[str, Any]) -> ToolTest:
    scores: dict[str, ToolScore] = {}
    content: dict[str, Any] = {}
    problem = None
    own = dict(settings)
    for event in events:
        data, kind = event.part("data"), event.text("type")
        if kind == "sampling" and "input" not in content:
            content["input"] = _find_question(data.data.get("prompt"))
        elif kind == "match":
            content["expected"] = data.data.get("expected")
            _add(scores, MATCH, _read_match(data, own), event)
        elif kind == "metrics":
            for name, score in _read_metrics(data, own).items():
                _add(scores, name, score, event)
        elif kind == "error":
            problem = shorten(data.data.get("message"), "the sample failed")
    if any(event.part("data").text(CHOICE) for event in events):
        content.pop("input", None)  # the prompts are those of the grading model, which quote the answer
    return ToolTest(
        id=sample,
        content=content,
        scores={} if problem else scores,
        problem=problem or (None if scores else "the eval gave no score"),
    )


def _add(scores: dict[str, ToolScore], name: str, score: ToolScore, event: ForeignPart) -> None:
    if name in scores:
        raise event.refuse(
            f'a second "{name}" of one sample: evals that score a sample several times cannot be read',
            "write their scores as rows: case, arm, criterion, value, repeat",
        )
    scores[name] = score


def _read_match(data: ForeignPart, settings: Any) -> ToolScore:
    correct = data.data.get("correct")
    if not isinstance(correct, bool):
        return ToolScore(value=None, reason="the event does not say whether the answer is correct", settings=settings)
    return ToolScore(value=float(correct), settings=settings)


def _read_metrics(data: ForeignPart, settings: Any) -> dict[str, ToolScore]:
    """Return the numbers of an event. The score of a choice that could not be read is absent."""
    choice = data.text(CHOICE)
    found = {}
    for name, value in data.data.items():
        number = read_number(value)
        if choice is not None and name.endswith("score") and value is None:
            continue  # the eval has no scores for its choices
        if choice == _INVALID and name.endswith("score"):
            found[name] = ToolScore(value=None, reason="the grading model made no valid choice", settings=settings)
        elif number is not None:
            found[name] = ToolScore(value=number, settings=settings)
        elif value is None or isinstance(value, float):
            found[name] = ToolScore(value=None, reason="the eval gave no number", settings=settings)
    return found


def _find_question(prompt: Any) -> Any:
    """Return what the user says last, so that two system messages may differ; the whole of a prompt that is a text."""
    if isinstance(prompt, list):
        said = [one.get("content") for one in prompt if isinstance(one, Mapping) and one.get("role") == "user"]
        return said[-1] if said else None
    return prompt


def read_samples(lines: Sequence[ForeignPart], path: str) -> CaseRows:
    """Read samples, one object a line with `input` and mostly `ideal`, as cases. Other keys keep their names."""
    found = CaseRows(path=path)
    for line in lines:
        if "input" not in line.data:
            raise line.refuse('a sample must have an "input"')
        ideal = line.data.get("ideal")
        if isinstance(ideal, list) and len(ideal) == 1:
            ideal = ideal[0]
        fields = {EXPECTED: ideal, **{key: value for key, value in line.data.items() if key not in ("input", "ideal")}}
        if isinstance(line.data["input"], list):
            found.add_messages(line.parts("input"), fields)
        else:
            found.add({QUESTION: line.text("input"), **fields})
    found.finish()
    return found
