"""The reasoning of models: in fields of a message, in content parts, or in a block of text before the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from evalgate.domain.finish_reasons import classify_ending
from evalgate.domain.output_calls import UNNAMED, format_calls
from evalgate.domain.text import normalize
from evalgate.domain.trials import Failure, Outcome, Output

LIMIT_SPENT = "the reply is empty: its token limit (max_tokens) was spent on reasoning"
LIMIT_REACHED = "the reply is empty: its token limit (max_tokens) was reached before any text"
ONLY_REASONING = "the reply contains the model's reasoning but no answer"
MOST_REASONING = 20_000
"""Characters of the reasoning that are kept of one answer."""

_NAMES = r"(?:seed:)?(?:think|thinking|thoughts?|reasoning)"
_OPENED = re.compile(
    rf"<{_NAMES}\s*>|\[THINK\]|◁think▷|(?:<\|start\|>assistant)?<\|channel\|>analysis<\|message\|>"
    r"|<\|(?:START_THINKING|START_REASONING|begin_of_thought)\|>",
    re.IGNORECASE,
)
_CLOSED = re.compile(
    rf"</{_NAMES}\s*>|\[/THINK\]|◁/think▷|<\|channel\|>final<\|message\|>"
    r"|<\|(?:END_THINKING|END_REASONING|end_of_thought)\|>",
    re.IGNORECASE,
)
_TAG = re.compile(rf"([<\[◁])(/?{_NAMES}\s*[>\]▷])", re.IGNORECASE)
_SPACE = re.compile(r"\s*")
_DATA = ("{", "[", "`{", "```", "~~~")
_KINDS = ("think", "reason", "thought")
_FIELDS = frozenset({"reasoning", "reasoningcontent", "reasoningdetails", "reasoningtext", "thinking", "thoughts"})
_TEXTS = ("text", "thinking", "reasoning", "content", "summary")
_DEEPEST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitText:
    """A text as the reasoning at its start and the `answer` after it.

    `found` says whether there is a block of reasoning, and `closed` whether it ends. Without an end there is no answer.
    """

    reasoning: str
    answer: str
    found: bool
    closed: bool = True


def split_reasoning(text: str, *, any_start: bool = False) -> SplitText:
    """Split a text into the blocks of reasoning at its start and the answer.

    A block may lack its end tag; then there is no answer. It may also lack its start tag, because some chat templates
    write the start tag into the prompt. A text that begins with data (a JSON value, a Markdown fence) counts as such a
    block only with `any_start`: its end tag may be quoted in a value.
    """
    # by positions: slices of a text with many blocks would take quadratic time
    at, blocks = _skip_space(text, 0), []
    while (opened := _OPENED.match(text, at)) is not None:
        closed = _CLOSED.search(text, opened.end())
        if closed is None:
            blocks.append(text[opened.end() :])
            return SplitText(reasoning=_join(blocks), answer="", found=True, closed=False)
        blocks.append(text[opened.end() : closed.start()])
        at = _skip_space(text, closed.end())
    closed = _CLOSED.search(text, at) if any_start or not text.startswith(_DATA, at) else None
    if closed is not None and _OPENED.search(text, at, closed.start()) is None:
        blocks.append(text[at : closed.start()])
        at = _skip_space(text, closed.end())
    return SplitText(reasoning=_join(blocks), answer=text[at:] if blocks else text, found=bool(blocks))


def strip_reasoning(outcome: Outcome) -> Outcome:
    """Return an outcome whose text is the answer alone; the reasoning at its start moves to `reasoning`.

    An output without an answer becomes a Failure "unusable". Tool calls are the answer if there is no other.
    """
    if not isinstance(outcome, Output):
        return outcome
    split = split_reasoning(outcome.text)
    if not split.found:
        return outcome
    reasoning = _join([outcome.reasoning, split.reasoning])
    if normalize(split.answer):
        return replace(outcome, text=split.answer, reasoning=reasoning)
    if any(call.name != UNNAMED for call in outcome.tool_calls):
        return replace(outcome, text=format_calls(outcome.tool_calls), reasoning=reasoning)
    is_cut = classify_ending(outcome.finish_reason) == "cut"
    return Failure(
        kind="unusable",
        message=LIMIT_SPENT if is_cut else ONLY_REASONING,
        seconds=outcome.seconds,
        cached=outcome.cached,
        usage=outcome.usage,
        cost_usd=outcome.cost_usd,
    )


def read_reasoning(message: Mapping[str, Any]) -> str:
    """Return the reasoning that a chat message has beside its text, in at most `MOST_REASONING` characters.

    It is in fields (`reasoning_content`, `reasoning`, `thinking`, ...) or in parts of the content. Fields that
    repeat a text count once.
    """
    fields = [_read_text(value) for key, value in message.items() if _spell(key) in _FIELDS]
    content = message.get("content")
    parts = [_read_text(part) for part in content if is_reasoning_part(part)] if isinstance(content, list) else []
    return _join([*fields, *parts])


def is_reasoning_part(part: Any) -> bool:
    """Return whether a part of a message's content is reasoning, by its type or its mark."""
    if not isinstance(part, Mapping):
        return False
    kind = part.get("type")
    return part.get("thought") is True or (isinstance(kind, str) and any(word in kind.lower() for word in _KINDS))


def spends_reasoning(usage: Any) -> bool:
    """Return whether the `usage` of a reply counts tokens of reasoning."""
    if not isinstance(usage, Mapping):
        return False
    details = usage.get("completion_tokens_details") or usage.get("output_tokens_details")
    places = [usage, details if isinstance(details, Mapping) else {}]
    counts = [place.get("reasoning_tokens") for place in places]
    return any(isinstance(count, int) and count > 0 for count in counts)


def separate_tags(text: str) -> str:
    """Return a text in which no tag opens or closes reasoning: a space follows the first character of each tag."""
    return _TAG.sub(r"\1 \2", text)


def _skip_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return at if space is None else space.end()


def _read_text(value: Any, depth: int = 0) -> str:
    if isinstance(value, str):
        return value
    if depth == _DEEPEST:
        return ""
    if isinstance(value, list):
        return "\n".join(filter(None, (_read_text(each, depth + 1) for each in value)))
    if isinstance(value, Mapping):
        return next(filter(None, (_read_text(value.get(key), depth + 1) for key in _TEXTS)), "")
    return ""


def _join(texts: list[str]) -> str:
    """Join texts, each once, by empty lines, and cut the whole at `MOST_REASONING` characters."""
    whole = "\n\n".join(dict.fromkeys(text.strip() for text in texts if text.strip()))
    return whole if len(whole) <= MOST_REASONING else f"{whole[: MOST_REASONING - 1]}…"


def _spell(key: object) -> str:
    return str(key).replace("_", "").replace("-", "").lower()
