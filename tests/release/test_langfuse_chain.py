"""Which versions in Langfuse count, over all histories that writers, races and deletions can make."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from release.documents import make_document, make_version

from evalgate.release.document import digest_document, encode_document
from evalgate.release.langfuse_chain import (
    ChainLink,
    encode_void,
    find_highest_tag,
    find_last,
    make_prompt_name,
    make_tag,
    make_version_label,
    parse_prompt_name,
    walk_chain,
)

VERSION = make_version()


def make_text(revision: int, previous: str | None = None, name: str = "support") -> str:
    return encode_document(make_document(VERSION, name=name, revision=revision, previous=previous)).decode()


@dataclass
class Server:
    """The texts by number, as writers leave them who follow the rules. `written` are the documents that counted."""

    texts: dict[int, str] = field(default_factory=dict)
    tag: int = 0
    written: dict[int, str] = field(default_factory=dict)
    reads: list[int] = field(default_factory=list)
    is_filling: bool = False

    def read(self, number: int) -> str | None:
        self.reads.append(number)
        return self.texts.get(number)

    def create(self, text: str, tag: int) -> int:
        number = max(self.texts, default=0) + 1
        self.texts[number] = text
        self.tag = tag
        return number

    def last(self) -> ChainLink | None:
        return find_last("support", sorted(self.texts), self.read)

    def append(self, racers: int = 0) -> None:
        while (number := max([*self.texts, self.tag], default=0) + 1) > max(self.texts, default=0) + 1:
            self.create(encode_void("support", number), self.tag + (not self.is_filling))
            self.is_filling = True
        self.is_filling = False
        last = self.last()
        text = make_text(number, None if last is None else last.digest)
        assert self.create(text, number) == number
        self.written[number] = text
        for _ in range(racers):
            self.create(text.replace("because", "because I am late"), number)


STEPS = st.one_of(st.tuples(st.just("append"), st.integers(0, 2)), st.tuples(st.just("delete"), st.integers(0, 5)))


@given(st.lists(STEPS, max_size=12))
def test_the_short_way_and_the_whole_chain_agree(steps: list[tuple[str, int]]) -> None:
    server = Server()
    for step, number in steps:
        if step == "append":
            server.append(racers=number)
        elif len(server.texts) > 1:
            # all versions of a prompt are gone together with its tags, which no rule can mend
            del server.texts[sorted(server.texts)[-1 - number % len(server.texts)]]
        left = {key: text for key, text in server.written.items() if server.texts.get(key) == text}
        walked = list(walk_chain("support", sorted(server.texts), server.read))
        assert [link.number for link in walked] == sorted(left)
        last = server.last()
        assert (None if last is None else last.number) == max(left, default=None)


@given(st.lists(STEPS, max_size=10), st.lists(STEPS, max_size=6))
def test_no_number_of_a_document_is_given_twice(first: list[tuple[str, int]], then: list[tuple[str, int]]) -> None:
    server = Server()
    server.append()
    for step, number in [*first, *then]:
        if step == "append":
            before = dict(server.written)
            server.append(racers=number)
            assert all(server.written[key] == text for key, text in before.items())
            # a reader accepts the new document, whichever one it has, also one that was deleted
            last = server.last()
            assert last is not None and last.document is not None and last.number > max(before)
            held = before.get(last.number - 1)
            assert held is None or last.document.previous == digest_document(held.encode())
        elif len(server.texts) > 1 and (highest := max(server.texts)) == server.tag:
            del server.texts[highest]


def test_two_versions_are_read_of_a_long_chain() -> None:
    server = Server()
    for _ in range(30):
        server.append()
    server.reads.clear()
    assert server.last() is not None and server.reads == [30, 29]


def test_a_document_that_follows_a_void_one_does_not_count() -> None:
    first = make_text(1)
    stray = make_text(2, "0" * 64)
    texts = {1: first, 2: stray}
    last = find_last("support", [1, 2], texts.get)
    assert last is not None and last.number == 1
    texts[3] = make_text(3, digest_document(first.encode()))
    last = find_last("support", [1, 2, 3], texts.get)
    assert last is not None and last.number == 3
    assert [link.number for link in walk_chain("support", [1, 2, 3], texts.get)] == [1, 3]


def test_damaged_versions_are_told_and_skipped() -> None:
    texts = {1: make_text(1), 2: "Hello", 3: make_text(3, name="other"), 4: encode_void("support", 4)}
    found: list[int] = []
    last = find_last("support", sorted(texts), texts.get, lambda link: found.append(link.number))
    assert last is not None and last.number == 1 and found == [3, 2]
    links = list(walk_chain("support", sorted(texts), texts.get))
    assert [(link.number, link.document is None) for link in links] == [(1, False), (2, True), (3, True)]


def test_a_version_that_is_deleted_meanwhile_is_a_missing_one() -> None:
    texts = {1: make_text(1), 3: make_text(3, "0" * 64)}
    last = find_last("support", [1, 2, 3], texts.get)
    assert last is not None and last.number == 3
    assert find_last("support", [], texts.get) is None and find_last("support", [2], texts.get) is None


@given(st.text(min_size=1))
def test_each_name_has_one_name_in_langfuse(name: str) -> None:
    written = make_prompt_name(name)
    assert parse_prompt_name(written) == name
    assert "|" not in written and "<" not in written and "//" not in written and not written.endswith("/")


def test_other_names_in_langfuse_are_no_prompts() -> None:
    for written in ("support", "evalgate/a%2Fb", "evalgate/%zz", "Evalgate/a", "evalgate/a//b"):
        assert parse_prompt_name(written) is None
    assert make_prompt_name("a/b c") == "evalgate/a/b c" and make_prompt_name("a|b%") == "evalgate/a%7Cb%25"


def test_the_highest_tag_counts() -> None:
    assert find_highest_tag(["x", make_tag(7), "evalgate-rev:12", "evalgate-rev:0x", "evalgate-rev:"]) == 12
    assert find_highest_tag([]) == 0


@pytest.mark.parametrize(
    ("number", "label"),
    [("2.4.0", "v2.4.0"), ("2.4.0-RC.1", "v2.4.0-rc.1"), ("2.4.0+build", "v2.4.0_build")],
)
def test_the_label_of_a_version_has_the_characters_that_are_allowed(number: str, label: str) -> None:
    assert make_version_label(make_version(number)) == label


def test_a_label_that_would_be_too_long_is_that_of_the_digest() -> None:
    version = make_version("1.0.0-" + "a" * 40)
    assert make_version_label(version) == f"digest-{version.digest[:12]}"
