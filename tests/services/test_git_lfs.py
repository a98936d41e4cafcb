"""Files in Git LFS, at a commit and on disk: read where the content is here, else named."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evalgate.errors import InputError
from evalgate.inputs.tree import CommitTree, WorkTree
from evalgate.services import git_lfs
from evalgate.services.git import Git
from evalgate.services.git_objects import UnavailableError

CONTENT = b'{"id": "a", "query": "q"}\n' * 50
CLEAN = """\
import hashlib, sys
from pathlib import Path
data = sys.stdin.buffer.read()
oid = hashlib.sha256(data).hexdigest()
Path(sys.argv[1], oid).write_bytes(data)
print(f"version https://git-lfs.github.com/spec/v1\\noid sha256:{oid}\\nsize {len(data)}")
"""
SMUDGE = """\
import sys
from pathlib import Path
pointer = sys.stdin.read()
file = Path(sys.argv[1], pointer.split("sha256:")[1][:64])
sys.stdout.buffer.write(file.read_bytes() if file.exists() else pointer.encode())
"""


def pointer(content: bytes = CONTENT) -> bytes:
    oid = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n".encode()


@pytest.fixture
def server(repository: Any, tmp_path: Path) -> Path:
    """Configure a filter `lfs` that keeps contents in a folder; return the folder."""
    folder = tmp_path / "server"
    folder.mkdir()
    for name, script in (("clean", CLEAN), ("smudge", SMUDGE)):
        file = tmp_path / f"{name}.py"
        file.write_text(script)
        repository.git("config", f"filter.lfs.{name}", f'"{sys.executable}" "{file}" "{folder}"')
    return folder


@pytest.fixture
def tracked(repository: Any, server: Path) -> Any:
    repository.write(".gitattributes", "*.jsonl filter=lfs -text\n")
    repository.write("data/c.jsonl", CONTENT)
    repository.commit("in lfs")
    assert repository.git("cat-file", "blob", "HEAD:data/c.jsonl").startswith("version https://git-lfs")
    return repository


def test_a_file_at_a_commit_is_read_by_the_filter(tracked: Any) -> None:
    git = Git.open(tracked.root)
    assert git.read("HEAD", "data/c.jsonl") == CONTENT
    assert CommitTree(git, git.resolve("HEAD"), "data").read("c.jsonl") == CONTENT


def test_the_attributes_of_the_working_tree_are_not_needed(tracked: Any) -> None:
    tracked.git("rm", "--quiet", ".gitattributes")
    assert Git.open(tracked.root).read("HEAD", "data/c.jsonl") == CONTENT


def test_a_pointer_on_disk_is_read_by_the_filter(tracked: Any) -> None:
    tracked.write("data/c.jsonl", pointer())
    assert WorkTree(tracked.root).read("data/c.jsonl") == CONTENT
    assert WorkTree(tracked.root / "data").read("c.jsonl") == CONTENT
    assert WorkTree(tracked.root).read(str(tracked.root / "data" / "c.jsonl")) == CONTENT


def test_content_in_the_store_of_the_repository_needs_no_filter(repository: Any) -> None:
    repository.write("c.jsonl", pointer())
    repository.commit("a pointer")
    oid = hashlib.sha256(CONTENT).hexdigest()
    repository.write(f".git/lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}", CONTENT)
    assert Git.open(repository.root).read("HEAD", "c.jsonl") == CONTENT
    assert WorkTree(repository.root).read("c.jsonl") == CONTENT


@pytest.mark.parametrize("fault", ["gone", "other content", "no filter"])
def test_content_that_is_not_here_is_named(tracked: Any, server: Path, fault: str) -> None:
    (kept,) = server.iterdir()
    if fault == "no filter":
        tracked.git("config", "--remove-section", "filter.lfs")
    elif fault == "gone":
        kept.unlink()
    else:
        kept.write_bytes(CONTENT[:-1] + b" ")
    git, sha = Git.open(tracked.root), tracked.git("rev-parse", "HEAD")
    with pytest.raises(UnavailableError) as at_commit:
        git.read("HEAD", "data/c.jsonl")
    assert str(at_commit.value) == (
        f"{sha[:7]}:data/c.jsonl is a pointer of Git LFS, and its content is not here\n"
        f"  hint: git lfs fetch origin {sha} --include data/c.jsonl; "
        "in a workflow: actions/checkout with `lfs: true`"
    )
    tracked.write("data/c.jsonl", pointer())
    with pytest.raises(InputError, match=r"data/c.jsonl: is a pointer of Git LFS.*\n.*git lfs pull --include data/c"):
        WorkTree(tracked.root).read("data/c.jsonl")


def test_a_pointer_outside_of_a_repository_is_named(tmp_path: Path, git_environment: None) -> None:
    (tmp_path / "c.jsonl").write_bytes(pointer())
    with pytest.raises(InputError, match="is a pointer of Git LFS"):
        WorkTree(tmp_path).read("c.jsonl")


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (pointer(), True),
        (pointer().replace(b"\n", b"\r\n"), True),
        (pointer().replace(b"oid", b"ext-0-x sha256:0\noid"), True),
        (b"version https://git-lfs.github.com/spec/v1\n", True),
        (b"version https://example.org/spec/v1\n", False),
        (pointer() + b"x" * 2000, False),
        (b"", False),
    ],
)
def test_pointers_are_recognised(data: bytes, wanted: bool) -> None:
    assert git_lfs.is_pointer(data) is wanted


def test_a_damaged_or_huge_pointer_has_no_content(tracked: Any) -> None:
    for data in (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n",
        pointer().replace(b"size ", b"size 9999999999"),
    ):
        assert git_lfs.read_content(tracked.root, data, "data/c.jsonl") is None


@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
def test_git_lfs_itself(repository: Any) -> None:
    repository.git("lfs", "install", "--local", "--skip-repo")
    repository.git("lfs", "track", "*.jsonl")
    repository.write("c.jsonl", CONTENT)
    repository.commit("in lfs")
    subprocess.run(["git", "-C", str(repository.root), "lfs", "uninstall", "--local"], check=True, capture_output=True)
    assert Git.open(repository.root).read("HEAD", "c.jsonl") == CONTENT
