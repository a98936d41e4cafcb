"""The command line: prints reports, exits with their code, reads the environment, and calls `evalgate.commands`.

Each verb is a module, which is imported only when the verb is called. This keeps `--help` fast.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
import traceback

import click

import evalgate
from evalgate.cli.lazy_group import LazyGroup
from evalgate.console import streams
from evalgate.console.escaped_streams import escape_streams
from evalgate.errors import EvalgateError, ExitCode

COMPLETION = "_EVALGATE_COMPLETE"
"""The environment variable by which the completion script of a shell asks for completions."""

_VERBS = {
    "init": ("evalgate.cli.init", "Write the first configuration, for your prompt or for a sample."),
    "run": ("evalgate.cli.run", "Run the gate: candidate against baseline, and a verdict."),
    "validate": ("evalgate.cli.validate", "Check configuration, prompts and dataset; no model, no network."),
    "bump": ("evalgate.cli.bump", "Write the version and the reason of a changed prompt."),
    "cases": ("evalgate.cli.cases", "Add, check, count, compare and split the cases of datasets."),
    "plan": ("evalgate.cli.plan", "Estimate what a run would cost: calls, tokens, dollars."),
    "decide": ("evalgate.cli.decide", "Reach a verdict from a stored report, or from any tool's scores."),
    "import": ("evalgate.cli.imports", "Write cases, scores or configuration from files of other tools."),
    "aa": ("evalgate.cli.aa", "Test the decision rule on equal versions: false alarms and power."),
    "calibrate": ("evalgate.cli.calibrate", "Compare judges with human labels and with their earlier scores."),
    "merge": ("evalgate.cli.merge", "Merge the reports of a run's shards into one verdict."),
    "show": ("evalgate.cli.show", "Show one case: prompts as sent, all samples, scores with reasons."),
    "report": ("evalgate.cli.report", "Print a stored report in another format."),
    "history": ("evalgate.cli.history", "Show verdicts, intervals, calls and costs of gates over time."),
    "baseline": ("evalgate.cli.baseline", "Sample or pin the baseline of later changes, after a merge."),
    "drift": ("evalgate.cli.drift", "Check whether the model in production has changed."),
    "release": ("evalgate.cli.release", "Publish, promote and roll back versions of prompts."),
    "cache": ("evalgate.cli.cache", "Count, prune, export and import cached answers."),
    "hook": ("evalgate.cli.hook", "Install the git hook that checks prompts before a push."),
    "model": ("evalgate.cli.model", "Fetch the embedded local model."),
    "explain": ("evalgate.cli.explain", "Explain a finding: what it means, and how to mend it."),
    "schema": ("evalgate.cli.schema", "Print the JSON Schema of a file format."),
    "completion": ("evalgate.cli.completion", "Print the completion script of a shell."),
}


@click.command(
    cls=LazyGroup,
    verbs=_VERBS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 pass, 1 fail, 2 usage or configuration, 3 could not evaluate, 4 inconclusive, "
    "5 passed but awaiting a human sign-off, 130 interrupted.",
)
@click.version_option(evalgate.__version__, prog_name="evalgate")
def root() -> None:
    """The merge gate for prompts."""


def entry() -> None:
    """Run `main` as the console script, which owns its process."""
    # imported modules stay in memory until the end; searching them for garbage repeatedly takes 10 % of the time
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    streams.prepare()
    try:
        main()
    except SystemExit as end:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        # everything is closed by now; a regular shutdown of the interpreter takes another 0.1 s
        os._exit(int(end.code or 0))


def main() -> None:
    """Run a command and exit with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # a character that the console cannot show is printed as an escape, and does not raise
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    if os.environ.get(COMPLETION):
        root.main(prog_name="evalgate")  # a shell asks for names of verbs and options, which click writes as bytes
    with escape_streams(os.environ):
        code = _run_command()
    sys.exit(code)


def _run_command() -> int:
    """Run a command and return its exit code."""
    try:
        code = root.main(standalone_mode=False, prog_name="evalgate")
        sys.stdout.flush()  # a write error must surface before the exit code is chosen
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.ClickException as error:
        _print_click_error(error)
        code = ExitCode.USAGE
    except EvalgateError as error:
        _print_faults(error)
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        # the reader of stdout has closed its end; a redirected stdout keeps the interpreter quiet at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.NOT_EVALUATED
    except Exception as error:
        _print(f"evalgate: unexpected {type(error).__name__}: {error}")
        if os.environ.get("EVALGATE_TRACEBACK"):
            _print(traceback.format_exc())
        else:
            click.echo("  hint: this is a bug; set EVALGATE_TRACEBACK=1 to see where, and please report it", err=True)
        code = ExitCode.NOT_EVALUATED
    return int(code or 0)


def _print_click_error(error: click.ClickException) -> None:
    """Print click's usage error, escaped: it quotes the command line."""
    message = io.StringIO()
    error.show(message)
    _print(message.getvalue().rstrip("\n"))


def _print(text: str) -> None:
    from evalgate.report.escape import block

    click.echo(block(text), err=True)


def _print_faults(error: EvalgateError) -> None:
    for fault in error.shown:
        _print(str(fault))
    if len(error.faults) > 1:
        click.echo(f"{len(error.faults)} faults", err=True)
