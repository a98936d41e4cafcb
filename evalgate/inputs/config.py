"""Reader of evalgate.yml: checks all names, finds all files, and reports all faults at once."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from evalgate.domain import (
    DEFAULT_LEVELS,
    Batching,
    Column,
    Config,
    Gate,
    Level,
    Limits,
    Policy,
    PromptSettings,
    ReleaseSettings,
    Target,
)
from evalgate.domain.langfuse_reference import PREFIX, LangfuseSettings, is_langfuse
from evalgate.domain.names import find_closest
from evalgate.errors import InputError
from evalgate.inputs.criteria import THRESHOLD_HINTS, Criteria, CriteriaReader, Verify, read_target_name
from evalgate.inputs.environment import EnvironmentReader
from evalgate.inputs.formats.data_file import Document, read
from evalgate.inputs.formats.nodes import Node, raise_faults, refuse
from evalgate.inputs.gate_entries import GateEntry, add_defaults, fill_path, find_entries, name_gate
from evalgate.inputs.langfuse_names import is_langfuse_node, read_dataset_name, read_prompt_name
from evalgate.inputs.path_patterns import MOST_MATCHES
from evalgate.inputs.paths import PathResolver
from evalgate.inputs.prompt_files.python_constant import split_constant
from evalgate.inputs.prompts import PROMPT_NAMES, find_suffix, strip_suffix
from evalgate.inputs.rollout_settings import read_release_settings
from evalgate.inputs.schema_check import SchemaCheck, load
from evalgate.inputs.similarity_settings import HINTS, read_similarity, refuse_same_name, refuse_watched
from evalgate.inputs.targets import KEY_HINTS, read_target, require_prices
from evalgate.inputs.tree import Tree, join

_USUAL = "evalgate.yml"
_Part = TypeVar("_Part")


def load_config(
    tree: Tree, path: str, *, verify: Verify | None = None, environment: Mapping[str, str] | None = None
) -> Config:
    """Load the configuration at `path` of a tree, with its rubrics and schemas.

    Paths in the file are relative to its folder. In the result they are normalised and relative to the tree's root.
    `verify` is called for each check and judge, and raises ValueError, with a sentence, for an invalid one.
    `environment` has the variables of `${NAME}`. With None these are left as they are, which is enough for everything
    but the targets; a target that names a variable that is not set says so in `unset`.

    Raises InputError with all faults of the file, its rubrics and its schemas, each with file, line and column: unknown
    keys, types and names with the closest match, values of the wrong type, files that do not exist. A file of
    recordings may be missing, because the run may create it.
    """
    try:
        data = tree.read(path)
    except InputError as error:
        if error.faults[0].message == "no such file":
            is_usual = path == _USUAL and tree.describe(path) == "working tree"
            init = "`evalgate init` writes one, or " if is_usual else ""
            raise refuse("no such file", path, hint=f"{init}name the configuration with --config FILE") from None
        raise
    document = read(data, path)
    if document.data is None:
        raise refuse("is empty: targets and gates were expected", path, 1, 1)
    return _ConfigReader(tree, document, verify, environment).config()


def read_gate_names(tree: Tree, path: str) -> dict[str, str]:
    """Return the prompt of each gate in a configuration, by the gate's name, in order.

    Reads nothing else but the names of the files that a pattern matches.

    Raises InputError if the file is not valid YAML.
    """
    names: dict[str, str] = {}
    folder = posixpath.dirname(path)
    for entry in find_entries(tree, folder, read(tree.read(path), path).root.get("gates") or ()):
        names |= {name_gate(prompt, folder): prompt for prompt in entry.prompts}
        prompt = _load_schema_data(entry.node, "prompt", None)
        if isinstance(prompt, str) and entry.pattern is None:
            file, constant = split_constant(prompt)
            file = file if is_langfuse(file) else join(folder, file)
            names[str(_load_schema_data(entry.node, "name", derive_name(file, constant)))] = file
    return names


def read_release(tree: Tree, path: str) -> ReleaseSettings | None:
    """Return where a configuration says that released versions are kept; None if it does not.

    Reads nothing else, so that a fault elsewhere in the file does not prevent a rollback. Raises InputError
    if the file is not valid YAML, or with the faults of this part.
    """
    return _read_part(tree, path, "release", read_release_settings)


def read_langfuse(tree: Tree, path: str) -> LangfuseSettings | None:
    """Return the server that a configuration names in `langfuse`, and nothing else, as `read_release` does."""
    return _read_part(tree, path, "langfuse", lambda node, _: LangfuseSettings(**node.data))


def _read_part(tree: Tree, path: str, part: str, make: Callable[[Node, SchemaCheck], _Part]) -> _Part | None:
    document = read(tree.read(path), path)
    checker = SchemaCheck(load("evalgate.schema.json"), path, KEY_HINTS)
    node = document.root.get(part) if isinstance(document.data, dict) else None
    if node is None:
        return None
    checker.check(node, load("evalgate.schema.json")["properties"][part], f'"{part}"')
    settings = make(node, checker) if checker.is_valid(node) else None
    raise_faults(checker.faults, path)
    return settings


class _ConfigReader:
    """Reads one document. It skips invalid parts, so that the faults of all other parts are found as well."""

    def __init__(
        self, tree: Tree, document: Document, verify: Verify | None, environment: Mapping[str, str] | None
    ) -> None:
        self._root = document.root
        self._checker = SchemaCheck(load("evalgate.schema.json"), document.path, KEY_HINTS | HINTS | THRESHOLD_HINTS)
        self._files = PathResolver(tree, self._checker)
        trusts_code = _trusts_code(self._root)
        self._criteria = CriteriaReader(self._checker, self._files, verify, trusts_code=trusts_code)
        self._targets: dict[str, Target | None] = {}
        self._environment = environment
        self._folder = posixpath.dirname(document.path)
        self._read: dict[tuple[int, str, str | None], tuple[Node, Criteria]] = {}

    def config(self) -> Config:
        self._checker.check(self._root)
        targets = self._root.get("targets")
        for name, node in targets.items() if targets is not None else ():
            is_valid = self._checker.is_valid(node)
            args = (self._checker, self._files, EnvironmentReader(self._environment, self._checker))
            self._targets[name] = read_target(name, node, *args) if is_valid else None
        gates = self._gates(self._root.get("gates"))
        policy, limits, release = self._policy(), self._limits(), self._release()
        refuse_watched(self._root.get("release"), release, gates, self._checker)
        if limits.max_cost_usd is not None:
            require_prices(self._root, self._checker, self._targets, gates)
        raise_faults([*self._checker.faults, *self._criteria.faults], self._checker.path)
        return Config(
            path=self._checker.path,
            gates=tuple(gate for gate in gates if gate is not None),
            targets={name: target for name, target in self._targets.items() if target is not None},
            policy=policy,
            limits=limits,
            batching=self._batching(),
            approvers=tuple(_load_schema_data(self._root.get("policy"), "approvers", ())),
            trust_code=_trusts_code(self._root),
            texts=_load_schema_data(self._root.get("report"), "texts", "all"),
            ungated=_load_schema_data(self._root, "ungated", "warn"),
            environment=self._environment,
            release=release,
            langfuse=self._langfuse(),
        )

    def _gates(self, node: Node | None) -> list[Gate | None]:
        entries = find_entries(self._files.tree, self._folder, node or ())
        made = [(gate, entry.node) for entry in entries for gate in self._make_gates(entry)]
        gates = [gate for gate, _ in made]
        seen: dict[str, int] = {}
        for gate, child in made:
            if gate is not None and gate.name in seen:
                message = f'the gate "{gate.name}" is defined twice; first in line {seen[gate.name]}'
                self._checker.add_fault(child.get("name") or child, message, "give one of them another `name:`")
            elif gate is not None:
                seen[gate.name] = child.line
        return gates

    def _make_gates(self, entry: GateEntry) -> list[Gate | None]:
        """Return the gate of an entry, or one for each match of its pattern."""
        node = add_defaults(entry.node, self._root.get("defaults"))
        if node is not entry.node:
            self._checker.copy_validity(entry.node, node)
        if entry.pattern is None:
            path, settings = self._prompt(node, "prompt")
            return [self._gate(node, path, settings, None)]
        prompt = entry.node["prompt"]
        if not entry.prompts:
            self._checker.add_fault(prompt, f'no prompt file matches "{prompt.data}"', PROMPT_NAMES)
        elif len(entry.prompts) > MOST_MATCHES:
            self._checker.add_fault(prompt, f"{len(entry.prompts)} files match; at most {MOST_MATCHES} may")
            return []
        if node.get("name") is not None:
            message = "the gates of a pattern are named by the paths of their prompts"
            self._checker.add_fault(node, message, "remove `name`", key="name")
        settings = self._settings(node, None)
        return [self._gate(node, path, settings, entry.pattern) for path in entry.prompts]

    def _gate(self, node: Node, prompt: str | None, settings: PromptSettings, pattern: str | None) -> Gate | None:
        baseline, other_settings = self._prompt(node, "baseline", prompt, pattern)
        if baseline is not None and baseline == prompt and settings == other_settings:
            message = f'"baseline" is the prompt itself, {prompt}: it would be compared with itself'
            self._checker.add_fault(node["baseline"], message, "leave it out, or name the file of another version")
        self._require_dataset(node)
        dataset = self._dataset(self._fill(node.get("dataset"), prompt, pattern))
        candidate, other = self._answering(node)
        folder = posixpath.dirname(self._checker.path if dataset is None or is_langfuse(dataset) else dataset)
        criteria = self._read_criteria(node, folder, self._judging(candidate, other))
        similarity = read_similarity(node, candidate if candidate == other else None, self._targets, self._checker)
        refuse_same_name(node, self._checker)
        if prompt is None or dataset is None or candidate is None or other is None:
            return None
        if not self._checker.is_valid(node):
            return None
        samples = node.get("samples")
        given = [*([baseline] if baseline and not is_langfuse(baseline) else []), *criteria.files]
        for name in dict.fromkeys((candidate, other, *(judge.target for judge in criteria.judges))):
            given += self._files_of(self._targets.get(name))
        return Gate(
            name=str(_load_schema_data(node, "name", derive_name(prompt, settings.constant)))
            if pattern is None
            else name_gate(prompt, self._folder),
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
            tool_calls=_load_schema_data(node, "tool_calls", "check"),
            columns=_read_columns(node.get("fields")),
            files=tuple(dict.fromkeys(given)),
            settings=settings,
            baseline_settings=other_settings,
            pattern=pattern,
            similarity=similarity,
        )

    def _fill(self, node: Node | None, prompt: str | None, pattern: str | None) -> Node | None:
        if not self._checker.is_valid(node) or prompt is None:
            return node
        return fill_path(node, prompt, pattern, self._files.tree, self._folder)

    def _require_dataset(self, node: Node) -> None:
        """Refuse a gate without a dataset, neither its own nor in the defaults, nor one that is misspelt."""
        if not isinstance(node.data, dict) or "dataset" in node.data:
            return
        known = load("evalgate.schema.json")["$defs"]["gate"]["properties"]
        if "dataset" not in {find_closest(key, known) for key in node.data if key not in known}:
            self._checker.add_fault(node, '"dataset" is missing in a gate')

    def _read_criteria(self, node: Node, folder: str, judging: str | None) -> Criteria:
        """Read the criteria of an entry once for all gates of it whose datasets are in one folder."""
        key = (id(node), folder, judging)
        if key not in self._read:
            self._read[key] = (node, self._criteria.read(node, folder, judging, self._targets))
        return self._read[key][1]

    def _prompt(
        self, gate: Node, key: str, prompt: str | None = None, pattern: str | None = None
    ) -> tuple[str | None, PromptSettings]:
        """Return the file of a prompt, without the name of a constant, and what the gate says about it."""
        node = self._fill(gate.get(key), prompt, pattern)
        if node is not None and is_langfuse_node(node):
            settings = self._settings(gate, None)
            # the template is that of the gate's own prompt
            settings = replace(settings, template=None) if prompt is not None and not is_langfuse(prompt) else settings
            return read_prompt_name(node, self._checker), settings
        constant = None
        if node is not None and isinstance(node.data, str):
            file, constant = split_constant(node.data)
            path = self._files.find(node if constant is None else replace(node, data=file))
        else:
            path = self._files.find(node)
        if node is not None and path is not None and find_suffix(path) is None:
            self._checker.add_fault(node, f'"{node.data}" is not a prompt file', PROMPT_NAMES)
        elif node is not None and path is not None and find_suffix(path) == ".py" and constant is None:
            hint = f"such as {node.data}:PROMPT"
            self._checker.add_fault(node, f'"{node.data}" is Python: name the constant that is the prompt', hint)
        return path, self._settings(gate, constant)

    def _dataset(self, node: Node | None) -> str | None:
        if node is not None and is_langfuse_node(node):
            return read_dataset_name(node, self._checker)
        return self._files.find(node)

    def _settings(self, gate: Node, constant: str | None) -> PromptSettings:
        template, user = gate.get("template"), gate.get("user")
        return PromptSettings(
            template=template.data if template is not None and self._checker.is_valid(template) else None,
            user=user.data if user is not None and self._checker.is_valid(user) else None,
            constant=constant,
        )

    def _answering(self, gate: Node) -> tuple[str | None, str | None]:
        """Return the names of the candidate's and the baseline's target; None for a missing or unknown one."""
        node = gate.get("target")
        if node is None:
            if len(self._targets) > 1 and isinstance(gate.data, dict):
                self._checker.add_fault(gate, '"target" is missing in a gate: there are several targets')
            only = next(iter(self._targets), None) if len(self._targets) == 1 else None
            return only, only
        if not self._checker.is_valid(node):
            return None, None
        if isinstance(node.data, str):
            name = read_target_name(node, self._targets, self._checker)
            return name, name
        candidate = read_target_name(node["candidate"], self._targets, self._checker)
        return candidate, read_target_name(node["baseline"], self._targets, self._checker)

    def _judging(self, candidate: str | None, baseline: str | None) -> str | None:
        """Return the default target of judges: the gate's only target, if it is a model; else None."""
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
        if node is None or not self._checker.is_valid(node):
            return Policy(levels=DEFAULT_LEVELS)
        names = {level.name.lower(): level for level in Level}
        levels = {
            level: replace(DEFAULT_LEVELS[level], **_load_schema_data(node, name, {})) for name, level in names.items()
        }
        given: dict[str, Any] = {
            key: value for key, value in node.data.items() if key not in (*names, "approvers", "trust_code")
        }
        given |= {key: tuple(given[key]) for key in ("critical_tags", "blocking_tags") if key in given}
        return Policy(levels=levels, **given)

    def _limits(self) -> Limits:
        node = self._root.get("run")
        if node is None or not self._checker.is_valid(node):
            return Limits()
        return Limits(**{key: value for key, value in node.data.items() if key != "batch"})

    def _release(self) -> ReleaseSettings | None:
        node = self._root.get("release")
        return read_release_settings(node, self._checker) if node is not None and self._checker.is_valid(node) else None

    def _langfuse(self) -> LangfuseSettings | None:
        node = self._root.get("langfuse")
        return LangfuseSettings(**node.data) if node is not None and self._checker.is_valid(node) else None

    def _batching(self) -> Batching:
        node = self._root.get("run")
        return Batching(**_load_schema_data(node, "batch", {})) if self._checker.is_valid(node) else Batching()


def _read_columns(node: Node | None) -> dict[str, Column]:
    """Return the columns of a dataset by their fields. Each is a name, or {column, json}; `column` may be left out."""
    columns: dict[str, Column] = {}
    for name, child in node.items() if node is not None else ():
        plain = isinstance(child.data, str)
        column = child.data if plain else _load_schema_data(child, "column", name)
        columns[name] = Column(name=column, json=None if plain else child.data["json"])
    return columns


def derive_name(path: str, constant: str | None = None) -> str:
    """Return the default name of a gate: the file name of its prompt without folder and suffix, and the constant.

    For a prompt in Langfuse it is the whole name there, without the label.
    """
    if is_langfuse(path):
        return path.removeprefix(PREFIX).rpartition("@")[0] or path
    name = strip_suffix(posixpath.basename(path))
    return name if constant is None else f"{name}.{constant}"


def _load_schema_data(node: Node | None, key: str, default: Any) -> Any:
    child = None if node is None else node.get(key)
    return default if child is None else child.data


def _trusts_code(root: Node) -> bool:
    policy = root.get("policy") if isinstance(root.data, dict) else None
    return isinstance(policy, Node) and isinstance(policy.data, dict) and policy.data.get("trust_code") is True
