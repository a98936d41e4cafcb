"""Patterns of paths: the files of a tree that a pattern such as `prompts/**/*.md` matches."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator

from evalgate.inputs.tree import Tree

MOST_MATCHES = 2_000
"""The maximum number of files that one pattern of prompts may match."""
_WILD = re.compile(r"[*?\[]")
_PARTS = re.compile(r"/|\*\*")


def is_pattern(path: str) -> bool:
    """Return whether a path has a wildcard."""
    return _WILD.search(path) is not None


def find_folder(pattern: str) -> str:
    """Return the folder that all matches of a pattern are in: its part before the first wildcard."""
    fixed = _WILD.split(pattern, maxsplit=1)[0]
    return fixed.rpartition("/")[0]


def find_matches(tree: Tree, pattern: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Yield the files of a tree that match a pattern and have one of these suffixes, sorted."""
    matches = compile_pattern(pattern)
    found = (path for path in tree.list_files(find_folder(pattern)) if path.lower().endswith(suffixes))
    yield from sorted(path for path in found if matches.fullmatch(path))


def matches_any(path: str, patterns: Iterable[str]) -> bool:
    """Return whether one of these patterns matches a path. A pattern without a wildcard matches itself."""
    return any(compile_pattern(pattern).fullmatch(path) for pattern in patterns)


def may_hold_match(folder: str, patterns: Iterable[str]) -> bool:
    """Return whether one of these patterns may match a path below a folder.

    It may if its part before a slash, or up to a `**`, matches the folder.
    """
    return any(
        compile_pattern(pattern[:end]).fullmatch(folder)
        for pattern in patterns
        for end in [found.end() if found[0] == "**" else found.start() for found in _PARTS.finditer(pattern)]
    )


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a pattern into a regular expression for whole paths.

    `*` and `?` match within a name, `**` any number of folders, `[abc]` one of these
    characters, and `[!abc]` any other.
    """
    found: list[str] = []
    at = 0
    while at < len(pattern):
        if pattern.startswith("**/", at) and (at == 0 or pattern[at - 1] == "/"):
            found.append("(?:[^/]+/)*")
            at += 3
        elif pattern.startswith("**", at):
            found.append(".*")
            at += 2
        elif pattern[at] in "*?":
            found.append("[^/]*" if pattern[at] == "*" else "[^/]")
            at += 1
        else:
            end = pattern.find("]", at + 2) if pattern[at] == "[" else -1
            if end > 0:
                inner = pattern[at + 1 : end]
                inverted = inner.startswith("!")
                characters = re.sub(r"([\\\[\]^&~|])", r"\\\1", inner[1:] if inverted else inner)
                found.append(f"(?!/)[{'^' if inverted else ''}{characters}]")
                at = end + 1
            else:
                found.append(re.escape(pattern[at]))
                at += 1
    return re.compile("".join(found))


def fill(text: str, prompt: str, pattern: str) -> str:
    """Replace `{dir}` and `{stem}` of a path by those of a prompt file.

    `{dir}` is its folder below the pattern's own one (`find_folder`), `{stem}` its name up to the first dot.
    """
    folder = posixpath.relpath(posixpath.dirname(prompt) or ".", find_folder(pattern) or ".")
    stem = posixpath.basename(prompt).split(".", 1)[0]
    return text.replace("{dir}", folder).replace("{stem}", stem)
