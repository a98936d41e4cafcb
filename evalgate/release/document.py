"""The release document of a prompt: which labels it has, and the whole content of the versions that readers need.

A document is one revision of a prompt's ledger, as canonical JSON. `previous` is the digest of the document before it,
so that the series of all revisions is a chain. Readers need the standard library alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from evalgate.release.checked_value import DocumentError, Value, check_depth, load_value

FORMAT: Final = 1
LABELS: Final = ("production", "staging", "canary")
LEVELS: Final = ("PATCH", "MINOR", "MAJOR")
KINDS: Final = ("canary", "ab")
"""The kinds of a rollout. `ab` compares two versions, and never advances by itself."""
PAST_KEPT: Final = 20
"""Earlier versions in production that a document names at most."""
MINOR_CANARY: Final = 48
"""Hours of the canary of a MINOR change, where a document does not say what the policy required."""
HISTORY: Final = "history"
"""The role of a message that inserts the messages of a variable."""

_ROLES = ("system", "user", "assistant", "developer", "tool", HISTORY)
_EXTRA = ("name", "tool_calls", "tool_call_id")
_UNSAFE = re.compile("[\ud800-\udfff]|@{3,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A place in a message that the value of a variable replaces."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedMessage:
    """A message of a published version: texts and variables in order, and no syntax of a template.

    A message of the role `history` has one variable, whose messages it inserts. `parts` is None for tool calls without
    a text. `extra` are the other keys of the message in the chat completions API (`name`, `tool_calls`,
    `tool_call_id`), which are sent as they are.
    """

    role: str
    parts: tuple[str | Variable, ...] | None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a version may be promoted on: the verdict of its gate, and the digests of all that it was reached with.

    `evaluated` is the digest of the prompt that was run, which differs in white space at most. A sign-off approves the
    `subject`. `scores` are the candidate's means by criterion, each with `value`, `low`, `high` and
    `n`. `report`, `dataset` and `policy` are digests.

    The level is that of the change from the version with the digest `baseline`; from another version it is unknown, and
    `minor_canary_hours` then is the canary that it needs. None: the document is older than the key, or there was none.
    """

    decision: str
    evaluated: str
    subject: str
    report: str
    run_id: str
    at: str
    dataset: str
    cases: int
    policy: str
    scores: Mapping[str, Mapping[str, Any]]
    baseline: str | None = None
    minor_canary_hours: int = MINOR_CANARY


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's sign-off of a version; `subject` is that of the report that was approved."""

    by: str
    at: str
    kind: str
    commit: str
    subject: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedVersion:
    """The whole content of a version, and what led to it. `digest` is that of the prompt, and identifies it.

    `at` is the time of publication in UTC. `git_sha` and `source` are the commit and the path that it came from; None
    for a version that is in no repository. `model` and `parameters` are those that were evaluated, with the settings of
    the target. `canary_hours` is what the policy of its `level` required. With `plain_values` the values of variables
    are text and numbers only: the syntax of the prompt, jinja, writes others in another way than JSON.
    """

    digest: str
    version: str
    author: str
    at: str
    reason: str
    git_sha: str | None
    source: str
    model: str | None
    parameters: Mapping[str, Any]
    response_format: Mapping[str, Any] | None
    tools: tuple[Any, ...]
    messages: tuple[PublishedMessage, ...]
    level: str
    canary_hours: int
    needs_sign_off: bool
    sign_off: Approval | None
    evaluation: Evaluation
    plain_values: bool = False

    @property
    def variables(self) -> frozenset[str]:
        """The names of the variables of all messages."""
        return frozenset(part.name for one in self.messages for part in one.parts or () if isinstance(part, Variable))

    def __str__(self) -> str:
        return f"{self.version} ({self.digest[:12]})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a revision did, and who did it. `label` moved from the version `origin` to the version `target`.

    `evidence` is further data of the verb, such as a canary that was watched elsewhere.
    """

    id: str
    verb: str
    who: str
    why: str
    label: str | None = None
    origin: str | None = None
    target: str | None = None
    run_url: str | None = None
    evidence: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDocument:
    """One revision of a prompt's releases.

    `labels` maps labels to the digests of versions, which `versions` has the contents of. `past` are the earlier
    versions in production that were not rolled back, newest first. `rollout` is None or has at least `kind`,
    `candidate`, `control` (digests), `share` (basis points) and `salt`. `previous` is None for the first revision.
    `monitoring` is what the version in production is compared with since the end of its rollout, which proved it; None
    for a version that came to production in another way.
    """

    name: str
    revision: int
    previous: str | None
    at: str
    entry: Entry
    labels: Mapping[str, str]
    past: tuple[str, ...]
    rollout: Mapping[str, Any] | None
    versions: Mapping[str, PublishedVersion]
    monitoring: Mapping[str, Any] | None = None

    def find_label(self, label: str) -> PublishedVersion | None:
        """Return the version that has a label; None if none has it."""
        digest = self.labels.get(label)
        return None if digest is None else self.versions[digest]


def digest_document(data: bytes) -> str:
    """Return the sha256, in hex, of the bytes of a document, which the next document has as `previous`."""
    return hashlib.sha256(data).hexdigest()


def encode_document(document: ReleaseDocument) -> bytes:
    """Return the canonical bytes of a document: JSON with sorted keys and an indent of one space, in UTF-8.

    The properties of a JSON Schema keep their order, in which a model writes its answer. Lone surrogates and `@@@`,
    which a store of prompts may give a meaning, are written as escapes. Raises DocumentError for data that is nested
    more deeply than readers take.
    """
    monitoring = {} if document.monitoring is None else {"monitoring": document.monitoring}
    return _encode(
        {
            "format": FORMAT,
            "name": document.name,
            "revision": document.revision,
            "previous": document.previous,
            "at": document.at,
            "entry": _encode_entry(document.entry),
            "labels": dict(document.labels),
            "past": list(document.past),
            "rollout": document.rollout,
            "versions": {digest: _encode_version(version) for digest, version in document.versions.items()},
            **monitoring,
        }
    )


def encode_version(version: PublishedVersion) -> bytes:
    """Return the canonical bytes of a version, as `encode_document` writes a document."""
    return _encode(_encode_version(version))


def parse_document(data: bytes) -> ReleaseDocument:
    """Return the document in some bytes. Keys that this version does not know are ignored, except in `rollout`.

    Raises DocumentError with the path of the first wrong value.
    """
    given = load_value(data)
    written = given["format"].integer()
    if written != FORMAT:
        raise DocumentError(f"format: {written} is not a format that this version reads: it reads {FORMAT}")
    versions = {key: _parse_version(one) for key, one in given["versions"].members()}
    document = ReleaseDocument(
        name=given["name"].text(),
        revision=given["revision"].integer(least=1),
        previous=given["previous"].optional(Value.digest),
        at=given["at"].time(),
        entry=_parse_entry(given["entry"]),
        labels={key: one.digest() for key, one in given["labels"].members()},
        past=tuple(one.digest() for one in given["past"].items()),
        rollout=given["rollout"].optional(_check_rollout),
        versions=versions,
        monitoring=given.object().get("monitoring"),  # no reader looks at it, so none refuses it
    )
    _check_references(document)
    return document


def parse_version(data: bytes) -> PublishedVersion:
    """Return the version in some bytes. Raises DocumentError."""
    return _parse_version(load_value(data))


def _encode(value: Any) -> bytes:
    check_depth(value)
    text = json.dumps(_sort(value), indent=1, ensure_ascii=False, allow_nan=False)
    return (_UNSAFE.sub(lambda hit: "".join(f"\\u{ord(char):04x}" for char in hit[0]), text) + "\n").encode()


def _sort(value: Any, key: str = "") -> Any:
    """Return a value with the keys of its objects sorted, but for the properties of schemas."""
    if isinstance(value, Mapping):
        # models write the properties of an answer in the order of their schema
        names = value if key == "properties" else sorted(value)
        return {name: _sort(value[name], name) for name in names}
    return [_sort(one) for one in value] if isinstance(value, list | tuple) else value


def _encode_version(version: PublishedVersion) -> dict[str, Any]:
    fields = _list_fields(version)
    if not version.plain_values:
        del fields["plain_values"]
    evaluation = _list_fields(version.evaluation)
    if version.evaluation.baseline is None:
        del evaluation["baseline"], evaluation["minor_canary_hours"]
    return {
        **fields,
        "parameters": dict(version.parameters),
        "messages": [_encode_message(message) for message in version.messages],
        "sign_off": None if version.sign_off is None else _list_fields(version.sign_off),
        "evaluation": evaluation,
    }


def _list_fields(one: Entry | PublishedVersion | Approval | Evaluation) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__slots__}


def _encode_message(message: PublishedMessage) -> dict[str, Any]:
    kind = "history" if message.role == HISTORY else "var"
    parts = message.parts
    encoded = None if parts is None else [part if isinstance(part, str) else {kind: part.name} for part in parts]
    return {**message.extra, "role": message.role, "parts": encoded}


def _encode_entry(entry: Entry) -> dict[str, Any]:
    renamed = {"origin": "from", "target": "to"}
    return {renamed.get(name, name): value for name, value in _list_fields(entry).items()}


def _parse_entry(given: Value) -> Entry:
    return Entry(
        id=given["id"].text(),
        verb=given["verb"].text(),
        who=given["who"].text(),
        why=given["why"].text(empty=True),
        label=given["label"].optional(Value.text),
        origin=given["from"].optional(Value.digest),
        target=given["to"].optional(Value.digest),
        run_url=given["run_url"].optional(Value.text),
        evidence=given["evidence"].optional(Value.object),
    )


def _parse_version(given: Value) -> PublishedVersion:
    return PublishedVersion(
        digest=given["digest"].digest(),
        version=given["version"].number(),
        author=given["author"].text(),
        at=given["at"].time(),
        reason=given["reason"].text(),
        git_sha=given["git_sha"].optional(Value.text),
        source=given["source"].text(),
        model=given["model"].optional(Value.text),
        parameters=given["parameters"].object(),
        response_format=given["response_format"].optional(Value.object),
        tools=tuple(one.object() for one in given["tools"].items()),
        messages=tuple(_parse_message(one) for one in given["messages"].items()),
        level=given["level"].one_of(LEVELS),
        canary_hours=given["canary_hours"].integer(),
        needs_sign_off=given["needs_sign_off"].flag(),
        sign_off=given["sign_off"].optional(_parse_approval),
        evaluation=_parse_evaluation(given["evaluation"]),
        plain_values="plain_values" in given.object() and given["plain_values"].flag(),
    )


def _parse_approval(given: Value) -> Approval:
    return Approval(
        by=given["by"].text(),
        at=given["at"].text(),
        kind=given["kind"].text(),
        commit=given["commit"].text(),
        subject=given["subject"].digest(),
        url=given["url"].text(empty=True),
    )


def _parse_evaluation(given: Value) -> Evaluation:
    return Evaluation(
        decision=given["decision"].text(),
        evaluated=given["evaluated"].digest(),
        subject=given["subject"].digest(),
        report=given["report"].digest(),
        run_id=given["run_id"].text(),
        at=given["at"].text(),
        dataset=given["dataset"].digest(),
        cases=given["cases"].integer(),
        policy=given["policy"].digest(),
        scores={key: one.object() for key, one in given["scores"].members()},
        baseline=given["baseline"].digest() if "baseline" in given.object() else None,
        minor_canary_hours=given["minor_canary_hours"].integer()
        if "minor_canary_hours" in given.object()
        else MINOR_CANARY,
    )


def _parse_message(given: Value) -> PublishedMessage:
    role = given["role"].one_of(_ROLES)
    kind = "history" if role == HISTORY else "var"
    parts = given["parts"].optional(lambda value: tuple(_parse_part(one, kind) for one in value.items()))
    if role == HISTORY and (parts is None or len(parts) != 1 or not isinstance(parts[0], Variable)):
        given["parts"].fail('must be one {"history": NAME} in a message of the role history')
    extra = {key: one.data for key, one in given.members() if key in _EXTRA}
    return PublishedMessage(role=role, parts=parts, extra=extra)


def _parse_part(given: Value, kind: str) -> str | Variable:
    if isinstance(given.data, str):
        return given.data
    if not isinstance(given.data, dict) or list(given.data) != [kind]:
        given.fail(f'must be text or {{"{kind}": NAME}}')
    return Variable(name=given[kind].text())


def _check_rollout(given: Value) -> dict[str, Any]:
    given["kind"].one_of(KINDS)
    given["candidate"].digest()
    given["control"].digest()
    given["share"].integer(most=10_000)
    given["salt"].text()
    return given.object()


def _check_references(document: ReleaseDocument) -> None:
    """Refuse a document that names a version without its content, or has it under another digest."""
    for digest, version in document.versions.items():
        if version.digest != digest:
            raise DocumentError(f"versions.{digest}: its digest is {version.digest}")
    named = list(document.labels.items())
    if document.rollout is not None:
        named += [(key, document.rollout[key]) for key in ("candidate", "control")]
    for name, digest in named:
        if digest not in document.versions:
            raise DocumentError(f"{name}: the version {digest[:12]} is not among the versions")
