"""The part of the plugin in the controller of pytest-xdist, which makes the runs that its workers ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalgate.errors import InterruptedRunError
from evalgate.pytest_plugin.runs import REQUEST, Runs, answer_requests


class Controller:
    """A plugin that listens for requests. `folder` is shared with the workers of this machine."""

    def __init__(self, folder: Path, runs: Runs) -> None:
        self.folder = folder
        self._runs = runs

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if not nodeid.endswith(REQUEST):
            return
        try:
            answer_requests(self.folder, self._runs)
        except InterruptedRunError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.INTERRUPTED)
