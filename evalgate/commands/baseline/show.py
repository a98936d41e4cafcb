"""`baseline show`: the pins of a project and its stored samples, with their age."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evalgate.change.pins import Pin
from evalgate.change.workspace import open_workspace
from evalgate.domain import StoredBaseline
from evalgate.errors import InputError
from evalgate.gate import stored_samples
from evalgate.store.baselines import list_baselines
from evalgate.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineList:
    """The pins and samples of the chosen gates; each sample has the reason why it is stale, or None.

    `warnings` name damaged files. `is_empty`: the store has no samples of any gate, and no damaged ones.
    """

    pins: tuple[Pin, ...]
    samples: tuple[tuple[StoredBaseline, str | None], ...]
    warnings: tuple[str, ...]
    is_empty: bool


def list_baseline(config_path: Path, store: Store, gates: Sequence[str] = ()) -> BaselineList:
    """List pins and stored samples, newest first; of all gates if none is named. Raises InputError for an unknown gate.

    The gates are those of the configuration and those with stored samples.
    """
    workspace = open_workspace(config_path, verify=None)
    found, damaged = list_baselines(store)
    known = dict.fromkeys([*(gate.name for gate in workspace.config.gates), *(one.gate for one in found)])
    for name in gates:
        if name not in known:
            raise InputError(f'no gate is named "{name}"', hint=f"the gates are: {', '.join(known)}")
    policy = workspace.config.policy
    return BaselineList(
        pins=tuple(pin for pin in workspace.pins.values() if not gates or pin.gate in gates),
        samples=tuple(
            (one, stored_samples.explain_stale(one, policy)) for one in found if not gates or one.gate in gates
        ),
        warnings=tuple(str(error.faults[0]) for error in damaged),
        is_empty=not found and not damaged,
    )
