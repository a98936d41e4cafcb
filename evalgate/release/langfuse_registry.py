"""A registry in Langfuse: versions of a text prompt, whose numbers are the compare-and-set."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator

from evalgate.errors import InputError
from evalgate.release.document import PublishedVersion, ReleaseDocument, digest_document, encode_version
from evalgate.release.langfuse_chain import (
    ChainLink,
    encode_void,
    find_highest_tag,
    find_last,
    make_prompt_name,
    make_tag,
    parse_prompt_name,
    walk_chain,
)
from evalgate.release.registry import RegistryError, StoredDocument, check_name, make_bytes
from evalgate.release.registry_checks import check_previous, load_stored, load_version, make_next
from evalgate.services.langfuse import LONGEST_MESSAGE, Langfuse, LangfuseKeys
from evalgate.services.langfuse_errors import LangfuseError, LangfuseLostError, LangfuseRaceError
from evalgate.services.langfuse_prompts import LangfuseListing

_LONGEST_NAME = 255
_TRIES = 12
_SENDS = 4
_WAIT_SECONDS = 0.05
_SETTLE_SECONDS = 0.2


def open_langfuse_registry(url: str, keys: LangfuseKeys | None) -> LangfuseRegistry:
    """Open the registry in the project of some keys. `url` is the address of the server. Nothing is requested yet.

    Raises InputError without keys, and for an address that names no server.
    """
    if keys is None:
        raise InputError(
            f"langfuse:{url} needs the keys of a project",
            hint="set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY",
        )
    return LangfuseRegistry(Langfuse(url, keys))


class LangfuseRegistry:
    """The text prompts `evalgate/NAME` of a project: a version there is a revision.

    All that is put becomes part of the next document. Everyone with a key of the project can write versions and delete
    them. A deleted document is missed, never replaced: its number is not given again. `latest` is not read, because
    people move it.
    """

    def __init__(self, langfuse: Langfuse) -> None:
        self.langfuse = langfuse
        self._staged: dict[tuple[str, str], bytes] = {}

    @property
    def url(self) -> str:
        return f"langfuse:{self.langfuse.url}"

    def list_names(self) -> list[str]:
        with self._explain():
            listings = self.langfuse.list_prompts()
            named = ((parse_prompt_name(one.name), one) for one in listings)
            return sorted(name for name, one in named if name is not None and self._has_document(name, one))

    def read(self, name: str) -> StoredDocument | None:
        with self._explain():
            return self._find_last(name, self._list(name))

    def history(self, name: str) -> Iterator[bytes]:
        with self._explain():
            for link in self._walk(name):
                yield link.data

    def append(self, document: ReleaseDocument) -> StoredDocument:
        name = document.name
        check_name(name)
        if len(make_prompt_name(name)) > _LONGEST_NAME:
            raise InputError(f'"{name}" is too long for a prompt in Langfuse', hint="give the gate a shorter `name:`")
        for attempt in range(_TRIES):
            with self._explain():
                listing = self._list(name)
                last = self._find_last(name, listing)
                check_previous(last, document, self.url)
                make_next(last, document)  # refuses a document that is too large for readers
                number = _find_next(listing)
                if listing is not None and number > max(listing.versions) + 1:
                    self._fill_deleted(name, listing)
                    continue
                stored = make_bytes(document, number)
                if self._send(stored, _make_tags(listing, number)):
                    self._staged = {key: data for key, data in self._staged.items() if key[0] != name}
                    return stored
            # another version has the number: see whether it is a document, and try again if it is not
            time.sleep(random.uniform(0, _WAIT_SECONDS * 2 ** min(attempt, 5)))
        raise RegistryError(
            f"{self.url}: {name}: {_TRIES} writes were lost to other ones", hint="repeat the command later"
        )

    def put(self, version: PublishedVersion, name: str) -> None:
        check_name(name)
        self._staged.setdefault((name, version.digest), encode_version(version))

    def find_version(self, name: str, digest: str) -> PublishedVersion | None:
        with self._explain():
            for link in self._walk(name):
                if link.document is not None and digest in link.document.versions:
                    return link.document.versions[digest]
        staged = self._staged.get((name, digest))
        return None if staged is None else load_version(staged, name, digest, self.url)

    def _list(self, name: str) -> LangfuseListing | None:
        return self.langfuse.find_prompt(make_prompt_name(name))

    def _read_text(self, name: str, number: int) -> str | None:
        """Return the text of a version; "" for a chat, which no document is. None if there is none."""
        found = self.langfuse.read(make_prompt_name(name), number)
        if found is None:
            return None
        return found.prompt if isinstance(found.prompt, str) else ""

    def _walk(self, name: str) -> Iterator[ChainLink]:
        listing = self._list(name)
        if listing is not None:
            yield from walk_chain(name, listing.versions, lambda number: self._read_text(name, number))

    def _find_last(self, name: str, listing: LangfuseListing | None) -> StoredDocument | None:
        """Return the last document that counts. Raises RegistryError for a version after it that is damaged."""
        if listing is None:
            return None

        def refuse(link: ChainLink) -> None:
            load_stored(link.data, name, f"{self.url}, version {link.number} of {make_prompt_name(name)}")

        found = find_last(name, listing.versions, lambda number: self._read_text(name, number), refuse)
        if found is None or found.document is None:
            return None
        return StoredDocument(document=found.document, data=found.data)

    def _has_document(self, name: str, listing: LangfuseListing) -> bool:
        if listing.config.get("revision") == listing.versions[-1]:
            return True
        return find_last(name, listing.versions, lambda number: self._read_text(name, number)) is not None

    def _fill_deleted(self, name: str, listing: LangfuseListing) -> None:
        """Write a void version with the next number, which a document had that was deleted.

        One more number is left out after the deleted ones: a reader that has such a document would refuse the number
        after it on a document that does not follow.
        """
        number = max(listing.versions) + 1
        highest = find_highest_tag(listing.tags) + (not listing.config.get("void"))
        # another command that does the same at this moment makes one more void version at worst
        with contextlib.suppress(LangfuseRaceError, LangfuseLostError):
            self.langfuse.create(
                make_prompt_name(name),
                encode_void(name, number),
                config={"revision": number, "void": True},
                tags=_make_tags(listing, highest),
            )

    def _send(self, stored: StoredDocument, tags: list[str]) -> bool:
        """Write a document, and return whether it has its number. If an answer is lost, the same bytes are sent again.

        A second copy of it gets another number than its own, so that it is void.
        """
        document, text = stored.document, stored.data.decode()
        name = make_prompt_name(document.name)
        config = {"revision": document.revision, "digest": digest_document(stored.data), "entry": document.entry.id}
        lost: LangfuseLostError | None = None
        for _ in range(_SENDS):
            try:
                made = self.langfuse.create(name, text, config=config, tags=tags, message=_make_message(document))
                if made.version == document.revision:
                    return True
                lost = None
            except LangfuseRaceError:
                lost = None
            except LangfuseLostError as error:
                lost = error
                time.sleep(_SETTLE_SECONDS)
            found = self.langfuse.read(name, document.revision)
            if found is not None or lost is None:
                return found is not None and found.prompt == text
        assert lost is not None
        raise lost

    @contextlib.contextmanager
    def _explain(self) -> Iterator[None]:
        """Turn the errors of the service into RegistryError. Their texts begin with the address of the server."""
        try:
            yield
        except LangfuseError as error:
            raise RegistryError(f"langfuse:{error.faults[0].message}", hint=error.faults[0].hint) from None


def _find_next(listing: LangfuseListing | None) -> int:
    """Return the number of the next document: above all versions that exist, and above any that was deleted."""
    if listing is None:
        return 1
    return max(*listing.versions, find_highest_tag(listing.tags)) + 1


def _make_tags(listing: LangfuseListing | None, number: int) -> list[str]:
    """Return the tags of a prompt with that of the highest number. Tags that people gave stay."""
    kept = [] if listing is None else [tag for tag in listing.tags if not find_highest_tag([tag])]
    return [*kept, make_tag(number)]


def _make_message(document: ReleaseDocument) -> str:
    """Return what the page of a version in Langfuse says about it: plain text on one line."""
    entry = document.entry
    what = f"{entry.verb} {entry.label}" if entry.label else entry.verb
    line = " ".join("".join(char if char.isprintable() else " " for char in f"{what}: {entry.why}").split())
    return line if len(line) <= LONGEST_MESSAGE else f"{line[: LONGEST_MESSAGE - 4]} ..."
