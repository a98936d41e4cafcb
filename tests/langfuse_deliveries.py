"""Deliveries of a webhook of Langfuse: one as it was recorded, all recorded ones, and new ones for the fake."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from langfuse_server import find_contract

WEBHOOK_SECRET, GITHUB_TOKEN = "lf-whsec_test", "ghtok_test"  # dummies, which the recordings name
RECORDED_AT = 1795927655
RECORDED_SIGNATURE = "t=1795927655,v1=d6d4045d4650ddf0cc81b3edf1454fb10022f9be7672076c6bba0466f5da5d2d"
RECORDED_BODY = (
    '{"id":"413b0a51-3bc8-4a7e-a375-8f9261a184a6","timestamp":"2026-11-29T04:47:35.136Z","type":"prompt-version",'
    '"apiVersion":"v1","action":"created","user":{"name":"a","email":"a@example.org"},"prompt":{"id":"0e8bd372-623c-4'
    'c15-9029-d81575fca49d","name":"evalgate/ui-1795927637","version":2,"projectId":"proj1","createdBy":"cmx1bwqi1000'
    '19z7ds3sasi44","labels":["staging","latest"],"prompt":"{\\"format\\": 1, \\"revision\\": 1, \\"edited\\": \\"in '
    'the UI\\"}","type":"text","config":{},"commitMessage":"from the UI","tags":[],"createdAt":"2026-11-29T04:47:34.76'
    '7Z","updatedAt":"2026-11-29T04:47:34.767Z"}}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A recorded request of the server: its raw body, its signature, and the dummy secret of the recording."""

    step: str
    raw: str
    signature: str
    secret: str

    @property
    def payload(self) -> Any:
        """The event: what a dispatch has as its `client_payload`."""
        body = json.loads(self.raw)
        return body.get("client_payload", body)


def load_recorded() -> list[Delivery]:
    """Return all recorded deliveries; none where the recordings are not there."""
    path = find_contract() / "exchanges-server-4.16.0-release.jsonl"
    if not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Delivery(
            step=row["step"],
            raw=row["request"]["raw"],
            signature=row["request"]["headers"]["x-langfuse-signature"],
            secret=GITHUB_TOKEN if GITHUB_TOKEN in row["step"] else WEBHOOK_SECRET,
        )
        for row in rows
        if "server -> receiver" in row["step"]
    ]


def make_payload(version: dict[str, Any], action: str = "created", *, by_person: bool = True) -> dict[str, Any]:
    """Return what the server sends about a version of the fake. Its text is a marker, as it is above 64 KiB."""
    keys = ("id", "name", "version", "projectId", "createdBy", "labels", "type", "commitMessage", "tags")
    about = {key: version[key] for key in (*keys, "createdAt", "updatedAt")}
    return {
        "id": "5ec6b100-6238-4f70-855f-84ea9b5606ac",
        "timestamp": "2026-11-29T04:26:09.151Z",
        "type": "prompt-version",
        "apiVersion": "v1",
        "action": action,
        **({"user": {"name": "Pia", "email": "pia@example.org"}} if by_person else {}),
        "truncation": {"payloadTruncated": True, "truncatedFields": ["prompt.prompt", "prompt.config"]},
        "prompt": {
            **about,
            "prompt": "[TRUNCATED: GitHub repository_dispatch payload exceeded size limit]",
            "config": {},
        },
    }


def sign(body: str, secret: str, at: int) -> str:
    """Return the signature of a body, as Langfuse makes it."""
    digest = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"
