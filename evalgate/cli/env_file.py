"""The option `--env-file`: environment variables from a file, for the time of one command."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import click

from evalgate.errors import Fault, InputError, Place

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRETS = "evalgate.secrets"
_HINT = 'write NAME=value, with quotes around a value with spaces, # or line breaks: NAME="a value"'


def _load(context: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Set the variables of a file that are not set, until the command ends. Raise InputError with all faults."""
    if path is None:
        return
    values = read_env_file(path)
    added = [name for name in values if name not in os.environ]
    os.environ.update({name: values[name] for name in added})

    def restore() -> None:
        for name in added:
            os.environ.pop(name, None)

    context.call_on_close(restore)
    context.meta[_SECRETS] = values


env_file_option = click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    is_eager=True,
    expose_value=False,
    callback=_load,
    help="Read environment variables from this file (NAME=value lines). Variables that are set are kept.",
)


def find_file_secrets() -> tuple[str, ...]:
    """Return the values of the command's `--env-file` whose names say that they are secrets, and passwords in URLs."""
    from evalgate.mask import find_url_secrets, is_secret_name

    values: dict[str, str] = click.get_current_context().meta.get(_SECRETS, {})
    named = [value for name, value in values.items() if is_secret_name(name)]
    return (*named, *(part for value in values.values() for part in find_url_secrets(value)))


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables of a file. References in values are not replaced.

    Raise InputError with all faults, each with its line, if the file is missing or malformed. No fault quotes the file,
    because it may contain secrets.
    """
    from dotenv.parser import parse_stream

    from evalgate.services.user_files import read_user_file

    if not path.exists():
        raise InputError("no such file", place=Place(path=str(path)), hint="it is the file of --env-file")
    try:
        text = read_user_file(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("is not text in UTF-8", place=Place(path=str(path))) from error
    values: dict[str, str] = {}
    faults: list[Fault] = []
    for binding in parse_stream(io.StringIO(text)):
        fault = None
        if binding.error:
            fault = "this line cannot be read"
        elif binding.key is None:  # a comment or an empty line
            continue
        elif not _NAME.fullmatch(binding.key):
            fault = "this is not the name of an environment variable"
        elif binding.value is None:
            fault = "this variable has no value"
        elif "\0" in binding.value:
            fault = "this value has a NUL character"
        else:
            values[binding.key] = binding.value
        if fault is not None:
            blank = len(binding.original.string) - len(binding.original.string.lstrip())
            line = binding.original.line + binding.original.string[:blank].count("\n")
            faults.append(Fault(message=fault, place=Place(path=str(path), line=line), hint=_HINT))
    if faults:
        raise InputError(faults=faults)
    return values
