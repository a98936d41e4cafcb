"""The note of a verdict on a version in Langfuse: a label, which people see beside it.

Nothing reads it as evidence: everyone with a key of the project can set it, and no label can be taken off.
"""

from __future__ import annotations

from typing import Literal

from evalgate.services.langfuse import Langfuse

Word = Literal["pass", "fail", "inconclusive", "sign-off"]

_TRIES = 3


def make_note(word: Word, number: int) -> str:
    """Return the label of a verdict: `evalgate-pass-7`.

    A label has one holder among the versions of a prompt. With the number of the version in it, a note takes none from
    another version.
    """
    return f"evalgate-{word}-{number}"


def write_note(langfuse: Langfuse, name: str, number: int, word: Word) -> bool:
    """Add the label of a verdict to a version, and return whether the version has it.

    It is read back, because a save at the same moment can take it off again. Raises LangfuseError, also for a version
    that was deleted.
    """
    note = make_note(word, number)
    for _ in range(_TRIES):
        langfuse.add_labels(name, number, [note])
        found = langfuse.read(name, number)
        if found is None or note in found.labels:
            return found is not None
    return False
