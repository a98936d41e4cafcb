from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from release.chains import make_chain

from evalgate.release.checked_value import LARGEST
from evalgate.release.runtime import PromptClient
from evalgate.release.runtime.bounded_file import read_bounded
from evalgate.release.runtime.cached_document import parse_cached
from evalgate.release.runtime.last_good import LastGood
from evalgate.release.runtime.prompt_error import PromptError

CHAIN = make_chain(2)
needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")


def call_in_time(act: Callable[[], object]) -> object:
    """Return what a call returns or raises; fails if it is not done within 5 seconds."""
    found: list[object] = []

    def run() -> None:
        try:
            found.append(act())
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(5)
    assert found, "the call hangs"
    return found[0]


def test_a_file_without_an_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(LARGEST + 1000)
    assert len(read_bounded(large)) == LARGEST + 1
    assert len(read_bounded(large, 10)) == 11


@needs_pipes
@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "socket", "folder", "device"])
def test_what_is_no_regular_file_is_an_error_at_once_and_leaves_nothing_open(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "odd"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link to a pipe":
        os.mkfifo(tmp_path / "pipe")
        path.symlink_to(tmp_path / "pipe")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    elif kind == "folder":
        path.mkdir()
    else:
        path = Path("/dev/zero")
    before = len(list(Path("/dev/fd").iterdir()))
    assert isinstance(call_in_time(lambda: read_bounded(path)), OSError)
    assert len(list(Path("/dev/fd").iterdir())) == before


@needs_pipes
def test_a_pipe_in_the_place_of_a_file_holds_no_reader_of_the_runtime(tmp_path: Path) -> None:
    pipe = tmp_path / "support.json"
    os.mkfifo(pipe)
    assert call_in_time(lambda: LastGood(pipe).read("support")) is None
    for place in (pipe, tmp_path):
        assert isinstance(call_in_time(lambda place=place: PromptClient.from_document(place)), PromptError)
        assert isinstance(call_in_time(lambda place=place: PromptClient(f"file:{place}").get("support")), PromptError)


@needs_pipes
def test_a_pipe_in_the_place_of_the_last_documents_is_replaced_by_the_next_write(tmp_path: Path) -> None:
    pipe = tmp_path / "last.json"
    os.mkfifo(pipe)
    held = parse_cached("support", CHAIN[0], 0.0)
    assert call_in_time(lambda: LastGood(pipe).write([held])) is True
    found = LastGood(pipe).read("support")
    assert found is not None and found.data == CHAIN[0]
