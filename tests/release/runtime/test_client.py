from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Awaitable
from pathlib import Path

import pytest
from release.chains import make_chain, make_rollout
from release.document_server import serve_documents
from release.documents import make_document, make_version

from evalgate.release.bucket import is_candidate
from evalgate.release.document import encode_document
from evalgate.release.runtime import PromptClient, PromptError, PromptUnavailableError, SourceError, UnknownLabelError

ROOT = Path(__file__).parents[3]
CHAIN = make_chain(3)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "support.json"
    path.write_bytes(make_rollout(3000))
    return path


def run(code: str, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_a_prompt_is_served_by_its_label(document: Path) -> None:
    with PromptClient(f"file:{document}") as client:
        served = client.get("support")
        assert (served.name, served.version, served.variant, served.key) == ("support", "1.0.0", "production", None)
        assert served.messages(name="Ada")[-1]["content"] == "Hello Ada!"
        assert 0 <= served.stale_seconds < 10
        canary = client.get("support", "canary")
        assert (canary.version, canary.variant) == ("1.1.0", "canary")
        with pytest.raises(
            UnknownLabelError, match=r'"staging" in revision 1 \(labels: canary, production\); evalgate'
        ):
            client.get("support", label="staging")
        with pytest.raises(PromptUnavailableError, match=r'other: .* it is a document of "support"'):
            client.get("other")


def test_a_key_decides_by_the_rule_of_the_vectors(document: Path) -> None:
    client = PromptClient.from_document(document)
    for number in range(300):
        key = f"user-{number}"
        served = client.choose("support", key)
        expected = ("candidate", "1.1.0") if is_candidate("support:3f2a", key, 3000) else ("production", "1.0.0")
        assert (served.variant, served.version) == expected
        assert served.row()["key"] == key
    one = uuid.uuid4()
    assert client.choose("support", one).key == str(one)
    assert client.choose("support", 17).variant == client.choose("support", "17").variant
    for wrong in (1.0, True, b"user"):
        with pytest.raises(TypeError, match="key must be text"):
            client.choose("support", wrong)


@pytest.mark.parametrize("key", [None, ""])
def test_an_empty_or_missing_key_gets_production_and_the_row_says_so(key: str | None, tmp_path: Path) -> None:
    path = tmp_path / "support.json"
    path.write_bytes(make_rollout(10_000))
    client = PromptClient.from_document(path)
    assert client.choose("support", "user-1").variant == "candidate"
    row = client.choose("support", key).row()
    assert (row["variant"], row["version"], row["key"]) == ("production", "1.0.0", None)


@pytest.mark.parametrize("share", [None, 0])
def test_without_a_share_all_keys_get_production(share: int | None, tmp_path: Path) -> None:
    path = tmp_path / "support.json"
    path.write_bytes(CHAIN[0] if share is None else make_rollout(share))
    client = PromptClient.from_document(path)
    assert {client.choose("support", str(number)).variant for number in range(200)} == {"production"}


def test_tests_of_an_application_need_a_document_and_no_thread(document: Path, tmp_path: Path) -> None:
    before = threading.active_count()
    client = PromptClient.from_document(document)
    document.unlink()
    assert client.get("support").version == "1.0.0"
    assert threading.active_count() == before
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(SourceError, match="has no release document"):
        PromptClient.from_document(folder)
    for name in ("a", "b/c"):
        version = make_version()
        data = encode_document(make_document(version, name=name, labels={"production": version}))
        (folder / f"{name.replace('/', '%2F')}.json").write_bytes(data)
    several = PromptClient.from_document(folder)
    assert [several.get(name).name for name in ("a", "b/c")] == ["a", "b/c"]
    (folder / "c.json").write_text("{}")
    with pytest.raises(
        SourceError, match=r"c\.json is not a release document: .*; a document is what a registry serves"
    ):
        PromptClient.from_document(folder)
    with pytest.raises(SourceError, match=r"missing\.json"):
        PromptClient.from_document(tmp_path / "missing.json")


@pytest.mark.parametrize("settings", [{"ttl": 0}, {"ttl": float("nan")}, {"timeout": -1}, {"redis": object()}])
def test_arguments_that_cannot_work_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(PromptError):
        PromptClient("file:x", **settings)  # type: ignore[arg-type]


def test_prompts_are_loaded_together_before_the_first_request() -> None:
    with serve_documents() as server:
        server.files = {f"/{name}.json": make_chain(1, name=name)[0] for name in ("a", "b", "c")}
        server.delay = 0.5
        began = time.monotonic()
        with PromptClient(server.url) as client:
            client.warm_up("a", "b", "c")
            assert time.monotonic() - began < 1.3
            client.warm_up("a")
            client.get("a")
            assert len(server.requests) == 3
        with PromptClient(server.url) as client:
            with pytest.raises(PromptUnavailableError, match=r"missing: .* 404"):
                client.warm_up("a", "missing")
            assert client.get("a").version == "1.0.1"


def test_all_prompts_are_loaded_where_they_can_be_listed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_bytes(make_chain(1, name=name)[0])
    with PromptClient(f"file:{tmp_path}") as client:
        asyncio.run(_wait_for(client.load()))
        (tmp_path / "a.json").unlink()
        assert client.get("a").version == "1.0.1"
    with pytest.raises(SourceError, match="give their names"):
        PromptClient("https://example.com/releases").warm_up()


async def _wait_for(loading: Awaitable[None]) -> None:
    await loading


def test_an_event_loop_goes_on_while_prompts_are_loaded() -> None:
    async def serve(url: str) -> int:
        ticks = 0
        with PromptClient(url) as client:
            loading = asyncio.ensure_future(client.load("support"))
            while not loading.done():
                await asyncio.sleep(0.01)
                ticks += 1
            await loading
            client.get("support")
        return ticks

    with serve_documents() as server:
        server.files["/support.json"] = CHAIN[0]
        server.delay = 0.4
        assert asyncio.run(serve(server.url)) > 10


def test_two_hundred_threads_wait_for_nothing_when_a_document_is_due_or_the_registry_is_down() -> None:
    def ask_at_once(client: PromptClient) -> tuple[set[str], float]:
        barrier = threading.Barrier(200)
        found: list[tuple[str, float]] = []

        def ask() -> None:
            barrier.wait()
            began = time.thread_time()
            version = client.get("support").version
            found.append((version, time.thread_time() - began))

        threads = [threading.Thread(target=ask) for _ in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 200
        return {version for version, _ in found}, sorted(seconds for _, seconds in found)[180]

    with serve_documents() as server:
        server.files["/support.json"] = CHAIN[0]
        with PromptClient(server.url, ttl=300) as client:
            client.get("support")
            server.delay = 1.5
            server.files["/support.json"] = CHAIN[1]
            held = client._held["support"]
            held.due = 0.0
            client._refresher._wakes[0].set()
            versions, seconds = ask_at_once(client)
            assert versions == {"1.0.1"} and seconds < 0.001
            assert len(server.requests) == 2
            end = time.monotonic() + 10
            while client.get("support").version != "1.0.2":
                assert time.monotonic() < end
                time.sleep(0.02)
            assert len(server.requests) == 2
            server.delay, server.status = 0.0, 500
            client._held["support"].due = 0.0
            client._refresher._wakes[0].set()
            assert ask_at_once(client)[0] == {"1.0.2"}


def test_a_warm_request_opens_nothing(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = PromptClient(f"file:{document}")
    client.get("support")
    document.unlink()
    opened: list[object] = []
    active = True

    def watch(event: str, arguments: object) -> None:
        if active and event in ("open", "socket.connect", "sqlite3.connect") and threading.current_thread() is main:
            opened.append(arguments)

    main = threading.current_thread()
    sys.addaudithook(watch)
    for _ in range(10):
        client.get("support")
        client.choose("support", "user-1")
    active = False
    assert opened == []
    client.close()


FORK = """
import os, sys, threading, time
from pathlib import Path
from release.chains import make_chain
from evalgate.release.runtime import PromptClient

path = Path(sys.argv[1])
chain = make_chain(2)
path.write_bytes(chain[0])
client = PromptClient(f"file:{path}", ttl=0.2, last_good=sys.argv[2])
client.get("support")
stop = threading.Event()
def work():
    while not stop.is_set():
        client.get("support")
threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
for thread in threads:
    thread.start()
children = []
for number in range(20):
    # as if threads of the parent held every lock just now
    locks = [client._refresher._lock, client._refresher.documents._lock, client._refresher._loads._lock]
    held = [lock.acquire() for lock in locks] if number % 2 else []
    child = os.fork()
    if child == 0:
        began = time.monotonic()
        client.get("support")
        waited = time.monotonic() - began
        other = Path(sys.argv[1] + ".go")
        end = time.monotonic() + 20
        while client.get("support").version != "1.0.2" and time.monotonic() < end:
            time.sleep(0.01)
        done = client.get("support").version == "1.0.2" and waited < 3
        os._exit(0 if done else 1)
    for lock in locks if held else []:
        lock.release()
    children.append(child)
path.with_suffix(".new").write_bytes(chain[1])
os.replace(path.with_suffix(".new"), path)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
stop.set()
print(codes == [0] * 20)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked there")
def test_a_forked_process_serves_at_once_and_refreshes_by_itself(tmp_path: Path) -> None:
    assert run(FORK, str(tmp_path / "doc.json"), str(tmp_path / "last.json")) == "True\n"


EXIT = """
import sys, time
from evalgate.release.runtime import PromptClient
client = PromptClient(sys.argv[1], ttl=0.05, last_good=sys.argv[2])
print(client.get("support").version, flush=True)
time.sleep(float(sys.argv[3]))
print("end", flush=True)
"""


def test_the_end_of_a_process_waits_for_no_thread_and_the_copy_is_written(tmp_path: Path) -> None:
    with serve_documents() as server:
        server.files["/support.json"] = CHAIN[0]
        last = tmp_path / "last.json"
        assert run(EXIT, server.url, str(last), "0") == "1.0.1\nend\n"
        assert last.exists()
        running = subprocess.Popen(
            [sys.executable, "-c", EXIT, server.url, str(last), "0.3"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert running.stdout is not None
        assert running.stdout.readline() == "1.0.1\n"
        server.delay = 4.0  # the refresh hangs when the process ends
        assert running.stdout.readline() == "end\n"
        began = time.monotonic()
        assert running.wait(10) == 0
        assert time.monotonic() - began < 2.0
        running.stdout.close()


def test_the_runtime_loads_the_standard_library_alone() -> None:
    code = """
import sys
before = set(sys.modules)
import evalgate.release.runtime
loaded = {name.split(".")[0] for name in set(sys.modules) - before}
print(sorted(loaded - set(sys.stdlib_module_names)))
print(sorted(name for name in sys.modules if name.startswith("evalgate") and "runtime" not in name))
slow = ("asyncio", "sqlite3", "urllib.request", "http.client", "ssl", "logging", "random", "tempfile")
print([name for name in slow if name in set(sys.modules) - before])
"""
    own, used, slow = run(code).splitlines()
    assert own == "['evalgate']"
    assert used == str(
        [
            "evalgate",
            "evalgate.release",
            "evalgate.release.bucket",
            "evalgate.release.checked_value",
            "evalgate.release.document",
        ]
    )
    assert slow == "[]"
