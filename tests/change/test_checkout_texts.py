"""A checkout may have another text of a prompt than the commit: by `.gitattributes`, or by a pointer of Git LFS."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from change.recorded_project import PROMPT, Project, prompt_text

from evalgate.change.workspace import PullRequest, open_pull_request
from evalgate.errors import InputError
from evalgate.score.criterion import validate_criterion
from evalgate.services.git import Git


def judge(project: Project) -> PullRequest:
    git = Git.open(project.root)
    return open_pull_request(git, "evalgate.yml", policy="main", head="work", verify=validate_criterion)


def keep_in_lfs(project: Project, content: str) -> str:
    """Put a content into the store of LFS, and return its pointer."""
    data = content.encode()
    oid = hashlib.sha256(data).hexdigest()
    project.write(f".git/lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}", data)
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(data)}\n"


def on_main(project: Project, **files: str) -> None:
    project.git("switch", "--quiet", "main")
    project.commit("base", **files)
    project.git("switch", "--quiet", "work")
    project.git("merge", "--quiet", "--ff-only", "main")


@pytest.mark.parametrize("attributes", ["", "*.md filter=lfs\n", "prompts/* -filter\n"])
def test_a_prompt_that_becomes_a_pointer_no_checkout_replaces_is_refused(project: Project, attributes: str) -> None:
    project.commit("pointer", **{PROMPT: keep_in_lfs(project, prompt_text()), ".gitattributes": attributes})
    with pytest.raises(InputError, match=r"prompts/p\.prompt\.yml: is a pointer of Git LFS, and no \.gitattributes"):
        judge(project)


def test_a_prompt_in_lfs_that_loses_its_attribute_is_refused(project: Project) -> None:
    on_main(project, **{PROMPT: keep_in_lfs(project, prompt_text()), ".gitattributes": "prompts/* filter=lfs\n"})
    assert judge(project).change.changes == ()
    project.commit("edit", **{PROMPT: keep_in_lfs(project, prompt_text("1.1.0", "Answer {{query}} in two."))})
    assert judge(project).change.changes == ()
    project.commit("attributes", **{"prompts/.gitattributes": "*.yml -filter\n"})
    with pytest.raises(InputError, match="a checkout has the pointer"):
        judge(project)


@pytest.mark.parametrize(
    ("file", "rule", "counts"),
    [
        (".gitattributes", "prompts/*.yml working-tree-encoding=UTF-16LE", True),
        ("prompts/.gitattributes", "* ident", True),
        (".gitattributes", "*.yml filter=strange", True),
        (".gitattributes", "prompts/* export-subst", True),
        (".gitattributes", "*.yml text eol=crlf", False),
        (".gitattributes", "*.png filter=lfs binary", False),
        ("docs/.gitattributes", "*.yml working-tree-encoding=UTF-16LE", False),
    ],
)
def test_attributes_that_give_a_checkout_another_text_wait_for_a_person(
    project: Project, file: str, rule: str, counts: bool
) -> None:
    project.commit("attributes", **{file: f"{rule}\n"})
    change = judge(project).change
    assert [edit.path for edit in change.changes] == ([file] if counts else [])
    assert bool(change.reason) is counts


def test_what_the_base_says_already_is_no_edit(project: Project, tmp_path: Path) -> None:
    on_main(project, **{".gitattributes": "*.yml ident\n"})
    project.commit(
        "edit", **{PROMPT: prompt_text("1.1.0", "Answer {{query}} in two."), ".gitattributes": "*.yml ident\n#\n"}
    )
    assert judge(project).change.changes == ()
