"""Faults of templates with the cases: expressions that would be sent unfilled, and jinja that cannot be rendered."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import replace

from evalgate.domain import GoldenDataset, PromptVersion
from evalgate.domain.expressions import Placeholder, RenderingError
from evalgate.domain.lists import name_some
from evalgate.domain.numbers import show_count
from evalgate.domain.templates import find_placeholders, find_unfilled, is_name
from evalgate.errors import Fault, Place

_NAMED = 3
_AND_MORE = ", and {} more"
# every case has them, and addresses and commands in a text have "{id}"
_OWN_FIELDS = frozenset({"id", "tags", "cluster"})


def find_unfilled_faults(version: PromptVersion, dataset: GoldenDataset) -> Iterator[Fault]:
    """Yield a fault for each expression that looks like a template and would be sent to the model unchanged."""
    syntax = version.template.syntax
    if syntax == "jinja":
        return
    fields = {field for case in dataset.cases for field in case.fields} - _OWN_FIELDS
    shown = "{{{{{}}}}}" if syntax == "mustache" else "{{{}}}"
    for position, text in version.list_templates():
        for found in find_unfilled(text, syntax, fields):
            own = shown.format(found.name or "name")
            said = f"{found.written[:60]} is sent to the model unchanged: only {own} is filled in"
            place = _locate(version, position, text, found.position)
            yield Fault(message=said, place=place, hint=_make_hint(found, syntax, own))


def find_odd_names(version: PromptVersion, dataset: GoldenDataset) -> set[str]:
    """Return the names of variables that are names only because they are fields, such as "price | EUR"."""
    syntax = version.template.syntax
    if syntax == "jinja":
        return set()
    fields = {field for case in dataset.cases for field in case.fields}
    names = {found.name for _, text in version.list_templates() for found in find_placeholders(text, syntax)}
    return {name for name in names & fields if not is_name(name)}


def find_rendering_faults(version: PromptVersion, dataset: GoldenDataset) -> Iterator[Fault]:
    """Yield the faults of a jinja prompt that its cases show: a value that is missing, a limit, an empty message."""
    if version.template.syntax != "jinja":
        return
    found: dict[tuple[str, str | None, int], list[str]] = {}
    places: dict[tuple[str, str | None, int], Place] = {}
    texts = version.list_templates()
    for case in dataset.cases:
        fill = version.template.make_filler(case.fields)
        for position, text in texts:
            try:
                rendered = fill(text)
            except RenderingError as error:
                key = (f"the template {error.problem}", error.file, error.line)
                places[key] = _locate_line(version, position, error)
            else:
                is_plain = version.messages[position].details is None and not version.is_joined
                if rendered.strip() or not is_plain:
                    continue
                key = ("the message is empty", None, position)
                places[key] = _locate(version, position, text, 0)
            found.setdefault(key, []).append(case.id)
    for key, cases in found.items():
        count = len(dataset.cases)
        given = "every case" if len(cases) == count else f"{len(cases)} of {show_count(count, 'case')}: "
        named = "" if len(cases) == count else name_some(cases, _NAMED, rest=_AND_MORE)
        hint = "test for it: {% if NAME is defined %}, or give it a default" if "is undefined" in key[0] else None
        yield Fault(message=f"{key[0]}, with {given}{named}", place=places[key], hint=hint)


def find_place(version: PromptVersion, name: str) -> Place | None:
    """Return the place of the first expression in braces with a name; None if it is not known."""
    syntax = version.template.syntax
    for position, text in version.list_templates() if syntax != "jinja" else ():
        found = next((found for found in find_placeholders(text, syntax) if found.name == name), None)
        if found is not None:
            place = _locate(version, position, text, found.position)
            return place if place.column else None
    return None


def add_escape(fault: Fault, version: PromptVersion) -> Fault:
    """Return the fault of an unknown name with a hint on braces that are text, unless a field has a similar name."""
    if fault.hint is None or not fault.hint.startswith("the cases' fields are"):
        return fault
    braces = "double them" if version.template.syntax == "fstring" else "put them between {% raw %} and {% endraw %}"
    return replace(fault, hint=f"{fault.hint}; if these braces are text, {braces}")


def find_path(version: PromptVersion) -> str:
    """Return the path of a version for messages: its file, or the commit and the file."""
    return version.path if version.source in ("working tree", version.path) else version.source


def _make_hint(found: Placeholder, syntax: str, own: str) -> str:
    if syntax == "fstring":
        return "double a brace that is text: {{ and }}" + (f"; or write {own}" if found.name else "")
    write = f"write {own}" if found.name else "write the field's name alone"
    if found.written.startswith("{") and not found.written.startswith(("{{", "{%", "{#")):
        other = "state `template: fstring`"
    else:
        other = "state `template: jinja`, in the gate or in the prompt"
    return f"{write}; or {other}; put text between {{% raw %}} and {{% endraw %}}"


def _locate(version: PromptVersion, position: int, text: str, at: int) -> Place:
    start = version.starts[position] if position < len(version.starts) else None
    if start is None or version.messages[position].details is not None:
        return Place(path=find_path(version), line=version.lines.get("messages", 0))
    line, column = start.locate(text, at)
    return Place(path=find_path(version), line=line, column=column)


def _locate_line(version: PromptVersion, position: int, error: RenderingError) -> Place:
    """Return the place of a fault of which jinja tells the line, in the prompt or in a file that it includes."""
    if error.file is not None:
        folder = posixpath.dirname(find_path(version))
        return Place(path=posixpath.normpath(posixpath.join(folder, error.file)), line=error.line)
    found = version.locate_line(position, error.line)
    line = version.lines.get("messages", 0) if found is None else found[0]
    return Place(path=find_path(version), line=line)
