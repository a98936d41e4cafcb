"""Find the version in production, and choose the version that a change is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from evalgate.change import pins
from evalgate.change.langfuse_versions import find_named_baseline
from evalgate.change.merge_base import Base, config_path_at
from evalgate.change.pins import Pin, describe_remedy, load_pinned_prompt
from evalgate.change.versions import Versions
from evalgate.domain import Gate, PromptVersion
from evalgate.errors import EvalgateError, InputError
from evalgate.inputs.langfuse_names import find_production_source
from evalgate.inputs.prompts import load_prompt
from evalgate.inputs.tree import Tree
from evalgate.services.git import Git


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionVersions:
    """The releases in production: by a registry where one is configured, else those that are pinned.

    `find` returns the pin of a gate's name. `base` is the commit that the names count at, if any: then a gate is looked
    up by the name, and its prompt by the path, that it had at that commit.
    """

    find: Callable[[str], Pin | None]
    git: Git | None
    base: Base | None = None

    def find_pin(self, gate: Gate) -> Pin | None:
        """Return the gate's pin, or None if it has none."""
        before = None if self.base is None else self.base.gate_at_base(gate)
        return self.find(before.name if before is not None else gate.name)

    def load_pinned(self, gate: Gate, pin: Pin) -> PromptVersion:
        """Load the prompt that a gate's pin names. Raises InputError, with the pin's place, if it is not there."""
        before = None if self.base is None else self.base.gate_at_base(gate)
        paths = [gate.prompt, *([before.prompt] if before is not None else []), *([pin.path] if pin.path else [])]
        if before is None or before.settings == gate.settings:
            return load_pinned_prompt(pin, paths, self.git, gate.settings)
        # what is sent beside the file is a part of the pinned content
        settings = replace(before.settings, constant=gate.settings.constant)
        try:
            return load_pinned_prompt(pin, paths, self.git, settings)
        except InputError:  # pinned under the present settings, or under another constant
            return load_pinned_prompt(pin, paths, self.git, gate.settings)

    def find_version(self, gate: Gate) -> PromptVersion | None:
        """Return the release in production, or None if none is known."""
        pin = self.find_pin(gate)
        return None if pin is None else self.load_pinned(gate, pin)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineArm:
    """The version used as the baseline, notes for the report, and a remedy to suggest if it no longer fits.

    `pin` is the release in production, also if another version is the baseline.
    """

    version: PromptVersion | None
    notes: tuple[str, ...]
    remedy: str | None = None
    pin: Pin | None = None

    def find_published_number(self, version: PromptVersion | None) -> str | None:
        """Return the number that a registry gave to a version that a change is compared with; None if it is unknown.

        The file at the commit of a release may declare none, or another: a registry gives numbers to prompts without
        one, and a number may come in a later commit than its content. A version that declares no number counts as the
        release.
        """
        pin = self.pin
        if version is None or pin is None or pin.registry is None:
            return None
        return pin.version if version.version is None or version.digest == pin.digest else None


def read_production(
    base: Base | None, git: Git | None, released: Callable[[str], Pin | None] | None
) -> ProductionVersions | None:
    """Return the releases in production. Without a repository they are those of the registry, and None without one.

    `released` looks a gate up in the registry; None: there is no registry, and the pins of the merge base count. A
    change cannot choose its own baseline: it edits neither. If it moves the configuration, the pins are those beside
    its earlier path.
    """
    if base is None or git is None:
        return None if released is None or git is not None else ProductionVersions(find=released, git=None)

    def find_pinned(name: str) -> Pin | None:
        path = pins.pins_path(config_path_at(base.commit, base.now.path, git))
        return pins.load_pins(base.tree, path).get(name)

    return ProductionVersions(find=released or find_pinned, git=git, base=base)


def load_production(
    gate: Gate, tree: Tree, registry: ProductionVersions | None, otherwise: Callable[[], PromptVersion]
) -> PromptVersion:
    """Load the version in production: the gate's own `baseline:`, else the registry's, else `otherwise()`.

    Of a prompt in Langfuse that is not released, it is the version that has the label production.
    """
    if gate.baseline is not None and find_named_baseline(gate, None) is not None:
        return load_prompt(tree, gate.baseline, gate.baseline_settings)
    found = None if registry is None else registry.find_version(gate)
    if found is not None:
        return found
    source = gate.baseline or find_production_source(gate)
    return otherwise() if source is None else load_prompt(tree, source, gate.settings)


def choose_baseline(
    gate: Gate, found: Versions, registry: ProductionVersions | None, *, named: str | None
) -> BaselineArm:
    """Return the release in production, else the version found; a `named` version overrides a pin.

    A note says so, unless the named version is the release in production itself.
    The change level, version numbers and lost cases are still determined against the merge base.
    """
    own = (found.baseline_note,) if found.baseline_note else ()
    pin = None
    if registry is not None:
        try:
            pin = registry.find_pin(gate)
        except EvalgateError:
            if named is None:
                raise  # broken pins only matter if no version is named
    if pin is None or registry is None:
        return BaselineArm(version=found.baseline, notes=own)
    if named is not None:
        if found.baseline is not None and found.baseline.digest == pin.digest:
            return BaselineArm(version=found.baseline, notes=own, pin=pin)
        note = f"not compared with the {pin.kind} {pin}: {named} was named instead"
        return BaselineArm(version=found.baseline, notes=(*own, note), pin=pin)
    version = registry.load_pinned(gate, pin)
    if found.since is not None and found.baseline is not None and version.digest == found.candidate.digest:
        note = f"not compared with the {pin.kind} {pin}: that is the candidate itself"
        return BaselineArm(version=found.baseline, notes=(*own, note), pin=pin)
    is_aside = pin.ref is not None and registry.git is not None and not registry.git.is_ancestor(pin.ref, "HEAD")
    aside = "; that commit is not an ancestor of HEAD" if is_aside else ""
    since = tuple(f"the change level is determined against {note}" for note in own)
    return BaselineArm(
        version=version if pin.registry is None else replace(version, version=pin.version),
        notes=(f"the baseline is {pin.kind} to {pin}{aside}", *since)
        if pin.registry is None
        else (f"the baseline is {pin}{aside}", *since),
        remedy=f"the baseline is the {pin.kind} release; {describe_remedy(pin)}",
        pin=pin,
    )
