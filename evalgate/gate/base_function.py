"""Start the function of a target from the base of a pull request, in a child process."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from evalgate.change.workspace import PullRequest
from evalgate.domain import Target
from evalgate.execute.providers.child_function import ChildFunctionProvider
from evalgate.mask import Mask
from evalgate.services.git_export import export_commit


def start_base_function(
    target: Target, workspace: PullRequest, timeout: float, mask: Mask, stack: ExitStack
) -> ChildFunctionProvider:
    """Export the base's commit to a temporary folder, and start the function there.

    The process ends and the folder is removed when the stack closes. Raise InputError if the function cannot be
    imported, GitError if the repository lacks a file of the commit.
    """
    top = Path(stack.enter_context(TemporaryDirectory(prefix="evalgate-base-", ignore_cleanup_errors=True))).resolve()
    export_commit(workspace.git, workspace.change.sides.policy, top)
    folder = top / Path(workspace.config.path).parent
    provider = ChildFunctionProvider(target, folder, timeout, code=str(target.options["code"]), mask=mask)
    stack.callback(provider.close)
    return provider
