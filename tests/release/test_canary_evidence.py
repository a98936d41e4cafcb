from __future__ import annotations

import json

import pytest
from release.documents import make_version

from evalgate.errors import InputError
from evalgate.release.canary_evidence import LARGEST, parse_evidence

VERSION = make_version("1.1.0")


@pytest.mark.parametrize(
    "given",
    [
        {"hours": 48},
        {"hours": 0.5, "version": "1.1.0", "digest": VERSION.digest},
        {"hours": 48, "digest": VERSION.digest[:12], "errors": {"rate": 0.01}},
    ],
)
def test_evidence_is_kept_as_it_is(given: dict[str, object]) -> None:
    assert parse_evidence(json.dumps(given).encode(), "canary.json", VERSION) == given


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "48",
        "{}",
        '{"hours": "48"}',
        '{"hours": true}',
        '{"hours": -1}',
        '{"hours": NaN}',
        '{"hours": 1e999}',
        '{"hours": 48, "rate": 1e999}',
        '{"hours": 48, "version": "1.1.1"}',
        '{"hours": 48, "version": null}',
        '{"hours": 48, "digest": "000000000000"}',
        '{"hours": 48, "digest": ""}',
        '{"hours": 48' + "[" * 100_000,
    ],
)
def test_other_files_are_no_evidence(text: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_evidence(text.encode(), "canary.json", VERSION)
    assert str(refused.value).startswith("canary.json: ")


def test_evidence_is_small() -> None:
    with pytest.raises(InputError, match="may have 65,536 bytes"):
        parse_evidence(json.dumps({"hours": 48, "log": "x" * LARGEST}).encode(), "canary.json", VERSION)
