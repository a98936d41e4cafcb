"""The paths written in a document: joined to its folder, kept inside the tree, found."""

from __future__ import annotations

import posixpath

from evalgate.errors import EvalgateError, InputError
from evalgate.inputs.formats.nodes import Node
from evalgate.inputs.schema_check import SchemaCheck
from evalgate.inputs.tree import Tree, inside, is_absolute, join


class PathResolver:
    """Resolves the paths of one document; what is wrong with one is blamed at its place."""

    def __init__(self, tree: Tree, shape: SchemaCheck) -> None:
        self.tree = tree
        self._shape = shape
        self._folder = posixpath.dirname(shape.path)

    def resolve(self, node: Node) -> str | None:
        """The path relative to the tree's root (or absolute), normalised; None when it leads out of the tree."""
        path = join(self._folder, node.data)
        if is_absolute(path):
            return path
        try:
            return inside(path)
        except InputError as error:
            self._shape.blame(node, f'"{node.data}" {error.faults[0].message}')
            return None

    def find(self, node: Node | None) -> str | None:
        """Like `resolve`, and the file must be there. None, too, for an absent or unsound node."""
        if node is None or not self._shape.sound(node):
            return None
        path = self.resolve(node)
        if path is None or self.tree.exists(path):
            return path
        try:
            self.tree.read(path)
            why, hint = "cannot be read", None
        except EvalgateError as error:
            why, hint = error.faults[0].message, error.faults[0].hint
        if why == "no such file":
            why = f'no such file: "{path}"'
            hint = "write paths with forward slashes" if "\\" in node.data else None
        else:
            why = f'"{path}" {why}'
        self._shape.blame(node, why, hint)
        return None
