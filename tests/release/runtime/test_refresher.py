from __future__ import annotations

import gc
import re
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from release.chains import make_chain, make_revision
from release.scripted_source import DOWN, ScriptedSource, running, wait_for

from evalgate.release.document import parse_document
from evalgate.release.runtime import loads
from evalgate.release.runtime.last_good import LastGood
from evalgate.release.runtime.prompt_error import PromptUnavailableError
from evalgate.release.runtime.refresher import Refresher

CHAIN = make_chain(12)


def expire(one: Refresher, name: str = "support") -> None:
    one.documents.by_name[name].due = 0.0


def test_a_thread_asks_again_when_a_document_is_due() -> None:
    source = ScriptedSource(CHAIN[0])
    with running(source, ttl=0.1) as made:
        assert made.find("support").revision == 1
        source.answer = CHAIN[1]
        wait_for(lambda: made.find("support").revision == 2)
        source.answer = DOWN
        before = len(source.names)
        wait_for(lambda: len(source.names) > before + 1)
        assert made.find("support").revision == 2
        source.answer = CHAIN[2]
        wait_for(lambda: made.find("support").revision == 3)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (CHAIN[0], "revision: 1 is below 2"),
        (make_revision(2, CHAIN[0], text="Bye "), "another document had the revision 2"),
        (make_revision(3, CHAIN[0]), "previous: it is not the digest of revision 2"),
        (make_revision(3, CHAIN[1], name="other\n"), r'a document of "other\\u000a"'),
        (CHAIN[2][:-10], "not JSON"),
        (DOWN, "the registry is down"),
        (ZeroDivisionError("headers"), "ZeroDivisionError: headers"),
    ],
)
def test_a_bad_document_is_refused_and_logged_once(
    answer: bytes | Exception, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = ScriptedSource(CHAIN[1])
    made = Refresher(source, ttl=300.0, static=True)
    held = made.find("support")
    source.answer = answer
    for _ in range(3):
        expire(made)
        assert made.refresh_due() is not None
    assert made.find("support") is held and held.failures == 3
    assert len(caplog.records) == 1 and caplog.records[0].name == "evalgate.release.runtime"
    assert re.search(problem, caplog.text)
    source.answer = CHAIN[2]
    expire(made)
    made.refresh_due()
    assert made.find("support").revision == 3


def test_two_hundred_threads_that_wait_cause_one_request() -> None:
    source = ScriptedSource(CHAIN[0])
    source.delay = 0.3
    with running(source) as made:
        found: list[int] = []
        threads = [threading.Thread(target=lambda: found.append(made.find("support").revision)) for _ in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [1] * 200
        assert source.names == ["support"]


def test_a_first_start_without_anything_is_an_error_that_all_share() -> None:
    source = ScriptedSource(DOWN)
    source.delay = 0.2
    with running(source) as made:
        errors: list[str] = []

        def ask() -> None:
            with pytest.raises(PromptUnavailableError) as caught:
                made.find("support")
            errors.append(str(caught.value))

        threads = [threading.Thread(target=ask) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == ["support: the registry is down"] * 50
        assert source.names == ["support"]


def test_the_last_documents_outlive_a_restart_without_a_registry(tmp_path: Path) -> None:
    last_good = LastGood(tmp_path / "last.json")
    with running(ScriptedSource(CHAIN[4]), last_good=last_good) as made:
        made.find("support")
    source = ScriptedSource(DOWN)
    with running(source, last_good=last_good) as made:
        held = made.find("support")
        assert (held.revision, held.data) == (5, CHAIN[4])
        assert 0 < held.due - time.monotonic() < 3
        with pytest.raises(PromptUnavailableError, match="or a last_good file"):
            made.find("other")
    for stale in (CHAIN[3], make_revision(5, CHAIN[3], text="Bye ")):
        with running(ScriptedSource(stale), last_good=last_good) as made:
            assert made.find("support").data == CHAIN[4]


def test_a_silent_registry_does_not_hold_a_start_that_has_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loads, "FALLBACK_SECONDS", 0.1)
    last_good = LastGood(tmp_path / "last.json")
    with running(ScriptedSource(CHAIN[0]), last_good=last_good) as made:
        made.find("support")
    source = ScriptedSource(CHAIN[1])
    source.delay = 2.0
    with running(source, last_good=last_good) as made:
        began = time.monotonic()
        assert made.find("support").revision == 1
        assert time.monotonic() - began < 1.5
        wait_for(lambda: made.find("support").revision == 2)


ACTIONS = st.lists(
    st.sampled_from(["publish", "stale", "down", "garbage", "rewritten", "broken chain", "other", "restart", "damage"]),
    max_size=25,
)


@given(ACTIONS)
def test_what_is_served_was_in_the_registry_and_never_goes_back(
    tmp_path_factory: pytest.TempPathFactory, actions: list[str]
) -> None:
    """Check each state of a client, whatever the registry answers, also after restarts with the last documents."""
    path = tmp_path_factory.mktemp("last") / "last.json"
    published = 1
    source = ScriptedSource(CHAIN[0])
    made = Refresher(source, ttl=300.0, last_good=LastGood(path), static=True)
    highest = 0
    for action in actions:
        forged = {
            "stale": CHAIN[max(0, published - 2)],
            "garbage": CHAIN[published - 1][:100],
            "rewritten": make_revision(published, None, text="Forged "),
            "broken chain": make_revision(published + 1, None, text="Forged "),
            "other": make_revision(published + 1, CHAIN[published - 1], name="other"),
        }
        if action == "publish":
            published = min(published + 1, len(CHAIN))
        elif action == "restart":
            made = Refresher(source, ttl=300.0, last_good=LastGood(path), static=True)
        elif action == "damage" and path.exists():
            # then a process that already runs goes on, and writes it anew
            path.write_bytes(path.read_bytes()[:50])
        fails = action in ("down", "restart")
        source.answer = DOWN if fails else forged.get(action, CHAIN[published - 1])
        if "support" in made.documents.by_name:
            expire(made)
            made.documents.by_name["support"].saved = float("-inf")
            made.refresh_due()
        elif highest == 0 and action in forged:
            continue  # nothing was seen, so that nothing can be checked against it
        try:
            held = made.find("support")
        except PromptUnavailableError:
            assert fails and (highest == 0 or not LastGood(path).read("support"))
            made = Refresher(source, ttl=300.0, last_good=LastGood(path), static=True)
            continue
        assert held.data in CHAIN[:published]
        assert held.revision >= highest
        highest = held.revision


def test_the_thread_ends_with_the_client_and_with_its_last_use() -> None:
    def count() -> int:
        return sum(thread.name == "evalgate-refresh" for thread in threading.enumerate())

    before = count()
    with running(ScriptedSource(CHAIN[0])) as made:
        made.find("support")
        made.start()
        assert count() == before + 1
    wait_for(lambda: count() == before)
    assert made.find("support").revision == 1
    with pytest.raises(PromptUnavailableError, match="the client is closed"):
        made.find("other")
    made.start()
    assert count() == before
    dropped = Refresher(ScriptedSource(CHAIN[0]), ttl=0.1)
    dropped.find("support")
    wait_for(lambda: count() == before + 1)
    del dropped
    wait_for(lambda: gc.collect() >= 0 and count() == before)


def test_documents_of_the_chain_are_what_the_tests_think() -> None:
    assert [parse_document(data).revision for data in CHAIN] == list(range(1, 13))


def test_two_threads_never_ask_for_one_name_at_once() -> None:
    source = ScriptedSource(CHAIN[0])
    made = Refresher(source, ttl=300.0, static=True)
    held = made.find("support")
    source.delay, source.answer = 0.5, CHAIN[1]
    first = threading.Thread(target=made.ask, args=("support",))
    first.start()
    wait_for(lambda: len(source.names) == 2)
    assert made.ask("support") == "it is being asked for"
    first.join()
    assert len(source.names) == 2 and held.failures == 0
    assert made.find("support").revision == 2
    assert made.ask("support") is None
