"""The checks and judges of single tests, put together to those of a gate: one for all tests that ask for the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from evalgate.domain import Json
from evalgate.inputs.importers.promptfoo_criteria import MERGING, SINGLE, Wanted
from evalgate.inputs.importers.promptfoo_judges import RUBRICS
from evalgate.inputs.importers.yaml_text import make_flow

SCHEMAS = "golden/schemas"
RUBRIC_FOLDER = "rubrics"
_MOST_IDS = 10
"""The cases that a condition names one by one. For more, a field of the cases tells which they are."""
_NAME = re.compile(r"[^\w ./-]+")
_LIST_LIKE = re.compile(r"\s*\[.*\]\s*", re.DOTALL)


@dataclass(slots=True)
class Grouped:
    """The criteria of a gate as the configuration has them, and the files that they need, by path."""

    checks: list[dict[str, Any]] = field(default_factory=list)
    judges: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Group:
    """The same check in several cases, by their positions."""

    first: Wanted
    held: dict[int, Wanted]

    @property
    def is_constant(self) -> bool:
        return len({each.content for each in self.held.values()}) == 1


def group_criteria(
    wanted: Sequence[Sequence[Wanted]], cases: Sequence[dict[str, Json]], is_taken: Callable[[str], bool]
) -> Grouped:
    """Put the checks and judges of cases together, and add the fields to the cases that the criteria read.

    `is_taken` tells whether there is a file at a path already.
    """
    writer = _Writer(cases, is_taken)
    for group in _make_groups(wanted, len(cases)):
        writer.add(group)
    return writer.done


def _make_groups(wanted: Sequence[Sequence[Wanted]], count: int) -> Iterator[_Group]:
    """Yield the groups: what all cases have in common, then what differs in a value, in the order of the cases."""
    common: dict[str, _Group] = {}
    for position, each in enumerate(wanted):
        for one in {f"{w.key}{w.content}": w for w in each}.values():
            common.setdefault(f"{one.key}{one.content}", _Group(one, {})).held[position] = one
    shared = {key: group for key, group in common.items() if len(group.held) == count}
    yield from shared.values()
    groups: dict[tuple[str, int], _Group] = {}
    for position, each in enumerate(wanted):
        own = list({f"{w.key}{w.content}": w for w in each if f"{w.key}{w.content}" not in shared}.values())
        times: dict[str, int] = {}
        for one in _merge(own):
            times[one.key] = times.get(one.key, 0) + 1
            groups.setdefault((one.key, times[one.key]), _Group(one, {})).held[position] = one
    yield from groups.values()


def _merge(wanted: Sequence[Wanted]) -> list[Wanted]:
    """Merge the checks of one case that search for texts which all have to be there, or none of which may be."""
    merged: dict[str, Wanted] = {}
    for number, each in enumerate(wanted):
        may = each.slot == "texts" and each.options["type"] in MERGING and isinstance(each.value, list)
        key = each.key if may else f"{number}"
        if key in merged and isinstance(merged[key].value, list) and isinstance(each.value, list):
            held = merged[key].value
            both = list(dict.fromkeys([*(held if isinstance(held, list) else []), *each.value]))
            merged[key] = replace(merged[key], value=both, source=None)
        else:
            merged[key] = each
    return list(merged.values())


class _Writer:
    def __init__(self, cases: Sequence[dict[str, Json]], is_taken: Callable[[str], bool]) -> None:
        self._cases = cases
        self._is_taken = is_taken
        self._names: set[str] = {"answered"}
        self.done = Grouped()

    def add(self, group: _Group) -> None:
        if group.first.kind == "judge":
            self.done.judges.append(self._make_judge(group))
        else:
            self.done.checks.append(self._make_check(group))

    def _make_check(self, group: _Group) -> dict[str, Any]:
        first = group.first
        kind = str(first.options["type"])
        made: dict[str, Any] = {"type": kind}
        rest = {key: value for key, value in first.options.items() if key != "type"}
        if first.slot == "texts" and group.is_constant and isinstance(first.value, list) and len(first.value) == 1:
            made["type"] = SINGLE[kind]
        name = self._find_name(first.name, str(made["type"]))
        if name != made["type"]:
            made["name"] = name
        when: dict[str, Any] = {}
        ids = [str(self._cases[position]["id"]) for position in group.held]
        is_constant = group.is_constant and (
            len(group.held) in (len(self._cases), 1) or len(group.held) <= _MOST_IDS or not _may_vary(first)
        )
        if is_constant:
            made |= self._put_constant(first, name)
            if len(group.held) < len(self._cases):
                when = {"ids": ids}
        else:
            options, fields = self._put_fields(group)
            made |= options
            if len(group.held) < len(self._cases):
                when = {"has": fields[:1]} if fields else {"ids": ids}
        made |= {key: self._place_schemas(value, name) for key, value in rest.items()}
        made |= {"when": when} if when else {}
        return made | ({} if first.blocking else {"blocking": False})

    def _find_name(self, wanted: str | None, kind: str) -> str:
        base = _NAME.sub("-", wanted or kind).strip(" ./-")[:90] or kind
        name = next(each for each in number_names(base) if each not in self._names)
        self._names.add(name)
        return name

    def _put_constant(self, wanted: Wanted, name: str) -> dict[str, Any]:
        limits = dict(wanted.limits)
        match wanted.slot:
            case None:
                return limits
            case "texts":
                texts = wanted.value if isinstance(wanted.value, list) else []
                return {"value": texts[0]} if len(texts) == 1 else {"values": texts}
            case "schema" if wanted.options["type"] == "tool_call":
                return {"arguments": wanted.value, **limits}
            case "schema":
                return {"schema": self._write_schema(wanted.value, name), **limits}
            case _:
                return {wanted.slot: wanted.value, **limits}

    def _put_fields(self, group: _Group) -> tuple[dict[str, Any], list[str]]:
        """Put the values into fields of the cases. Return the options that name the fields, and the fields."""
        first = group.first
        made: dict[str, Any] = {}
        fields: list[str] = []
        if first.slot is not None and len({json.dumps(w.value) for w in group.held.values()}) == 1 and first.limits:
            made |= self._put_constant(replace(first, limits={}), first.label)
        elif first.slot is not None:
            name = self._put(f"expected_{first.label}", {p: _shown(w) for p, w in group.held.items()}, group)
            fields.append(name)
            place = {"contains_json": "schema", "tool_call": "arguments"}.get(str(first.options["type"]))
            made |= {"from": name} if place is None else {place: {"from": name}}
        for limit in first.limits:
            values = {position: each.limits[limit] for position, each in group.held.items()}
            if len({json.dumps(value) for value in values.values()}) == 1:
                made[limit] = first.limits[limit]
                continue
            name = self._put(limit, values, None)
            fields.append(name)
            made[limit] = {"from": name}
        return made, fields

    def _put(self, wanted: str, values: Mapping[int, Json], group: _Group | None) -> str:
        """Put values into a field of the cases, and return its name: that of the variable that they come from, or one
        that no case has."""
        sources = {each.source for each in group.held.values()} if group is not None else {None}
        source = next(iter(sources)) if len(sources) == 1 else None
        if source is not None and all(
            case.get(source) == values[position] if position in values else source not in case
            for position, case in enumerate(self._cases)
        ):
            return source
        base = re.sub(r"\W+", "_", wanted).strip("_")
        taken = {name for case in self._cases for name in case}
        name = next(each for each in number_names(base, "_") if each not in taken)
        for position, value in values.items():
            self._cases[position][name] = value
        return name

    def _write_schema(self, schema: Json, name: str) -> str:
        text = json.dumps(schema, ensure_ascii=False, indent=2) + "\n"
        stem = re.sub(r"[^\w.-]+", "-", name).strip(".-") or "schema"
        paths = (f"{SCHEMAS}/{each}.schema.json" for each in number_names(stem, "-"))
        free = (path for path in paths if not self._is_taken(path))
        path = next(path for path in free if self.done.files.get(path, text) == text)
        self.done.files[path] = text
        return path

    def _place_schemas(self, value: Any, name: str) -> Any:
        """Return parts of a check with the paths of their schemas."""
        if isinstance(value, list):
            return [self._place_schemas(each, name) for each in value]
        if isinstance(value, dict) and "type" in value and isinstance(value.get("schema"), dict):
            return {**value, "schema": self._write_schema(value["schema"], name)}
        if isinstance(value, dict) and "checks" in value:
            return {**value, "checks": self._place_schemas(value["checks"], name)}
        return value

    def _make_judge(self, group: _Group) -> dict[str, Any]:
        first = group.first
        kind = str(first.options["rubric"])
        name = self._find_name(first.name, kind)
        inputs = list(first.options["inputs"]) if isinstance(first.options["inputs"], list) else []
        rubric = RUBRICS[kind]
        body, when = rubric.instruction, {}
        is_alone = group.is_constant and "{{" not in str(first.value) and "{%" not in str(first.value)
        if first.slot is not None and is_alone:
            body += f"\n\n{str(rubric.field).capitalize()}:\n{first.value}"
        elif first.slot is not None:
            values = {position: each.value for position, each in group.held.items()}
            field_name = self._put(str(rubric.field), values, group)
            inputs = [field_name, *(each for each in inputs if each.removesuffix("?") != field_name)]
            when = {"has": [field_name]} if len(group.held) < len(self._cases) else {}
        if len(group.held) < len(self._cases) and not when:
            when = {"ids": [str(self._cases[position]["id"]) for position in group.held]}
        low, high = rubric.scale
        score = f"{low} or {high}" if high == 1 else f"{low} to {high}"
        head = {"name": name, "scale": {"min": low, "max": high}, "inputs": [*inputs, "output"]}
        lines = ["---", f"name: {make_flow(name)}", 'version: "1.0.0"', f"scale: {make_flow(head['scale'])}"]
        lines += [f"inputs: {make_flow(head['inputs'])}", "---", body, ""]
        lines += [f"Reply as JSON: score {score}, and a reason of at most 20 words.", ""]
        stem = re.sub(r"[^\w.-]+", "-", name).strip(".-")
        paths = (f"{each}.md" for each in number_names(f"{RUBRIC_FOLDER}/{stem}", "-"))
        path = next(path for path in paths if path not in self.done.files and not self._is_taken(path))
        self.done.files[path] = "\n".join(lines)
        made: dict[str, Any] = {"rubric": path}
        if isinstance(first.options.get("target"), str):
            made["target"] = first.options["target"]
        return made | ({"when": when} if when else {})


def _may_vary(wanted: Wanted) -> bool:
    return wanted.slot is not None or bool(wanted.limits)


def _shown(wanted: Wanted) -> Json:
    """Return a value as a field of a case: one text alone, unless it looks like a list."""
    if wanted.slot == "texts" and isinstance(wanted.value, list) and len(wanted.value) == 1:
        return wanted.value if _LIST_LIKE.fullmatch(str(wanted.value[0])) else wanted.value[0]
    return wanted.value


def number_names(base: str, glue: str = "_") -> Iterator[str]:
    """Yield a name, and then the name with numbers from 2 on."""
    yield base
    for number in range(2, 1_000_000):
        yield f"{base}{glue}{number}"
