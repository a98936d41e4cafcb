"""The options that `evalgate hook install` writes into the hook and `evalgate hook run` reads."""

from __future__ import annotations

import click

mode_option = click.option(
    "--mode",
    type=click.Choice(["cached", "quick", "full"]),
    default="cached",
    show_default=True,
    help="cached: levels, checks and verdicts from cached answers, no model call; quick: also the checks on 12 cases, "
    "with model calls; full: the whole gate.",
)
branch_option = click.option("--default-branch", metavar="BRANCH", help="The branch whose merge base is the baseline.")
