"""The pytest plugin: each case of a gate is a test, and the verdict is the last one.

Being installed costs other test suites nothing: this module imports pytest alone, and no file is collected that the
command line does not name. docs/pytest.md describes the plugin.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from evalgate.pytest_plugin.gate_fixture import GateFixture
    from evalgate.pytest_plugin.items import GateFile
    from evalgate.pytest_plugin.runs import Runs

CONFIG_NAME = "evalgate.yml"
_MODES = ("named", "all", "off")
_INPUT = "evalgate"

_named = pytest.StashKey[frozenset[Path]]()
_files = pytest.StashKey[list["GateFile"]]()
_runs = pytest.StashKey["Runs"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("evalgate", "the merge gate for prompts")
    group.addoption("--evalgate", action="store_true", help=f"Collect every {CONFIG_NAME} below the given folders.")
    group.addoption(
        "--evalgate-config",
        metavar="FILE",
        help=f"The configuration of the fixture `gate`; it is collected under any name. Default: {CONFIG_NAME} or "
        f"golden/{CONFIG_NAME} in the root folder.",
    )
    group.addoption("--evalgate-gate", action="append", default=[], metavar="NAME", help="Only this gate; repeatable.")
    group.addoption("--evalgate-candidate", metavar="REF", help="The candidate, as --candidate of `evalgate run`.")
    group.addoption("--evalgate-baseline", metavar="REF", help="The baseline, as --baseline of `evalgate run`.")
    group.addoption(
        "--evalgate-policy-ref",
        choices=("head", "base"),
        default="head",
        help="Whose rules judge a change, as --policy-ref of `evalgate run`.",
    )
    parser.addini(
        "evalgate",
        f"which {CONFIG_NAME} are collected: `named` on the command line, with their folder or as files; `all`; `off`",
        default="named",
    )


def pytest_configure(config: pytest.Config) -> None:
    mode = config.getini("evalgate")
    if mode not in _MODES:
        raise pytest.UsageError(f"evalgate = {mode}: must be one of {', '.join(_MODES)}")
    config.stash[_files] = []


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if not _is_collected(file_path, parent.config):
        return None
    from evalgate.pytest_plugin.items import GateFile

    made = GateFile.make(parent, file_path, _find_runs(parent.config))
    parent.config.stash[_files].append(made)
    return made


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.stash[_files]:  # only now it is known what is deselected
        from evalgate.pytest_plugin.items import place_verdicts

        place_verdicts(session.config, session.items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and item.config.stash[_files] and isinstance(report.longrepr, tuple):
        from evalgate.pytest_plugin.items import GateItem

        if isinstance(item, GateItem):  # the reason is in the configuration, not in a line of this plugin
            report.longrepr = (str(item.path), None, report.longrepr[2])  # type: ignore[assignment]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for file in config.stash[_files]:
        if file.lacks_verdict and not config.option.collectonly:
            terminalreporter.write_line(f"{file.nodeid}: not a gate: the run ended before the verdict", yellow=True)


@pytest.fixture(scope="session")
def gate(pytestconfig: pytest.Config) -> GateFixture:
    """The gate of the configuration: its verdict, its cases, and runs of other versions. See docs/pytest.md."""
    from evalgate.pytest_plugin.gate_fixture import GateFixture

    return GateFixture(pytestconfig, _find_runs(pytestconfig))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist what the command line names, and where it asks the controller for a run."""
    config: pytest.Config = node.config
    plugin = config.pluginmanager.get_plugin("evalgate_controller")
    if plugin is None:
        from evalgate.pytest_plugin.controller import Controller

        folder = tempfile.TemporaryDirectory(prefix="evalgate-pytest-", ignore_cleanup_errors=True)
        config.add_cleanup(folder.cleanup)
        plugin = Controller(Path(folder.name), _find_runs(config))
        config.pluginmanager.register(plugin, "evalgate_controller")
    node.workerinput[_INPUT] = {"folder": str(plugin.folder), "named": [str(path) for path in _find_named(config)]}


def _is_collected(path: Path, config: pytest.Config) -> bool:
    chosen = config.getoption("evalgate_config")
    is_chosen = chosen is not None and path.name == Path(chosen).name and _is_same(path, config, chosen)
    mode = config.getini("evalgate")
    if not (is_chosen or path.name == CONFIG_NAME) or mode == "off":
        return False
    if is_chosen or mode == "all" or config.getoption("evalgate"):
        return True
    named = _find_named(config)
    return path.resolve() in named or path.parent.resolve() in named


def _is_same(path: Path, config: pytest.Config, chosen: str) -> bool:
    return path.resolve() == (config.invocation_params.dir / chosen).resolve()


def _find_named(config: pytest.Config) -> frozenset[Path]:
    """Return the files and folders that the command line names, but for the current folder and those above it.

    `pytest .` runs the tests of a project, and must not make paid calls because a configuration is beside them.
    """
    if _named not in config.stash:
        given = _get_worker_input(config)
        here = config.invocation_params.dir
        if given is not None:
            paths = {Path(path) for path in given["named"]}
        elif config.args_source is pytest.Config.ArgsSource.ARGS:
            paths = {(here / argument.partition("::")[0]).resolve() for argument in config.args}
        else:
            paths = set()
        config.stash[_named] = frozenset(path for path in paths if not here.resolve().is_relative_to(path))
    return config.stash[_named]


def _find_runs(config: pytest.Config) -> Runs:
    """Return the runs of this session, which are made here, or by the controller of a worker of pytest-xdist."""
    if _runs not in config.stash:
        from evalgate.pytest_plugin.runs import OwnRuns, WorkerRuns

        given = _get_worker_input(config)
        if given is None:
            config.stash[_runs] = OwnRuns()
        else:
            config.stash[_runs] = WorkerRuns(Path(given["folder"]), config.hook.pytest_runtest_logstart)
    return config.stash[_runs]


def _get_worker_input(config: pytest.Config) -> dict[str, Any] | None:
    given: dict[str, Any] | None = getattr(config, "workerinput", {}).get(_INPUT)
    return given
