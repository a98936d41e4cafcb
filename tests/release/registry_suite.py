"""The tests that every registry passes. A test file of a registry subclasses `RegistrySuite` with a fixture `place`.

A registry may give any growing numbers, may lose or refuse a write, and may keep what was put at once or with the next
document: so the suite asserts no exact numbers.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from release.documents import AT, digest_of, make_document, make_version
from release.rollout.lives import Life, by, finish

import evalgate
from evalgate.errors import InputError
from evalgate.release.document import PublishedMessage, PublishedVersion, ReleaseDocument
from evalgate.release.ledger import verify
from evalgate.release.promotion import Actor, find_rollback, promote_version, publish_version, roll_back
from evalgate.release.registry import RaceLostError, Registry, RegistryError, StoredDocument, append_document
from evalgate.release.registry_access import open_registry
from evalgate.release.rollout.transitions import pause_rollout, resume_rollout
from evalgate.services.langfuse import LangfuseKeys

NAMES = [
    "support",
    "a/b",
    "a b",
    "grüße 🎉",
    ".hidden",
    "..",
    "a.json",
    "versions",
    "git~1",
    "%2E",
    "a#b?c",
    "CON",
    "-x",
]


class RegistryPlace(Protocol):
    """Where a test keeps a registry."""

    url: str
    folder: Path
    keys: LangfuseKeys | None

    def write_by_hand(self, name: str, data: bytes) -> None:
        """Replace the last document of a prompt, as a person with access to the registry could."""
        ...


@dataclass
class Sequel:
    """Makes the documents of a test one after another, each with an id of its own."""

    registry: Registry
    name: str = "support"
    count: int = 0

    def by(self) -> Actor:
        self.count += 1
        return Actor(id=f"{os.getpid()}-{id(self)}-{self.count}", who="ada", at=AT)

    def publish(self, version: PublishedVersion) -> StoredDocument:
        self.registry.put(version, self.name)
        last = self.registry.read(self.name)
        return self.registry.append(publish_version(last, self.name, version, self.by()))

    def promote(self, version: PublishedVersion, label: str = "production", why: str = "because") -> StoredDocument:
        last = self.registry.read(self.name)
        assert last is not None
        return self.registry.append(promote_version(last, version, label, self.by(), why))


class Unreliable:
    """A registry whose next write is lost, before or after it reaches the registry."""

    def __init__(self, registry: Registry, *, written: bool) -> None:
        self._registry = registry
        self._written = written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._registry, name)

    def append(self, document: ReleaseDocument) -> StoredDocument:
        if self._written:
            self._registry.append(document)
        raise RegistryError("the answer is lost")


class RegistrySuite:
    machine_settings: ClassVar[settings] = settings(max_examples=20, stateful_step_count=20)
    kill_after: ClassVar[float] = 0.03
    """The longest time until a process is killed that appends, in seconds: some appends long."""

    @pytest.fixture
    def place(self) -> RegistryPlace:
        raise NotImplementedError

    @pytest.fixture
    def registry(self, place: RegistryPlace) -> Registry:
        return reopen(place)

    def test_a_registry_that_does_not_exist_has_nothing(self, registry: Registry) -> None:
        assert registry.read("support") is None
        assert list(registry.history("support")) == []
        assert registry.list_names() == []
        assert registry.find_version("support", digest_of("x")) is None

    def test_its_url_opens_it(self, registry: Registry, place: RegistryPlace) -> None:
        Sequel(registry).publish(make_version())
        assert open_registry(registry.url, place.folder, keys=place.keys).read("support") is not None

    def test_a_document_is_read_back_with_its_bytes(self, registry: Registry, place: RegistryPlace) -> None:
        version = make_version(text="@@@ \0 \ud800 \u2028 🎉")
        published = Sequel(registry).publish(version)
        promoted = Sequel(registry).promote(version)
        assert registry.read("support") == reopen(place).read("support") == promoted
        assert promoted.document.previous == published.digest
        assert promoted.document.revision > published.document.revision
        assert list(reopen(place).history("support")) == [published.data, promoted.data]

    def test_the_registry_gives_the_number(self, registry: Registry) -> None:
        version = make_version()
        first = registry.append(make_document(version, revision=70))
        second = registry.append(make_document(version, revision=3, previous=first.digest))
        assert first.document.revision < 70
        assert second.document.revision > first.document.revision

    def test_an_append_after_a_stale_document_loses_and_names_the_winner(self, registry: Registry) -> None:
        version = make_version()
        stale = Sequel(registry).publish(version)
        winner = Sequel(registry).promote(version, "staging")
        late = promote_version(stale, version, "canary", Actor(id="late", who="bob", at=AT), "too late")
        with pytest.raises(RaceLostError, match="ada was faster") as lost:
            registry.append(late)
        assert lost.value.winner == winner
        with pytest.raises(RaceLostError):
            registry.append(make_document(version))
        assert registry.read("support") == winner
        assert list(registry.history("support")) == [stale.data, winner.data]

    def test_a_rollout_goes_from_its_start_to_production(self, registry: Registry) -> None:
        life = Life(registry=registry)
        life.start()
        life.append(lambda _: pause_rollout(life.last, by(1), "wait"))
        life.append(lambda _: resume_rollout(life.last, by(2), "go on"))
        assert finish(life, hours=2).action == "finish"
        assert life.list_verbs() == ["start", "pause", "resume", "advance", "advance", "finish"]
        assert life.document.labels == {"production": life.candidate.digest}

    def test_a_rollout_that_gets_worse_is_taken_back(self, registry: Registry) -> None:
        life = Life(registry=registry)
        life.start()
        done = life.tick(25, life.make_rows(6000, 0.3, 24, drop=0.5))
        assert (done.action, done.code) == ("roll_back", "worse:helpful")
        assert life.list_verbs() == ["start", "rollback"] and life.document.rollout is None

    def test_a_document_does_not_follow_one_that_is_gone(self, registry: Registry) -> None:
        with pytest.raises(RegistryError, match="are gone"):
            registry.append(make_document(make_version(), previous=digest_of("gone")))
        assert registry.read("support") is None

    def test_a_version_that_was_put_stays_as_it_is(self, registry: Registry, place: RegistryPlace) -> None:
        version = make_version()
        registry.put(version, "support")
        registry.put(version, "support")
        registry.put(replace(version, reason="another"), "support")
        assert registry.read("support") is None and registry.list_names() == []
        assert list(registry.history("support")) == []
        last = registry.append(publish_version(None, "support", version, Actor(id="1", who="ada", at=AT)))
        assert registry.find_version("support", version.digest) == version
        again = reopen(place)
        again.put(replace(version, reason="another"), "support")
        again.append(promote_version(last, version, "staging", Actor(id="2", who="ada", at=AT), "why"))
        assert reopen(place).find_version("support", version.digest) == version
        assert reopen(place).find_version("another", version.digest) is None
        assert reopen(place).find_version("support", digest_of("x")) is None

    def test_names_are_kept_as_they_are(self, registry: Registry, place: RegistryPlace) -> None:
        version = make_version()
        for name in NAMES:
            Sequel(registry, name).publish(version)
        other = reopen(place)
        assert other.list_names() == sorted(NAMES)
        for name in NAMES:
            stored = other.read(name)
            assert stored is not None and stored.document.name == name
            assert list(other.history(name)) == [stored.data]
            assert other.find_version(name, version.digest) == version

    @pytest.mark.parametrize("name", ["", " a", "a\nb", "x" * 201])
    def test_a_name_that_cannot_be_kept_is_refused(self, registry: Registry, name: str) -> None:
        with pytest.raises(InputError, match="cannot be the name"):
            registry.append(make_document(make_version(), name=name))
        with pytest.raises(InputError, match="cannot be the name"):
            registry.put(make_version(), name)

    def test_a_document_that_no_reader_would_read_is_not_written(self, registry: Registry) -> None:
        part = "x" * (16 * 1024 * 1024)
        version = make_version(messages=(PublishedMessage(role="user", parts=(part,)),))
        with pytest.raises(InputError, match="it may have 16,777,216"):
            registry.append(make_document(version))
        assert registry.read("support") is None

    @pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b"[" * 100_000])
    def test_a_damaged_document_is_named_with_its_place(
        self, registry: Registry, place: RegistryPlace, data: bytes
    ) -> None:
        version = make_version()
        last = Sequel(registry).publish(version)
        place.write_by_hand("support", data)
        with pytest.raises(RegistryError, match="support is damaged") as refused:
            registry.read("support")
        assert registry.url in str(refused.value)
        with pytest.raises(RegistryError, match="support is damaged"):
            registry.append(promote_version(last, version, "staging", Actor(id="1", who="a", at=AT), "why"))
        assert verify(registry.history("support")) is not None

    def test_a_document_of_another_prompt_is_refused(self, registry: Registry, place: RegistryPlace) -> None:
        Sequel(registry).publish(make_version())
        other = Sequel(registry, "other").publish(make_version())
        place.write_by_hand("support", other.data)
        with pytest.raises(RegistryError, match='"other" is another prompt'):
            registry.read("support")

    def test_a_document_that_was_edited_by_hand_breaks_the_ledger(
        self, registry: Registry, place: RegistryPlace
    ) -> None:
        version = make_version()
        stored = Sequel(registry).publish(version)
        assert verify(registry.history("support")) is None
        place.write_by_hand("support", stored.data.replace(b"Hello", b"Hallo"))
        Sequel(registry).promote(version, "staging")
        assert verify(registry.history("support")) is not None

    def test_a_lost_answer_is_recognised_and_a_lost_request_is_not(self, registry: Registry) -> None:
        version = make_version()
        last = Sequel(registry).publish(version)
        document = promote_version(last, version, "staging", Actor(id="7", who="ada", at=AT), "why")
        with pytest.raises(RegistryError, match="the answer is lost"):
            append_document(Unreliable(registry, written=False), document)
        assert registry.read("support") == last
        written = append_document(Unreliable(registry, written=True), document)
        assert registry.read("support") == written != last
        # the same command, sent again
        assert append_document(registry, document) == written
        assert list(registry.history("support")) == [last.data, written.data]

    def test_threads_append_one_after_another(self, registry: Registry) -> None:
        first = Sequel(registry).publish(make_version())
        results: list[object] = []

        def append(number: int) -> None:
            by = Actor(id=str(number), who=f"thread {number}", at=AT)
            try:
                results.append(registry.append(promote_version(first, make_version(), "staging", by, "why")))
            except RaceLostError as error:
                results.append(error)

        threads = [threading.Thread(target=append, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [isinstance(one, StoredDocument) for one in results].count(True) == 1 and len(results) == 4

    def test_the_first_documents_of_several_prompts_at_once_all_count(self, place: RegistryPlace) -> None:
        errors: list[Exception] = []

        def publish(name: str) -> None:
            try:
                Sequel(reopen(place), name).publish(make_version())
            except Exception as error:
                errors.append(error)

        names = ["a", "b", "c", "d"]
        threads = [threading.Thread(target=publish, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert reopen(place).list_names() == names

    def test_a_history_need_not_be_read_to_its_end(self, registry: Registry) -> None:
        version = make_version()
        first = Sequel(registry).publish(version)
        Sequel(registry).promote(version, "staging")
        history = registry.history("support")
        assert next(history) == first.data
        Sequel(registry).promote(version, "canary")
        del history
        gc.collect()
        assert len(list(registry.history("support"))) == 3

    def test_it_agrees_with_a_model(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        make_place = self.make_place

        class Machine(RegistryMachine):
            def make_place(self) -> RegistryPlace:
                return make_place(tmp_path_factory.mktemp("registry"))

        run_state_machine_as_test(Machine, settings=self.machine_settings)

    def make_place(self, folder: Path) -> RegistryPlace:
        raise NotImplementedError

    @pytest.mark.parametrize(
        ("writers", "rounds"), [pytest.param(3, 5, id="short"), pytest.param(8, 200, id="long", marks=pytest.mark.long)]
    )
    def test_of_several_processes_exactly_one_wins_each_round(
        self, place: RegistryPlace, writers: int, rounds: int
    ) -> None:
        registry = reopen(place)
        version = make_version()
        Sequel(registry).publish(version)
        context = multiprocessing.get_context("spawn")
        shared = Round(barrier=context.Barrier(writers), results=context.Queue(), rounds=rounds)
        workers = [
            context.Process(target=race, args=(place.url, place.folder, place.keys, number, shared), daemon=True)
            for number in range(writers)
        ]
        for worker in workers:
            worker.start()
        got = [shared.results.get(timeout=120) for _ in range(writers * rounds)]
        for worker in workers:
            worker.join(60)
            assert worker.exitcode == 0
        for number in range(rounds):
            told = [winner for when, winner in got if when == number]
            assert len(told) == writers
            # the winner and the others name the same process
            assert len(set(told)) == 1 and told[0].startswith("worker "), told
        documents = list(registry.history("support"))
        assert len(documents) == rounds + 1
        assert verify(documents) is None

    @pytest.mark.parametrize(
        "kills", [pytest.param(3, id="short"), pytest.param(40, id="long", marks=pytest.mark.long)]
    )
    def test_a_process_that_is_killed_leaves_the_state_before_or_after(self, place: RegistryPlace, kills: int) -> None:
        registry = reopen(place)
        version = make_version()
        Sequel(registry).publish(version)
        moments = random.Random(16)
        for _ in range(kills):
            before = count(registry)
            answered = kill_during_appends(place, moments.uniform(0, self.kill_after))
            settle(registry)
            assert count(registry) - before - answered in (0, 1)
            assert verify(registry.history("support")) is None
            Sequel(registry).promote(version, "staging")


def reopen(place: RegistryPlace) -> Registry:
    return open_registry(place.url, place.folder, keys=place.keys)


def count(registry: Registry) -> int:
    return sum(1 for _ in registry.history("support"))


def settle(registry: Registry) -> None:
    """Wait until a server has ended what a killed process asked for."""
    seen = registry.read("support")
    for _ in range(50):
        time.sleep(0.2)
        if (now := registry.read("support")) == seen:
            return
        seen = now


@dataclass
class Round:
    """What the processes of a race share: when they start, and who won which round as each of them saw it."""

    barrier: Barrier
    results: Queue[tuple[int, str]]
    rounds: int


def race(url: str, folder: Path, keys: LangfuseKeys | None, number: int, shared: Round) -> None:
    """Promote at the same moment as other processes, in each round from the same document; tell who won."""
    registry = open_registry(url, folder, keys=keys)
    version = make_version()
    for when in range(shared.rounds):
        last = registry.read("support")
        assert last is not None
        by = Actor(id=f"{number}-{when}", who=f"worker {number}", at=AT)
        document = promote_version(last, version, "staging", by, "why")
        shared.barrier.wait(120)
        try:
            winner = append_document(registry, document).document.entry.who
        except RaceLostError as lost:
            winner = lost.winner.document.entry.who
        shared.results.put((when, winner))
        shared.barrier.wait(120)


_APPENDS = """
import sys
from pathlib import Path
from release.registry_suite import LangfuseKeys, Sequel, open_registry, make_version
keys = LangfuseKeys(public=sys.argv[3], secret=sys.argv[4]) if sys.argv[3:] else None
sequel = Sequel(open_registry(sys.argv[1], Path(sys.argv[2]), keys=keys))
sequel.registry.read("support")
print("ready", flush=True)
for _ in range(1000):
    sequel.promote(make_version(), "staging")
    print("answered", flush=True)
"""


def kill_during_appends(place: RegistryPlace, seconds: float) -> int:
    """Kill a process that appends, with the processes it has started; return how many appends were answered."""
    roots = [str(Path(__file__).parents[1]), str(Path(evalgate.__file__).parents[1])]
    keys = [] if place.keys is None else [place.keys.public, place.keys.secret]
    process = subprocess.Popen(
        [sys.executable, "-c", _APPENDS, place.url, str(place.folder), *keys],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(roots)},
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "ready\n"
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return process.stdout.read().count("answered\n")


LABELS = st.sampled_from(["staging", "canary", "production"])
PROMPTS = st.sampled_from(["support", "a/b"])


class RegistryMachine(RuleBasedStateMachine):
    """Commands against a registry, and a model of it: a list of documents for each prompt."""

    def make_place(self) -> RegistryPlace:
        raise NotImplementedError

    @initialize()
    def open(self) -> None:
        self.place = self.make_place()
        self.registry = reopen(self.place)
        self.model: dict[str, list[StoredDocument]] = {}
        self.published: dict[str, list[PublishedVersion]] = {}
        self.count = 0

    def by(self) -> Actor:
        self.count += 1
        return Actor(id=str(self.count), who="ada", at=AT)

    def last(self, name: str) -> StoredDocument | None:
        documents = self.model.get(name)
        return documents[-1] if documents else None

    def keep(self, name: str, stored: StoredDocument) -> None:
        before = self.last(name)
        assert stored.document.previous == (None if before is None else before.digest)
        assert before is None or stored.document.revision > before.document.revision
        self.model.setdefault(name, []).append(stored)

    @rule(name=PROMPTS, text=st.text(max_size=5))
    def publish(self, name: str, text: str) -> None:
        version = make_version(f"1.{len(self.published.get(name, []))}.0", text)
        self.registry.put(version, name)
        self.keep(name, self.registry.append(publish_version(self.last(name), name, version, self.by())))
        self.published.setdefault(name, []).append(version)

    @rule(name=PROMPTS, label=LABELS, data=st.data(), is_lost=st.booleans())
    def promote(self, name: str, label: str, data: st.DataObject, is_lost: bool) -> None:
        if (last := self.last(name)) is None:
            return
        version = data.draw(st.sampled_from(self.published[name]))
        document = promote_version(last, version, label, self.by(), "why")
        registry: Any = Unreliable(self.registry, written=True) if is_lost else self.registry
        self.keep(name, append_document(registry, document))

    @rule(name=PROMPTS)
    def roll_back(self, name: str) -> None:
        if (last := self.last(name)) is None or not last.document.past:
            return
        version = self.registry.find_version(name, find_rollback(last.document))
        assert version in self.published[name]
        assert version is not None
        self.keep(name, self.registry.append(roll_back(last, version, self.by(), "bad")))

    @rule(name=PROMPTS, data=st.data())
    def append_stale(self, name: str, data: st.DataObject) -> None:
        if (last := self.last(name)) is None:
            return
        stale = data.draw(st.sampled_from([None, *self.model[name][:-1]]))
        document = replace(last.document, previous=None if stale is None else stale.digest, entry=last.document.entry)
        with pytest.raises(RaceLostError) as lost:
            self.registry.append(document)
        assert lost.value.winner == last

    @rule(name=PROMPTS)
    def put_again(self, name: str) -> None:
        for version in self.published.get(name, [])[:1]:
            self.registry.put(replace(version, reason="another"), name)

    @rule()
    def reopen(self) -> None:
        self.registry = reopen(self.place)

    @rule(name=PROMPTS)
    def look(self, name: str) -> None:
        assert self.registry.list_names() == sorted(self.model)
        assert self.registry.read(name) == self.last(name)
        documents = list(self.registry.history(name))
        assert documents == [one.data for one in self.model.get(name, [])]
        assert verify(documents, name) is None
        for version in self.published.get(name, []):
            assert self.registry.find_version(name, version.digest) == version
