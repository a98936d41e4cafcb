from __future__ import annotations

import pytest
from release.documents import AT, make_version
from release.memory_registry import MemoryRegistry

from evalgate.errors import InputError
from evalgate.release.promotion import Actor, promote_version, publish_version
from evalgate.release.registry import StoredDocument
from evalgate.release.version_lookup import find_content, find_last_move, find_version, read_documents, read_last

VERSIONS = [make_version(f"1.{number}.0") for number in range(6)]


def act(number: int) -> Actor:
    return Actor(id=f"{number}", who="ada", at=AT)


@pytest.fixture
def registry() -> MemoryRegistry:
    """Six versions, the first of which is in production and the last one on staging."""
    made = MemoryRegistry()
    last: StoredDocument | None = None
    for number, version in enumerate(VERSIONS):
        last = made.append(publish_version(last, "support", version, act(number)))
        if number == 0:
            last = made.append(promote_version(last, version, "production", act(10), ""))
    assert last is not None
    made.append(promote_version(last, VERSIONS[-1], "staging", act(11), ""))
    return made


@pytest.mark.parametrize(
    ("called", "number"),
    [
        ("production", 0),
        ("staging", 5),
        ("1.5.0", 5),
        ("1.3.0", 3),
        (VERSIONS[5].digest, 5),
        (VERSIONS[3].digest, 3),
        (VERSIONS[3].digest[:7], 3),
        (VERSIONS[0].digest[:40], 0),
    ],
)
def test_a_version_is_found_by_label_number_or_digest(registry: MemoryRegistry, called: str, number: int) -> None:
    last = read_last(registry, "support").document
    assert VERSIONS[3].digest not in last.versions, "it is found in an earlier document"
    assert find_version(registry, last, called) == VERSIONS[number]


@pytest.mark.parametrize("called", ["", "1.9.0", "canary", "latest", VERSIONS[3].digest[:6], "0" * 64, "0" * 12, "1.5"])
def test_another_name_is_refused(registry: MemoryRegistry, called: str) -> None:
    with pytest.raises(InputError, match="support: no version"):
        find_version(registry, read_last(registry, "support").document, called)


def test_the_start_of_two_digests_is_refused(registry: MemoryRegistry) -> None:
    twin = make_version("1.6.0", digest=VERSIONS[2].digest[:20] + "0" * 44)
    last = registry.append(publish_version(registry.read("support"), "support", twin, act(12)))
    with pytest.raises(InputError, match="names 2 versions"):
        find_version(registry, last.document, twin.digest[:20])


def test_a_version_that_only_was_put_is_found_by_its_digest(registry: MemoryRegistry) -> None:
    put = make_version("3.0.0")
    registry.put(put, "support")
    assert find_content(registry, read_last(registry, "support").document, put.digest) == put


def test_an_unknown_prompt_is_refused_with_the_known_ones(registry: MemoryRegistry) -> None:
    with pytest.raises(InputError, match="it has: support"):
        read_last(registry, "suport")
    with pytest.raises(InputError, match="it is empty"):
        read_last(MemoryRegistry(), "support")


def test_documents_that_cannot_be_read_are_left_out_and_the_last_move_is_found(registry: MemoryRegistry) -> None:
    stored = registry.documents["support"]
    damaged = StoredDocument(document=stored[2].document, data=b"{")
    stored[2] = damaged
    assert [one.document.revision for one in read_documents(registry, "support")] == [1, 2, 4, 5, 6, 7, 8]
    last = read_last(registry, "support")
    moves = {label: find_last_move(registry, last, label) for label in ("staging", "production", "canary")}
    assert {label: one and one.revision for label, one in moves.items()} == {
        "staging": 8,
        "production": 2,
        "canary": None,
    }
