from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from release.chains import make_chain
from release.redis_server import find_port, needs_redis, run_redis
from release.scripted_source import DOWN, ScriptedSource, running, wait_for

from evalgate.release.document import digest_document
from evalgate.release.runtime import redis_polling
from evalgate.release.runtime.bounded_calls import MOST_LEFT
from evalgate.release.runtime.cached_document import parse_cached
from evalgate.release.runtime.redis_layer import RedisLayer
from evalgate.release.runtime.refresher import Refresher

CHAIN = make_chain(12)


class DeadRedis:
    """A client whose server is gone: each call fails after `delay` seconds, as with retries."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.calls = 0

    def _fail(self, *_: Any, **__: Any) -> Any:
        self.calls += 1
        time.sleep(self.delay)
        raise ConnectionError("no server")

    eval = zadd = zrangebyscore = _fail


def test_no_load_waits_for_a_redis_that_is_gone(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert redis_polling.REDIS_WAIT == 0.2
    monkeypatch.setattr(redis_polling, "REDIS_WAIT", 1.0)
    dead = DeadRedis(delay=4.0)
    source = ScriptedSource(CHAIN[0])
    with running(source, redis=RedisLayer(dead, prefix="evalgate"), ttl=0.1) as made:
        began = time.monotonic()
        assert made.find("support").revision == 1
        assert 0.95 < time.monotonic() - began < 3
        began = time.monotonic()
        source.answer = make_chain(1, name="other")[0]
        assert made.find("other").revision == 1
        assert time.monotonic() - began < 0.9  # it is not tried for each name
        source.answer = CHAIN[1]
        wait_for(lambda: made.find("support").revision == 2)
        assert "Redis: not used for now" in caplog.text


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_polling, "CALL_SECONDS", 0.2)
    monkeypatch.setattr(redis_polling, "ASK_SECONDS", 0.2)
    monkeypatch.setattr(redis_polling, "LOOK_SECONDS", 0.4)


class TricklingRedis:
    """A client whose calls do not end until `released`, as those to a server that sends a byte at a time."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.calls = 0

    def _wait(self, *_: Any, **__: Any) -> Any:
        self.calls += 1
        self.released.wait(30)
        return 0

    eval = zadd = zrangebyscore = _wait


def test_a_redis_whose_answers_never_end_holds_no_thread_for_long_and_is_used_again(quick: None) -> None:
    slow = TricklingRedis()
    source = ScriptedSource(CHAIN[0])
    with running(source, redis=RedisLayer(slow, prefix="e"), ttl=0.3) as made:
        assert made.find("support").revision == 1
        wait_for(lambda: slow.calls == MOST_LEFT)
        before, started = set(threading.enumerate()), len(source.names)
        wait_for(lambda: len(source.names) > started + 4, 5)
        assert slow.calls == MOST_LEFT  # no more threads than these are left, however often it is tried
        assert {one for one in threading.enumerate() if one.name == "evalgate-redis-call"} <= before
        slow.released.set()
        wait_for(lambda: slow.calls > MOST_LEFT + 2, 5)


@needs_redis
def test_one_process_asks_and_all_serve_the_new_document(quick: None) -> None:
    import redis

    source = ScriptedSource(CHAIN[0])
    with run_redis() as port:
        clients = [redis.Redis(port=port) for _ in range(5)]
        made = [Refresher(source, ttl=300.0, redis=RedisLayer(client, prefix="e")) for client in clients]
        try:
            for one in made:
                assert one.find("support").revision == 1
            assert len(source.names) < 5  # those that came later found it in Redis
            wait_for(lambda: bool(clients[0].exists("e::lease")))
            time.sleep(0.5)
            before, began = len(source.names), time.monotonic()
            source.answer = CHAIN[1]
            wait_for(lambda: all(one.find("support").revision == 2 for one in made), 5)
            time.sleep(0.5)
            rounds = (time.monotonic() - began) / 0.16 + 2
            assert 1 <= len(source.names) - before <= rounds
            assert clients[0].hget("e:support", "data") == CHAIN[1]
            assert digest_document(CHAIN[1]).encode() == clients[0].hget("e:support", "digest")
        finally:
            for one in made:
                one.close()
        wait_for(lambda: not clients[0].exists("e::lease"))
        for client in clients:
            client.close()


@needs_redis
def test_without_redis_the_registry_is_asked_and_later_redis_again(
    quick: None, caplog: pytest.LogCaptureFixture
) -> None:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    port = find_port()
    client = redis.Redis(port=port, retry=Retry(NoBackoff(), 0))
    source = ScriptedSource(CHAIN[0])
    with running(source, redis=RedisLayer(client, prefix="e"), ttl=0.2) as made:
        assert made.find("support").revision == 1
        source.answer = CHAIN[1]
        wait_for(lambda: made.find("support").revision == 2)
        with run_redis(port):
            wait_for(lambda: client.ping() and bool(client.exists("e:support")), 10)
            source.answer = DOWN
            client.eval(
                "return redis.call('HSET', KEYS[1], 'revision', 3, 'digest', ARGV[1], 'data', ARGV[2])",
                1,
                "e:support",
                digest_document(CHAIN[2]),
                CHAIN[2],
            )
            wait_for(lambda: made.find("support").revision == 3)
            client.hset("e:support", mapping={"revision": 4, "digest": "x", "data": b"poison"})
            wait_for(lambda: "support in Redis: the document is refused" in caplog.text)
            assert made.find("support").revision == 3
    client.close()


@needs_redis
def test_a_redis_that_does_not_answer_holds_neither_a_load_nor_the_refreshes(quick: None) -> None:
    import redis

    source = ScriptedSource(CHAIN[0])
    with run_redis() as port:
        client = redis.Redis(port=port, socket_timeout=None)  # it waits for ever
        with running(source, redis=RedisLayer(client, prefix="e"), ttl=0.3) as made:
            made.find("support")
            wait_for(lambda: bool(client.exists("e::lease")))
            pid = int(client.info("server")["process_id"])
            os.kill(pid, signal.SIGSTOP)
            try:
                source.answer = CHAIN[1]
                wait_for(lambda: made.find("support").revision == 2, 3)
                cold = Refresher(source, ttl=300.0, redis=RedisLayer(client, prefix="e"), static=True)
                began = time.monotonic()
                assert cold.find("support").revision == 2
                assert time.monotonic() - began < 2
            finally:
                os.kill(pid, signal.SIGCONT)
            source.answer = CHAIN[2]
            wait_for(lambda: client.hget("e:support", "data") == CHAIN[2], 5)
        client.close()


@needs_redis
def test_the_lease_goes_to_a_process_that_reaches_the_registry(quick: None) -> None:
    import redis

    reached, lost = ScriptedSource(CHAIN[0]), ScriptedSource(CHAIN[0])
    with run_redis() as port, redis.Redis(port=port) as client:
        with running(lost, redis=RedisLayer(client, prefix="e")) as first:
            first.find("support")
            wait_for(lambda: bool(client.exists("e::lease")))
            lost.answer = DOWN
            with running(reached, redis=RedisLayer(client, prefix="e")) as second:
                second.find("support")
                reached.answer = CHAIN[1]
                wait_for(lambda: first.find("support").revision == second.find("support").revision == 2, 5)
        wait_for(lambda: not client.exists("e::lease"))


FORK = """
import os, sys, time
from pathlib import Path
import redis
from release.chains import make_chain
from evalgate.release.runtime import PromptClient, redis_polling

redis_polling.ASK_SECONDS, redis_polling.LOOK_SECONDS = 0.2, 0.4
path, port = Path(sys.argv[1]), int(sys.argv[2])
chain = make_chain(2)
path.write_bytes(chain[0])
client = PromptClient(f"file:{path}", redis=redis.Redis(port=port), ttl=300)
client.get("support")
time.sleep(0.5)
children = []
for _ in range(5):
    child = os.fork()
    if child == 0:
        end = time.monotonic() + 15
        while client.get("support").version != "1.0.2" and time.monotonic() < end:
            time.sleep(0.01)
        os._exit(0 if client.get("support").version == "1.0.2" else 1)
    children.append(child)
time.sleep(0.5)
path.with_suffix(".new").write_bytes(chain[1])
os.replace(path.with_suffix(".new"), path)
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""


@needs_redis
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked there")
def test_forked_processes_have_rounds_of_their_own(tmp_path: Path) -> None:
    with run_redis() as port:
        done = subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK, str(tmp_path / "d.json"), str(port)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.stdout == "[0, 0, 0, 0, 0]\n", done.stderr


def test_no_request_waits_for_the_retries_of_a_client() -> None:
    import redis

    client = redis.Redis(port=find_port())  # with its retries: some seconds
    with running(ScriptedSource(CHAIN[0]), redis=RedisLayer(client, prefix="e")) as made:
        began = time.monotonic()
        made.find("support")
        assert time.monotonic() - began < 2


@needs_redis
@pytest.mark.parametrize(("age", "revision"), [(5.0, 1), (60.0, 2)])
def test_an_old_copy_is_not_as_good_as_the_registry(age: float, revision: int) -> None:
    import redis

    with run_redis() as port, redis.Redis(port=port) as client:
        layer = RedisLayer(client, prefix="e")
        layer.store(parse_cached("support", CHAIN[0], time.monotonic() - age))
        source = ScriptedSource(CHAIN[1])
        made = Refresher(source, ttl=300.0, redis=layer, static=True)
        assert made.find("support").revision == revision
        wait_for(lambda: layer.read("support").revision == revision)  # it is stored after the answer
        source.answer = DOWN
        other = Refresher(source, ttl=300.0, redis=layer, static=True)
        assert other.find("support").revision == revision  # the registry is down: the copy is all there is


class SpoiledRedis:
    """A client of a Redis in which some keys have another type, and others a document that is none."""

    def __init__(self, spoiled: str) -> None:
        self.spoiled = spoiled

    def eval(self, script: str, _: int, key: str, *given: Any) -> Any:
        if "PX" in script:
            return 1
        if "HMGET" not in script:
            self._refuse(key)
            return 1
        if ":bad" in key and self.spoiled == "content":
            return [b"\xff", b"x", b"", b"nan"]
        self._refuse(key)
        return ["", "0", "", "0"]

    def zadd(self, key: str, names: dict[str, float]) -> int:
        "".join(names).encode()
        self._refuse(key)
        return 1

    def zrangebyscore(self, key: str, *_: Any, **__: Any) -> list[bytes]:
        self._refuse(key)
        return [b"\xff", b"", b"unknown"]

    def _refuse(self, key: str) -> None:
        if self.spoiled == "all" or (":bad" in key and self.spoiled == "type") or key.endswith(f"::{self.spoiled}"):
            raise ValueError("WRONGTYPE Operation against a key holding the wrong kind of value")


@pytest.mark.parametrize("spoiled", ["type", "content", "names", "all"])
@pytest.mark.parametrize("bad", ["bad", "bad\ud800"])
def test_no_content_of_redis_and_no_name_stops_the_rounds_of_another_prompt(
    quick: None, spoiled: str, bad: str
) -> None:
    bad_document = make_chain(1, name=bad)[0]
    source = ScriptedSource(bad_document)
    with running(source, redis=RedisLayer(SpoiledRedis(spoiled), prefix="evalgate"), ttl=3600) as made:
        assert made.find(bad).revision == 1
        source.answer = CHAIN[0]
        assert made.find("support").revision == 1
        source.answer = CHAIN[1]
        wait_for(lambda: made.find("support").revision == 2)
