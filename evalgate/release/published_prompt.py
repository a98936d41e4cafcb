"""The prompt version that a published version was made of, from the release document alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, combinations

from evalgate.domain import Json, Message, PromptVersion
from evalgate.domain.message_shapes import MessageReader
from evalgate.domain.messages import make_history
from evalgate.release.document import HISTORY, PublishedMessage, PublishedVersion, Variable

_MOST_OPEN = 10
"""Parameters of which each may be the prompt's or the target's, at most: each doubles the number of tries."""


def rebuild_prompt(version: PublishedVersion, name: str, models: Iterable[str | None] = ()) -> PromptVersion | None:
    """Return the prompt of a published version, with its number; None if the document does not tell it.

    A document has the messages, and the model and the parameters of the requests: which of these the prompt itself has,
    and whether its last message is one that the gate adds, shows the digest. So the prompt is exactly the one that was
    published. A target may replace the model that a prompt names: `models` are more names that it may have had.
    Syntaxes other than `{{name}}` are not in a document.
    """
    messages = _read_messages(version.messages)
    if messages is None:
        return None
    base = PromptVersion(
        name=name,
        path=version.source,
        source=version.source,
        messages=messages,
        response_format=version.response_format,
        tools=tuple(version.tools),
        version=version.version,
    )
    for shape in _list_shapes(base, version.messages):
        for model in dict.fromkeys((version.model, None, *models)):
            for parameters in _list_parameters(version.parameters):
                made = replace(shape, model=model, parameters=parameters)
                if made.digest == version.digest:
                    return made
    return None


def _read_messages(published: tuple[PublishedMessage, ...]) -> tuple[Message, ...] | None:
    reader = MessageReader(is_template=True)
    found: list[Message] = []
    for position, one in enumerate(published):
        if one.role == HISTORY:
            (part,) = one.parts or (Variable(name=""),)
            found.append(make_history(part.name if isinstance(part, Variable) else part))
            continue
        message = reader.read({"role": one.role, "content": _write(one), **one.extra}, (position,))
        if message is None:
            return None
        found.append(message)
    return tuple(found)


def _write(message: PublishedMessage) -> str | None:
    if message.parts is None:
        return None
    return "".join(f"{{{{{part.name}}}}}" if isinstance(part, Variable) else part for part in message.parts)


def _list_shapes(base: PromptVersion, published: tuple[PublishedMessage, ...]) -> Iterator[PromptVersion]:
    """Yield the prompts that are sent as these messages: as they are, as one text, and with a user message added."""
    messages = base.messages
    yield base
    if len(messages) == 1:
        yield replace(base, is_text=True)
    if not messages or messages[-1].role != "user" or messages[-1].details is not None:
        return
    last = published[-1].parts or ()
    if len(messages) == 2 and messages[0].role == "system" and [type(part) for part in last] == [Variable]:
        yield replace(base, messages=(replace(messages[0], role="user"),), is_text=True)
    yield replace(base, messages=messages[:-1], user=messages[-1].content)


def _list_parameters(parameters: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    """Yield all of the parameters, and then each choice of some of them, if they are not too many."""
    yield parameters
    if len(parameters) <= _MOST_OPEN:
        names = sorted(parameters)
        for chosen in chain.from_iterable(combinations(names, size) for size in range(len(names))):
            yield {name: parameters[name] for name in chosen}
