"""Messages that are one template: joined to render them as a whole, and cut into messages again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from evalgate.domain.messages import HISTORY, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedMessages:
    """The text of several messages, with a line before each that only this text has. `lines` are the lines of each."""

    text: str
    mark: str
    lines: tuple[int, ...]

    def cut(self, rendered: str) -> tuple[Message, ...]:
        """Return the messages of the rendered text, without those that are empty."""
        parts = re.split(f"{re.escape(self.mark)}(\\w+)\\n", rendered)
        pairs = zip(parts[1::2], parts[2::2], strict=True)
        found = [Message(role=role, content=content.strip()) for role, content in pairs]
        return tuple(message for message in found if message.content)

    def find_message(self, line: int) -> tuple[int, int]:
        """Return the message that a line of the text (from 1) belongs to, and its line in that message."""
        position = max([0, *(at for at, first in enumerate(self.lines) if first <= line)])
        return position, max(1, line - self.lines[position])


def join_messages(messages: Sequence[Message]) -> JoinedMessages:
    """Join the contents of messages. The mark depends on them, so that no value of a case has it by chance."""
    content = "\0".join(f"{message.role}\0{message.content}" for message in messages)
    mark = f"\x1e{hashlib.sha256(content.encode('utf-8', 'surrogatepass')).hexdigest()[:32]} "
    parts: list[str] = []
    lines: list[int] = []
    count = 1
    for message in messages:
        # the entry of a history names its field, and is not a template
        content = f"{{% raw %}}{message.content}{{% endraw %}}" if message.role == HISTORY else message.content
        part = f"{mark}{message.role}\n{content}\n"
        lines.append(count)
        count += part.count("\n")
        parts.append(part)
    return JoinedMessages(text="".join(parts), mark=mark, lines=tuple(lines))
