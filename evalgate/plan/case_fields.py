"""Faults of the fields that prompts, rubrics and checks take from cases: missing, null, or without a text."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from evalgate.domain import (
    TOOL_CHECKS,
    Case,
    Check,
    Condition,
    Gate,
    GoldenDataset,
    Json,
    PromptVersion,
    applies,
    as_text,
    normalize,
)
from evalgate.domain.case_ids import OWN_KEYS
from evalgate.domain.conditions import is_same
from evalgate.domain.field_paths import dig
from evalgate.domain.lists import name_some
from evalgate.domain.names import find_meant, find_slip, suggest_closest
from evalgate.domain.numbers import show_count
from evalgate.domain.similarity import SEMANTIC_SIMILARITY
from evalgate.errors import Fault, Place

AND_MORE = ", and {} more"
_NAMED = 3
_LISTED = 10
_SEARCHING = frozenset(
    {"contains", "contains_any", "contains_all", "starts_with", "ends_with", "one_of", "levenshtein"}
)
_BETWEEN_NAMES = re.compile(r"""[][(){}"',;]""")
_NO_TEXT = 'null is not the text "null": give it a text, or remove the field'


def find_missing(what: str, name: str, dataset: GoldenDataset, place: Place) -> Iterator[Fault]:
    """Yield a fault if a case lacks a field. If all cases lack it, the hint is the most similar field."""
    lacking = [case for case in dataset.cases if name not in case.fields]
    if lacking and len(lacking) == len(dataset.cases):
        yield _report_unknown(what, name, dataset, place)
    elif lacking:
        message = f"{what} is missing in {_name_cases(lacking, dataset)}"
        yield Fault(message=message, place=place, hint=f'add the field "{name}" to these cases')


def find_null(what: str, name: str, dataset: GoldenDataset, place: Place, hint: str = _NO_TEXT) -> Iterator[Fault]:
    """Yield a fault if a field is null in a case: it would be sent as the text "null"."""
    empty = [case for case in dataset.cases if name in case.fields and case.fields[name] is None]
    if empty:
        yield Fault(message=f"{what} is null in {_name_cases(empty, dataset)}", place=place, hint=hint)


def list_used_fields(gate: Gate, versions: Sequence[PromptVersion]) -> set[str]:
    """Return the names that prompts, rubrics, checks and conditions read; of a dotted path, the path and its parts."""
    used = {name for version in versions for name in version.variables}
    used |= {name.removesuffix("?") for judge in gate.judges for name in judge.rubric.inputs}
    paths = [path for check in gate.checks for each in check.nested for path in each.fields]
    paths += [gate.similarity.source] if gate.similarity is not None else []
    for criterion in gate.criteria:
        paths += [p for condition in (criterion.when, criterion.unless) if condition for p in condition.fields]
    for path in paths:
        used |= {path, *re.split(r"[./]", path)}
    return used


def list_unused_fields(gate: Gate, versions: Sequence[PromptVersion], dataset: GoldenDataset) -> tuple[str, ...]:
    """Return the fields of the cases that no prompt, rubric or check reads, by name."""
    fields = {field for case in dataset.cases for field in case.fields}
    return tuple(sorted(fields - list_used_fields(gate, versions) - OWN_KEYS))


def find_check_faults(gate: Gate, dataset: GoldenDataset) -> Iterator[Fault]:
    """Yield a fault for each check that takes a value from a field and cannot take it from every case it applies to.

    The place is the first of these cases.
    """
    for check in gate.checks:
        chosen = replace(dataset, cases=tuple(case for case in dataset.cases if applies(check, case)))
        for each in check.nested if chosen.cases else ():
            for name in each.fields:
                yield from _find_faults_of_field(each, name, gate, chosen)


def find_similarity_faults(gate: Gate, dataset: GoldenDataset) -> Iterator[Fault]:
    """Yield a fault if no case has the field that the similarity compares with.

    A single case without it is no fault: its outputs are not measured, and the report says so.
    """
    similarity = gate.similarity
    if similarity is not None and dataset.cases and not any(_has(case, similarity.source) for case in dataset.cases):
        what = f'the field "{similarity.source}" of {SEMANTIC_SIMILARITY}'
        yield _report_unknown(what, similarity.source, dataset, Place(path=dataset.path))


def find_condition_faults(gate: Gate, dataset: GoldenDataset) -> Iterator[Fault]:
    """Yield faults of conditions: tags, ids and fields that no case has, and criteria that apply to no case."""
    known = {
        "tag": {tag for case in dataset.cases for tag in case.tags},
        "id": {case.id for case in dataset.cases},
    }
    for criterion in gate.criteria:
        wrong: list[Fault] = []
        for key, condition in (("when", criterion.when), ("unless", criterion.unless)):
            if condition is not None and dataset.cases:
                what = f"`{key}` of {criterion.name}"
                wrong += _find_unknown_names(condition, what, known, dataset)
        yield from wrong
        if not wrong and dataset.cases and not any(applies(criterion, case) for case in dataset.cases):
            message = f"{criterion.name} applies to no case of {dataset.path}"
            chosen = criterion.when or criterion.unless
            place = None if chosen is None else chosen.place
            yield Fault(message=message, place=place, hint="change its `when` or `unless`")


def _find_unknown_names(
    condition: Condition, what: str, known: Mapping[str, set[str]], dataset: GoldenDataset
) -> Iterator[Fault]:
    for kind, names in (("tag", condition.tags), ("id", condition.ids)):
        for name in names:
            if name not in known[kind]:
                listed = name_some(sorted(known[kind]), _LISTED, rest=AND_MORE)
                otherwise = f"the {kind}s are: {listed}" if known[kind] else f"no case has a {kind}"
                hint = suggest_closest(name, known[kind], otherwise=otherwise)
                message = f'{what}: no case of {dataset.path} has the {kind} "{name}"'
                yield Fault(message=message, place=condition.place, hint=hint)
    for name in condition.fields:
        if not any(_has(case, name) for case in dataset.cases):
            yield _report_unknown(f'{what}: the field "{name}"', name, dataset, condition.place)
    yield from _find_misspelt_values(condition, what, dataset)


def _find_misspelt_values(condition: Condition, what: str, dataset: GoldenDataset) -> Iterator[Fault]:
    """Yield a fault for each value of a condition that no case has, and that another one spells or types otherwise.

    A value that looks like none may be one of cases to come.
    """
    name = condition.field or ""
    given = [dig(case.fields, name) for case in dataset.cases if condition.field is not None and _has(case, name)]
    unused = [value for value in condition.values if not any(is_same(value, one) for one in given)]
    known = {as_text(one): one for one in given if not any(is_same(value, one) for value in condition.values)}
    for value in unused:
        text = as_text(value)
        near = text if text in known else find_meant(text, known) or find_slip(text, known)
        if near is not None:
            shown = json.dumps(value, ensure_ascii=False)
            message = f'{what}: no case of {dataset.path} has {shown} in the field "{name}"'
            hint = f"did you mean {json.dumps(known[near], ensure_ascii=False)}?"
            yield Fault(message=message, place=condition.place, hint=hint)


def _find_faults_of_field(check: Check, name: str, gate: Gate, dataset: GoldenDataset) -> Iterator[Fault]:
    what = f'the field "{name}" of the check {check.name}'
    lacking = [case for case in dataset.cases if not _has(case, name)]
    if lacking and len(lacking) == len(dataset.cases):
        yield _report_unknown(what, name, dataset, Place(path=dataset.path))
        return
    if lacking:
        message = f"{what} is missing in {_name_cases(lacking, dataset)}"
        yield Fault(message=message, place=_place(lacking, dataset), hint=f'add the field "{name}" to these cases')
    if name != check.options.get("from"):
        return
    if check.type in TOOL_CHECKS:
        yield from _find_no_tools(check, name, what, dataset)
    if check.type == "equals" and check.negated:
        blank = _select(dataset, name, lambda value: isinstance(value, str) and not normalize(value))
        if blank:
            message = f"{what} is an empty text in {_name_cases(blank, dataset)}"
            hint = (
                "no answer is empty, so the check always holds: give it a value, or leave these cases out with `when`"
            )
            yield Fault(message=message, place=_place(blank, dataset), hint=hint)
    if check.type not in _SEARCHING:
        return
    empty = _select(dataset, name, lambda value: not _has_text(value))
    if empty:
        message = f"{what} has no text to search for in {_name_cases(empty, dataset)}"
        hint = f"every output contains an empty text: give it one, or leave these cases out: `when: {{has: [{name}]}}`"
        yield Fault(message=message, place=_place(empty, dataset), hint=hint)
    column = gate.columns.get(name)
    listed = [] if column is not None and column.json is not None else _select(dataset, name, _looks_like_list)
    if listed:
        own = f"column: {json.dumps(column.name, ensure_ascii=False)}, " if column is not None else ""
        message = f"{what} is one text that looks like a list in {_name_cases(listed, dataset)}"
        hint = f"say which one it is: `fields: {{{name}: {{{own}json: true}}}}` for a list, `json: false` for the text"
        if not all(_is_json(dig(case.fields, name)) for case in listed):
            hint += '; a list is written as JSON, ["a", "b"]'
        yield Fault(message=message, place=_place(listed, dataset), hint=hint)


def _has(case: Case, name: str) -> bool:
    try:
        dig(case.fields, name)
    except LookupError:
        return False
    return True


def _select(dataset: GoldenDataset, name: str, wanted: Callable[[Json], bool]) -> list[Case]:
    return [case for case in dataset.cases if _has(case, name) and wanted(dig(case.fields, name))]


def _has_text(value: Json) -> bool:
    texts = value if isinstance(value, list | tuple) else [value]
    return bool(texts) and all(text is not None and normalize(as_text(text)) for text in texts)


def _find_no_tools(check: Check, name: str, what: str, dataset: GoldenDataset) -> Iterator[Fault]:
    """Yield faults of a field with the names of tools: a list that is one text, and nothing that is forbidden."""
    field = f"`fields: {{{name}: {{json: true}}}}`"
    wrong = _select(dataset, name, lambda value: not all(map(_is_tool_name, _list_names(value))))
    if wrong:
        message = f"{what} is not a name of a tool, nor a list of names, in {_name_cases(wrong, dataset)}"
        hint = f'a list is written as JSON, ["a", "b"]; in a CSV with {field}'
        yield Fault(message=message, place=_place(wrong, dataset), hint=hint)
    empty = _select(dataset, name, lambda value: not _list_names(value)) if check.type == "no_tool_call" else []
    if empty:
        message = f"{what} names no tool in {_name_cases(empty, dataset)}"
        hint = f"leave these cases out: `when: {{has: [{name}]}}`"
        yield Fault(message=message, place=_place(empty, dataset), hint=hint)


def _list_names(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list | tuple) else [] if value in (None, "") else [value]


def _is_tool_name(name: Json) -> bool:
    return isinstance(name, str) and bool(name.strip()) and _BETWEEN_NAMES.search(name) is None


def _looks_like_list(value: Json) -> bool:
    """Return whether a text is a list of texts, as JSON or as Python writes it: `['a', 'b']`, a tuple or a set."""
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "(", "{")):
        return False
    try:
        found = json.loads(value) if _is_json(value) else ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return False
    return isinstance(found, list | tuple | set) and bool(found) and all(isinstance(item, str) for item in found)


def _is_json(value: Json) -> bool:
    try:
        json.loads(str(value))
    except (ValueError, RecursionError):
        return False
    return True


def _name_cases(cases: Sequence[Case], dataset: GoldenDataset) -> str:
    named = [f"{case.id} ({dataset.path}:{case.line})" if case.line else case.id for case in cases]
    return f"{len(cases)} of {show_count(len(dataset.cases), 'case')}: {name_some(named, _NAMED, rest=AND_MORE)}"


def _place(cases: Sequence[Case], dataset: GoldenDataset) -> Place:
    return Place(path=dataset.path, line=cases[0].line)


def _report_unknown(what: str, name: str, dataset: GoldenDataset, place: Place | None) -> Fault:
    fields = sorted({field for case in dataset.cases for field in case.fields})
    listed = name_some(fields, _LISTED, rest=AND_MORE)
    hint = suggest_closest(name, fields, otherwise=f"the cases' fields are: {listed}")
    return Fault(message=f"{what} is given by no case of {dataset.path}", place=place, hint=hint)
