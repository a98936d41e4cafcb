"""The fields of a case, as a logged call gives them: by name, by a path, or where the prompt's text says it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from evalgate.domain import Json, PromptVersion
from evalgate.domain.field_paths import dig
from evalgate.domain.templates import find_placeholders
from evalgate.errors import InputError
from evalgate.inputs.logged_calls import LoggedCall


def read_call_fields(
    call: LoggedCall, prompt: PromptVersion, given: Mapping[str, Json], paths: Mapping[str, str]
) -> dict[str, Json]:
    """Return the fields that the prompt needs, and those with a path. `given` are fields that are known already.

    A field is, in this order: what its path names (from `input`, `output`, or `user`, the text of the last message of
    the user); the variable of this name in the input; the part of a message where the prompt has the variable, if
    exactly one text fits; the whole input, if it is one text and one variable is missing.

    Raises InputError for a path without a value, and with the names of variables that are not found.
    """
    user = next((text for role, text in reversed(call.messages) if role == "user"), None)
    sources: dict[str, Json] = {"input": call.input, "output": call.output, "user": user}
    found: dict[str, Json] = {}
    for name, path in paths.items():
        try:
            found[name] = dig(sources, path)
        except LookupError:
            message = f'--field {name}: the call has no value at "{path}"'
            raise InputError(message, hint="begin with input, output or user") from None
    wanted = [name for name in sorted(prompt.variables) if name not in given and name not in found]
    variables = call.variables
    found |= {name: variables[name] for name in wanted if name in variables}
    missing = [name for name in wanted if name not in found]
    if missing and call.messages:
        found |= {name: text for name, text in _read_messages(call, prompt) if name in missing}
    missing = [name for name in wanted if name not in found]
    if len(missing) == 1 and isinstance(call.input, str):
        found[missing.pop()] = call.input
    if missing:
        names = ", ".join(missing)
        raise InputError(
            f"the call does not say what {names} {'is' if len(missing) == 1 else 'are'}",
            hint=f"give it: --set {missing[0]}=TEXT, or --field {missing[0]}=PATH, such as input.{missing[0]} or user",
        )
    return found


def _read_messages(call: LoggedCall, prompt: PromptVersion) -> Iterator[tuple[str, str]]:
    """Yield the variables that the messages of a call show, with their texts."""
    own = [(message.role, message.content) for message in prompt.messages]
    if prompt.user is not None:
        own.append(("user", prompt.user))
    sent = list(call.messages)
    if [role for role, _ in own] != [role for role, _ in sent]:
        own = [one for one in own if one[0] == "user"][-1:]
        sent = [one for one in sent if one[0] == "user"][-1:]
    for (_, template), (_, text) in zip(own, sent, strict=False):
        yield from (_invert(template, text, prompt) or {}).items()


def _invert(template: str, text: str, prompt: PromptVersion) -> dict[str, str] | None:
    """Return the values that make a text of a template; None unless exactly one set of values does.

    The text between two variables has to stand in the filled text exactly once.
    """
    if prompt.template.syntax == "jinja":
        return None
    names, literals, done = [], [], 0
    for place in find_placeholders(template, prompt.template.syntax):
        literals.append(template[done : place.position])
        names.append(place.name)
        done = place.position + len(place.written)
    if not names:
        return None
    first, *between, last = [*literals, template[done:]]
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return None
    values = [text[len(first) : len(text) - len(last)]]
    for literal in between:
        if not literal or values[-1].count(literal) != 1:
            return None
        values[-1:] = values[-1].split(literal)
    found: dict[str, str] = {}
    for name, value in zip(names, values, strict=True):
        if found.setdefault(name, value) != value:
            return None
    return found
