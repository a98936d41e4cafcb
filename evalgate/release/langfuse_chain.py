"""Release documents among the versions of a prompt in Langfuse: which of them count. Pure; the runtime reads it too.

The server gives each version a number, which two writers cannot both get. So a document counts where its `revision` is
the number that the version has, and its `previous` is the digest of the last document that counts. What lost a race is
void, and every reader skips it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from evalgate.release.checked_value import DocumentError
from evalgate.release.document import PublishedVersion, ReleaseDocument, digest_document, parse_document

FOLDER = "evalgate/"
"""What the names in Langfuse of all documents begin with. It is shown as a folder."""

_ESCAPED = re.compile(r"[%|<>]|^/|(?<=/)/|/$")
_TAG = re.compile(r"evalgate-rev:([1-9][0-9]{0,8})")

_LONGEST_LABEL = 36
_NO_LABEL = re.compile(r"[^a-z0-9_.-]")

Read = Callable[[int], str | None]
"""A function that returns the text of a version by its number; None if it was deleted."""


def make_prompt_name(name: str) -> str:
    """Return the name in Langfuse of a prompt's documents, with escapes for what no name there may have."""
    return FOLDER + _ESCAPED.sub(lambda hit: f"%{ord(hit[0]):02X}", name)


def parse_prompt_name(written: str) -> str | None:
    """Return the name of a prompt from that of its documents in Langfuse; None for any other name."""
    if not written.startswith(FOLDER):
        return None
    name = re.sub("%([0-9A-F]{2})", lambda hit: chr(int(hit[1], 16)), written.removeprefix(FOLDER))
    return name if make_prompt_name(name) == written else None


def make_label_name(name: str) -> str:
    """Return the name in Langfuse of the ordinary prompt, whose versions people see and have the labels."""
    return make_prompt_name(name).removeprefix(FOLDER)


def make_version_label(version: PublishedVersion) -> str:
    """Return the label that a version has besides: `v2.4.0`, in the characters that Langfuse allows."""
    label = _NO_LABEL.sub("_", f"v{version.version}".lower())
    return label if len(label) <= _LONGEST_LABEL else f"digest-{version.digest[:12]}"


def make_tag(number: int) -> str:
    """Return the tag of the highest number. Tags outlive a version, so that it shows that one was deleted."""
    return f"evalgate-rev:{number}"


def find_highest_tag(tags: Sequence[str]) -> int:
    """Return the highest number that a tag has; 0 without one."""
    return max((int(found[1]) for tag in tags if (found := _TAG.fullmatch(tag))), default=0)


def encode_void(name: str, number: int) -> str:
    """Return the text of a version that takes the number of a deleted one, so that no document gets it again."""
    why = "the version with this number was deleted; no document may have the number again"
    return json.dumps({"name": name, "revision": number, "void": True, "why": why}, indent=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLink:
    """A version that is not a void one. `document` is None if its text is damaged, and `data` its bytes as they are."""

    number: int
    data: bytes
    document: ReleaseDocument | None

    @property
    def digest(self) -> str:
        return digest_document(self.data)


def find_last(
    name: str, numbers: Sequence[int], read: Read, on_damaged: Callable[[ChainLink], None] | None = None
) -> ChainLink | None:
    """Return the last document that counts; None if there is none.

    Of a whole chain this reads two versions from its end, and all versions only where those do not tell. `on_damaged`
    is called for a damaged version above the last document: a caller that can wait for a person raises an error there.
    """
    links = _Links(name, read)
    last: ChainLink | None = None
    for number in sorted(numbers, reverse=True):
        link = links.load(number)
        if link is None:
            continue
        if link.document is None:
            if on_damaged is not None:
                on_damaged(link)
        elif last is None or last.document is None:
            last = link
        elif last.document.previous == link.digest:
            return last
        else:
            break
    if last is None:
        return None
    # the first document, or one after a void version that looks like a document, or after a deleted one
    found = [link for link in _walk(numbers, links) if link.document is not None]
    return found[-1] if found else None


def walk_chain(name: str, numbers: Sequence[int], read: Read) -> Iterator[ChainLink]:
    """Yield all documents that count, oldest first, and the damaged versions between them."""
    return _walk(numbers, _Links(name, read))


class _Links:
    """Reads each version once."""

    def __init__(self, name: str, read: Read) -> None:
        self._name = name
        self._read = read
        self._known: dict[int, ChainLink | None] = {}
        self.gone: set[int] = set()

    def load(self, number: int) -> ChainLink | None:
        """Return a version as a link; None for a void or a deleted one."""
        if number not in self._known:
            text = self._read(number)
            if text is None:
                self.gone.add(number)
            self._known[number] = None if text is None else _parse(self._name, number, text)
        return self._known[number]


def _walk(numbers: Sequence[int], links: _Links) -> Iterator[ChainLink]:
    last: str | None = None
    seen: set[str] = set()
    is_gap = False
    before = 0
    for number in sorted(numbers):
        is_gap = is_gap or number != before + 1
        before = number
        link = links.load(number)
        is_gap = is_gap or number in links.gone
        if link is None:
            continue
        if link.document is None:
            yield link
            continue
        previous = link.document.previous
        # after a deleted version nothing else can follow the one that is gone; `ledger.verify` tells of it
        if previous == last or (is_gap and previous is not None and previous not in seen):
            yield link
            last, is_gap = link.digest, False
        seen.add(link.digest)


def _parse(name: str, number: int, text: str) -> ChainLink | None:
    data = text.encode("utf-8", "surrogatepass")
    try:
        document = parse_document(data)
    except DocumentError:
        return None if _is_void(text) else ChainLink(number=number, data=data, document=None)
    if document.name != name:
        return ChainLink(number=number, data=data, document=None)
    return ChainLink(number=number, data=data, document=document) if document.revision == number else None


def _is_void(text: str) -> bool:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("void") is True
