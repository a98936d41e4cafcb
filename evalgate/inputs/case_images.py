"""Reader of the images of a dataset's cases: files in the dataset's folder that a prompt or a history names."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from evalgate.domain import Case, Gate, GoldenDataset, PromptVersion
from evalgate.domain.images import Image, find_source_fault, is_file, read_image
from evalgate.domain.langfuse_reference import is_langfuse
from evalgate.errors import EvalgateError, Fault, Place
from evalgate.inputs.datasets import load_dataset
from evalgate.inputs.formats.nodes import raise_faults
from evalgate.inputs.langfuse_names import list_unseen
from evalgate.inputs.prompts import load_prompt
from evalgate.inputs.recording_tree import RecordingTree
from evalgate.inputs.tree import Tree

MAX_DATASET_IMAGE_BYTES = 256 * 1024 * 1024
"""The size of all images of a dataset together, each counted once: they are kept in memory."""


def load_images(tree: Tree, dataset: GoldenDataset, versions: Sequence[PromptVersion]) -> GoldenDataset:
    """Return the dataset with the image files that the requests of these versions contain.

    A file is read from the tree of the dataset, so that a commit's dataset has the images of the commit. It must be in
    the dataset's folder or below, and no part of its path may be a symbolic link.

    Raises InputError with all faults, each with the line of the case. Faults of variables and of histories are left to
    the plan.
    """
    asking = [version for version in versions if version.may_have_images]
    if not asking:
        return dataset
    reader = _ImageReader(tree, dataset.path)
    cases = [_add(case, asking, reader) for case in dataset.cases]
    raise_faults(reader.faults, dataset.path)
    return replace(dataset, cases=tuple(cases))


def list_image_files(tree: Tree, gate: Gate) -> set[str]:
    """Return the paths of the image files of a gate's requests, relative to the tree's root.

    An image that is missing or cannot be read is one of them. Returns none for a gate without images, and none if its
    prompts or its dataset cannot be read, or are in Langfuse.
    """
    if list_unseen(gate):
        return set()
    recorded = RecordingTree(tree)
    with suppress(EvalgateError):
        prompts = load_gate_prompts(tree, gate)
        if any(prompt.may_have_images for prompt in prompts):
            load_images(recorded, load_dataset(tree, gate.dataset, gate.columns), prompts)
    return recorded.paths


def load_gate_prompts(tree: Tree, gate: Gate) -> list[PromptVersion]:
    """Load the prompt files that a gate names."""
    prompts = [load_prompt(tree, gate.prompt, gate.settings)]
    return prompts if gate.baseline is None else [*prompts, load_prompt(tree, gate.baseline, gate.baseline_settings)]


def list_included_files(tree: Tree, gate: Gate) -> set[str]:
    """Return the paths of the files that a gate's prompts include.

    A file that is missing or cannot be read is one of them, and so is one that a prompt includes only if it is there.
    """
    recorded, files = RecordingTree(tree), {gate.prompt, gate.baseline}
    if not is_langfuse(gate.prompt):
        with suppress(EvalgateError):
            load_prompt(recorded, gate.prompt, gate.settings)
    if gate.baseline is not None and not is_langfuse(gate.baseline):
        with suppress(EvalgateError):
            load_prompt(recorded, gate.baseline, gate.baseline_settings)
    return recorded.paths - files


def find_edited_images(tree: Tree, path: str, cases: Collection[Case]) -> set[str]:
    """Return the ids of the cases with an image that has another content in a tree, or that is missing there.

    `path` is the dataset's path in that tree.
    """
    reader = _ImageReader(tree, path)
    edited = set()
    for case in cases:
        for source, image in case.images.items():
            there = reader.read(source, case)
            if there is None or there.digest != image.digest:
                edited.add(case.id)
    return edited


def _add(case: Case, versions: Sequence[PromptVersion], reader: _ImageReader) -> Case:
    found = {}
    for source in dict.fromkeys(source for version in versions for source in _list_sources(case, version)):
        image = reader.read(source, case)
        if image is not None:
            found[source] = image
    return replace(case, images=found) if found else case


def _list_sources(case: Case, version: PromptVersion) -> Iterator[str]:
    try:
        messages = version.render(case.fields)
    except (KeyError, ValueError):
        return
    for message in messages:
        yield from (image.source for image in message.images)


class _ImageReader:
    """Reads images, each file once. `faults` has one fault for each case and image."""

    def __init__(self, tree: Tree, dataset: str) -> None:
        self.faults: list[Fault] = []
        self._tree = tree
        self._dataset = dataset
        self._known: dict[str, Image | str] = {}
        self._size = 0

    def read(self, source: str, case: Case) -> Image | None:
        """Return the image of a file; None for an address, and for a file with a fault."""
        problem = find_source_fault(source)
        if problem is None and not is_file(source):
            return None
        found = self._read(source) if problem is None else problem
        if isinstance(found, Image):
            return found
        shown = source if len(source) <= 100 else f"{source[:99]}…"
        message = f'case "{case.id}": the image "{shown}" {found}'
        self.faults.append(Fault(message=message, place=Place(path=self._dataset, line=case.line)))
        return None

    def _read(self, source: str) -> Image | str:
        path = _join(posixpath.dirname(self._dataset), source)
        if path not in self._known:
            try:
                found: Image | str = read_image(self._tree.read(path))
            except EvalgateError as error:
                found = error.faults[0].message
            except ValueError as error:
                found = str(error)
            if isinstance(found, Image):
                self._size += len(found.data)
                if self._size > MAX_DATASET_IMAGE_BYTES:
                    found = f"exceeds {MAX_DATASET_IMAGE_BYTES:,} bytes, the most for all images of a dataset"
            self._known[path] = found
        return self._known[path]


def _join(folder: str, source: str) -> str:
    return posixpath.normpath(posixpath.join(folder, source))
