"""A tree whose files are those of another one, with prompts and datasets that are in Langfuse beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from functools import cache

from evalgate.domain.langfuse_reference import LangfuseDatasetSource, LangfusePromptSource, is_langfuse, parse_source
from evalgate.errors import InputError
from evalgate.inputs.formats.nodes import refuse
from evalgate.inputs.tree import Tree
from evalgate.services.langfuse import Langfuse
from evalgate.services.langfuse_prompts import LangfusePrompt

VERSION_LABEL = re.compile(r"v([0-9]+\.[0-9]+\.[0-9]+(?:-[0-9a-z.-]+)?)")
"""A label that is a version number, as `evalgate release project` gives them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetched:
    """What was read: its content, and the name of exactly this content, as far as Langfuse has one."""

    data: bytes
    source: str


class LangfuseTree:
    """The files of a tree, and what `langfuse:NAME@LABEL` or `langfuse:NAME` names on a server.

    Each name is requested once, when it is read: a run sees one state. Nothing is kept longer, and nothing takes the
    place of what cannot be read. `exists` is False for these names, because they are not files; git has none of them.

    Reading raises InputError for a prompt, version, label or dataset that does not exist, and ServiceError for a server
    that does not answer.
    """

    def __init__(self, tree: Tree, connect: Callable[[], Langfuse]) -> None:
        self.files = tree
        self._connect = cache(connect)
        self._known: dict[str, _Fetched] = {}

    @property
    def root(self) -> str:
        return self.files.root

    def read(self, path: str) -> bytes:
        return self._fetch(path).data if is_langfuse(path) else self.files.read(path)

    def exists(self, path: str) -> bool:
        return not is_langfuse(path) and self.files.exists(path)

    def list_files(self, folder: str) -> Iterator[str]:
        return self.files.list_files(folder)

    def describe(self, path: str) -> str:
        return self._fetch(path).source if is_langfuse(path) else self.files.describe(path)

    def list_moved(self, paths: Collection[str] | None = None) -> dict[str, str]:
        """Request all that was read, or of that `paths`, again. Return a sentence for each with another content."""
        moved = {}
        for path, before in self._known.items():
            if paths is not None and path not in paths:
                continue
            try:
                now = self._request(path)
            except InputError as error:
                moved[path] = f"{path} was {before.source} when the run began, and now it {error.faults[0].message}"
                continue
            if now != before:
                other = f"is {now.source}" if now.source != before.source else "has another content"
                moved[path] = f"{path} was {before.source} when the run began, and now it {other}"
        return moved

    def find_author(self, path: str) -> tuple[str, str]:
        """Return the author and the commit message of a version; each is empty if it is not known."""
        source = parse_source(path)
        assert isinstance(source, LangfusePromptSource)
        found = self._find_version(source, path)
        return found.author, found.message or ""

    def _fetch(self, path: str) -> _Fetched:
        if path not in self._known:
            self._known[path] = self._request(path)
        return self._known[path]

    def _request(self, path: str) -> _Fetched:
        try:
            source = parse_source(path)
        except ValueError as error:
            raise refuse("names neither a prompt nor a dataset", path, hint=str(error)) from None
        return self._request_prompt(source, path) if isinstance(source, LangfusePromptSource) else self._items(source)

    def _request_prompt(self, source: LangfusePromptSource, path: str) -> _Fetched:
        found = self._find_version(source, path)
        numbers = sorted(number[1] for label in found.labels if (number := VERSION_LABEL.fullmatch(label)))
        content = {
            "name": found.name,
            "prompt": found.prompt if isinstance(found.prompt, str) else [dict(one) for one in found.prompt],
            "config": dict(found.config),
            "numbers": numbers,
        }
        return _Fetched(
            data=_encode(content), source=str(LangfusePromptSource(name=source.name, version=found.version))
        )

    def _find_version(self, source: LangfusePromptSource, path: str) -> LangfusePrompt:
        """Return the version of a source. A label that two versions have is none: a race leaves that."""
        langfuse, number = self._connect(), source.version
        if source.label is not None:
            listing = langfuse.find_prompt(source.name, label=source.label)
            holders = () if listing is None else listing.versions
            if len(holders) > 1:
                which = ", ".join(map(str, holders))
                raise refuse(
                    f"has several versions, {which}: two moves of the label at once left it on each of them",
                    path,
                    hint="put the label on one version again, in Langfuse",
                )
            number = holders[0] if holders else None
        found = None if number is None else langfuse.read(source.name, number)
        if found is None:
            raise refuse(f"does not exist at {langfuse.url}", path, hint=self._describe_present(langfuse, source.name))
        return found

    def _describe_present(self, langfuse: Langfuse, name: str) -> str:
        listing = langfuse.find_prompt(name)
        if listing is None:
            return "no prompt has this name, or the keys are those of another project"
        numbers = f"{listing.versions[0]} to {listing.versions[-1]}" if len(listing.versions) > 1 else "1"
        return f"it has the versions {numbers} and the labels {', '.join(sorted(listing.labels)) or '(none)'}"

    def _items(self, source: LangfuseDatasetSource) -> _Fetched:
        langfuse = self._connect()
        items = langfuse.read_items(source.name, at=source.moment)
        if items is None:
            hint = "no dataset has this name, or the keys are those of another project"
            raise refuse(f"does not exist at {langfuse.url}", str(source), hint=hint)
        return _Fetched(data=_encode([asdict(one) for one in items]), source=str(source))


def find_langfuse_tree(tree: Tree) -> LangfuseTree | None:
    """Return the tree that reads from Langfuse, if a tree is one."""
    return tree if isinstance(tree, LangfuseTree) else None


def close_tree(tree: Tree) -> Tree:
    """Return a tree without Langfuse: what a name there has is not looked at."""

    def refuse_all() -> Langfuse:
        raise InputError("is in Langfuse, which is not asked here")

    return LangfuseTree(tree.files, refuse_all) if isinstance(tree, LangfuseTree) else tree


def _encode(value: object) -> bytes:
    # in the order of the server: models write the properties of an answer in that of their schema
    return json.dumps(value).encode()
