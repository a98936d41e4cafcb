"""An event of Langfuse about a version of a prompt, as a `repository_dispatch` brings it, and why it may not count.

Only the name and the number in the payload are used. Its text has references filled in, and is a marker above 64 KiB.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from evalgate.action.langfuse_signature import check_signature
from evalgate.domain import strict_json
from evalgate.errors import InputError
from evalgate.gate.staged import STAGING
from evalgate.release.langfuse_chain import FOLDER

_PROMPT_VERSION = "prompt-version"
_SHOWN = 200
_FORWARDED = "forward {body: the body, signature: the header x-langfuse-signature} as client_payload"


@dataclass(frozen=True, slots=True, kw_only=True)
class LangfuseEvent:
    """What happened to a version: `kind` is what the event is about, `action` is created, updated or deleted.

    `labels` are those after it. `is_by_person` is true if a person did it in the UI: an API key has no user.
    """

    kind: str
    action: str
    name: str
    version: int
    labels: tuple[str, ...]
    is_by_person: bool

    def __str__(self) -> str:
        name = self.name if len(self.name) <= _SHOWN else f"{self.name[:_SHOWN]} ..."
        return f'version {self.version} of "{name}"'


def is_from_langfuse(payload: Mapping[str, Any]) -> bool:
    """Return whether the payload of a dispatch looks like an event of Langfuse, or like one that is forwarded."""
    return payload.get("type") == _PROMPT_VERSION or {"body", "signature"} <= payload.keys()


def read_langfuse_event(payload: Mapping[str, Any], *, secret: str | None, now: float) -> LangfuseEvent:
    """Read the `client_payload` of a `repository_dispatch`.

    Langfuse itself sends the event as the payload, and GitHub has authenticated the token that it is sent with. A relay
    forwards the `body` of a webhook with its `signature`, and with a `secret` nothing else is accepted.

    Raises InputError for another payload, and for a signature that does not hold.
    """
    body, signature = payload.get("body"), payload.get("signature")
    is_forwarded = isinstance(body, str) and isinstance(signature, str)
    if secret is None:
        if is_forwarded:
            raise InputError(
                "the event has a signature, and no secret to check it with", hint="set langfuse-webhook-secret"
            )
        return _read(payload)
    if not is_forwarded:
        raise InputError("langfuse-webhook-secret is set, and the event has no signature", hint=_FORWARDED)
    check_signature(str(body), str(signature), secret, now=now)
    try:
        data = strict_json.load(str(body))
    except ValueError as error:
        raise InputError(f"the body of the event is not JSON: {error}", hint=_FORWARDED) from None
    if isinstance(data, Mapping) and "client_payload" in data:  # the body of a dispatch
        data = data["client_payload"]
    return _read(data)


def find_reason_to_ignore(event: LangfuseEvent, names: Collection[str]) -> str | None:
    """Return why an event starts no gate, as a phrase; None if it does. `names` are the prompts that have a gate."""
    reasons = (
        (event.kind != _PROMPT_VERSION, "is not about a version of a prompt"),
        (event.name.startswith(FOLDER), f"is a release document: {FOLDER} is the folder of the registry"),
        (not event.is_by_person, "was changed by an API key, not by a person"),
        (event.action == "deleted", "was deleted"),
        (STAGING not in event.labels, f"does not hold {STAGING}"),
        (event.name not in names, "is the prompt of no gate"),
    )
    return next((reason for holds, reason in reasons if holds), None)


def _read(data: Any) -> LangfuseEvent:
    try:
        if (kind := str(data["type"])) != _PROMPT_VERSION:
            return LangfuseEvent(kind=kind, action="", name="", version=0, labels=(), is_by_person=False)
        about = data["prompt"]
        name, version, labels = about["name"], about["version"], about["labels"]
        is_right = isinstance(name, str) and isinstance(version, int) and not isinstance(version, bool) and version > 0
        if not is_right or not isinstance(labels, list) or not all(isinstance(one, str) for one in labels):
            raise TypeError
        return LangfuseEvent(
            kind=kind,
            action=str(data["action"]),
            name=name,
            version=version,
            labels=tuple(labels),
            is_by_person=isinstance(data.get("user"), Mapping),
        )
    except (AttributeError, KeyError, TypeError) as error:
        lacks = f": it lacks {error}" if isinstance(error, KeyError) else ""
        raise InputError(
            f"the client_payload of the event is not what Langfuse sends{lacks}",
            hint="let only Langfuse's trigger send this type of event, see `on:` of the workflow",
        ) from None
