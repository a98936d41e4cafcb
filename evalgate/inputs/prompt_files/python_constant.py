"""Reader of a string constant in a Python file. The file is parsed and never imported."""

from __future__ import annotations

import ast
import inspect
import io
import textwrap
import tokenize
import warnings
from collections.abc import Sequence

from evalgate.domain import Message, TextStart
from evalgate.errors import InputError, Place
from evalgate.inputs.formats.data_file import decode
from evalgate.inputs.formats.nodes import refuse
from evalgate.inputs.prompt_files.prompt_keys import PromptParts
from evalgate.inputs.prompt_files.python_bindings import (
    is_import_of,
    is_import_of_all,
    list_attribute_bindings,
    list_bindings,
)

MOST_CONSTANT_FILE = 1024 * 1024
"""The maximum size of a Python file, in bytes."""
_DEDENTS = {"dedent": textwrap.dedent, "cleandoc": inspect.cleandoc}
_MODULES = {"dedent": "textwrap", "cleandoc": "inspect"}
_METHODS = ("strip", "lstrip", "rstrip")
_MOST_NAMES = 20
_HINT = "the constant has to be a text: literals, joined by + or side by side, textwrap.dedent and .strip()"


class MissingConstantError(InputError):
    """A Python file that does not assign the constant."""


def split_constant(path: str) -> tuple[str, str | None]:
    """Split `file.py:NAME` (or `file.py:Class.NAME`) into the file and the name; None for any other path."""
    file, colon, name = path.rpartition(":")
    if colon and file.lower().endswith(".py") and all(part.isidentifier() for part in name.split(".")):
        return file, name
    return path, None


def read_constant(data: bytes, path: str, name: str) -> PromptParts:
    """Read a constant of a module, or `Class.NAME` of a class, as one text.

    It may be a plain or triple-quoted literal, literals side by side or joined by +, another constant of the file, or
    one of these in `textwrap.dedent`, `inspect.cleandoc` or `.strip()`.

    Raises InputError with the place: for a file that is not valid Python, a name that is missing or that the file binds
    more than once in any way, an f-string, and any other expression.
    """
    if len(data) > MOST_CONSTANT_FILE:
        raise refuse(f"has {len(data):,} bytes; at most {MOST_CONSTANT_FILE:,} are parsed", path)
    text = decode(data, path)
    _refuse_other_encoding(data, text, path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = ast.parse(text)
    except SyntaxError as error:
        raise refuse(f"is not valid Python: {error.msg}", path, error.lineno or 0, error.offset or 0) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise refuse(f"is not valid Python: {type(error).__name__}", path) from None
    try:
        return _ConstantReader(module, text, path).read(name)
    except RecursionError:
        raise refuse(f"{name} is nested too deeply", path) from None


def _refuse_other_encoding(data: bytes, text: str, path: str) -> None:
    """Raise InputError if Python reads another text: by the encoding that one of the first two lines declares."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        if data.decode(encoding).removeprefix("\ufeff").replace("\r\n", "\n") == text:
            return
        problem = f"declares the encoding {encoding}, in which it is another text"
    except (SyntaxError, LookupError, ValueError):
        problem = "declares an encoding that is not known, or in which it is not a text"
    raise refuse(problem, path, 1, hint="save it as UTF-8, and remove the line `coding:`")


class _ConstantReader:
    def __init__(self, module: ast.Module, text: str, path: str) -> None:
        self._module = module
        self._lines = text.split("\n")
        self._path = path
        self._depth = 0

    def read(self, name: str) -> PromptParts:
        node = self._find(name)
        value = self._evaluate(node, tuple(name.split(".")[:-1])).strip("\n")
        if not value.strip():
            raise self._refuse(f"{name} is empty", node)
        lines = {"messages": node.lineno}
        return PromptParts(
            messages=(Message(role="user", content=value),),
            starts=(self._find_start(node, value),),
            name=name,
            lines=lines,
            is_text=True,
        )

    def _find(self, name: str) -> ast.expr:
        """Return the expression that is assigned to a name, in the module or in classes of it."""
        *classes, last = name.split(".")
        body = self._find_body(classes)
        values = [value for node in body for value in _list_assigned(node, last)]
        if not values:
            known = sorted({target.id for node in body for target in _list_targets(node)})[:10]
            message = f'assigns no constant "{name}"'
            raise MissingConstantError(
                message, place=Place(path=self._path), hint=f"it assigns: {', '.join(known)}" if known else None
            )
        if len(values) > 1:
            raise self._refuse(f'"{name}" is assigned {len(values)} times', values[1])
        self._refuse_other_bindings(name, body, values[0])
        return values[0]

    def _find_body(self, classes: Sequence[str]) -> Sequence[ast.stmt]:
        """Return the statements of the module, or of a class of it by the names on the way there."""
        body: Sequence[ast.stmt] = self._module.body
        for one in classes:
            found = [node for node in body if isinstance(node, ast.ClassDef) and node.name == one]
            if len(found) != 1:
                raise refuse(f'has no class "{one}"' if not found else f'has {len(found)} classes "{one}"', self._path)
            self._refuse_other_bindings(one, body, found[0])
            body = found[0].body
        return body

    def _refuse_other_bindings(self, name: str, body: Sequence[ast.stmt], own: ast.expr | ast.ClassDef) -> None:
        """Raise InputError if anything but the statement of `own` can give the name another value."""
        *classes, last = name.split(".")
        others: list[ast.AST] = [
            node
            for node in list_bindings(body, last)
            if not _is_within(own, node, body) and (node.lineno > own.lineno or not is_import_of_all(node))  # type: ignore[attr-defined]
        ]
        others += list_attribute_bindings(self._module, classes[-1], last) if classes else []
        if others:
            message = f'"{name}" gets its value in another place as well'
            raise self._refuse(message, others[0], "assign the text once, at the top level of the module or class")

    def _evaluate(self, node: ast.expr, classes: tuple[str, ...]) -> str:
        """Return the text of an expression in the module, or in the innermost of these classes."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if isinstance(node, ast.JoinedStr):
            raise self._refuse("an f-string is filled in by Python", node, "write a plain string with {{variables}}")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._evaluate(node.left, classes) + self._evaluate(node.right, classes)
        if isinstance(node, ast.Name):
            self._depth += 1
            if self._depth > _MOST_NAMES:
                raise self._refuse(f"more than {_MOST_NAMES} constants refer to each other", node)
            return self._look_up(node, classes)
        if isinstance(node, ast.Call):
            return self._call(node, classes)
        raise self._refuse("is not plain text", node, _HINT)

    def _look_up(self, node: ast.Name, classes: tuple[str, ...]) -> str:
        """Return the text of another constant: of the class that names it if that assigns it before, else the module's.

        Python does not look in the classes around that one.
        """
        bound = list_bindings(self._find_body(classes), node.id) if classes else []
        if not bound:
            return self._evaluate(self._find(node.id), ())
        name = ".".join((*classes, node.id))
        found = self._find(name)
        if (found.lineno, found.col_offset) > (node.lineno, node.col_offset):
            raise self._refuse(f'"{name}" is assigned only below', node)
        return self._evaluate(found, classes)

    def _call(self, node: ast.Call, classes: tuple[str, ...]) -> str:
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        owner = function.value if isinstance(function, ast.Attribute) else None
        if name in _DEDENTS and len(node.args) == 1 and not node.keywords and self._is_imported(name, owner, classes):
            return _DEDENTS[name](self._evaluate(node.args[0], classes))
        if name in _METHODS and owner is not None and not node.args and not node.keywords:
            return str(getattr(self._evaluate(owner, classes), name)())
        raise self._refuse(f"calls {name or 'a function'}()", node, _HINT)

    def _is_imported(self, name: str, owner: ast.expr | None, classes: tuple[str, ...]) -> bool:
        """Return whether a function is that of the standard library: all that binds its name in the file imports it.

        An import of all names counts where it comes after that. An assignment to an attribute of the function's name
        replaces it, by whatever name its module is known.
        """
        module = _MODULES[name]
        if owner is not None and not (isinstance(owner, ast.Name) and owner.id == module):
            return False
        if list_attribute_bindings(self._module, None, name):
            return False
        used, function = (name, name) if owner is None else (module, None)
        if classes and list_bindings(self._find_body(classes), used):
            return False
        bindings = list_bindings(self._module.body, used)
        first = next((place for place, node in enumerate(bindings) if not is_import_of_all(node)), 0)
        return all(is_import_of(node, module, function) for node in bindings[first:])

    def _find_start(self, node: ast.expr, value: str) -> TextStart:
        """Return where the text begins: at the first line of it in the file."""
        first = value.split("\n", 1)[0]
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
            column = self._lines[line - 1].find(first) if first.strip() else -1
            if column >= 0:
                return TextStart(line=line, column=column + 1, indent=column + 1 if line > node.lineno else 1)
        return TextStart(line=node.lineno, column=node.col_offset + 1)

    def _refuse(self, message: str, node: ast.AST, hint: str | None = None) -> InputError:
        return refuse(message, self._path, getattr(node, "lineno", 0), getattr(node, "col_offset", -1) + 1, hint)


def _is_within(own: ast.expr | ast.ClassDef, node: ast.AST, body: Sequence[ast.stmt]) -> bool:
    """Return whether a binding is the target of the statement that assigns `own`, or the class itself."""
    if isinstance(own, ast.ClassDef):
        return node is own
    statement = next(one for one in body if getattr(one, "value", None) is own)
    return isinstance(statement, ast.Assign | ast.AnnAssign) and any(node is one for one in _list_targets(statement))


def _list_targets(node: ast.stmt) -> list[ast.Name]:
    if isinstance(node, ast.AnnAssign | ast.AugAssign):
        return [node.target] if isinstance(node.target, ast.Name) else []
    return [target for target in node.targets if isinstance(target, ast.Name)] if isinstance(node, ast.Assign) else []


def _list_assigned(node: ast.stmt, name: str) -> list[ast.expr]:
    """Return what a statement assigns to a name. An addition to it counts as an assignment of its own."""
    if not any(target.id == name for target in _list_targets(node)):
        return []
    value = getattr(node, "value", None)
    return [value] if isinstance(value, ast.expr) else []
