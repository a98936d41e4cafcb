"""`hook uninstall`: remove the pre-push hook of a repository."""

from __future__ import annotations

from pathlib import Path

from evalgate.services import git_hooks
from evalgate.services.git_hooks import Installed


def uninstall_hook(folder: Path) -> Installed | None:
    """Remove the hook, and restore an earlier one (`chained`). Returns None if evalgate's hook is not installed."""
    return git_hooks.uninstall(folder)
