"""evalgate.yml -> Config: every name checked, every file found, every fault at once."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import Any

from evalgate.domain import DEFAULT_LEVELS, Batching, Config, Gate, Level, Limits, Policy, Target
from evalgate.errors import InputError
from evalgate.inputs.criteria import CriteriaReader, Verify, read_target_name
from evalgate.inputs.formats.document import Document, read
from evalgate.inputs.formats.nodes import Node, raise_faults, refuse
from evalgate.inputs.paths import PathResolver
from evalgate.inputs.prompts import PROMPT_SUFFIXES
from evalgate.inputs.schema_check import SchemaCheck, load
from evalgate.inputs.targets import KEY_HINTS, read_target
from evalgate.inputs.tree import Tree, join


def load_config(tree: Tree, path: str, *, verify: Verify | None = None) -> Config:
    """The configuration at `path` of a tree, with its rubrics and schemas loaded.

    Paths in it are relative to its own folder and come out relative to the tree's root, normalised. `verify` may
    look closer at each check and judge, and raises ValueError, as a sentence, for what it refuses.

    Raises InputError with every fault of the file, of its rubrics and of its schemas, each with file, line and
    column: unknown keys, types and names with the closest match, values of another kind, files that do not exist.
    A file of recordings need not exist: it may be about to be made.
    """
    try:
        data = tree.read(path)
    except InputError as error:
        if error.faults[0].message == "no such file":
            raise refuse("no such file", path, hint="--config FILE names the configuration") from None
        raise
    document = read(data, path)
    if document.data is None:
        raise refuse("is empty: targets and gates were expected", path, 1, 1)
    return _ConfigReader(tree, document, verify).config()


def read_gate_names(tree: Tree, path: str) -> dict[str, str]:
    """The prompt of each gate that a configuration names, by the gate's name, in order; nothing else is looked at.

    Raises InputError when the file cannot be read as YAML at all.
    """
    names = {}
    for node in read(tree.read(path), path).root.get("gates") or ():
        prompt = _load_schema_data(node, "prompt", None)
        if isinstance(prompt, str):
            prompt = join(posixpath.dirname(path), prompt)
            names[str(_load_schema_data(node, "name", derive_name(prompt)))] = prompt
    return names


class _ConfigReader:
    """Reads one document; what is unsound is skipped, so that whatever else is wrong is found as well."""

    def __init__(self, tree: Tree, document: Document, verify: Verify | None) -> None:
        self._root = document.root
        self._shape = SchemaCheck(load("evalgate.schema.json"), document.path, KEY_HINTS)
        self._files = PathResolver(tree, self._shape)
        self._criteria = CriteriaReader(self._shape, self._files, verify)
        self._targets: dict[str, Target | None] = {}

    def config(self) -> Config:
        self._shape.check(self._root)
        targets = self._root.get("targets")
        for name, node in targets.items() if targets is not None else ():
            sound = self._shape.sound(node)
            self._targets[name] = read_target(name, node, self._shape, self._files) if sound else None
        gates = self._gates(self._root.get("gates"))
        policy, limits = self._policy(), self._limits()
        if limits.max_cost_usd is not None:
            self._require_prices(gates)
        raise_faults([*self._shape.faults, *self._criteria.faults], self._shape.path)
        return Config(
            path=self._shape.path,
            gates=tuple(gate for gate in gates if gate is not None),
            targets={name: target for name, target in self._targets.items() if target is not None},
            policy=policy,
            limits=limits,
            batching=self._batching(),
            approvers=tuple(_load_schema_data(self._root.get("policy"), "approvers", ())),
            texts=_load_schema_data(self._root.get("report"), "texts", "all"),
        )

    def _gates(self, node: Node | None) -> list[Gate | None]:
        gates = [self._gate(child) for child in node or ()]
        seen: dict[str, int] = {}
        for gate, child in zip(gates, node or (), strict=True):
            if gate is not None and gate.name in seen:
                message = f'the gate "{gate.name}" stands twice; first in line {seen[gate.name]}'
                self._shape.blame(child.get("name") or child, message, "give one another `name:`")
            elif gate is not None:
                seen[gate.name] = child.line
        return gates

    def _gate(self, node: Node) -> Gate | None:
        prompt, baseline = self._prompt(node, "prompt"), self._prompt(node, "baseline")
        if baseline is not None and baseline == prompt:
            message = f'"baseline" is the prompt itself, {prompt}: it would be compared with itself'
            self._shape.blame(node["baseline"], message, "leave it out, or name the file of another version")
        dataset = self._files.find(node.get("dataset"))
        candidate, other = self._answering(node)
        criteria = self._criteria.read(
            node, posixpath.dirname(dataset or self._shape.path), self._judging(candidate, other), self._targets
        )
        if prompt is None or dataset is None or candidate is None or other is None:
            return None
        if not self._shape.sound(node):
            return None
        samples = node.get("samples")
        given = [*([baseline] if baseline else []), *criteria.files]
        for name in dict.fromkeys((candidate, other, *(judge.target for judge in criteria.judges))):
            given += self._files_of(self._targets.get(name))
        return Gate(
            name=_load_schema_data(node, "name", derive_name(prompt)),
            prompt=prompt,
            baseline=baseline,
            dataset=dataset,
            candidate_target=candidate,
            baseline_target=other,
            checks=tuple(criteria.checks),
            judges=tuple(criteria.judges),
            thresholds=criteria.thresholds,
            baseline_samples=_load_schema_data(samples, "baseline", 3),
            candidate_samples=_load_schema_data(samples, "candidate", 1),
            wavering_samples=_load_schema_data(samples, "wavering", 3),
            cut_answers=_load_schema_data(node.get("answered"), "cut", "fail"),
            files=tuple(dict.fromkeys(given)),
        )

    def _prompt(self, gate: Node, key: str) -> str | None:
        node = gate.get(key)
        path = self._files.find(node)
        if node is not None and path is not None and not path.lower().endswith(PROMPT_SUFFIXES):
            self._shape.blame(node, f'"{node.data}" is not a prompt file', "name it .prompt.yml, .md or .txt")
        return path

    def _answering(self, gate: Node) -> tuple[str | None, str | None]:
        """The names of the candidate's and the baseline's target; None for one that is not there."""
        node = gate.get("target")
        if node is None:
            if len(self._targets) > 1 and isinstance(gate.data, dict):
                self._shape.blame(gate, '"target" is missing in a gate: there are several targets')
            only = next(iter(self._targets), None) if len(self._targets) == 1 else None
            return only, only
        if not self._shape.sound(node):
            return None, None
        if isinstance(node.data, str):
            name = read_target_name(node, self._targets, self._shape)
            return name, name
        candidate = read_target_name(node["candidate"], self._targets, self._shape)
        return candidate, read_target_name(node["baseline"], self._targets, self._shape)

    def _judging(self, candidate: str | None, baseline: str | None) -> str | None:
        """Who judges where a judge names nobody: the gate's one target, when a model answers there."""
        if candidate is None or candidate != baseline:
            return None
        target = self._targets.get(candidate)
        return None if target is not None and target.kind in ("recorded", "python") else candidate

    def _files_of(self, target: Target | None) -> list[str]:
        if target is None:
            return []
        if target.kind == "recorded":
            return [target.location]
        present = target.recordings is not None and self._files.tree.exists(target.recordings)
        return [target.recordings] if present and target.recordings is not None else []

    def _policy(self) -> Policy:
        node = self._root.get("policy")
        if node is None or not self._shape.sound(node):
            return Policy(levels=DEFAULT_LEVELS)
        names = {level.name.lower(): level for level in Level}
        levels = {
            level: replace(DEFAULT_LEVELS[level], **_load_schema_data(node, name, {})) for name, level in names.items()
        }
        given: dict[str, Any] = {key: value for key, value in node.data.items() if key not in (*names, "approvers")}
        given |= {key: tuple(given[key]) for key in ("critical_tags", "blocking_tags") if key in given}
        return Policy(levels=levels, **given)

    def _require_prices(self, gates: list[Gate | None]) -> None:
        """A limit in dollars holds only where calls have a price."""
        used = {name for gate in gates if gate is not None for name in (gate.candidate_target, gate.baseline_target)}
        used |= {judge.target for gate in gates if gate is not None for judge in gate.judges}
        for name, target in self._targets.items():
            if name in used and target is not None and target.kind == "openai" and target.prices is None:
                self._shape.blame(
                    self._root["targets"][name],
                    f'"prices" is missing in the target "{name}": without it "max_cost_usd" cannot stop a run',
                    "add prices: {input: DOLLARS, output: DOLLARS}, per million tokens",
                )

    def _limits(self) -> Limits:
        node = self._root.get("run")
        if node is None or not self._shape.sound(node):
            return Limits()
        return Limits(**{key: value for key, value in node.data.items() if key != "batch"})

    def _batching(self) -> Batching:
        node = self._root.get("run")
        return Batching(**_load_schema_data(node, "batch", {})) if self._shape.sound(node) else Batching()


def derive_name(path: str) -> str:
    """The name of a gate that gives itself none: its prompt's file, without folder and suffix."""
    name = posixpath.basename(path)
    suffix = next((suffix for suffix in PROMPT_SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(suffix)] or name


def _load_schema_data(node: Node | None, key: str, default: Any) -> Any:
    child = None if node is None else node.get(key)
    return default if child is None else child.data
