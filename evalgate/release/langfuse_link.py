"""The link of an answer in Langfuse to a published version: by the id of the prompt's version, and by its content."""

from __future__ import annotations

from evalgate.domain.langfuse_reference import is_langfuse, parse_prompt_source
from evalgate.errors import InputError
from evalgate.release.document import PublishedVersion, ReleaseDocument
from evalgate.release.langfuse_chain import make_label_name
from evalgate.release.langfuse_contents import is_own_source, make_langfuse_contents
from evalgate.services.langfuse import Langfuse
from evalgate.services.langfuse_prompts import LangfusePrompt


def list_prompts(name: str, document: ReleaseDocument | None) -> list[str]:
    """Return the names in Langfuse that answers of a prompt are linked to.

    These are the name of its ordinary prompt, and those of the prompts that its versions were published of.
    """
    found = {make_label_name(name): None}
    for version in () if document is None else document.versions.values():
        if version.git_sha is None and is_langfuse(version.source):
            try:
                found[parse_prompt_source(version.source).name] = None
            except ValueError:
                continue
    return list(found)


class LinkedVersions:
    """The published versions of a document, by what an answer says of its prompt. Each is looked up once.

    A version's number is given again after a deletion, and its content never changes. So an answer is that of a
    published version if the version in Langfuse that has its number now has the id that the server noted with the
    answer, and the content that was published. What cannot be verified is not a version of the document.
    """

    def __init__(self, langfuse: Langfuse, document: ReleaseDocument) -> None:
        self._langfuse = langfuse
        self._document = document
        self._known: dict[tuple[str, str, int | None], PublishedVersion | None] = {}

    def find(self, prompt: str, identity: str, number: int | None) -> PublishedVersion | None:
        """Return the version of an answer that names a prompt, an id and a number. Raises LangfuseError."""
        if not identity or number is None:
            return None  # the server knew no such version when the answer came
        asked = (prompt, identity, number)
        if asked not in self._known:
            found = self._langfuse.read(prompt, number)
            is_it = found is not None and found.id == identity
            self._known[asked] = self._identify(found) if found is not None and is_it else None
        return self._known[asked]

    def _identify(self, found: LangfusePrompt) -> PublishedVersion | None:
        for version in self._document.versions.values():
            if is_own_source(version, found.name, found.version, found.prompt, found.config):
                return version
        mark = found.config.get("evalgate")
        digest = mark.get("digest") if isinstance(mark, dict) else None
        if not isinstance(digest, str) or digest not in self._document.versions:
            return None
        version = self._document.versions[digest]
        try:
            contents = make_langfuse_contents(self._document.name, version, is_text=isinstance(found.prompt, str))
        except InputError:  # a version that Langfuse has no form for
            return None
        return version if contents.is_same(found.prompt, found.config) else None
