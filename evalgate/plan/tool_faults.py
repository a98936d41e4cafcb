"""Faults in the tools that checks name: tools that no version of the prompt offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evalgate.domain import TOOL_CHECKS, Case, Check, Gate, GoldenDataset, PromptVersion, applies
from evalgate.domain.field_paths import dig
from evalgate.domain.lists import name_some
from evalgate.domain.names import find_closest, suggest
from evalgate.errors import Fault, Place


def find_unknown_tools(gate: Gate, versions: Sequence[PromptVersion], dataset: GoldenDataset) -> Iterator[Fault]:
    """Yield a fault for each tool of a check, or of the field of a case, that looks misspelt or is not a tool.

    If a check has only a `name`, it is that of a tool. A forbidden tool that is not offered would never be called, so
    such a check would always hold. Without tools in the prompt, the names are unknown, and nothing is a fault.
    """
    known = sorted({name for version in versions for name in _list_tools(version)})
    for check in gate.checks if known else ():
        for name in _list_named(check):
            near = find_closest(name, known)
            if name in known or (near is None and name != check.name):
                continue
            message = f'the check {check.name}: the prompt offers no tool "{name}"'
            hint = suggest(near) if near is not None else f"its tools are: {name_some(known, 10)}"
            if name == check.name:
                hint += "; `name` is the name of the tool, unless the check has a `tool`"
            place = Place(path=versions[0].path, line=versions[0].lines.get("tools", 0))
            yield Fault(message=message, place=place, hint=hint)
        for name, case in _list_of_cases(check, dataset).items():
            near = find_closest(name, known)
            if name not in known and near is not None:
                message = f'the check {check.name}: the prompt offers no tool "{name}", which case {case.id} names'
                yield Fault(message=message, place=Place(path=dataset.path, line=case.line), hint=suggest(near))


def _list_tools(version: PromptVersion) -> Iterator[str]:
    """Yield the names of a version's tools, in the API's form (`function`, `custom`) or with a name of their own."""
    for tool in version.tools:
        held = [tool, *tool.values()] if isinstance(tool, Mapping) else []
        for each in held:
            name = each.get("name") if isinstance(each, Mapping) else None
            if isinstance(name, str):
                yield name


def _list_named(check: Check) -> list[str]:
    if check.type not in TOOL_CHECKS:
        return []
    several = check.options.get("tools")
    one = check.options.get("tool")
    named = several if isinstance(several, list | tuple) else [one]
    return [name for name in named if isinstance(name, str)]


def _list_of_cases(check: Check, dataset: GoldenDataset) -> dict[str, Case]:
    """Return the names of tools in a field of the cases, each with its first case."""
    found: dict[str, Case] = {}
    path = str(check.options["from"]) if check.type in TOOL_CHECKS and "from" in check.options else None
    for case in dataset.cases if path is not None else ():
        try:
            value = dig(case.fields, str(path)) if applies(check, case) else None
        except LookupError:
            continue  # another fault names it
        for name in value if isinstance(value, list | tuple) else [value]:
            if isinstance(name, str) and name.strip():
                found.setdefault(name, case)
    return found
