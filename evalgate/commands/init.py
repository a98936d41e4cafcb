"""`init`: write the first configuration of a project, with cases, checks and the workflow; validated before it is."""

from __future__ import annotations

import importlib.util
import os
import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from evalgate.change.workspace import WorkingTree
from evalgate.commands.validate import validate
from evalgate.domain import GatePlan, PromptSettings
from evalgate.domain.langfuse_reference import is_langfuse
from evalgate.domain.lists import name_some
from evalgate.domain.models import DEFAULT_MODEL, EMBEDDED_MODELS
from evalgate.domain.placeholders import PLACEHOLDER
from evalgate.domain.templates import Syntax
from evalgate.errors import EvalgateError, InputError, Place
from evalgate.execute.providers.local_model import model_path
from evalgate.inputs import starter_files
from evalgate.inputs.added_tree import AddedTree
from evalgate.inputs.config import derive_name, load_config
from evalgate.inputs.langfuse_access import attach_langfuse, find_host, open_server
from evalgate.inputs.langfuse_tree import LangfuseTree
from evalgate.inputs.prompt_files.python_constant import split_constant
from evalgate.inputs.prompts import find_suffix, load_prompt
from evalgate.inputs.starter_files import NewGate
from evalgate.inputs.tree import Tree, WorkTree, inside, is_absolute
from evalgate.score.criterion import validate_criterion
from evalgate.services.git import Git
from evalgate.store.new_files import find_obstacle, write_new_files
from evalgate.store.store import FOLDER, SCHEMA

CONFIG = "evalgate.yml"
KEY = "OPENAI_API_KEY"
_NAMED = 5
_IGNORE = ".gitignore"
_IGNORED = frozenset({FOLDER, f"{FOLDER}/", f"/{FOLDER}", f"/{FOLDER}/"})
_OTHER_SYNTAX = re.compile(r"\{\{\s*[\w#/^>&!]|\{%|<%")
_DOCUMENTS = frozenset({"changelog", "contributing", "index", "license", "readme"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What was written, what was there already and stays, and what is left to do, in sentences.

    `run` is the command that runs the gate. `left_out` are files of the folder that look like prompts and are none of
    the gates, with the reason.
    """

    written: tuple[str, ...]
    kept: tuple[str, ...]
    left_out: tuple[str, ...]
    remaining: tuple[str, ...]
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProject:
    """The folder of a new project, the files that it gets, by path, and the paths of those that are there already."""

    root: Path
    git: Git | None
    environment: Mapping[str, str]
    files: Mapping[str, bytes]
    kept: tuple[str, ...] = ()

    def add(self, files: Mapping[str, bytes]) -> NewProject:
        """Return the project with more files, as far as it does not have them on disk."""
        there = [path for path in files if os.path.lexists(self.root / path)]
        new = {path: content for path, content in files.items() if path not in there}
        return replace(self, files={**self.files, **new}, kept=(*self.kept, *there))

    def validate(self) -> tuple[GatePlan, ...]:
        """Check what the project will be, as `validate` does. Raises one error with all faults."""
        tree: Tree = AddedTree(WorkTree(self.root), self.files)
        config = load_config(tree, CONFIG, verify=validate_criterion, environment=self.environment)
        tree = attach_langfuse(tree, config)
        return validate(WorkingTree(tree=tree, git=self.git, config=config, folder=self.root, pins={}))


def start(folder: Path, source: str | None, environment: Mapping[str, str], home: Path) -> Started:
    """Write the files of a new project to `folder`: for the prompt or the folder of prompts `source`, or for a sample.

    Nothing is written before the whole is valid, and no file is overwritten. `home` is the folder of downloaded models.
    Raises InputError: the folder has a configuration, is not the top of its repository, or the prompt is not valid.
    """
    project = begin_project(folder, environment)
    if source is None:
        return write_project(_add_sample(project), (), ())
    chosen, left_out = _find_gates(project, source)
    target = _choose_target(chosen, environment, home)
    files = {gate.dataset: starter_files.make_cases(gate.version).encode() for gate in chosen}
    text = starter_files.make_config(chosen, target, langfuse=find_host(environment) if is_langfuse(source) else "")
    project = project.add({**files, CONFIG: encode_config(text)})
    project.validate()
    return write_project(project, left_out, tuple(_list_remaining(project, chosen, target)))


def begin_project(folder: Path, environment: Mapping[str, str], *, workflow: bool = True) -> NewProject:
    """Return the project of a folder, with the files that every new one has.

    Raises InputError if the folder has a configuration, and if it is not the top of its repository, where a workflow
    has to be.
    """
    git = Git.find(folder)
    root = folder.resolve()
    if workflow and git is not None and git.root.resolve() != root:
        message = "the configuration and the workflow belong to the top of the repository"
        raise InputError(message, hint=f"change to {git.root}, and give the command there")
    if os.path.lexists(root / CONFIG):
        raise InputError("exists already; nothing was written", place=Place(path=CONFIG), hint="`evalgate validate`")
    shared = starter_files.make_shared_files(SCHEMA)
    kept = {path: content for path, content in shared.items() if workflow or path != starter_files.WORKFLOW}
    return NewProject(root=root, git=git, environment=environment, files={}).add(kept)


def encode_config(text: str) -> bytes:
    """Return the bytes of a configuration, whose first line names the schema for editors."""
    return starter_files.add_schema_line(text, SCHEMA).encode()


def _add_sample(project: NewProject) -> NewProject:
    """Add the sample. Raises InputError if the project has another file in the place of one of its files."""
    sample = starter_files.make_sample_files()
    taken = [path for path, content in sample.items() if not _may_be_written(project.root, path, content)]
    if taken:
        source = starter_files.SAMPLE if starter_files.SAMPLE in taken else "FILE"
        message = f"there are other files in the place of the sample's: {', '.join(taken)}; nothing was written"
        raise InputError(message, hint=f"begin with your own prompt: evalgate init --from {source}")
    project = project.add({**sample, CONFIG: encode_config(starter_files.make_sample_config())})
    project.validate()
    return project


def _may_be_written(root: Path, path: str, content: bytes) -> bool:
    """Return whether there is nothing at a path, or a file with this content."""
    try:
        return not os.path.lexists(root / path) or WorkTree(root).read(path) == content
    except InputError:
        return False


def _choose_target(gates: Sequence[NewGate], environment: Mapping[str, str], home: Path) -> Literal["api", "embedded"]:
    """Return who can answer here: an endpoint, unless there is no key and the embedded model is installed.

    That model reads neither images nor tools.
    """
    if environment.get(KEY, "").strip() or importlib.util.find_spec("xllamacpp") is None:
        return "api"
    if any(gate.version.may_have_images or gate.version.tools for gate in gates):
        return "api"
    return "embedded" if model_path(EMBEDDED_MODELS[DEFAULT_MODEL], home).is_file() else "api"


def _find_gates(project: NewProject, source: str) -> tuple[list[NewGate], tuple[str, ...]]:
    """Return a gate for the prompt, or for each prompt of the folder; and what was left out of a folder."""
    if is_langfuse(source):
        return [_make_langfuse_gate(project, source)], ()
    name = _require_inside(project.root, source)
    if not (project.root / name).is_dir():
        return [_make_gate(project, name)], ()
    gates: list[NewGate] = []
    left_out: list[str] = []
    for path in _list_candidates(project.root, "" if name == "." else name):
        try:
            gates.append(_make_gate(project, path))
        except EvalgateError as error:
            # a data file that is not a prompt is not reported
            if find_suffix(path) not in (".yml", ".yaml", ".json"):
                left_out.append(f"{path}: {error.faults[0].message}")
    if not gates:
        hint = "name the file: evalgate init --from prompts/support.md"
        reasons = "".join(f"; {each}" for each in left_out)
        raise InputError(f"has no prompt{reasons}", place=Place(path=source), hint=hint)
    times = Counter(gate.dataset.lower() for gate in gates)
    return [_name_by_path(gate) if times[gate.dataset.lower()] > 1 else gate for gate in gates], tuple(left_out)


def _make_langfuse_gate(project: NewProject, source: str) -> NewGate:
    """Make the gate of a prompt in Langfuse: of the version with the label `staging`, else of the newest one.

    Raises InputError for a prompt that does not exist, and ServiceError for a server that does not answer.
    """
    files = WorkTree(project.root)
    tree = LangfuseTree(files, lambda: open_server(CONFIG, None, None, project.environment, reader="init"))
    is_named = "@" in source
    names = [source] if is_named else [f"{source}@staging", f"{source}@latest"]
    try:
        version = load_prompt(tree, names[0], PromptSettings())
    except InputError:
        if is_named:
            raise
        names = names[1:]
        version = load_prompt(tree, names[0], PromptSettings())
    return NewGate(prompt=names[0], dataset=_name_dataset(derive_name(names[0])), version=version)


def _name_by_path(gate: NewGate) -> NewGate:
    return replace(gate, name=gate.prompt, dataset=_name_dataset(gate.prompt))


def _name_dataset(name: str) -> str:
    stem = re.sub(r"[^\w.-]+", "-", name).strip(".-")
    return f"golden/{stem or 'prompt'}.jsonl"


def _list_candidates(root: Path, folder: str) -> Iterator[str]:
    """Yield the files of a folder that may be prompts; at the top, those of which a part of the path says so."""
    for path in WorkTree(root).list_files(folder):
        stem = posixpath.basename(path).split(".", 1)[0].lower()
        if find_suffix(path) in (None, "", ".py") or stem in _DOCUMENTS:
            continue
        if folder or "prompt" in path.lower():
            yield path


def _require_inside(root: Path, source: str) -> str:
    """Return the path of the prompt from the top, with a constant's name. Raises InputError for what is none."""
    if not source.strip() or not source.isprintable():
        message = f"{source!r} is not a name that a configuration can have"
        raise InputError(message, hint="name a prompt file, or a folder of prompts")
    path = source.replace(os.sep, "/")
    if is_absolute(path):
        absolute = Path(os.path.normpath(path))
        near = next((parent for parent in absolute.parents if parent.resolve() == root), None)
        if near is None and absolute.resolve() != root:
            raise InputError("is outside of this folder", place=Place(path=source))
        path = "." if near is None else absolute.relative_to(near).as_posix()
    normal = posixpath.normpath(path)
    return normal if normal == "." else inside(normal)


def _make_gate(project: NewProject, name: str) -> NewGate:
    """Make the gate of a prompt, in the first syntax of its texts that is valid. Raises InputError with all faults.

    The default of the file's name goes first. Another one needs variables: those of an f-string, where nothing else
    looks like one, or jinja, where the default cannot be read.
    """
    failed: EvalgateError | None = None
    found: NewGate | None = None
    try:
        found = _try_syntax(project, name, None)
    except EvalgateError as error:
        failed = error
    if found is not None and found.version.variables:
        return found
    others: tuple[Syntax, ...] = ("fstring",) if failed is None else ("fstring", "jinja")
    for syntax in others:
        with suppress(EvalgateError):
            other = _try_syntax(project, name, syntax)
            texts = "\n".join(message.content for message in other.version.messages)
            if other.version.variables and not (syntax == "fstring" and _OTHER_SYNTAX.search(texts)):
                return other
    if failed is not None:
        raise failed
    assert found is not None
    return found


def _try_syntax(project: NewProject, name: str, syntax: Syntax | None) -> NewGate:
    file, constant = split_constant(name)
    version = load_prompt(WorkTree(project.root), file, PromptSettings(template=syntax, constant=constant))
    gate = NewGate(prompt=name, dataset=_name_dataset(derive_name(file, constant)), version=version, template=syntax)
    cases = {gate.dataset: starter_files.make_cases(version).encode()}
    project.add({**cases, CONFIG: starter_files.make_config([gate], "api").encode()}).validate()
    return gate


def _list_remaining(project: NewProject, gates: list[NewGate], target: str) -> Iterator[str]:
    """Yield what the user has to do before the gate means something."""
    new = [gate.dataset for gate in gates if gate.dataset in project.files]
    if new:
        named = name_some(new, _NAMED)
        yield f'write your own cases: replace the texts that begin with "{PLACEHOLDER}" in {named}'
    if any(is_langfuse(gate.prompt) for gate in gates) and starter_files.WORKFLOW in project.files:
        yield f"give the workflow LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY beside {KEY}, from secrets"
    if target == "api" and not project.environment.get(KEY, "").strip():
        yield f"set {KEY}: without it the prompt has no answers"
    if not all(is_langfuse(gate.prompt) for gate in gates):
        yield "commit, and edit the prompt: a run compares it with the committed version"


def write_project(project: NewProject, left_out: tuple[str, ...], remaining: tuple[str, ...]) -> Started:
    """Write the files of a project, the configuration last; and ignore the store in git."""
    files = {path: content for path, content in project.files.items() if path != CONFIG}
    for path in (*files, _IGNORE):
        if obstacle := find_obstacle(project.root, path):
            raise InputError(f"{obstacle}; nothing was written", place=Place(path=path))
    new, replaced, note = _ignore_store(project.root)
    files |= {**new, CONFIG: project.files[CONFIG]}
    write_new_files(project.root, files, replaced=replaced)
    if starter_files.WORKFLOW in files:
        remaining += (f"write the owner and the commit of evalgate's repository into {starter_files.WORKFLOW}",)
    return Started(
        written=(*files, *(f"{path} (1 line added)" for path in replaced)),
        kept=(*project.kept, *note),
        left_out=left_out,
        remaining=remaining,
        # the baseline comes from git
        run="evalgate run" if project.git is not None else "git init && evalgate run",
    )


def _ignore_store(root: Path) -> tuple[Mapping[str, bytes], Mapping[str, bytes], tuple[str, ...]]:
    """Return `.gitignore` with the store as a new file, or as a replaced one, or a note that it is left as it is."""
    file = root / _IGNORE
    if not os.path.lexists(file):
        return {_IGNORE: f"{FOLDER}/\n".encode()}, {}, ()
    if file.is_symlink() or not file.is_file():
        return {}, {}, (f"{_IGNORE} (not a regular file: add {FOLDER}/ to it yourself)",)
    old = WorkTree(root).read(_IGNORE)
    if _IGNORED & {line.strip() for line in old.decode(errors="replace").splitlines()}:
        return {}, {}, (_IGNORE,)
    end = b"\r\n" if b"\r\n" in old else b"\n"
    joint = b"" if not old or old.endswith(b"\n") else end
    return {}, {_IGNORE: old + joint + f"{FOLDER}/".encode() + end}, ()
