"""The tests of a promptfoo configuration: variables and assertions, also those of `defaultTest` and scenarios."""

from __future__ import annotations

import itertools
import json
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from evalgate.domain import Json
from evalgate.errors import EvalgateError, Place
from evalgate.inputs.formats.nodes import Node
from evalgate.inputs.importers import nunjucks
from evalgate.inputs.importers.import_remarks import Remarks
from evalgate.inputs.importers.promptfoo_csv import read_row
from evalgate.inputs.importers.promptfoo_file import SCHEME, ForeignFiles, as_mapping

MOST_TESTS = 100_000
"""The most tests of a configuration, with all combinations of its lists of values."""
_ROUNDS = 5
_TABLES = (".csv", ".tsv", ".jsonl")
_DATA = (".json", ".yaml", ".yml")
_CODE = (".py", ".js", ".cjs", ".mjs", ".ts", ".sh", ".rb")
_ANSWERING = {"provider": "the `provider` of a test", "providers": "the `providers` to which a test is limited"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """An assertion as plain data, and its place.

    `least` is the score without which its test or set cannot pass. `is_share`: others can make up for its score.
    """

    data: Mapping[str, Any]
    place: Place
    least: float | None = None
    is_share: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignTest:
    """A test with all its variables filled in."""

    variables: dict[str, Json]
    assertions: tuple[Assertion, ...]
    options: Mapping[str, Any]
    place: Place
    threshold: float | None = None
    description: str | None = None
    metadata: Mapping[str, Any] | None = None
    prompts: tuple[str, ...] | None = None


def read_tests(root: Node, files: ForeignFiles, path: str, remarks: Remarks) -> list[ForeignTest]:
    """Read `tests` and `scenarios`, under `defaultTest`. Each list of values of a variable makes a test for each."""
    reader = _Reader(files, path, remarks)
    default = reader.read_default(root.get("defaultTest"))
    written = [reader.add_default(each, default) for each in reader.list_tests(root.get("tests"), files, path)]
    written += [reader.add_default(each, default) for each in reader.list_scenarios(root.get("scenarios"))]
    if not written and root.get("redteam") is None:
        written = [default]  # promptfoo runs the prompts once
    spread = itertools.chain.from_iterable(map(reader.spread, written))
    found = list(itertools.islice(spread, MOST_TESTS + 1))
    if len(found) > MOST_TESTS:
        remarks.leave_out(f"the tests after the first {MOST_TESTS:,}", Place(path=path))
    return found[:MOST_TESTS]


class _Reader:
    def __init__(self, files: ForeignFiles, path: str, remarks: Remarks) -> None:
        self._files = files
        self._path = path
        self._remarks = remarks

    def read_default(self, node: Node | None) -> ForeignTest:
        if node is not None and isinstance(node.data, str):
            found = self._load(node.data, self._files, node.place(self._path))
            if found is not None:
                return self._read(found[0], found[1], found[2])
        if node is None or not isinstance(node.data, dict):
            return ForeignTest(variables={}, assertions=(), options={}, place=Place(path=self._path))
        return self._read(node, self._path, self._files)

    def list_tests(self, node: Node | None, files: ForeignFiles, path: str) -> Iterator[ForeignTest]:
        """Yield the tests of a list, of a file, or of a pattern of files."""
        if node is None or node.data is None:
            return
        if isinstance(node.data, str):
            yield from self._list_file(node.data, files, node.place(path))
        elif isinstance(node.children, list):
            for child in node:
                yield from self.list_tests(child, files, path)
        elif node.get("path") is not None and node.get("assert") is None:
            if node.get("config") is not None:
                self._remarks.leave_out("the `config` of generated tests", node.place(path))
            yield from self.list_tests(node["path"], files, path)
        else:
            yield self._read(node, path, files)

    def list_scenarios(self, node: Node | None) -> Iterator[ForeignTest]:
        """Yield the tests of each scenario with each of its configurations."""
        for scenario in node or ():
            if isinstance(scenario.data, str):
                found = self._load(scenario.data, self._files, scenario.place(self._path))
                if found is not None:
                    yield from self.list_scenarios(found[0] if isinstance(found[0].children, list) else None)
                continue
            base = list(self.list_tests(scenario.get("config"), self._files, self._path))
            tests = list(self.list_tests(scenario.get("tests"), self._files, self._path))
            for config in base:
                for test in tests or [replace(config, variables={}, assertions=())]:
                    yield self.add_default(test, config)

    def add_default(self, test: ForeignTest, default: ForeignTest) -> ForeignTest:
        """Return a test with what it does not say itself. The default's assertions come first."""
        inherits = not test.options.get("disableDefaultAsserts")
        return replace(
            test,
            variables={**default.variables, **test.variables},
            assertions=(*(default.assertions if inherits else ()), *test.assertions),
            options={**default.options, **test.options},
            threshold=default.threshold if test.threshold is None else test.threshold,
            metadata={**(default.metadata or {}), **(test.metadata or {})} or None,
        )

    def spread(self, test: ForeignTest) -> Iterator[ForeignTest]:
        """Yield a test for each combination of the values of its variables, with templates in them filled in."""
        keep = bool(test.options.get("disableVarExpansion"))
        lists = {name: value for name, value in test.variables.items() if isinstance(value, list) and not keep}
        for values in itertools.product(*lists.values()):
            own = {**test.variables, **dict(zip(lists, values, strict=True))}
            yield replace(test, variables=self._fill(own, test.place))

    def _fill(self, variables: dict[str, Json], place: Place) -> dict[str, Json]:
        """Fill variables into the values of others, until nothing changes."""
        for _ in range(_ROUNDS):
            filled = {name: self._render(name, value, variables, place) for name, value in variables.items()}
            if filled == variables:
                break
            variables = filled
        return variables

    def _render(self, name: str, value: Json, variables: dict[str, Json], place: Place) -> Json:
        if not isinstance(value, str) or not nunjucks.has_template(value):
            return value
        try:
            return nunjucks.render(value, {other: each for other, each in variables.items() if other != name})
        except ValueError as error:
            if nunjucks.is_no_template(error):
                self._remarks.change(f'the variable "{name}" has braces without an expression: it stays a text', place)
            else:
                self._remarks.leave_out(f'the template in the variable "{name}": it {error}', place)
            return value

    def _list_file(self, name: str, files: ForeignFiles, place: Place) -> Iterator[ForeignTest]:
        bare = name.removeprefix(SCHEME).split("#", 1)[0]
        if "://" in bare or bare.split(":", 1)[0].endswith(_CODE):
            self._remarks.leave_out(f"the tests of {name}: code or a service makes them", place)
            return
        matched = files.match(bare)
        paths = [path for path in matched if files.tree.exists(path)]
        if not paths:
            self._remarks.leave_out(f"the tests of {name}: the file is not at hand", place)
        for path in paths:
            try:
                if path.lower().endswith(_TABLES):
                    for row, at in files.rows(path):
                        yield self._read_table_row(row, at, files)
                else:
                    inner = files.inside(path)
                    named = inner.parse(posixpath.basename(path))
                    yield from self.list_tests(named, inner, path)
            except EvalgateError as error:
                self._remarks.leave_out(f"the tests of {path}: {error.faults[0].message}", place)

    def _read_table_row(self, row: dict[str, Json], place: Place, files: ForeignFiles) -> ForeignTest:
        if isinstance(row.get("vars"), dict):
            node = _as_node(row, place)
            return self._read(node, place.path, files)
        found = read_row({name: "" if value is None else value for name, value in row.items()})
        if found.dropped:
            self._remarks.leave_out(f"the column {', '.join(found.dropped)}", Place(path=place.path))
        return ForeignTest(
            variables=found.variables,
            assertions=tuple(Assertion(data=each, place=place) for each in found.assertions),
            options=found.options,
            place=place,
            threshold=found.threshold,
            description=found.description,
            metadata=found.metadata or None,
        )

    def _read(self, node: Node, path: str, files: ForeignFiles) -> ForeignTest:
        place = node.place(path)
        data = as_mapping(node.data)
        for key, text in _ANSWERING.items():
            if data.get(key) is not None:
                self._remarks.ask(f"{text}: the target of the gate answers it", node.key_place(key, path))
        if data.get("providerOutput") is not None:
            self._remarks.leave_out("the output that a test brings", node.key_place("providerOutput", path))
        if data.get("assertScoringFunction") is not None:
            place_of_code = node.key_place("assertScoringFunction", path)
            self._remarks.leave_out("`assertScoringFunction`, whose code decides on a test", place_of_code)
        if as_mapping(data.get("options")).get("transformVars"):
            place_of_code = node.key_place("options", path)
            self._remarks.leave_out("`transformVars`, whose code changes the variables of a test", place_of_code)
        threshold = data.get("threshold")
        is_number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
        if threshold is not None and not is_number:
            self._remarks.leave_out("the threshold of a test, which is no number", node.key_place("threshold", path))
        prompts = data.get("prompts")
        return ForeignTest(
            variables=self._read_variables(node.get("vars"), files, path),
            assertions=tuple(self._list_assertions(node.get("assert"), files, path)),
            options=as_mapping(data.get("options")),
            place=place,
            threshold=threshold if is_number else None,
            description=data.get("description") if isinstance(data.get("description"), str) else None,
            metadata=as_mapping(data.get("metadata")) or None,
            prompts=tuple(map(str, prompts)) if isinstance(prompts, list) else None,
        )

    def _list_assertions(self, node: Node | None, files: ForeignFiles, path: str) -> Iterator[Assertion]:
        if node is None or node.data is None:
            return
        if isinstance(node.data, str) and node.data.startswith(SCHEME):
            found = self._load(node.data, files, node.place(path))
            if found is not None:
                yield from self._list_assertions(found[0], found[2], found[1])
            return
        for child in node if isinstance(node.children, list) else [node]:
            if isinstance(child.data, str) and child.data.startswith(SCHEME):
                yield from self._list_assertions(child, files, path)
            elif isinstance(child.data, dict):
                yield Assertion(data=child.data, place=child.place(path))
            else:
                self._remarks.leave_out("an assertion that is not a mapping", child.place(path))

    def _read_variables(self, node: Node | None, files: ForeignFiles, path: str) -> dict[str, Json]:
        if node is None:
            return {}
        if isinstance(node.data, str) or isinstance(node.children, list):
            found: dict[str, Json] = {}
            for each in [node] if isinstance(node.data, str) else list(node):
                loaded = self._load(str(each.data), files, each.place(path))
                found |= as_mapping(loaded[0].data) if loaded is not None else {}
            return found
        values = {key: self._read_value(child.data, files, child.place(path)) for key, child in node.items()}
        return {key: value for key, value in values.items() if value is not _MISSING}

    def _read_value(self, value: Any, files: ForeignFiles, place: Place) -> Any:
        if isinstance(value, list):
            parts = [self._read_value(each, files, place) for each in value]
            return [each for each in parts if each is not _MISSING]
        if not isinstance(value, str) or not value.startswith(SCHEME) or "\n" in value.strip():
            return value
        bare = value.removeprefix(SCHEME)
        if bare.split(":", 1)[0].endswith(_CODE):
            self._remarks.leave_out(f"the variable {value}: code makes its value", place)
            return _MISSING
        paths = [path for path in files.match(bare) if files.tree.exists(path)]
        texts = []
        for path in paths:
            try:
                named = path if path.startswith("/") else posixpath.relpath(path, files.folder or ".")
                medium = files.read_media(named)
                text = files.read(named) if medium is None else medium
                if path.lower().endswith(_DATA):
                    text = json.dumps(files.parse(named).data, ensure_ascii=False, separators=(",", ":"))
                texts.append(text.strip() if not path.lower().endswith(_DATA) else text)
            except EvalgateError as error:
                self._remarks.leave_out(f"the variable {value}: {error.faults[0].message}", place)
                return _MISSING
        if not texts:
            self._remarks.leave_out(f"the variable {value}: the file is not at hand", place)
            return _MISSING
        return texts if len(paths) > 1 else texts[0]

    def _load(self, name: str, files: ForeignFiles, place: Place) -> tuple[Node, str, ForeignFiles] | None:
        try:
            path = files.resolve(name)
            return files.parse(name), path, files.inside(path)
        except EvalgateError as error:
            self._remarks.leave_out(f"{name}: {error.faults[0].message}", place)
            return None


_MISSING: Any = object()


def _as_node(value: Any, place: Place) -> Node:
    """Return data as nodes that all have one place."""
    if isinstance(value, dict):
        children: Any = {key: _as_node(each, place) for key, each in value.items()}
        return Node(value, place.line, place.column or 1, children=children, keys={})
    if isinstance(value, list):
        return Node(value, place.line, place.column or 1, children=[_as_node(each, place) for each in value])
    return Node(value, place.line, place.column or 1, text=str(value))
