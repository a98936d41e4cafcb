"""The embedded model: download and check its file, and run its server in this process, on loopback only."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from evalgate.domain.models import EMBEDDED_MODELS, EmbeddedModel
from evalgate.domain.names import suggest_closest
from evalgate.errors import EvalgateError, InputError, ServiceError
from evalgate.store.locks import try_lock

if TYPE_CHECKING:
    import httpx2

Progress: TypeAlias = Callable[[int, int], None]
"""A callback with the number of bytes so far and in total."""

CONCURRENCY = 1
"""Requests that the embedded server processes at once: with one slot its answers do not depend on each other."""

_CHUNK_BYTES = 1 << 20
_READY_SECONDS = 180.0
_CONTEXT_TOKENS = 4096
_SEED = 42
_ERRORS_ONLY = 1
_INSTALL = 'pip install "prompt-evalgate[local]"'


def find(name: str) -> EmbeddedModel:
    """Return the embedded model of that name. Raise InputError with the closest match."""
    if name in EMBEDDED_MODELS:
        return EMBEDDED_MODELS[name]
    hint = suggest_closest(name, EMBEDDED_MODELS, otherwise=f"the models are: {', '.join(EMBEDDED_MODELS)}")
    raise InputError(f'no embedded model is named "{name}"', hint=hint)


def model_path(model: EmbeddedModel, home: Path) -> Path:
    """Return the path of the model's file, which may not exist."""
    return home / "models" / model.file


def pull(model: EmbeddedModel, home: Path, *, source: Path | None = None, on_progress: Progress | None = None) -> Path:
    """Copy the model's file from `source`, or download it from its publisher, and return its path.

    An interrupted download is resumed. The file gets its final name only after its sha256 was checked. Raise InputError
    (`source` is missing or wrong, or another process is downloading), ServiceError (network, wrong content),
    EvalgateError (no disk space).
    """
    progress = on_progress or (lambda done, total: None)
    path = model_path(model, home)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and path.stat().st_size == model.bytes and _sha256(path, progress) == model.sha256:
        return path
    part = path.with_name(f"{model.file}.part")
    if source is not None:
        _copy(model, source, part, progress)
    else:
        with part.open("ab") as file:
            if not try_lock(file):
                raise InputError(f"another process is downloading {model.file} already")
            if file.tell() < model.bytes:
                _download(model, part, file, progress)
    found = _sha256(part, lambda done, total: None)
    if found != model.sha256:
        part.unlink()
        message = f"{source or model.url} is not {model.file}: its sha256 is {found}, not {model.sha256}"
        raise InputError(message) if source else ServiceError(message, hint="run the same command again")
    part.replace(path)
    return path


def _copy(model: EmbeddedModel, source: Path, part: Path, progress: Progress) -> None:
    if not source.is_file():
        raise InputError(f"there is no file {source}")
    if source.stat().st_size != model.bytes:
        raise InputError(f"{source} is not {model.file}: {source.stat().st_size} bytes, not {model.bytes}")
    part.unlink(missing_ok=True)
    try:
        os.link(source, part)
    except OSError:
        _check_space(model, part, model.bytes)
        shutil.copyfile(source, part)
    progress(model.bytes, model.bytes)


def _download(model: EmbeddedModel, part: Path, file: IO[bytes], progress: Progress) -> None:
    import httpx2

    have = file.tell()
    _check_space(model, part, model.bytes - have)
    headers = {"Range": f"bytes={have}-"} if have else {}
    again = "run the same command again: it resumes; or give the file with --from"
    try:
        with (
            httpx2.Client(timeout=60.0, follow_redirects=True) as client,
            client.stream("GET", model.url, headers=headers) as response,
        ):
            if response.status_code == 416:  # the partial file is longer than the model: the sha256 check fails
                return
            if response.status_code not in (200, 206):
                raise ServiceError(f"{model.url} returned status {response.status_code}", hint=again)
            _write(model, file, response, progress)
    except httpx2.HTTPError as error:
        raise ServiceError(f"cannot download {model.url}: {str(error) or type(error).__name__}", hint=again) from error
    except OSError as error:
        raise EvalgateError(f"cannot write {part}: {error.strerror or error}", hint=again) from error
    if file.tell() < model.bytes:
        raise ServiceError(f"{model.url} ended after {file.tell()} of {model.bytes} bytes", hint=again)


def _write(model: EmbeddedModel, file: IO[bytes], response: httpx2.Response, progress: Progress) -> None:
    if response.status_code == 200:  # the whole file, from its beginning
        file.truncate(0)
        file.seek(0)
    done = file.tell()
    for chunk in response.iter_bytes(_CHUNK_BYTES):
        file.write(chunk)
        done += len(chunk)
        progress(done, model.bytes)
        if done > model.bytes:
            return


def _check_space(model: EmbeddedModel, part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if free < needed:
        message = f"{model.file} needs {needed:,} more bytes, and {part.parent} has {free:,} free"
        raise EvalgateError(message, hint="free disk space, or set EVALGATE_HOME to another folder")


def _sha256(path: Path, progress: Progress) -> str:
    total, done, found = path.stat().st_size, 0, hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            found.update(chunk)
            done += len(chunk)
            progress(done, total)
    return found.hexdigest()


@dataclass(slots=True, kw_only=True)
class LocalServer:
    """A running model.

    `base_url` is the base URL of its OpenAI-compatible API. `fingerprint` names the server version and the model file.
    """

    base_url: str
    fingerprint: str
    _server: Any

    def close(self) -> None:
        """Stop the server, which otherwise ends with the process."""
        self._server = None  # the destructor stops the server and waits for its end


def start(model: EmbeddedModel, home: Path, *, threads: int | None = None) -> LocalServer:
    """Load the model and wait until its server is ready. The server ends with this process.

    The parameters make its answers reproducible: one slot, no prompt cache, a fixed seed, a fixed number of threads.
    `threads` None means all cores that this process may use. Raise InputError when the extra or the file is missing,
    ServiceError when the server does not start.
    """
    try:
        import xllamacpp
    except ImportError as error:
        raise InputError("the embedded model needs a package that is not installed", hint=_INSTALL) from error
    path = model_path(model, home)
    if not path.is_file() or path.stat().st_size != model.bytes:
        raise InputError(
            f"the embedded model's file {path} is missing or incomplete", hint=f"evalgate model pull {model.name}"
        )
    count = threads or _count_cores()
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.model_alias = {"local"}
    params.port = 0
    params.n_ctx = _CONTEXT_TOKENS
    params.n_parallel = 1
    params.cpuparams.n_threads = count
    params.cpuparams_batch.n_threads = count
    params.sampling.seed = _SEED
    params.cache_prompt = False
    params.ui = False
    params.verbosity = _ERRORS_ONLY
    try:
        server = xllamacpp.Server(params)
        address = str(server.listening_address)
    except (RuntimeError, ValueError, OSError) as error:
        raise ServiceError(f"the embedded model does not start: {error}") from error
    _wait_until_ready(address)
    return LocalServer(
        base_url=f"{address.rstrip('/')}/v1",
        fingerprint=f"xllamacpp {xllamacpp.__version__} sha256:{model.sha256[:12]}",
        _server=server,
    )


def _count_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _wait_until_ready(address: str) -> None:
    parts = urlsplit(address)
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=5)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.1)
    raise ServiceError(f"the embedded model was not ready after {_READY_SECONDS:g} s")
