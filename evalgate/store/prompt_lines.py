"""The file of the prompts that a run sent: JSON lines, in which each text is written once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from evalgate.domain import Arm, InputField
from evalgate.domain.sent_prompts import SentCase, SentMessage, SentPrompt
from evalgate.errors import InputError, Place
from evalgate.store.atomic import write_file

_FORMAT = 1


def write_prompts(path: Path, run_id: str, cases: Iterable[SentCase]) -> None:
    """Write the prompts of a run in one atomic step. Raise OSError.

    A line of a case names its texts by their number; each text has its own line before the first case that has it.
    """
    write_file(path, _make_lines(run_id, cases))


def read_run_id(path: Path) -> str | None:
    """Return the run of a file; None if there is no file, or one of another format."""
    try:
        with path.open(encoding="utf-8") as file:
            head = json.loads(file.readline())
    except (OSError, ValueError, RecursionError):
        return None
    return head["run_id"] if isinstance(head, dict) and head.get("format") == _FORMAT else None


def find_case(path: Path, gate: str, case: str) -> SentCase | None:
    """Return what was sent for a case; None if the file has no such case. Raise InputError for a damaged file."""
    texts: list[str] = []
    try:
        with path.open(encoding="utf-8") as file:
            next(file)
            for text in file:
                row = json.loads(text)
                if "text" in row:
                    texts.append(_read_text(row["text"]))
                elif (row["gate"], row["case"]) == (gate, case):
                    return _decode(row, texts)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=Place(path=str(path))) from error
    except (ValueError, KeyError, IndexError, TypeError, StopIteration, RecursionError) as error:
        raise InputError("the file of sent prompts is damaged", place=Place(path=str(path))) from error
    return None


def _make_lines(run_id: str, cases: Iterable[SentCase]) -> Iterator[str]:
    yield _encode({"format": _FORMAT, "run_id": run_id})
    numbers: dict[bytes, int] = {}
    for case in cases:
        fresh: list[str] = []

        def number(text: str, fresh: list[str] = fresh) -> int:
            key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
            if key not in numbers:
                numbers[key] = len(numbers)
                fresh.append(_encode({"text": text}))
            return numbers[key]

        row = {
            "gate": case.gate,
            "case": case.case,
            "fields": [[field.name, number(field.text)] for field in case.fields],
            "prompts": [
                {
                    "arm": prompt.arm.value,
                    "messages": [[message.role, number(message.content)] for message in prompt.messages],
                    "settings": number(json.dumps(prompt.settings)),
                }
                for prompt in case.prompts
            ],
        }
        yield from fresh
        yield _encode(row)


def _encode(row: Any) -> str:
    return f"{json.dumps(row)}\n"


def _decode(row: Any, texts: list[str]) -> SentCase:
    return SentCase(
        gate=row["gate"],
        case=row["case"],
        fields=tuple(InputField(name=_read_text(name), text=texts[number]) for name, number in row["fields"]),
        prompts=tuple(
            SentPrompt(
                arm=Arm(prompt["arm"]),
                messages=tuple(
                    SentMessage(role=_read_text(role), content=texts[number]) for role, number in prompt["messages"]
                ),
                settings=json.loads(texts[prompt["settings"]]),
            )
            for prompt in row["prompts"]
        ),
    )


def _read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value
