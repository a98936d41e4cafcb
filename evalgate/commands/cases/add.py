"""`cases add`: append a case to a dataset, from the command line, a report, or a logged call; checked beforehand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from evalgate.change.workspace import WorkingTree
from evalgate.commands.validate import validate_gate
from evalgate.domain import Arm, Case, Gate, GateReport, GoldenDataset, Json, Output, PromptVersion, as_text
from evalgate.domain.case_ids import is_derived
from evalgate.domain.langfuse_reference import is_langfuse
from evalgate.domain.strict_json import JsonError, load
from evalgate.errors import InputError, Place
from evalgate.gate import reports
from evalgate.gate.dataset_gates import find_dataset_gates
from evalgate.inputs import datasets, prompts
from evalgate.inputs.added_tree import AddedTree
from evalgate.inputs.call_fields import read_call_fields
from evalgate.inputs.dataset_lines import append_case
from evalgate.inputs.langfuse_names import list_unseen
from evalgate.inputs.langfuse_tree import close_tree
from evalgate.inputs.logged_calls import choose_call, read_calls
from evalgate.mask import HIDDEN
from evalgate.store.new_files import write_new_files

_NUMBERED = re.compile(r"(.*?)(\d{1,9})")
_CUT = " more characters ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCase:
    """What the command line says about a case.

    `report` is a stored report; `call` is the name and the content of a file with logged calls. `case` is the id in
    either. `paths` say where a field is in a call. With `takes_output` the answer is the field `expected`.
    """

    gate: str | None = None
    id: str | None = None
    fields: Mapping[str, Json] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    cluster: str | None = None
    report: Path | None = None
    call: tuple[str, bytes] | None = None
    case: str | None = None
    paths: Mapping[str, str] = field(default_factory=dict)
    takes_output: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedCase:
    """A case as it is in its dataset now; `notes` are sentences about it."""

    path: str
    case: Case
    notes: tuple[str, ...] = ()


def add_case(workspace: WorkingTree, new: NewCase, *, dry_run: bool = False) -> AddedCase:
    """Append a case to the dataset file of a gate, and return it. With `dry_run` nothing is written.

    The gates that use the dataset are validated with the new case before the file is written.

    Raises InputError: for a dataset in Langfuse, a case that the prompts cannot use, a field that is not known, an id
    that is taken, and a file that cannot be edited safely.
    """
    workspace = replace(workspace, tree=close_tree(workspace.tree))
    gates = find_dataset_gates(workspace.config, new.gate)
    gate, tree = gates[0], workspace.tree
    if is_langfuse(gate.dataset):
        append_case(tree, gate.dataset, {}, gate.columns)  # refuses it, with the reason
    dataset = datasets.load_dataset(tree, gate.dataset, gate.columns)
    prompt = None if list_unseen(gate) else prompts.load_prompt(tree, gate.prompt, gate.settings)
    fields, output = _read_source(new, gate, dataset, prompt)
    fields |= new.fields
    if new.takes_output:
        if output is None:
            raise InputError("--expected-from-output: there is no answer in text form")
        fields.setdefault("expected", output)
    if not fields:
        raise InputError("the case has no field", hint="give some: --set NAME=TEXT, --from-report or --from-trace")
    row = _make_row(new, dataset, fields)
    data, after = append_case(tree, gate.dataset, row, gate.columns)
    notes = _validate(workspace, gates, data)
    notes += _note_copies(dataset, after.cases[-1], prompt)
    if not dry_run:
        _write(workspace, gate.dataset, data)
    return AddedCase(path=gate.dataset, case=after.cases[-1], notes=tuple(notes))


def _read_source(
    new: NewCase, gate: Gate, dataset: GoldenDataset, prompt: PromptVersion | None
) -> tuple[dict[str, Json], str | None]:
    """Return the fields that a report or a call gives, and the text that was answered."""
    if new.report is not None:
        return _read_report(new, new.report, gate, dataset)
    if new.call is None:
        return {}, None
    if prompt is None:
        raise InputError("the prompt is in Langfuse, so its variables are not known here", hint="--set NAME=TEXT")
    path, data = new.call
    call = choose_call(read_calls(data, path), new.case, path)
    return read_call_fields(call, prompt, new.fields, new.paths), call.answer


def _read_report(new: NewCase, path: Path, gate: Gate, dataset: GoldenDataset) -> tuple[dict[str, Json], str | None]:
    """Return the fields of a case as they were when the report was made, and the candidate's answer."""
    report = reports.load_report(path)
    holders = [one for one in report.gates if new.case in one.evidence.inputs]
    found = next((one for one in holders if one.evidence.name == gate.name), holders[0] if len(holders) == 1 else None)
    if found is None or new.case is None:
        known = [name for one in report.gates for name in one.evidence.inputs]
        hint = f"it has those of: {', '.join(known[:10])}" if known else "it has those of cases that changed or fail"
        raise InputError(f'has no input of the case "{new.case}"', place=Place(path=str(path)), hint=hint)
    there = next((case for case in dataset.cases if case.id == new.case), None)
    fields: dict[str, Json] = {}
    for one in found.evidence.inputs[new.case]:
        known_value = None if there is None else there.fields.get(one.name)
        if known_value is not None and (not isinstance(known_value, str) or known_value == one.text):
            fields[one.name] = known_value  # a report shows data and messages as text
        elif one.text.endswith(_CUT) or HIDDEN in one.text or ";base64,[" in one.text:
            raise InputError(f"{one.name} of case {new.case} is cut off in the report", hint=f"--set {one.name}=TEXT")
        else:
            fields[one.name] = _read_value(one.name, one.text, dataset)
    return fields, _find_output(found, new.case)


def _read_value(name: str, text: str, dataset: GoldenDataset) -> Json:
    """Return a field that a report shows as text: as JSON where no case of the dataset has a text there."""
    values = [case.fields[name] for case in dataset.cases if name in case.fields]
    if not values or any(isinstance(value, str) for value in values):
        return text
    try:
        value: Json = load(text, bounded=True)
    except JsonError:
        raise InputError(f"{name} cannot be read from the report", hint=f"--set-json {name}=JSON") from None
    return value


def _find_output(gate: GateReport, case: str) -> str | None:
    for result in gate.evidence.results:
        if result.case == case and result.arm is Arm.CANDIDATE and isinstance(result.outcome, Output):
            return result.outcome.text
    return None


def _make_row(new: NewCase, dataset: GoldenDataset, fields: Mapping[str, Json]) -> dict[str, Json]:
    """Return the row, with an id unless no case of the dataset has one."""
    name = new.id
    if name is None and not all(is_derived(case.id) for case in dataset.cases):
        name = make_id([case.id for case in dataset.cases])
    row: dict[str, Json] = {} if name is None else {"id": name}
    row |= {key: value for key, value in fields.items() if key not in ("id", "tags", "cluster")}
    row |= {"tags": list(new.tags)} if new.tags else {}
    return row | ({} if new.cluster is None else {"cluster": new.cluster})


def make_id(taken: Sequence[str]) -> str:
    """Return a free id: the number after those of the last id's kind, such as case-09 after case-08."""
    last = next((one for one in reversed(taken) if not is_derived(one) and _NUMBERED.fullmatch(one)), "case-0")
    hit = _NUMBERED.fullmatch(last)
    assert hit is not None
    prefix, width = hit[1], len(hit[2])
    hits = (_NUMBERED.fullmatch(one) for one in taken)
    numbers = [int(hit[2]) for hit in hits if hit is not None and hit[1] == prefix]
    number = max(numbers, default=0) + 1
    while (name := f"{prefix}{number:0{width}}") in taken:
        number += 1
    return name


def _validate(workspace: WorkingTree, gates: Sequence[Gate], data: bytes) -> list[str]:
    """Validate the gates with the new file. Return a note for recorded outputs, which lack the new case."""
    there = replace(workspace, tree=AddedTree(workspace.tree, {gates[0].dataset: data}))
    notes: list[str] = []
    for gate in gates:
        if list_unseen(gate):
            notes.append(f"{gate.name}: not checked against the prompt, which is in Langfuse")
            continue
        validate_gate(there, gate, recorded=False)
        kinds = {workspace.config.targets[name].kind for name in (gate.candidate_target, gate.baseline_target)}
        if "recorded" in kinds:
            notes.append(f"{gate.name}: add an answer to its recorded outputs, or the gate cannot run")
    return notes


def _note_copies(dataset: GoldenDataset, new: Case, prompt: PromptVersion | None) -> list[str]:
    """Return a note if another case sends the same request: both count as one unit."""
    names = [name for name in (() if prompt is None else prompt.variables) if name in new.fields]
    wanted = [as_text(new.fields[name]) for name in names]
    for case in dataset.cases if names else ():
        if [as_text(case.fields.get(name)) for name in names] == wanted:
            return [f"it sends the request of case {case.id} ({dataset.path}:{case.line}): both count as one"]
    return []


def _write(workspace: WorkingTree, path: str, data: bytes) -> None:
    """Write the file, unless it is on disk otherwise than it was read, as a pointer of Git LFS is."""
    root = Path(workspace.tree.root)
    if (root / path).read_bytes() != workspace.tree.read(path):
        raise InputError("differs on disk from its content in git", place=Place(path=path), hint="git lfs pull")
    write_new_files(root, {}, replaced={path: data})
