"""Reader of the files that a jinja prompt includes: only files of the prompt's folder, from the tree of the prompt."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from evalgate.domain import Message, PromptVersion
from evalgate.domain.expressions import RenderingError
from evalgate.domain.jinja_templates import check_template, list_includes
from evalgate.domain.joined_messages import join_messages
from evalgate.errors import EvalgateError, Fault, Place
from evalgate.inputs.formats.data_file import decode
from evalgate.services.git_objects import NothingThereError

MOST_INCLUDED = 100
"""The maximum number of files that a prompt includes, directly and indirectly."""

ReadFile: TypeAlias = Callable[[str], bytes]
"""Returns the content of a file by its path in the tree.

Raises EvalgateError for a file that cannot be read, and a NothingThereError if there is none.
"""


class JinjaFileReader:
    """Reads the included files of one prompt, each once. `faults` are those of all templates."""

    def __init__(self, path: str, read: ReadFile | None) -> None:
        self.faults: list[Fault] = []
        self._path = path
        self._folder = posixpath.dirname(path)
        self._read = read
        self._files: dict[str, str] = {}
        self._missing: set[str] = set()

    def load(self, version: PromptVersion) -> PromptVersion:
        """Return a version with the files that its messages include, by name. Checks all templates."""
        texts = [(text, partial(self._locate, version, position)) for position, text in version.list_templates()]
        for text, locate in texts:
            self._follow(text, locate)
        files = tuple(sorted(self._files.items()))
        for text, locate in texts if not self.faults else ():
            self._check(text, files, locate)
        return replace(version, template=replace(version.template, files=files))

    def _follow(self, text: str, locate: Callable[[int], Place]) -> None:
        """Read the files that a text includes, and those that they include."""
        try:
            included = list_includes(text)
        except RenderingError as fault:
            self.faults.append(Fault(message=f"the template {fault.problem}", place=locate(fault.line)))
            return
        for name, line, is_needed in included:
            if name is None:
                message = "the name of an included file is computed, so the prompt's content is not known"
                self.faults.append(Fault(message=message, place=locate(line), hint="write it as a text"))
            elif name not in self._files and name not in self._missing:
                self._add(name, locate(line), is_needed=is_needed)

    def _add(self, name: str, place: Place, *, is_needed: bool) -> None:
        path = posixpath.normpath(posixpath.join(self._folder, name))
        folder = f"{self._folder}/" if self._folder else ""
        if name.startswith("/") or "\\" in name or not path.startswith(folder) or path.startswith("../"):
            message = f'the included file "{name[:100]}" is not in the folder of the prompt'
            self.faults.append(Fault(message=message, place=place, hint="put it there, or in a folder below"))
            return
        if len(self._files) >= MOST_INCLUDED:
            self.faults.append(Fault(message=f"more than {MOST_INCLUDED} files are included", place=place))
            self._missing.add(name)
            return
        try:
            text = decode(self._read(path), path) if self._read is not None else None
        except EvalgateError as error:
            text = None
            # an application may read what is there and cannot be read here, such as a link
            if is_needed or not isinstance(error, NothingThereError):
                message = f'the included file "{path}" {error.faults[0].message}'
                self.faults.append(Fault(message=message, place=place, hint=error.faults[0].hint))
        if text is None:
            self._missing.add(name)
            return
        self._files[name] = text
        self._follow(text, lambda line: Place(path=path, line=line))

    def _check(self, text: str, files: tuple[tuple[str, str], ...], locate: Callable[[int], Place]) -> None:
        try:
            check_template(text, files)
        except RenderingError as fault:
            place = locate(fault.line)
            if fault.file is not None:
                place = Place(path=posixpath.normpath(posixpath.join(self._folder, fault.file)), line=fault.line)
            self.faults.append(Fault(message=f"the template {fault.problem}", place=place))

    def _locate(self, version: PromptVersion, position: int, line: int) -> Place:
        """Return the place in the file of a line of a text. Jinja does not tell the column."""
        found = version.locate_line(position, line)
        return Place(path=self._path) if found is None else Place(path=self._path, line=found[0])


def is_one_template(messages: tuple[Message, ...]) -> bool:
    """Return whether blocks of a template reach over several messages: it is valid only as a whole."""
    try:
        for message in messages:
            list_includes(message.content)
    except RenderingError:
        with contextlib.suppress(RenderingError):
            list_includes(join_messages(messages).text)
            return True
    return False
