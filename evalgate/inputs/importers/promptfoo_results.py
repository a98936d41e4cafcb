"""Result files of promptfoo (`promptfoo eval -o results.json`, .jsonl, .yaml): one column of prompt and provider."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalgate.domain import Json
from evalgate.errors import InputError
from evalgate.inputs.importers.case_rows import CaseRows
from evalgate.inputs.importers.foreign_json import ForeignPart
from evalgate.inputs.importers.promptfoo_judges import is_judged
from evalgate.inputs.importers.tool_results import (
    ToolResults,
    ToolScore,
    ToolTest,
    fingerprint,
    is_empty,
    read_number,
    shorten,
)

PASS = "pass"
"""The criterion that promptfoo's own verdict of a test becomes."""

_ERROR = 2
_SETTINGS = ("type", "value", "threshold", "weight", "provider", "rubricPrompt", "transform", "config")
_LONGEST_LABEL = 80
# what the tool writes as the reason of a score 0 when the assertion itself did not work
_CRASHED = re.compile(
    r"(custom function threw error|(python|ruby) (code )?execution failed|webhook error|no output$|no embedding$|"
    r"moderation api error|could not (extract json|perform remote grading|parse)|error parsing output|"
    r"unknown error fetching|embedding not found|invalid similarity score|search rubric evaluation failed|"
    r"\S+ produced malformed response|model grader produced a malformed response|llm-proposed evaluation|"
    r"llm does not propose|g-eval result has invalid|invalid category value|factuality checker output did not match|"
    r"request timed out|rate limit|http call failed|(\w*error: )?fetch failed|"
    r"some grading calls failed|invalid select-best verdict|api (call )?error)",
    re.IGNORECASE,
)
_LEFT_ALONE = frozenset({"sessionId"})
_OWN_CODE = ("javascript", "python", "ruby", "webhook")  # may report tokens of some answers only


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """One prompt at one provider. `names` are the texts that choose it."""

    title: str
    names: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grader:
    """An assertion by its name in the results and its type."""

    name: str
    kind: str


def is_results(data: Any) -> bool:
    """Return whether the data of a file are results of promptfoo."""
    if not isinstance(data, Mapping):
        return False
    inner = data.get("results")
    return isinstance(inner, Mapping) and isinstance(inner.get("results"), list) and "stats" in inner


def is_line(data: Any) -> bool:
    """Return whether the first line of a file is a result of promptfoo."""
    return isinstance(data, Mapping) and {"vars", "provider", "prompt", "testCase", "success"} <= data.keys()


def read_results(data: Mapping[str, Any], path: str, select: str | None) -> ToolResults:
    """Read the column of a file that `select` names. Raises InputError if it has several, or none of that name."""
    whole = ForeignPart(data=data, path=path)
    version = whole.part("metadata").text("promptfooVersion")
    tool = f"promptfoo {version}" if version else "promptfoo"
    return read_lines(whole.part("results").parts("results"), path, select, tool=tool)


def read_lines(
    results: Sequence[ForeignPart], path: str, select: str | None, *, tool: str = "promptfoo"
) -> ToolResults:
    """Read results, one a line, as `read_results` does."""
    columns: dict[tuple[Any, ...], _Column] = {}
    members: dict[tuple[Any, ...], list[ForeignPart]] = {}
    for result in results:
        key, column = _read_column(result)
        columns.setdefault(key, column)
        members.setdefault(key, []).append(result)
    if not columns:
        raise ForeignPart(data={}, path=path).refuse("the file has no results")
    columns = dict(_number_twins(columns))
    key = _choose(columns, select, path)
    chosen = sorted(members[key], key=lambda one: read_number(one.data.get("testIdx")) or 0)
    name, graders = _name_verdict(chosen), _find_graders(chosen)
    return ToolResults(
        tool=tool,
        path=path,
        subject=columns[key].title,
        tests=tuple(_read_test(result, name, graders) for result in chosen),
        same_criteria=False,
        remarks=("assertion sets count in `pass` only",) if any(map(_has_sets, chosen)) else (),
    )


def make_cases(results: ToolResults) -> CaseRows:
    """Return the tests of a file as cases: the variables are the fields, and unique descriptions the ids."""
    found = CaseRows(path=results.path)
    by_id = results.has_ids
    seen = set()
    for test in results.tests:
        key = test.id if by_id else fingerprint(test.content)
        if key not in seen and test.content:
            found.add(test.content, name=test.id if by_id else None)
        seen.add(key)
    if any(not test.content for test in results.tests):
        found.leave_out("tests without variables: a case needs a field")
    found.leave_out("assertions: the configuration of promptfoo has them")
    found.finish()
    return found


def read_variables(result: ForeignPart) -> dict[str, Any]:
    """Return the variables of a result, without what promptfoo adds in a run."""
    given = result.part("vars").data
    return {key: value for key, value in given.items() if not key.startswith("_") and key not in _LEFT_ALONE}


def _read_column(result: ForeignPart) -> tuple[tuple[Any, ...], _Column]:
    provider = result.data.get("provider")
    if isinstance(provider, str):
        ids = [provider]
    else:
        part = result.part("provider")
        ids = [name for name in (part.text("label"), part.text("id")) if name]
    prompt = result.part("prompt")
    label = prompt.text("label") or prompt.text("raw") or "the prompt"
    title = f"[{ids[0] if ids else 'no provider'}] {_shorten_label(label)}"
    short = label.split(": ")[0]
    names = {title, label, *ids, short, *(f"[{one}] {short}" for one in ids)}
    return (read_number(result.data.get("promptIdx")), tuple(ids), label), _Column(title=title, names=frozenset(names))


def _number_twins(columns: Mapping[tuple[Any, ...], _Column]) -> Iterable[tuple[tuple[Any, ...], _Column]]:
    """Yield the columns; those of one title get the number of their column, so that they can be chosen."""
    titles = [column.title for column in columns.values()]
    for number, (key, column) in enumerate(columns.items(), start=1):
        if titles.count(column.title) == 1:
            yield key, column
        else:
            title = f"{column.title} (column {number})"
            yield key, _Column(title=title, names=column.names | {title})


def _shorten_label(label: str) -> str:
    """Return a label on one line: without a label of its own, promptfoo takes the whole text of a prompt."""
    line = " ".join(label.split())
    return line if len(line) <= _LONGEST_LABEL else f"{line[:_LONGEST_LABEL]}..."


def _choose(columns: Mapping[tuple[Any, ...], _Column], select: str | None, path: str) -> tuple[Any, ...]:
    found = [key for key, column in columns.items() if select is None or select in column.names]
    if len(found) == 1:
        return found[0]
    listed = "; ".join(sorted(column.title for column in columns.values()))
    if select is None:
        what = f"the file has results of {len(columns)} prompts and providers"
    else:
        what = f'"{select}" names {len(found) or "none"} of the {len(columns)} prompts and providers of the file'
    raise InputError(f"{path}: {what}", hint=f"choose one by its label, or by [provider] label: {listed}")


def _name_verdict(results: Iterable[ForeignPart]) -> str:
    """Return the name of the criterion that promptfoo's verdict becomes; another one if an assertion has that name."""
    assertions = (one for each in results for one in _list_assertions(each.part("testCase").parts("assert")))
    return f"promptfoo {PASS}" if any(_name(one) == PASS for one in assertions) else PASS


def _read_test(result: ForeignPart, verdict_name: str, graders: Collection[_Grader]) -> ToolTest:
    case = result.part("testCase")
    declared = [one for one in _list_assertions(case.parts("assert")) if one.text("type")]
    settings: dict[str, list[Json]] = {}
    for one in declared:
        kept = {key: one.data.get(key) for key in _SETTINGS}
        kept |= _find_shared(one, case.part("options"))
        for key in ("provider", "config"):
            if isinstance(kept[key], Mapping):
                kept[key] = fingerprint(kept[key])  # it may hold a key, and settings are shown in messages
        settings.setdefault(_name(one), []).append({key: value for key, value in kept.items() if value is not None})
    everything: dict[str, Json] = {
        "assertions": fingerprint(case.data.get("assert")),
        "threshold": case.data.get("threshold"),
    }
    shared = [_find_shared(one, case.part("options")) for one in declared]
    if any(value is not None for one in shared for value in one.values()):
        everything |= {"options": fingerprint(shared)}
    graded = result.part("gradingResult")
    problem = _find_problem(result, graded)
    scores: dict[str, ToolScore] = {}
    found: dict[str, list[ForeignPart]] = {}
    for component in graded.parts("componentResults"):
        assertion = component.part("assertion")
        if assertion.text("type"):
            found.setdefault(_name(assertion), []).append(component)
    for name in dict.fromkeys((*settings, *found)):
        own: Json = settings.get(name)
        if problem is not None or name not in found:
            scores[name] = ToolScore(value=None, reason=problem or "the file has no result of it", settings=own)
        else:
            value, why = _average(found[name], graders)
            scores[name] = ToolScore(value=value, reason=why, settings=own)
    crashed = next((score.reason for score in scores.values() if score.value is None), None)
    if not scores:
        crashed = "the test has no assertion"  # promptfoo passes any answer then
    verdict = result.data.get("success")
    if problem is not None or crashed is not None or not isinstance(verdict, bool):
        reason = problem or crashed or "promptfoo gave no verdict"
        scores[verdict_name] = ToolScore(value=None, reason=reason, settings=everything)
    else:
        scores[verdict_name] = ToolScore(value=float(verdict), settings=everything)
    response = result.data.get("response")
    return ToolTest(
        id=case.text("description"),
        content=read_variables(result),
        scores=scores,
        problem=problem,
        is_empty=isinstance(response, Mapping) and is_empty(response.get("output")),
    )


def _find_shared(assertion: ForeignPart, options: ForeignPart) -> dict[str, Json]:
    """Return the settings of an assertion that are among the options of its test, as `defaultTest` gives them."""
    found = {"shared transform": options.data.get("transform") or options.data.get("postprocess")}
    if is_judged((assertion.text("type") or "").removeprefix("not-")):
        found |= {key: assertion.data.get(key) or options.data.get(key) for key in ("provider", "rubricPrompt")}
    return found


def _has_sets(result: ForeignPart) -> bool:
    return any(one.data.get("type") == "assert-set" for one in result.part("testCase").parts("assert"))


def _list_assertions(assertions: Iterable[ForeignPart]) -> Iterable[ForeignPart]:
    for one in assertions:
        if one.data.get("type") == "assert-set":
            yield from _list_assertions(one.parts("assert"))
        else:
            yield one


def _name(assertion: ForeignPart) -> str:
    return assertion.text("metric") or assertion.text("type") or ""


def _find_problem(result: ForeignPart, graded: ForeignPart) -> str | None:
    """Return why a whole test has no score: the provider failed, or nothing was graded."""
    response = result.data.get("response")
    failed = response.get("error") if isinstance(response, Mapping) else None
    if result.data.get("failureReason") == _ERROR or failed:
        return shorten(result.data.get("error") or failed, "the provider failed")
    if not graded.data:
        return shorten(result.data.get("error"), "promptfoo graded nothing")
    return None


def _find_graders(results: Iterable[ForeignPart]) -> frozenset[_Grader]:
    """Return the model-graded assertions for which the file counts tokens."""
    components = [one for each in results for one in each.part("gradingResult").parts("componentResults")]
    return frozenset(
        grader
        for one in components
        if (grader := _read_grader(one)) is not None and not grader.kind.endswith(_OWN_CODE) and _has_tokens(one)
    )


def _read_grader(component: ForeignPart) -> _Grader | None:
    assertion = component.part("assertion")
    kind = assertion.text("type")
    return None if kind is None else _Grader(name=_name(assertion), kind=kind)


def _has_tokens(component: ForeignPart) -> bool:
    used = component.part("tokensUsed").data
    return any((read_number(used.get(key)) or 0.0) > 0 for key in ("total", "prompt", "completion", "cached"))


def _did_not_grade(component: ForeignPart, score: float, graders: Collection[_Grader]) -> bool:
    """Return whether a grader that counts tokens has none here: its model did not answer, which promptfoo counts as 0.

    Older versions turn that into 1 where the assertion is negated.
    """
    grader = _read_grader(component)
    is_default = score == 0 or (grader is not None and grader.kind.startswith("not-"))
    return is_default and grader in graders and not _has_tokens(component)


def _average(components: Sequence[ForeignPart], graders: Collection[_Grader]) -> tuple[float | None, str | None]:
    """Return the mean score of the assertions of one name, by their weights as promptfoo does; or None and why."""
    total = weights = plain = 0.0
    for one in components:
        score, reason = read_number(one.data.get("score")), one.data.get("reason")
        did_crash = one.part("metadata").data.get("graderError") is True
        if did_crash or (isinstance(reason, str) and _CRASHED.match(reason)):
            return None, shorten(reason, "the assertion failed to run")
        if score is None:
            return None, "the assertion has no score"
        if _did_not_grade(one, score, graders):
            return None, f"the grader used no tokens, so that it did not grade: {shorten(reason, 'it gives no reason')}"
        weight = read_number(one.part("assertion").data.get("weight"))
        weight = 1.0 if weight is None else weight
        total, weights, plain = total + weight * score, weights + weight, plain + score
    return (total / weights if weights > 0 else plain / len(components)), None
