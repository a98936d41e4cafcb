"""The text of a published message, with its variables marked."""

from __future__ import annotations

import json
from collections.abc import Iterator

from evalgate.release.document import HISTORY, PublishedMessage
from evalgate.report.wrapped_text import wrap_block

MOST_CHARACTERS = 2_000
"""Characters of a message that are shown. `--format json` has all."""


def render_message(message: PublishedMessage) -> Iterator[str]:
    """Yield the beginning of a message's text, and how much is left out."""
    text = format_message(message)
    yield wrap_block(text[:MOST_CHARACTERS], indent="  ")
    if len(text) > MOST_CHARACTERS:
        yield f"  [{len(text) - MOST_CHARACTERS:,} more characters: --format json has all]"


def format_message(message: PublishedMessage) -> str:
    """Return the text of a message with its variables as {{ name }}, then its other keys as JSON."""
    text = "".join(part if isinstance(part, str) else f"{{{{ {part.name} }}}}" for part in message.parts or ())
    prefix = "the messages of " if message.role == HISTORY else ""
    extra = "".join(f"\n{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in sorted(message.extra.items()))
    return f"{prefix}{text}{extra}"
