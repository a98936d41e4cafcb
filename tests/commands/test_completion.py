"""Tests of `evalgate completion`, in bash itself where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from gated_project import Ended


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_begins_with_where_it_goes(evalgate: Callable[..., Ended], shell: str) -> None:
    told = evalgate("completion", shell)
    assert told.code == 0
    assert told.out.startswith("# ") and f"evalgate completion {shell}" in told.out.splitlines()[0]
    assert f"_EVALGATE_COMPLETE={shell}_complete" in told.out


def test_another_shell_is_refused(evalgate: Callable[..., Ended]) -> None:
    assert evalgate("completion", "csh").code == 2


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_verbs_and_options(evalgate: Callable[..., Ended], tmp_path: Path) -> None:
    program = tmp_path / "evalgate"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "from evalgate.cli import main; main()" "$@"\n')
    program.chmod(0o755)
    script = evalgate("completion", "bash").out
    complete = """
    compopt() { :; }
    for words in "evalgate ca" "evalgate cases li" "evalgate bump --fr"; do
        COMP_WORDS=($words); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
        _evalgate_completion evalgate; echo "${COMPREPLY[*]}"
    done
    """
    ended = subprocess.run(
        ["bash", "-c", f"{script}\n{complete}"],
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stdout.splitlines() == ["cases calibrate cache", "lint", "--front-matter"]
