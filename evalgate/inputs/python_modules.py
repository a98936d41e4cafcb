"""Find the code of a check in a tree: the module of its function, and what this module imports from the tree."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from evalgate.domain import digest
from evalgate.errors import InputError, Place
from evalgate.inputs.tree import Tree, join


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedCode:
    """The files of a function's code, and the digest of their contents."""

    files: tuple[str, ...]
    digest: str


def load_code(tree: Tree, folder: str, path: str) -> LoadedCode:
    """Return the code of a function `package.module.function`, with modules below `folder`, without running it.

    The files are those of the module, of its packages, and of all modules of the tree that they import. A module that
    is imported in another way than by `import` is not among them.

    Raises InputError if the tree has no such module or the module no such function, and for a syntax error.
    """
    module, _, name = path.replace(":", ".").rpartition(".")
    if not module or not all(part.isidentifier() for part in path.replace(":", ".").split(".")):
        raise InputError(f'"{path}" is not the name of a function', hint='write it as "package.module.function"')
    found: dict[str, bytes] = {}
    _add_module(tree, folder, module, found)
    file = _find_file(tree, folder, module)
    if file is None or file not in found:
        raise InputError(
            f'no module "{module}" below {folder or "the root"}',
            hint="the code of a check is in the repository, below the folder of the configuration",
        )
    _require_function(found[file], file, module, name)
    contents = {posixpath.relpath(one, folder or "."): data.decode("utf-8", "replace") for one, data in found.items()}
    return LoadedCode(files=tuple(found), digest=digest(dict(sorted(contents.items()))))


def find_imported(tree: Tree, folders: Iterable[str], code: str, path: str) -> tuple[str, ...]:
    """Return the files of all modules that some code imports, searched below each of the folders.

    `path` names the code in an error. Raises InputError for a syntax error.
    """
    found: dict[str, bytes] = {}
    for folder in folders:
        for name in _list_imports(code.encode("utf-8", "surrogatepass"), path, "", is_package=False):
            _add_module(tree, folder, name, found)
    return tuple(found)


def _add_module(tree: Tree, folder: str, module: str, found: dict[str, bytes]) -> None:
    """Add the file of a module, those of the packages around it, and all that they import."""
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        file = _find_file(tree, folder, name)
        if file is None or file in found:
            continue
        found[file] = tree.read(file)
        is_package = posixpath.basename(file) == "__init__.py"
        for imported in _list_imports(found[file], file, name, is_package=is_package):
            _add_module(tree, folder, imported, found)


def _find_file(tree: Tree, folder: str, module: str) -> str | None:
    """Return the file of a module; None for one that is not in the tree, such as an installed one."""
    base = join(folder, module.replace(".", "/"))
    return next((path for path in (f"{base}/__init__.py", f"{base}.py") if tree.exists(path)), None)


@lru_cache(maxsize=64)
def _parse(data: bytes, path: str) -> ast.Module:
    try:
        return ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = error.lineno or 0 if isinstance(error, SyntaxError) else 0
        why = error.msg if isinstance(error, SyntaxError) else str(error) or type(error).__name__
        raise InputError(f"cannot be read as Python: {why}", place=Place(path=path, line=line)) from None


@lru_cache(maxsize=64)
def _list_imports(data: bytes, file: str, module: str, *, is_package: bool) -> tuple[str, ...]:
    """Return the names of all modules that some code may import; also of what may be a name inside a module."""
    return tuple(_find_imports(_parse(data, file), module, is_package=is_package))


def _find_imports(code: ast.Module, module: str, *, is_package: bool) -> Iterator[str]:
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            own = module.split(".")
            around = own[: len(own) - node.level + is_package] if node.level else []
            base = ".".join([*around, *([node.module] if node.module else [])])
            if base:
                yield base
            yield from (".".join(filter(None, (base, alias.name))) for alias in node.names if alias.name != "*")


def _require_function(data: bytes, file: str, module: str, name: str) -> None:
    """Raise InputError unless the module has a function of this name at its top level, or imports one."""
    names: set[str] = set()
    for node in _parse(data, file).body:
        if isinstance(node, ast.AsyncFunctionDef) and node.name == name:
            raise InputError(f"{module}.{name} is async", place=Place(path=file, line=node.lineno), hint="use `def`")
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        else:
            names |= {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
            names |= {one.name for one in ast.walk(node) if isinstance(one, ast.FunctionDef)}
    if name not in names and "*" not in names:
        raise InputError(f'{module} has no function "{name}"', place=Place(path=file))
