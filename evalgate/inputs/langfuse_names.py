"""Names of prompts and datasets in Langfuse, where a configuration has them in place of a path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from evalgate.domain import Config, Gate, PromptSettings
from evalgate.domain.langfuse_reference import (
    LangfusePromptSource,
    is_langfuse,
    parse_dataset_source,
    parse_prompt_source,
)
from evalgate.errors import InputError
from evalgate.inputs.formats.nodes import Node
from evalgate.inputs.schema_check import SchemaCheck

PRODUCTION = "production"


def is_langfuse_node(node: Node | None) -> bool:
    """Return whether a node is a text that names something in Langfuse."""
    return node is not None and isinstance(node.data, str) and is_langfuse(node.data)


def read_prompt_name(node: Node, checker: SchemaCheck) -> str | None:
    """Return the name of a prompt as it is written; None, with a fault, for one of another form."""
    return _read(node, checker, "prompt", parse_prompt_source)


def read_dataset_name(node: Node, checker: SchemaCheck) -> str | None:
    """Return the name of a dataset as it is written; None, with a fault, for one of another form."""
    return _read(node, checker, "dataset", parse_dataset_source)


def parse_option(text: str, option: str) -> LangfusePromptSource:
    """Return the prompt that an option names. Raises InputError for a name of another form."""
    try:
        return parse_prompt_source(text)
    except ValueError as error:
        raise InputError(f'{option}: "{text}" names no prompt in Langfuse', hint=str(error)) from None


def find_prompt_name(gate: Gate) -> str | None:
    """Return the name in Langfuse of a gate's prompt, without its label; None for a prompt that is a file."""
    return parse_prompt_source(gate.prompt).name if is_langfuse(gate.prompt) else None


def make_settings(gate: Gate) -> PromptSettings:
    """Return how a gate reads a prompt in Langfuse: by its `template` only if its own prompt is there."""
    return replace(gate.settings, constant=None, template=gate.settings.template if is_langfuse(gate.prompt) else None)


def find_gates(config: Config, name: str) -> tuple[Gate, ...]:
    """Return the gates of a prompt by its name in Langfuse.

    These are the gates whose prompt it is. Without any, it is the gate of this name: its releases have this name there.
    """
    own = tuple(gate for gate in config.gates if find_prompt_name(gate) == name)
    return own or tuple(gate for gate in config.gates if gate.name == name and not is_langfuse(gate.prompt))


def find_production_source(gate: Gate) -> str | None:
    """Return the source of the version that has the label production; None for a prompt that is a file."""
    name = find_prompt_name(gate)
    return None if name is None else str(LangfusePromptSource(name=name, label=PRODUCTION))


def list_unseen(gate: Gate) -> tuple[str, ...]:
    """Return what of a gate is in Langfuse, so that only a request shows it."""
    named = (path for path in (gate.prompt, gate.baseline, gate.dataset) if path is not None and is_langfuse(path))
    return tuple(dict.fromkeys(named))


def _read(node: Node, checker: SchemaCheck, what: str, parse: Callable[[str], object]) -> str | None:
    try:
        parse(node.data)
    except ValueError as error:
        checker.add_fault(node, f'"{node.data}" names no {what} in Langfuse', str(error))
        return None
    return str(node.data)
