"""The gates of a configuration by their dataset, with the prompts and cases that each has in the working tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalgate.change.workspace import WorkingTree
from evalgate.domain import Config, Gate, GoldenDataset, PromptVersion
from evalgate.domain.langfuse_reference import is_langfuse
from evalgate.errors import InputError
from evalgate.inputs import datasets, prompts


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetGates:
    """A dataset with the gates that use it. `versions` are their prompts that are files, `unread` the other ones."""

    dataset: GoldenDataset
    gates: tuple[Gate, ...]
    versions: tuple[PromptVersion, ...]
    unread: tuple[str, ...] = ()


def find_dataset_gates(config: Config, name: str | None) -> tuple[Gate, ...]:
    """Return the gates that use the dataset of the named gate; without a name, of the only dataset.

    Raises InputError for an unknown name, and if there are several datasets to choose from.
    """
    named = next((gate for gate in config.gates if gate.name == name), None)
    if name is not None and named is None:
        listed = ", ".join(gate.name for gate in config.gates)
        raise InputError(f'no gate is named "{name}"', hint=f"the gates are: {listed}")
    paths = dict.fromkeys(gate.dataset for gate in config.gates)
    if named is None and len(paths) != 1:
        listed = ", ".join(f"{gate.name} ({gate.dataset})" for gate in config.gates[:10])
        raise InputError(f"there are {len(paths)} datasets: name the gate", hint=f"--gate NAME, one of: {listed}")
    path = next(iter(paths)) if named is None else named.dataset
    using = tuple(gate for gate in config.gates if gate.dataset == path)
    return using if named is None else (named, *(gate for gate in using if gate is not named))


def load_dataset_gates(workspace: WorkingTree, gates: Sequence[Gate]) -> tuple[DatasetGates, ...]:
    """Return the datasets of gates, in order, each with its cases and prompts.

    Gates that name other columns of one file have datasets of their own. Raises InputError for files that are not
    valid, and ServiceError for a dataset in Langfuse that cannot be read.
    """
    found: dict[tuple[str, str], list[Gate]] = {}
    for gate in gates:
        found.setdefault((gate.dataset, repr(sorted(gate.columns.items()))), []).append(gate)
    return tuple(_load(workspace, group) for group in found.values())


def _load(workspace: WorkingTree, gates: Sequence[Gate]) -> DatasetGates:
    tree = workspace.tree
    files = [gate for gate in gates if not is_langfuse(gate.prompt)]
    return DatasetGates(
        dataset=datasets.load_dataset(tree, gates[0].dataset, gates[0].columns),
        gates=tuple(gates),
        versions=tuple(prompts.load_prompt(tree, gate.prompt, gate.settings) for gate in files),
        unread=tuple(gate.prompt for gate in gates if gate not in files),
    )
