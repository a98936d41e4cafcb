"""Git's pre-push hook: find its folder, install it together with an existing hook, and read git's input to it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from evalgate.errors import Fault, GitError, InputError, Place
from evalgate.services.git_process import execute, first_line
from evalgate.services.hook_managers import find_refusal, is_of_pre_commit

MARK = "# evalgate pre-push hook"
KEPT = "pre-push.before-evalgate"
BESIDE_PRE_COMMIT = "pre-push.legacy"
"""The name of a hook that pre-commit runs before its own hooks, with all lines of git."""
_NO_COMMIT = frozenset("0")

# Both hooks get the lines of git unchanged; "x" keeps the shell from stripping trailing line breaks.
_SCRIPT = """\
#!/bin/sh
{mark}, written by `evalgate hook install`; `evalgate hook uninstall` removes it.
# To skip it once: git push --no-verify
pushed=$(cat; printf x)
pushed=${{pushed%x}}
before="$(dirname "$0")/{kept}"
if [ -x "$before" ]; then
  printf %s "$pushed" | "$before" "$@" || exit $?
fi
if [ -z "$pushed" ]; then
  echo "evalgate: git pushes no ref: nothing was looked at" >&2
  exit 0
fi
# -P: never import a file of the repository as a module of evalgate
if [ -x {python} ]; then
  set -- {python} -P -c 'from evalgate.cli import entry; entry()' hook run {options} -- "$@"
elif command -v evalgate >/dev/null 2>&1; then
  set -- evalgate hook run {options} -- "$@"
else
  echo "evalgate is not installed here: the pushed prompts were not checked; CI will check them" >&2
  exit 0
fi
printf %s "$pushed" | "$@"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One line of git's input to the hook: `sha` is the commit of `local`, None if the remote ref is deleted."""

    local: str
    sha: str | None
    remote: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """The path of the hook, of the earlier hook that it runs first (if any), and if others may share the folder."""

    path: Path
    chained: Path | None
    shared: bool


def read_pushes(text: str) -> tuple[Push, ...]:
    """Parse lines of `<local ref> <local sha> <remote ref> <remote sha>`. Raises GitError for any other line."""
    found = []
    for line in filter(None, text.splitlines()):
        words = line.split(" ")
        # a local name can be any expression, as in `git push origin :/fix some thing:main`: take the last three words
        if len(words) < 4:
            raise GitError(f'not an input line of a pre-push hook: "{line}"', hint="git calls this verb by itself")
        sha = words[-3]
        found.append(Push(local=" ".join(words[:-3]), sha=None if set(sha) <= _NO_COMMIT else sha, remote=words[-2]))
    return tuple(found)


def install(folder: Path, python: str, options: list[str], write: Callable[[Path, str], None]) -> Installed:
    """Write the hook of the repository around a folder; an existing hook is kept and runs first.

    `write` writes an executable file, and its folder, atomically; it may raise OSError. Raises GitError without a
    repository, InputError if the hook cannot be written, or would put another program's hook out of work: the error
    has the lines to add to that program's settings, and an earlier installation that did so is undone.
    """
    found = _find_paths(folder)
    path, kept = found.path, found.kept
    text = _SCRIPT.format(mark=MARK, kept=KEPT, python=shlex.quote(python), options=shlex.join(options))
    call = shlex.join(["evalgate", "hook", "run", *options])
    try:
        if not _is_ours(path) and _is_same(path, kept):
            kept.unlink()  # its program has written it anew
        other = kept if _is_ours(path) else path
        if refusal := find_refusal(path.parent, other, call, top=found.top, tracked=found.tracked):
            if other is kept and os.path.lexists(kept):
                kept.replace(path)
            raise InputError(refusal.reason, place=Place(path=str(path)), hint=refusal.hint)
        if os.path.lexists(path) and not _is_ours(path):
            if os.path.lexists(kept):
                raise InputError(
                    f"there are both another hook and {KEPT}: one of them would be lost",
                    place=Place(path=str(path)),
                    hint="combine the two by hand, and remove one",
                )
            path.rename(kept)
        write(path, text)
    except OSError as error:
        raise _make_write_error(path, error) from None
    return Installed(path=path, chained=kept if os.path.lexists(kept) else None, shared=found.shared)


def uninstall(folder: Path) -> Installed | None:
    """Remove the hook and restore the earlier one (`chained`); None if evalgate's hook is not installed."""
    found = _find_paths(folder)
    path, kept = found.path, found.kept
    if not _is_ours(path):
        return None
    try:
        back = os.path.lexists(kept)
        if back:
            kept.replace(path)
        else:
            path.unlink()
    except OSError as error:
        raise _make_write_error(path, error) from None
    return Installed(path=path, chained=path if back else None, shared=found.shared)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paths:
    """Where the hook and the earlier hook are, if others may share the folder, and if it is under version control.

    `top` is the top level of the repository.
    """

    path: Path
    kept: Path
    top: Path
    shared: bool
    tracked: bool


def _find_paths(folder: Path) -> _Paths:
    """Find the folder that git uses: `core.hooksPath`, else the one that all worktrees share.

    Beside the hook of pre-commit, evalgate's is the one that pre-commit runs first.
    """
    order = ["rev-parse", "--path-format=absolute", "--git-path", "hooks", "--git-common-dir", "--show-toplevel"]
    done = execute(folder, order)
    lines = os.fsdecode(done.stdout).splitlines()
    if done.returncode or len(lines) != 3:
        said = first_line(done.stderr.decode("utf-8", "replace"))
        raise GitError(f"there is no place for a hook: {said}", hint="run it in a checkout, with git 2.31 or newer")
    hooks, common, top = map(Path, lines)
    inside = hooks.is_relative_to(top) and not hooks.is_relative_to(common)
    tracked = inside and bool(execute(top, ["ls-files", "-z", "--", str(hooks)]).stdout)
    path = hooks / "pre-push"
    return _Paths(
        path=hooks / BESIDE_PRE_COMMIT if is_of_pre_commit(path) else path,
        kept=hooks / KEPT,
        top=top,
        shared=not (hooks.is_relative_to(common) or hooks.is_relative_to(top)),
        tracked=tracked,
    )


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.read_bytes() == other.read_bytes()
    except OSError:
        return False


def _is_ours(path: Path) -> bool:
    try:
        return MARK.encode() in path.read_bytes()
    except OSError:
        return False


def _make_write_error(path: Path, error: OSError) -> InputError:
    message = f"cannot be written: {error.strerror or error}"
    return InputError(faults=[Fault(message=message, place=Place(path=str(path)))])
