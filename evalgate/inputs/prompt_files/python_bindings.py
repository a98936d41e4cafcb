"""The statements of a Python file that give a name another value than one assignment, in the scope of that name."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def list_bindings(body: Sequence[ast.stmt], name: str) -> list[ast.AST]:
    """Return the nodes of a module's or class's statements that bind or delete a name there, in file order.

    These are assignments at any depth (also in a condition, a loop or a `with`), imports, definitions, captures of
    patterns and exceptions, `del`, `:=`, and a `global` statement with the name in any inner scope. A node has a line
    and a column. An import of all names counts as a binding of each.
    """
    found = [node for statement in body for node in _walk_scope(statement) if name in _list_names(node)]
    inner = [node for statement in body for node in ast.walk(statement) if isinstance(node, ast.Global)]
    found += [node for node in inner if name in node.names]
    return sorted(dict.fromkeys(found), key=_find_place)


def list_attribute_bindings(module: ast.Module, owner: str | None, name: str) -> list[ast.AST]:
    """Return the nodes of a file that assign or delete the attribute `name` of a class, by its name or as `cls`.

    Without an `owner` it is the attribute of anything.
    """
    return [
        node
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute)
        and node.attr == name
        and not isinstance(node.ctx, ast.Load)
        and (owner is None or _find_last_name(node.value) in (owner, "cls"))
    ]


def is_import_of(node: ast.AST, module: str, name: str | None = None) -> bool:
    """Return whether a node imports a module under its own name, or with `name` that function of it."""
    if name is None:
        own = (
            [alias.name for alias in node.names if _find_bound(alias) == module] if isinstance(node, ast.Import) else []
        )
        return own == [module]
    if not isinstance(node, ast.ImportFrom) or node.module != module or node.level:
        return False
    return [alias.name for alias in node.names if _find_bound(alias) == name] == [name]


def is_import_of_all(node: ast.AST) -> bool:
    """Return whether a node is `from module import *`."""
    return isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)


def _walk_scope(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and those inside it that bind names of the same scope."""
    yield node
    if isinstance(node, ast.AnnAssign) and node.value is None:
        return  # a declaration alone
    for field, value in ast.iter_fields(node):
        if _is_inner_scope(node, field):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.comprehension):
                for part in (child.iter, *child.ifs):  # its target is a name of its own
                    yield from _walk_scope(part)
            elif isinstance(child, ast.AST):
                yield from _walk_scope(child)


def _is_inner_scope(node: ast.AST, field: str) -> bool:
    return field in ("body", "type_params") and isinstance(node, (*_FUNCTIONS, ast.ClassDef))


def _list_names(node: ast.AST) -> Sequence[str | None]:
    """Return the names that a node itself binds or deletes."""
    match node:
        case ast.Name(ctx=ast.Store() | ast.Del()):
            return [node.id]
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Import() | ast.ImportFrom():
            return _AnyName() if is_import_of_all(node) else [_find_bound(alias) for alias in node.names]
        case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar():
            return [node.name]
        case ast.MatchMapping():
            return [node.rest]
        case _:
            return []


class _AnyName(list[str | None]):
    """The names of a module that is imported with a star: they are not known."""

    def __contains__(self, name: object) -> bool:
        return True


def _find_bound(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _find_last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _find_place(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
