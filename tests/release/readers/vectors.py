"""What every reader must do: messages of awkward texts, documents that are accepted, and hostile ones."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from release.documents import digest_of, make_document, make_version, sign

from evalgate.release.checked_value import LARGEST
from evalgate.release.document import PublishedMessage, Variable, encode_document

OLD = make_version()
NEW = sign(make_version("1.1.0", "Hi "))
GOOD = encode_document(make_document(OLD, labels={"production": OLD}))

# the value of the variable in "Hello {name}!", and the text
RENDERED: list[tuple[Any, str]] = [
    ("Ada", "Hello Ada!"),
    ("", "Hello !"),
    ("😀 e\u0301 \u2028\u2029 \u0000 \ufeff", "Hello 😀 e\u0301 \u2028\u2029 \u0000 \ufeff!"),
    (
        "$& $1 $$ $` $' \\1 \\g<0> ${name} %s {0} {} {{name}}",
        "Hello $& $1 $$ $` $' \\1 \\g<0> ${name} %s {0} {} {{name}}!",
    ),
    ('"quoted" \\ /', 'Hello "quoted" \\ /!'),
    (0, "Hello 0!"),
    (-7, "Hello -7!"),
    (2**53 - 1, "Hello 9007199254740991!"),
    (1 - 2**53, "Hello -9007199254740991!"),
    (2**63 - 1, "Hello 9223372036854775807!"),
    (2**64 - 1, "Hello 18446744073709551615!"),
    (10**40, "Hello 10000000000000000000000000000000000000000!"),
]
ODD_NAMES = (
    "__proto__",
    "constructor",
    "prototype",
    "toString",
    "hasOwnProperty",
    "length",
    "1",
    "0",
    "ü",
    "😀",
    "a b",
)


def make_rollout(share: int) -> tuple[dict[str, Any], bytes]:
    """Return a rollout of NEW over OLD at a share in basis points, and the document that has it."""
    rollout = {"kind": "canary", "candidate": NEW.digest, "control": OLD.digest, "share": share, "salt": "support:1"}
    document = make_document(OLD, NEW, labels={"production": OLD, "canary": NEW}, rollout=rollout)
    return rollout, encode_document(document)


def edit(place: str, value: Any) -> bytes:
    """Return GOOD with another value at a place; `VERSION` is its version, and Ellipsis removes the key."""
    given = json.loads(GOOD)
    *above, last = place.replace("VERSION", f"versions/{OLD.digest}").split("/")
    holder = given
    for key in above:
        holder = holder[int(key) if isinstance(holder, list) else key]
    if value is ...:
        del holder[last]
    else:
        holder[int(last) if isinstance(holder, list) else last] = value
    return json.dumps(given).encode()


def _swap(old: bytes, new: bytes) -> bytes:
    assert GOOD.count(old) >= 1
    return GOOD.replace(old, new, 1)


def _nest(levels: int) -> bytes:
    return _swap(b'"parameters": {', b'"parameters": {"deep": ' + b"[" * levels + b"]" * levels + b",")


def _pad(size: int) -> bytes:
    return GOOD + b" " * (size - len(GOOD))


_LONG = "prompt \u2028😀 " * 80_000
_MANY = tuple(replace(make_version(f"1.0.{i}", f"{i} "), digest=digest_of(str(i))) for i in range(200))

ACCEPTED: dict[str, bytes] = {
    "the plain one": GOOD,
    "a rollout": make_rollout(500)[1],
    "a long text": encode_document(
        make_document(make_version(messages=(PublishedMessage(role="user", parts=(_LONG,)),)))
    ),
    "many versions": encode_document(make_document(*_MANY)),
    "the largest": _pad(LARGEST),
    "no version": encode_document(make_document()),
    "an unknown key": edit("added", {"__proto__": {"name": 1}}),
    "a key named __proto__": edit("VERSION/parameters", {"__proto__": {"polluted": True}, "constructor": 1}),
    "a label named __proto__": edit("labels/__proto__", OLD.digest),
    "a key twice, the last one right": _swap(b'"revision": 1', b'"revision": "x", "revision": 1'),
    "minus zero": edit("VERSION/canary_hours", -0),
    "100 levels": _nest(100),
    "lone surrogates": _swap(b'"because"', b'"\\ud800 \\udc00\\ud800"'),
    "a line separator in a text": _swap(b'"because"', '"\u2028\x7f"'.encode()),
    "a large exponent": _swap(b'"temperature": 0', b'"temperature": 1e-400'),
    "a number of 300 digits": _swap(b'"temperature": 0', b'"temperature": ' + b"1" * 300),
}
REFUSED: dict[str, bytes] = {
    "nothing": b"",
    "white space": b" \n",
    "another value": b"[]",
    "null": b"null",
    "a text": b'"a"',
    "half of it": GOOD[: len(GOOD) // 2],
    "two of them": GOOD + GOOD,
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "a byte that is not UTF-8": _swap(b'"because"', b'"\xff"'),
    "an overlong character": _swap(b'"because"', b'"\xc0\xaf"'),
    "a surrogate in UTF-8": _swap(b'"because"', b'"\xed\xa0\x80"'),
    "beyond Unicode": _swap(b'"because"', b'"\xf4\x90\x80\x80"'),
    "half a character": _swap(b'"because"', b'"\xe2\x80"'),
    "a control character": _swap(b'"because"', b'"\x01"'),
    "a line feed in a text": _swap(b'"because"', b'"a\nb"'),
    "another escape": _swap(b'"because"', b'"\\x41"'),
    "half an escape": _swap(b'"because"', b'"\\u12"'),
    "an escape with a sign": _swap(b'"because"', b'"\\u+123"'),
    "single quotes": _swap(b'"because"', b"'because'"),
    "a comment": _swap(b'"because"', b'/* x */ "because"'),
    "a trailing comma": _swap(b'"past": []', b'"past": [],,'),
    "a comma in a list": _swap(b'"past": []', b'"past": [,]'),
    "no quotes": _swap(b'"past"', b"past"),
    "a no-break space": _swap(b'"past": []', '"past":\u00a0[]'.encode()),
    "a form feed": _swap(b'"past": []', b'"past":\f[]'),
    "NaN": _swap(b'"temperature": 0', b'"temperature": NaN'),
    "infinity": _swap(b'"temperature": 0', b'"temperature": -Infinity'),
    "a number beyond floats": _swap(b'"temperature": 0', b'"temperature": 1e400'),
    "a number of 301 digits": _swap(b'"temperature": 0', b'"temperature": ' + b"1" * 301),
    "a leading zero": _swap(b'"temperature": 0', b'"temperature": 01'),
    "a leading plus": _swap(b'"temperature": 0', b'"temperature": +1'),
    "a leading point": _swap(b'"temperature": 0', b'"temperature": .5'),
    "a point at the end": _swap(b'"temperature": 0', b'"temperature": 5.'),
    "an exponent without digits": _swap(b'"temperature": 0', b'"temperature": 5e'),
    "a hexadecimal number": _swap(b'"temperature": 0', b'"temperature": 0x10'),
    "digits of another script": _swap(b'"temperature": 0', '"temperature": \u0661'.encode()),
    "True": _swap(b'"temperature": 0', b'"temperature": True'),
    "100,000 levels": _nest(100_000),
    "more than the largest": _pad(LARGEST + 1),
    "format 2": edit("format", 2),
    "format 1.0": edit("format", 1.0),
    "format as text": edit("format", "1"),
    "no name": edit("name", ...),
    "a blank name": edit("name", "\u3000\x1c\x85 "),
    "revision 0": edit("revision", 0),
    "revision 1.0": edit("revision", 1.0),
    "revision 1e0": _swap(b'"revision": 1', b'"revision": 1e0'),
    "revision true": edit("revision", True),
    "revision 2**53": edit("revision", 2**53),
    "a key twice, the last one wrong": _swap(b'"revision": 1', b'"revision": 1, "revision": "x"'),
    "previous in capitals": edit("previous", "A" * 64),
    "previous with a line feed": edit("previous", "a" * 64 + "\n"),
    "a time without a zone": edit("at", "2026-11-29T12:00:00"),
    "a time in other digits": edit("at", "２026-11-29T12:00:00Z"),
    "an entry as a list": edit("entry", []),
    "no verb": edit("entry/verb", ...),
    "from as a version": edit("entry/from", "1.0.0"),
    "a label of no version": edit("labels/production", "0" * 64),
    "a label as a list": edit("labels", ["production"]),
    "past as an object": edit("past", {}),
    "a version under another digest": edit("VERSION/digest", "0" * 64),
    "a version 1.0": edit("VERSION/version", "1.0"),
    "a version in other digits": edit("VERSION/version", "１.0.0"),
    "a blank reason": edit("VERSION/reason", " "),
    "no response format": edit("VERSION/response_format", ...),
    "tools of texts": edit("VERSION/tools", ["x"]),
    "parameters as a list": edit("VERSION/parameters", []),
    "another level": edit("VERSION/level", "minor"),
    "negative hours": edit("VERSION/canary_hours", -1),
    "a sign-off as text": edit("VERSION/needs_sign_off", "false"),
    "a sign-off without a name": edit("VERSION/sign_off", {}),
    "scores as a list": edit("VERSION/evaluation/scores", []),
    "cases as text": edit("VERSION/evaluation/cases", "68"),
    "another role": edit("VERSION/messages/0/role", "root"),
    "a role as a list": edit("VERSION/messages/0/role", ["user"]),
    "a part as a number": edit("VERSION/messages/0/parts", [1]),
    "a part with two keys": edit("VERSION/messages/0/parts", [{"var": "a", "b": 1}]),
    "a part with another key": edit("VERSION/messages/0/parts", [{"history": "a"}]),
    "a variable without a name": edit("VERSION/messages/0/parts", [{"var": " "}]),
    "parts as text": edit("VERSION/messages/0/parts", "text"),
    "a history of texts": edit("VERSION/messages/0", {"role": "history", "parts": ["x"]}),
    "a history of two": edit("VERSION/messages/0", {"role": "history", "parts": [{"history": "a"}, {"history": "b"}]}),
    "a history without parts": edit("VERSION/messages/0", {"role": "history", "parts": None}),
    "a rollout as text": edit("rollout", "canary"),
    "a rollout without a kind": edit("rollout", {}),
    "a share of half": edit("rollout", {**make_rollout(500)[0], "control": OLD.digest, "share": 0.5}),
    "a share above all": edit("rollout", {**make_rollout(500)[0], "share": 10_001}),
    "a candidate of no version": edit("rollout", make_rollout(500)[0]),
}


def make_named(names: tuple[str, ...]) -> bytes:
    """Return a document whose message has a variable of each name."""
    parts = tuple(part for name in names for part in (f"{name}=", Variable(name=name), ";"))
    version = make_version(messages=(PublishedMessage(role="user", parts=parts),))
    return encode_document(make_document(version, labels={"production": version}))
