"""Faults in the messages that cases bring: histories of another shape, and images that a target cannot read."""

from __future__ import annotations

from collections.abc import Iterator

from evalgate.domain import Case, GoldenDataset, PromptVersion, Target
from evalgate.domain.message_shapes import ShapeFault, parse_messages
from evalgate.errors import Fault, Place

_MOST_CASES = 20
"""The cases whose faults are listed one by one."""


def find_message_faults(version: PromptVersion, target: Target, dataset: GoldenDataset) -> Iterator[Fault]:
    """Yield the faults of the cases' histories, each with the line of its case, and images for the embedded model."""
    wrong: list[tuple[Case, str, ShapeFault]] = []
    for case in dataset.cases if version.histories else ():
        for field in version.histories:
            if field in case.fields:
                wrong += [(case, field, fault) for fault in parse_messages(case.fields[field])[1]]
    listed = list(dict.fromkeys(case.id for case, _, _ in wrong))
    for case, field, fault in wrong:
        if case.id in listed[:_MOST_CASES]:
            message = f'case "{case.id}": the history "{field}" {_describe(fault)}'
            yield Fault(message=message, place=Place(path=dataset.path, line=case.line), hint=fault.hint)
    if len(listed) > _MOST_CASES:
        message = f"{len(listed) - _MOST_CASES} more cases have a history that is not a list of messages"
        yield Fault(message=message, place=Place(path=dataset.path))
    if target.kind == "local" and not wrong:
        yield from _find_unread_images(version, dataset)


def _describe(fault: ShapeFault) -> str:
    return f"has a fault at {fault}" if fault.where else fault.problem


def _find_unread_images(version: PromptVersion, dataset: GoldenDataset) -> Iterator[Fault]:
    """Yield a fault if a request of the embedded model would contain an image."""
    for case in dataset.cases if version.may_have_images else ():
        held = [m for field in version.histories for m in parse_messages(case.fields.get(field, ()))[0]]
        if any(message.images for message in (*version.messages, *held)):
            message = f'case "{case.id}": the request contains an image, and the embedded model reads only text'
            hint = "use a target of type openai whose model reads images"
            yield Fault(message=message, place=Place(path=dataset.path, line=case.line), hint=hint)
            return
