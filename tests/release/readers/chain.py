"""Documents of one prompt that follow each other, and some that do not."""

from __future__ import annotations

from pathlib import Path

from release.documents import make_document, make_version
from release.readers import vectors

from evalgate.release.document import digest_document, encode_document


def write_chain(folder: Path) -> None:
    """Write the documents, each as NAME.json."""
    old, new = vectors.OLD, make_version("1.1.0", "Hi ")
    after = digest_document(vectors.GOOD)
    documents = {
        "second": make_document(old, new, labels={"production": new}, revision=2, previous=after),
        "stray": make_document(old, labels={"production": old}, revision=2, previous="0" * 64),
        "later": make_document(new, labels={"production": new}, revision=9, previous="0" * 64),
        "changed": make_document(new, labels={"production": new}),
        "other": make_document(new, labels={"production": new}, revision=2, name="other"),
    }
    encoded = {name: encode_document(one) for name, one in documents.items()}
    encoded |= {"first": vectors.GOOD, "bad": b"{}", "rollout": vectors.make_rollout(5_000)[1]}
    for name, data in encoded.items():
        (folder / f"{name}.json").write_bytes(data)


REFUSALS = {
    "bad 1": 'the document: the key "format" is missing',
    "other 1": 'the document is that of "other", not of "support"',
    "stray 1": 'revision 2 of "support" does not follow revision 1',
    "changed 1": 'revision 1 of "support" has another content than the known revision 1',
    "first 2": 'revision 1 of "support" is older than revision 2',
    "second 9": 'revision 2 of "support" is older than revision 9',
}
"""Why a document is refused, by its name and the revision that is known."""
