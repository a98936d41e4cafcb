"""`evalgate release`: publish versions of prompts, move their labels, and explain who moved them."""

from __future__ import annotations

import click

from evalgate.cli.lazy_group import LazyGroup

_VERBS = {
    "publish": ("evalgate.cli.release.publish", "Make versions of the merged prompts that passed."),
    "promote": ("evalgate.cli.release.promote", "Move a label to a version that its report allows."),
    "rollback": ("evalgate.cli.release.rollback", "Make an earlier version production again."),
    "plan": ("evalgate.cli.release.plan", "Say how long a rollout will take, and which drops it will show."),
    "replay": ("evalgate.cli.release.replay", "Compare a version with what production answered, before a rollout."),
    "start": ("evalgate.cli.release.start", "Start the rollout of a version: staging, then a growing share."),
    "status": ("evalgate.cli.release.status", "Show where a rollout is, and what is missing to go on."),
    "tick": ("evalgate.cli.release.tick", "Let a rollout grow, hold it, or take it back: for a schedule."),
    "pause": ("evalgate.cli.release.pause", "Give the candidate of a rollout to no user for a while."),
    "resume": ("evalgate.cli.release.resume", "Resume a paused rollout, whose stage begins anew."),
    "advance": ("evalgate.cli.release.advance", "Let a rollout go on without the proof."),
    "abort": ("evalgate.cli.release.abort", "End a rollout; production stays."),
    "history": ("evalgate.cli.release.history", "List who did what, when and why."),
    "show": ("evalgate.cli.release.show", "Show a version, its labels and its shares of users."),
    "diff": ("evalgate.cli.release.diff", "Compare two versions."),
    "verify": ("evalgate.cli.release.verify", "Verify the ledger, and name the first break."),
    "export": ("evalgate.cli.release.export", "Write a ledger to a file, as it is."),
    "import": ("evalgate.cli.release.import_", "Append an exported ledger to another registry."),
    "project": ("evalgate.cli.release.project", "Write the labels to Langfuse again."),
    "reader": ("evalgate.cli.release.reader", "Write the reader of an application in Node.js or C#."),
}


@click.command(
    "release",
    cls=LazyGroup,
    verbs=_VERBS,
    epilog="Exit codes: 0 done, 1 refused or rolled back, 2 usage, 3 the registry cannot be reached, or a race was "
    "lost, 4 a person has to decide.",
)
def command() -> None:
    """Publish versions of prompts, move their labels, and take them back."""
