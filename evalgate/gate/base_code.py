"""Run the checks of a gate that are code: from the base of a pull request, from a commit, or from the working tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from evalgate.change.workspace import Commit, PullRequest, Workspace
from evalgate.domain import GatePlan
from evalgate.execute.code_runner import CodeRunner
from evalgate.mask import Mask
from evalgate.score.python_code import RunCode, leave_unrun, read_result
from evalgate.services.git_export import export_commit


def open_code(
    workspace: Workspace, plans: Sequence[GatePlan], environment: Mapping[str, str], mask: Mask, stack: ExitStack
) -> RunCode:
    """Return what runs the code of the plans' checks, until the stack closes; it starts nothing without such a check.

    Of a pull request that is the code of the base, and never that of the change. Raises InputError if a function cannot
    be imported, and GitError if the repository lacks a file of the commit.
    """
    checks = [check for plan in plans for check in plan.gate.checks if check.type == "python"]
    if not checks:
        return leave_unrun
    folder = _export(workspace, stack)
    runner = stack.enter_context(CodeRunner(folder, read_result, environment=dict(environment), mask=mask))
    runner.load(checks)
    return runner.run


def _export(workspace: Workspace, stack: ExitStack) -> Path:
    """Return the folder of the configuration, exported from its commit unless it is that of the working tree."""
    match workspace:
        case PullRequest():
            commit = workspace.change.sides.policy
        case Commit():
            commit = workspace.git.commit
        case _:
            return workspace.folder
    top = Path(stack.enter_context(TemporaryDirectory(prefix="evalgate-code-", ignore_cleanup_errors=True))).resolve()
    export_commit(workspace.git, commit, top)
    return top / Path(workspace.config.path).parent
