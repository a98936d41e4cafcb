"""What a release needs to know: whether its tag fits the version, and its section of the changelog.

    python .ci/release.py check v0.2.0     # exits with 1 and the reason if the tag cannot be released
    python .ci/release.py notes v0.2.0     # prints the section of CHANGELOG.md
    python .ci/release.py major v0.2.0     # prints the tag of the action that follows, or nothing for a pre-release

It needs the standard library alone.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TAG = re.compile(r"v(?P<version>(?P<major>0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?P<pre>(?:a|b|rc)\d+)?)")


def read_version(root: Path) -> str:
    """Read the version of the package without importing it."""
    found = re.search(r'^__version__ = "([^"]+)"$', (root / "evalgate/__init__.py").read_text(encoding="utf-8"), re.M)
    if found is None:
        raise SystemExit('evalgate/__init__.py: no line __version__ = "..."')
    return found[1]


def find_notes(changelog: str, version: str) -> str | None:
    """Return the section of a version without its heading, or None where no dated section has this version."""
    heading = re.compile(rf"^## {re.escape(version)} - \d{{4}}-\d{{2}}-\d{{2}}$", re.M)
    found = heading.search(changelog)
    if found is None:
        return None
    following = re.compile(r"^## ", re.M).search(changelog, found.end())
    return changelog[found.end() : following.start() if following else None].strip("\n") + "\n"


def find_fault(tag: str, root: Path) -> str | None:
    """Say why a tag cannot be released, or return None."""
    parts = TAG.fullmatch(tag)
    if parts is None:
        return f"{tag}: not a tag of a release; expected v0.2.0 or v0.2.0rc1"
    version = read_version(root)
    if parts["version"] != version:
        return f"{tag}: evalgate/__init__.py has the version {version}; make both equal"
    notes = find_notes((root / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    if notes is None:
        return f'{tag}: CHANGELOG.md has no heading "## {version} - YYYY-MM-DD"; date the section of this release'
    if not notes.strip():
        return f"{tag}: the section of {version} in CHANGELOG.md is empty"
    return None


def find_major(tag: str) -> str | None:
    """Return the tag that users of the action follow, such as `v1`; None for a pre-release."""
    parts = TAG.fullmatch(tag)
    return None if parts is None or parts["pre"] else f"v{parts['major']}"


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Run one of the three commands on a tag; return the exit code."""
    if len(arguments) != 2 or arguments[0] not in {"check", "notes", "major"}:
        print(__doc__, file=sys.stderr)
        return 2
    command, tag = arguments
    fault = find_fault(tag, root)
    if fault is not None:
        print(fault, file=sys.stderr)
        return 1
    if command == "notes":
        print(find_notes((root / "CHANGELOG.md").read_text(encoding="utf-8"), read_version(root)), end="")
    elif command == "major":
        print(find_major(tag) or "")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
