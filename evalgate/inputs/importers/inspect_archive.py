"""The `.eval` logs of inspect_ai: a zip archive with a header, and one JSON file for each sample."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

from evalgate.inputs.formats.nodes import refuse
from evalgate.inputs.importers.foreign_json import decode_text, load_json
from evalgate.inputs.tree import MAX_FILE_BYTES

_ZSTD = 93
_MOST_BYTES = 64 * MAX_FILE_BYTES  # of all samples; each is read by itself, and most of it dropped
_KEPT = (
    "id", "epoch", "input", "target", "choices", "metadata", "sandbox", "files", "setup", "scores", "error",
    "invalidation",
)  # fmt: skip
_DAMAGED = (EOFError, KeyError, NotImplementedError, OSError, RuntimeError, ValueError)  # as `zipfile` raises them
_HEADER, _START = "header.json", "_journal/start.json"
_CONVERT = "inspect log convert FILE --to json --output-dir DIR"


def is_archive(data: bytes) -> bool:
    """Return whether a file is a zip archive with the members of a log."""
    return data.startswith(b"PK\x03\x04") and _START.encode() in data


def load_archive(data: bytes, path: str) -> Mapping[str, Any]:
    """Return the log as its JSON form has it: the header, with `samples`, which lack messages and events.

    A log that was not finished has no header; what it began with is read in its place, and its status is `started`.
    Raises InputError for an archive that is damaged, too large, or compressed in a way that cannot be read here.
    """
    import zipfile
    import zlib

    damaged: tuple[type[Exception], ...] = (zipfile.BadZipFile, zlib.error, *_DAMAGED)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename: info for info in archive.infolist()}
            if sum(info.file_size for info in members.values()) > _MOST_BYTES:
                raise refuse(f"holds more than {_MOST_BYTES:,} bytes", path)
            if all(info.compress_type != _ZSTD for info in members.values()):
                return _load_members(archive, members, path)
        again, more = _open_zstd(data, path)
        damaged += more
        return _load_members(again, members, path)
    except damaged as error:
        raise refuse(f"is not a readable log of inspect_ai: {error}", path) from None


def _load_members(archive: Any, members: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    def load(name: str) -> Any:
        with archive.open(name) as file:  # a header may lie about the size, so that no more than the limit is read
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise refuse(f"{name} in it has more than {MAX_FILE_BYTES:,} bytes", path)
        return load_json(decode_text(content, f"{path}/{name}"), f"{path}/{name}")

    header = load(_HEADER) if _HEADER in members else {**load(_START), "status": "started"}
    names = [name for name in members if name.startswith("samples/") and name.endswith(".json")]
    samples, size = [], 0
    for name in names:
        samples.append(_drop(load(name)))
        size += len(json.dumps(samples[-1]))
        if size > MAX_FILE_BYTES:
            raise refuse(
                f"the samples in it, without messages and events, have more than {MAX_FILE_BYTES:,} bytes", path
            )
    return {**header, "samples": samples}


def _drop(sample: Any) -> Any:
    """Return what is read of a sample: its messages and events can be very long."""
    return {key: sample[key] for key in _KEPT if key in sample} if isinstance(sample, Mapping) else sample


def _open_zstd(data: bytes, path: str) -> tuple[Any, tuple[type[Exception], ...]]:
    """Open an archive whose members are compressed with Zstandard, which the standard library reads from 3.14 on.

    Return it with the errors that its reader raises for damaged data.
    """
    import sys

    try:
        if sys.version_info >= (3, 14):
            import zipfile

            from compression.zstd import ZstdError
        else:
            from backports.zstd import ZstdError, zipfile
    except ImportError:
        hint = f'pip install "prompt-evalgate[inspect]", or convert the log: {_CONVERT}'
        message = "its parts are compressed with Zstandard, which this Python cannot read"
        raise refuse(message, path, hint=hint) from None
    return zipfile.ZipFile(io.BytesIO(data)), (zipfile.BadZipFile, ZstdError)
