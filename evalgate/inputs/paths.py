"""Resolution of the paths in a document: relative to its folder, and inside the tree."""

from __future__ import annotations

import posixpath

from evalgate.errors import EvalgateError, InputError
from evalgate.inputs.formats.nodes import Node
from evalgate.inputs.schema_check import SchemaCheck
from evalgate.inputs.tree import Tree, inside, is_absolute, join


class PathResolver:
    """Resolves the paths of one document, and adds a fault at the place of each invalid path."""

    def __init__(self, tree: Tree, checker: SchemaCheck) -> None:
        self.tree = tree
        self._checker = checker
        self._folder = posixpath.dirname(checker.path)

    def resolve(self, node: Node) -> str | None:
        """Return the normalised path, relative to the tree's root or absolute; None if it is outside of the tree."""
        path = join(self._folder, node.data)
        if is_absolute(path):
            return path
        try:
            return inside(path)
        except InputError as error:
            self._checker.add_fault(node, f'"{node.data}" {error.faults[0].message}')
            return None

    def find(self, node: Node | None) -> str | None:
        """Resolve a path as `resolve` does, and require that the file exists.

        Returns None also for an absent or invalid node.
        """
        if node is None or not self._checker.is_valid(node):
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
        self._checker.add_fault(node, why, hint)
        return None
