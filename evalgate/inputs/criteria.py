"""Reader of a gate's criteria in evalgate.yml: checks, judges, and their thresholds."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from evalgate.domain import ANSWERED, TOOL_CHECKS, Check, Json, Judge, Rubric, Target, Threshold
from evalgate.domain.similarity import SEMANTIC_SIMILARITY
from evalgate.errors import EvalgateError, Fault
from evalgate.inputs.case_conditions import read_condition
from evalgate.inputs.formats.nodes import Node
from evalgate.inputs.paths import PathResolver
from evalgate.inputs.prompt_files.prompt_keys import NOT_PARAMETERS, make_api_name
from evalgate.inputs.python_modules import load_code
from evalgate.inputs.rubrics import is_built_in, load_rubric
from evalgate.inputs.schema_check import SchemaCheck, describe_unknown
from evalgate.inputs.schema_refs import LoadedSchema, load_schema
from evalgate.inputs.similarity_settings import ONLY_REPORTED

Verify: TypeAlias = Callable[[Check | Judge], None]

_NOT_OPTIONS = frozenset({"type", "name", "blocking", "strict", "when", "unless", "checks"})
# the options that `from` gives in checks of one value each
_FROM = {"regex": "pattern", "json_schema": "schema", "required_fields": "fields", "number": "value"}
_FROM_CASE = frozenset({"at", "fields", "max", "min", "pattern", "schema", "times", "tolerance"})
_WITH_SCHEMA = frozenset({"json_schema", "contains_json"})
_OF_THE_WHOLE = ("name", "blocking", "strict", "when", "unless")
# parameters that evalgate sets for judges: other values would change how replies are read
_NOT_OF_A_JUDGE = NOT_PARAMETERS | {"logprobs", "top_logprobs"}
_OF_THE_GATE = "thresholds are a key of the gate, by the criterion's name: `thresholds: {NAME: {max_drop: 0.05}}`"
THRESHOLD_HINTS = {
    f"a {kind} {key}": _OF_THE_GATE
    for kind in ("check", "judge")
    for key in ("max_drop", "min", "threshold", "thresholds")
}
"""Hints for thresholds that are written into a check or a judge; some checks have keys of these names."""
_BOUNDS = (("min_chars", "max_chars"), ("min_words", "max_words"), ("min_lines", "max_lines"))


@dataclass(slots=True)
class Criteria:
    """The criteria of one gate. `files` are the paths of its rubrics and schemas."""

    checks: list[Check] = field(default_factory=list)
    judges: list[Judge] = field(default_factory=list)
    thresholds: dict[str, Threshold] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)


class CriteriaReader:
    """Reads the criteria of all gates in turn. `faults` are those of rubrics and schemas, reported once per file."""

    def __init__(
        self, checker: SchemaCheck, files: PathResolver, verify: Verify | None, *, trusts_code: bool = False
    ) -> None:
        self.faults: list[Fault] = []
        self._checker = checker
        self._files = files
        self._verify = verify
        self._trusts_code = trusts_code
        self._rubrics: dict[str, Rubric | None] = {}

    def read(
        self, gate: Node, dataset_folder: str, answering: str | None, targets: Mapping[str, Target | None]
    ) -> Criteria:
        """Read the criteria of a gate. `answering` is the default target of judges, or None."""
        criteria = Criteria()
        names: dict[str, Node] = {}
        whole = True
        for node in gate.get("checks") or ():
            check = self._check(node, dataset_folder, criteria.files) if self._checker.is_valid(node) else None
            whole = self._add(check, node, names, criteria.checks) and whole
        for node in gate.get("judges") or ():
            judge = self._judge(node, answering, targets, criteria.files) if self._checker.is_valid(node) else None
            whole = self._add(judge, node, names, criteria.judges) and whole
        if not names and whole and self._checker.is_valid(gate):
            self._checker.add_fault(gate, "the gate has no check and no judge", "a gate needs at least one criterion")
        whole = whole and self._checker.is_valid(gate.get("checks")) and self._checker.is_valid(gate.get("judges"))
        self._thresholds(gate.get("thresholds"), names if whole else None, criteria)
        return criteria

    def _add(self, criterion: Any, node: Node, names: dict[str, Node], found: list[Any]) -> bool:
        if criterion is None:
            return False
        if criterion.name == ANSWERED:
            message = f'"{ANSWERED}" is the name of a check that every gate has: that there is an answer'
            self._checker.add_fault(node, message, "give it another `name:`")
            return False
        if criterion.name in names:
            first = names[criterion.name].line
            self._checker.add_fault(
                node, f'the criterion "{criterion.name}" is defined twice; first in line {first}', "give one a `name:`"
            )
            return False
        names[criterion.name] = node
        if self._verify is not None:
            try:
                self._verify(criterion)
            except ValueError as error:
                self._checker.add_fault(node, str(error).replace("file:///", ""))
        found.append(criterion)
        return True

    def _check(self, node: Node, dataset_folder: str, files: list[str]) -> Check | None:
        written: str = node["type"].data
        kind = written.removeprefix("not_")
        from_case = _read_from_case(node, kind)
        options: dict[str, Json] = {
            key: child.data
            for key, child in node.items()
            if key not in _NOT_OPTIONS and key not in from_case and not _is_from_case(key, child, kind)
        }
        documents: Mapping[str, Json] = {}
        given = node.get("schema") if kind in _WITH_SCHEMA else node.get("arguments") if kind in TOOL_CHECKS else None
        given = None if "schema" in from_case else given
        if given is not None:
            loaded = self._schema(given, dataset_folder)
            if loaded is None:
                return None
            files.extend(loaded.files)
            documents = loaded.documents
            options |= {"schema": documents[loaded.uri], "schema_path": loaded.uri}
        if kind in TOOL_CHECKS:
            options |= _read_tool(node)
        if kind == "python" and not self._read_code(node, options, files):
            return None
        for low, high in _BOUNDS if kind == "length" else ():
            if low in options and high in options and node[low].data > node[high].data:
                self._checker.add_fault(node[low], f'"{low}" is more than "{high}"')
        parts = tuple(self._part(child, dataset_folder, files) for child in node.get("checks") or ())
        whole = tuple(part for part in parts if part is not None)
        if len(whole) < len(parts):
            return None
        return Check(
            name=_load_schema_data(node, "name", written),
            type=kind,
            options=options,
            negated=written != kind,
            blocking=_load_schema_data(node, "blocking", True),
            strict=_load_schema_data(node, "strict", False),
            documents=documents,
            when=read_condition(node.get("when"), self._checker),
            unless=read_condition(node.get("unless"), self._checker),
            from_case=from_case,
            parts=whole,
        )

    def _read_code(self, node: Node, options: dict[str, Json], files: list[str]) -> bool:
        """Add the digest of a check's code to its options; return False with a fault if the code cannot be used."""
        if not self._trusts_code:
            message = 'a check of type "python" runs code of the repository, which policy.trust_code does not allow'
            self._checker.add_fault(node, message, "set `policy: {trust_code: true}` in the base's configuration")
            return False
        if "path" not in options:
            return True
        try:
            code = load_code(self._files.tree, posixpath.dirname(self._checker.path), str(options["path"]))
        except EvalgateError as error:
            self.faults.extend(fault for fault in error.faults if fault.place is not None)
            for fault in error.faults:
                if fault.place is None:
                    self._checker.add_fault(node["path"], fault.message, fault.hint)
            return False
        files.extend(code.files)
        options["code"] = code.digest
        return True

    def _part(self, node: Node, dataset_folder: str, files: list[str]) -> Check | None:
        """Read a check inside another one, which alone has a name, a role and conditions."""
        idle = [key for key in _OF_THE_WHOLE if node.get(key) is not None]
        for key in idle:
            message = f'"{key}" has no effect in a part of a check'
            self._checker.add_fault(node, message, f'write "{key}" beside "checks"', key=key)
        return None if idle else self._check(node, dataset_folder, files)

    def _schema(self, node: Node, dataset_folder: str) -> LoadedSchema | None:
        """Load a schema from its file, or from the configuration itself; None if it has faults."""
        if isinstance(node.data, str):
            path = self._files.find(node)
            loaded = None if path is None else load_schema(self._files.tree, path, dataset_folder)
        else:
            loaded = load_schema(self._files.tree, self._checker.path, dataset_folder, root=node)
        if loaded is not None:
            self.faults.extend(loaded.faults)
        return None if loaded is None or loaded.faults else loaded

    def _judge(
        self, node: Node, answering: str | None, targets: Mapping[str, Target | None], files: list[str]
    ) -> Judge | None:
        rubric = self._rubric(node["rubric"], files)
        target = answering
        if node.get("target") is not None:
            target = read_target_name(node["target"], targets, self._checker)
        elif target is None:
            self._checker.add_fault(node, '"target" is missing in a judge: the gate has no single model to use')
        known = targets.get(target) if target is not None else None
        if known is not None and known.kind == "recorded":
            self._checker.add_fault(
                node.get("target") or node,
                f'a judge cannot use "{target}": recorded outputs are answers to cases, not to judges',
                "give the judge a target of type openai or local",
            )
        parameters = node.get("parameters")
        for key, _ in parameters.items() if parameters is not None else ():
            if make_api_name(key) in _NOT_OF_A_JUDGE:
                hint = 'use the judge\'s own "model"' if make_api_name(key) == "model" else None
                self._checker.add_fault(parameters or node, f'"{key}" cannot be a parameter of a judge', hint, key=key)
        if rubric is None or target is None:
            return None
        return Judge(
            name=_load_schema_data(node, "name", rubric.name),
            rubric=rubric,
            target=target,
            model=_load_schema_data(node, "model", None),
            parameters=_load_schema_data(node, "parameters", {}),
            mode=_load_schema_data(node, "score", "printed"),
            reading=_load_schema_data(node, "reading", "strict"),
            strip_reasoning=_load_schema_data(node, "strip_reasoning", True),
            when=read_condition(node.get("when"), self._checker),
            unless=read_condition(node.get("unless"), self._checker),
        )

    def _rubric(self, node: Node, files: list[str]) -> Rubric | None:
        name: str | None = node.data
        if not is_built_in(node.data):
            name = self._files.find(node)
            if name is None:
                return None
            files.append(name)
        if name not in self._rubrics:
            try:
                self._rubrics[str(name)] = load_rubric(self._files.tree, str(name))
            except EvalgateError as error:
                self._rubrics[str(name)] = None
                placed = [fault for fault in error.faults if fault.place is not None]
                self.faults.extend(placed)
                for fault in error.faults:
                    if fault.place is None:
                        self._checker.add_fault(node, fault.message, fault.hint)
        return self._rubrics[str(name)]

    def _thresholds(self, node: Node | None, names: Mapping[str, Node] | None, criteria: Criteria) -> None:
        """Read the thresholds. `names` are the criteria, or None if any is invalid: then no name is refused."""
        for name, child in node.items() if node is not None else ():
            if names is not None and name not in names:
                message, hint = describe_unknown("criterion", name, names)
                if name == SEMANTIC_SIMILARITY:
                    message, hint = f'"{name}" cannot have a threshold: it is reported only', ONLY_REPORTED
                self._checker.add_fault(node or child, message, hint, key=name)
            if self._checker.is_valid(child):
                criteria.thresholds[name] = Threshold(
                    minimum=_load_schema_data(child, "min", None), max_drop=_load_schema_data(child, "max_drop", None)
                )
        self._strict(criteria, names or {})

    def _strict(self, criteria: Criteria, nodes: Mapping[str, Node]) -> None:
        """Refuse `strict` for a check that is not blocking, or that has a threshold."""
        for check in criteria.checks:
            if not check.strict or check.name not in nodes:
                continue
            if not check.blocking:
                message = f'"{check.name}" is strict but not blocking'
                self._checker.add_fault(nodes[check.name], message, "remove one of the two")
            elif check.name in criteria.thresholds:
                message = f'"{check.name}" is strict and has a threshold'
                self._checker.add_fault(nodes[check.name], message, "remove `strict`, or the threshold")


def _read_from_case(node: Node, kind: str) -> dict[str, str]:
    """Return the options of a check whose values are fields of the case, with the names of the fields."""
    found = {_FROM[kind]: node["from"].data} if kind in _FROM and node.get("from") is not None else {}
    for key, child in node.items():
        is_limit = key.startswith(("min_", "max_"))
        if (is_limit or key in _FROM_CASE) and isinstance(child.data, dict):
            found[key] = child["from"].data
        elif _is_from_case(key, child, kind) and key == "arguments":
            found["schema"] = child["from"].data
    return found


def _is_from_case(key: str, node: Node, kind: str) -> bool:
    """Return whether a key names the field of another option. `from` is not a keyword of JSON Schema."""
    if key == "from":
        return kind in _FROM
    is_alone = isinstance(node.data, dict) and node.data.keys() == {"from"} and isinstance(node.data["from"], str)
    return key == "arguments" and kind in TOOL_CHECKS and is_alone


def _read_tool(node: Node) -> dict[str, Json]:
    """Return the options of a tool check that name the tools. Without `tool`, `name` is the tool's name as well."""
    if any(node.get(key) is not None for key in ("tool", "tools", "from")) or node.get("name") is None:
        return {}
    return {"tool": node["name"].data}


def read_target_name(node: Node, targets: Mapping[str, Target | None], checker: SchemaCheck) -> str | None:
    """Return the target that a node names. If there are targets but not this one, add a fault and return None."""
    if node.data in targets or not targets:
        return str(node.data)
    message, hint = describe_unknown("target", node.data, targets)
    checker.add_fault(node, message, hint)
    return None


def _load_schema_data(node: Node, key: str, default: Any) -> Any:
    child = node.get(key)
    return default if child is None else child.data
