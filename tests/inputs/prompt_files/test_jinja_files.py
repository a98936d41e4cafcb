"""Files that a jinja prompt includes: only those of its folder, from the tree of the prompt."""

from __future__ import annotations

import pytest
from repository import Repository

from evalgate.domain import Message
from evalgate.errors import InputError
from evalgate.inputs.prompt_files import jinja_files
from evalgate.inputs.prompt_files.jinja_files import is_one_template
from evalgate.inputs.prompts import load_prompt
from evalgate.inputs.tree import CommitTree, WorkTree
from evalgate.services.git import Git

from ..conftest import Project


def test_files_are_found_through_other_files(project: Project) -> None:
    project.write("prompts/p.j2", "{% from 'macros.j2' import ask %}{{ ask(query) }}")
    project.write("prompts/macros.j2", "{% macro ask(x) %}{% include 'sub/head.txt' %} {{ x }}{% endmacro %}")
    project.write("prompts/sub/head.txt", "Be kind.")
    prompt = load_prompt(project.tree, "prompts/p.j2")
    assert [name for name, _ in prompt.template.files] == ["macros.j2", "sub/head.txt"]
    assert prompt.render({"query": "Why?"})[0].content == "Be kind. Why?"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("\n{% include '../secret.txt' %}", 'prompts/p.j2:2: the included file "../secret.txt" is not in the folder'),
        ("{% include '/etc/passwd' %}", 'prompts/p.j2:1: the included file "/etc/passwd" is not in the folder'),
        ("{% include 'none.txt' %}", 'prompts/p.j2:1: the included file "prompts/none.txt" no such file'),
        (
            "{% include 'linked.txt' %}",
            'prompts/p.j2:1: the included file "prompts/linked.txt" is, or is reached through',
        ),
        ("{% include query %}", "prompts/p.j2:1: the name of an included file is computed"),
        ("{% include 'bad.j2' %}", "prompts/bad.j2:2: the template is not valid jinja"),
        ("{% include 'same.j2' %}{{ x | nothing }}", "prompts/p.j2:1: the template is not valid jinja"),
    ],
)
def test_other_files_are_out_of_reach(project: Project, text: str, wanted: str) -> None:
    project.write("secret.txt", "secret")
    project.write("prompts/bad.j2", "\n{% if %}")
    project.write("prompts/same.j2", "x")
    project.write("prompts/p.j2", text)
    (project.root / "prompts" / "linked.txt").symlink_to(project.root / "secret.txt")
    found = project.faults(lambda: load_prompt(project.tree, "prompts/p.j2"))
    assert found[0].startswith(wanted), found


def test_a_missing_file_may_be_allowed(project: Project) -> None:
    project.write("prompts/p.j2", "{% include 'none.txt' ignore missing %}{{ query }}")
    assert load_prompt(project.tree, "prompts/p.j2").render({"query": "Why?"})[0].content == "Why?"


_OPTIONAL = (
    "{% include 'parts/extra.txt' ignore missing %}{{ query }}",
    "{% include ['parts/extra.txt', 'other.txt'] %}{{ query }}",
    "{% include ('parts/extra.txt', 'other.txt') ignore missing %}{{ query }}",
)
_LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n"


@pytest.mark.parametrize("text", _OPTIONAL)
@pytest.mark.parametrize("is_committed", [False, True])
@pytest.mark.parametrize(
    "kind",
    [
        "nothing",
        "a file for the folder",
        "text",
        "link",
        "dead link",
        "folder link",
        "folder",
        "latin 1",
        "LFS",
        "submodule",
    ],
)
def test_only_a_file_that_is_not_there_may_be_missing(
    repository: Repository, text: str, kind: str, is_committed: bool
) -> None:
    repository.write("prompts/p.j2", text)
    repository.write("prompts/other.txt", "Be brief. ")
    outside = repository.write("docs/extra.txt", "Be rude. ")
    file = repository.root / "prompts" / "parts" / "extra.txt"
    if kind not in ("nothing", "a file for the folder", "folder link"):
        file.parent.mkdir()
    match kind:
        case "a file for the folder":
            repository.write("prompts/parts", "x")
        case "text":
            file.write_text("Be kind. ")
        case "link" | "dead link":
            file.symlink_to(outside if kind == "link" else "none.txt")
        case "folder link":
            file.parent.symlink_to("../docs")
        case "folder":
            repository.write("prompts/parts/extra.txt/x", "x")
        case "latin 1":
            file.write_bytes("Sei höflich.".encode("latin-1"))
        case "LFS":
            file.write_bytes(_LFS)
        case "submodule":
            file.mkdir()
    commit = repository.commit()
    if kind == "submodule":
        repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},prompts/parts/extra.txt")
        repository.git("commit", "--quiet", "-m", "module")
    tree = CommitTree(Git.open(repository.root), "HEAD") if is_committed else WorkTree(repository.root)
    if kind in ("nothing", "a file for the folder", "text"):
        said = load_prompt(tree, "prompts/p.j2").render({"query": "Why?"})[0].content
        wanted = "Be kind. " if kind == "text" else "" if "missing" in text and "other" not in text else "Be brief. "
        assert said == f"{wanted}Why?"
    else:
        with pytest.raises(InputError, match=r'the included file "prompts/parts/extra\.txt"'):
            load_prompt(tree, "prompts/p.j2")


def test_the_number_of_files_is_bounded(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jinja_files, "MOST_INCLUDED", 2)
    project.write("prompts/p.j2", "{% include 'a' %}{% include 'b' %}{% include 'c' %}")
    for name in "abc":
        project.write(f"prompts/{name}", "x")
    with pytest.raises(InputError, match="more than 2 files are included"):
        load_prompt(project.tree, "prompts/p.j2")


def test_blocks_over_several_messages_are_one_template() -> None:
    def make(*texts: str) -> tuple[Message, ...]:
        return tuple(Message(role="user", content=text) for text in texts)

    assert is_one_template(make("{% if x %}", "a{% endif %}"))
    assert not is_one_template(make("{% if x %}{% endif %}", "a"))
    assert not is_one_template(make("{% if x %}", "a"))
