"""The code of a check in a tree, found without running it."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalgate.errors import InputError
from evalgate.inputs.python_modules import load_code
from evalgate.inputs.tree import WorkTree

FILES = {
    "golden/checks/__init__.py": "",
    "golden/checks/tone.py": "import re, numpy\nfrom . import words\nfrom checks.sub.more import other\n\ndef polite(o): ...\n",
    "golden/checks/words.py": "from checks import tone\nGOOD = ['please']\n",
    "golden/checks/sub/__init__.py": "",
    "golden/checks/sub/more.py": "from ..words import GOOD\nother = lambda o: True\n",
    "golden/checks/unused.py": "1 / 0\n",
    "words.py": "not of the folder\n",
}
USED = {name for name in FILES if name not in ("golden/checks/unused.py", "words.py")}


@pytest.fixture
def tree(tmp_path: Path) -> WorkTree:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return WorkTree(tmp_path)


@pytest.mark.parametrize("path", ["checks.tone.polite", "checks.tone:polite", "checks.tone.other"])
def test_the_files_are_those_that_the_module_imports(tree: WorkTree, path: str) -> None:
    assert set(load_code(tree, "golden", path).files) == USED


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_digest_is_that_of_the_files(tree: WorkTree, tmp_path: Path, name: str) -> None:
    before = load_code(tree, "golden", "checks.tone.polite").digest
    (tmp_path / name).write_text(f"{FILES[name]}# edited\n")
    assert (load_code(tree, "golden", "checks.tone.polite").digest != before) is (name in USED)
    (tmp_path / name).write_text(FILES[name])
    (tmp_path / "golden").rename(tmp_path / "moved")
    assert load_code(tree, "moved", "checks.tone.polite").digest == before, "the folder does not count"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("polite", '"polite" is not the name of a function'),
        ("checks..polite", "is not the name of a function"),
        ("checks.other.polite", 'no module "checks.other" below golden'),
        ("numpy.all", 'no module "numpy" below golden'),
        ("checks.tone.rude", 'golden/checks/tone.py: checks.tone has no function "rude"'),
        ("checks.slow.wait", "golden/checks/slow.py:1: checks.slow.wait is async"),
        ("checks.bad.f", "golden/checks/bad.py:1: cannot be read as Python: "),
    ],
)
def test_what_is_no_function_of_the_tree(tree: WorkTree, tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "golden/checks/slow.py").write_text("async def wait(output): ...\n")
    (tmp_path / "golden/checks/bad.py").write_text("def f(:\n")
    with pytest.raises(InputError) as raised:
        load_code(tree, "golden", path)
    assert message in str(raised.value)
