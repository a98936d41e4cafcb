"""Tests that the processes that a child started end with it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from evalgate.execute.process_group import OWN_GROUP, end_group

CODE = """
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.name != "posix", reason="there are no groups")
def test_what_a_child_started_ends_with_it() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=OWN_GROUP
    )
    assert child.stdin is not None and child.stdout is not None
    child.stdout.readline()
    end_group(child)
    assert child.stdout.read() == b"", "the process that it started holds this pipe open until it ends"
    end_group(child)
    child.stdin.close()
    child.stdout.close()
