from __future__ import annotations

from dataclasses import replace

import pytest
from release.documents import digest_of, make_document, make_entry, make_version

from evalgate.errors import InputError
from evalgate.release.document import PublishedMessage, encode_document, encode_version
from evalgate.release.registry import RaceLostError, RegistryError, make_bytes
from evalgate.release.registry_checks import check_previous, load_stored, load_version, make_next

FIRST = make_bytes(make_document(make_version()), 1)


def test_a_document_is_what_its_bytes_say() -> None:
    assert load_stored(FIRST.data, "support", "here") == FIRST


@pytest.mark.parametrize(("data", "problem"), [
    (b"", "not JSON"),
    (FIRST.data.replace(b'"revision": 1', b'"revision": 0'), "revision: must be"),
    (encode_document(make_document(make_version(), name="other")), 'name: "other" is another prompt'),
])  # fmt: skip
def test_bytes_of_anything_else_are_refused_with_their_place(data: bytes, problem: str) -> None:
    with pytest.raises(RegistryError, match=f"here, revision 7: the release document of support is .*{problem}"):
        load_stored(data, "support", "here, revision 7")


def test_a_version_is_what_its_bytes_say() -> None:
    version = make_version()
    data = encode_version(version)
    assert load_version(data, "support", version.digest, "here") == version
    with pytest.raises(
        RegistryError, match=r"here: the version .* of support is damaged: digest: .* is another version"
    ):
        load_version(data, "support", digest_of("x"), "here")
    with pytest.raises(RegistryError, match="not JSON"):
        load_version(b"", "support", version.digest, "here")


def test_a_document_follows_the_last_one() -> None:
    following = make_document(make_version(), previous=FIRST.digest)
    check_previous(FIRST, following, "here")
    check_previous(None, FIRST.document, "here")
    with pytest.raises(RaceLostError) as lost:
        check_previous(FIRST, replace(following, entry=make_entry(who="bob"), previous=None), "here")
    assert lost.value.winner == FIRST
    with pytest.raises(RegistryError, match="here: all documents of support are gone"):
        check_previous(None, following, "here")


def test_the_number_follows_from_the_last_one() -> None:
    assert make_next(None, make_document(make_version(), revision=9)).document.revision == 1
    assert make_next(make_bytes(FIRST.document, 6), make_document(make_version())).document.revision == 7


def test_a_document_that_is_too_large_for_readers_is_refused() -> None:
    version = make_version(messages=(PublishedMessage(role="user", parts=("x" * 16 * 1024 * 1024,)),))
    with pytest.raises(InputError, match="support: the release document has 16,"):
        make_next(None, make_document(version))
