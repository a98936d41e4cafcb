"""A configuration of promptfoo in a folder of its own, imported, and its checks applied to outputs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from evalgate.commands.imports.promptfoo import find_pattern_fault, make_valid
from evalgate.commands.init import NewProject
from evalgate.domain import Check, Output, Score
from evalgate.inputs.added_tree import AddedTree
from evalgate.inputs.config import load_config
from evalgate.inputs.importers.promptfoo_file import parse_data
from evalgate.inputs.importers.promptfoo_project import ImportedProject, import_config
from evalgate.inputs.tree import WorkTree
from evalgate.score import checks
from evalgate.score.criterion import validate_criterion


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """An imported configuration: its files, its configuration as data, and its gates as they are loaded."""

    project: ImportedProject
    config: dict[str, Any]
    cases: list[dict[str, Any]]
    loaded: Any

    @property
    def left_out(self) -> list[str]:
        return [str(each) for each in self.project.remarks.left_out]

    @property
    def changed(self) -> list[str]:
        return [str(each) for each in self.project.remarks.changed]

    @property
    def open(self) -> list[str]:
        return [str(each) for each in self.project.remarks.open]

    @property
    def shared(self) -> dict[str, Any]:
        """What all gates have: `defaults`, or the only gate."""
        found: dict[str, Any] = self.config.get("defaults") or self.config["gates"][0]
        return found

    @property
    def checks(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.shared.get("checks", [])
        return found


def as_check(made: dict[str, Any]) -> Check:
    """Return the check of a configuration, with its schemas in place."""
    options = {key: value for key, value in made.items() if key not in ("type", "checks")}
    inline = {"inline": True} if "schema" in made else {}
    kind = made["type"].removeprefix("not_")
    parts = tuple(map(as_check, made.get("checks", ())))
    return Check(name="a", type=kind, negated=kind != made["type"], options={**options, **inline}, parts=parts)


def decide(check: Check, case: Any, text: str) -> bool:
    """Return whether an output passes a check, which has to have a score."""
    scored = checks.score(check, case, Output(text=text))
    assert isinstance(scored, Score), scored
    return scored.value == 1.0


def write(folder: Path, config: str | dict[str, Any], files: dict[str, str]) -> None:
    """Write a configuration of promptfoo, and the files that it names."""
    text = config if isinstance(config, str) else json.dumps(config)
    for name, content in {**files, "promptfooconfig.yaml": text}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")


def import_at(folder: Path, config: str | dict[str, Any], **files: str) -> Imported:
    """Import a configuration without a check that the result is valid. Names of files have `__` for a dot."""
    named = {name.replace("__", "."): content for name, content in files.items()}
    write(folder, config, named)
    tree = WorkTree(folder)
    root = parse_data(tree.read("promptfooconfig.yaml").decode(), "promptfooconfig.yaml")
    return _make(import_config(tree, "promptfooconfig.yaml", root, find_pattern_fault), folder)


def import_valid(folder: Path, config: str | dict[str, Any], **files: str) -> Imported:
    """Import a configuration so that the result is valid, and load it."""
    named = {name.replace("__", "."): content for name, content in files.items()}
    write(folder, config, named)
    tree = WorkTree(folder)
    root = parse_data(tree.read("promptfooconfig.yaml").decode(), "promptfooconfig.yaml")
    new = NewProject(root=folder, git=None, environment={}, files={})
    made, project = make_valid(new, tree, "promptfooconfig.yaml", root)
    added = AddedTree(tree, made.files)
    loaded = load_config(added, "evalgate.yml", verify=validate_criterion, environment={})
    return _make(project, folder, loaded=(loaded, added))


def _make(project: ImportedProject, folder: Path, loaded: Any = None) -> Imported:
    config = yaml.safe_load(project.config)
    dataset = (config.get("defaults") or config["gates"][0])["dataset"]
    cases = [json.loads(line) for line in project.files[dataset].splitlines()]
    return Imported(project=project, config=config, cases=cases, loaded=loaded)
