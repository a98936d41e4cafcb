"""Rows of a golden dataset that are made of other tools' tests, and what could not be carried over."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalgate.domain.case_ids import OWN_KEYS
from evalgate.errors import InputError, Place
from evalgate.inputs.added_tree import AddedTree
from evalgate.inputs.datasets import load_dataset
from evalgate.inputs.importers.foreign_json import ForeignPart
from evalgate.inputs.importers.tool_results import simplify
from evalgate.inputs.tree import Tree

QUESTION, EXPECTED, HISTORY, SYSTEM = "input", "expected", "history", "system"
_QUOTED = 60


@dataclass(slots=True)
class CaseRows:
    """Rows in the order of the file. `left_out` has a sentence for everything that the rows do not have."""

    path: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    left_out: dict[str, None] = field(default_factory=dict)
    _systems: dict[str, int] = field(default_factory=dict)

    def add(self, fields: Mapping[str, Any], *, name: str | None = None, tags: Sequence[str] = ()) -> None:
        """Add a case. Without a name its id is derived from its content when the dataset is read."""
        row: dict[str, Any] = {} if name is None else {"id": name}
        for key, value in fields.items():
            if value is None:
                continue
            if key in OWN_KEYS:
                self.leave_out(
                    f'"{key}" became "{key}_value": a case has a field of that name with a meaning of its own'
                )
            row[f"{key}_value" if key in OWN_KEYS else key] = value
        if tags:
            row["tags"] = list(tags)
        self.rows.append(row)

    def add_row(self, row: Mapping[str, Any]) -> None:
        """Add a row that already has the fields of a case."""
        self.rows.append(dict(row))

    def add_messages(
        self, messages: Sequence[ForeignPart], fields: Mapping[str, Any], *, name: str | None = None
    ) -> None:
        """Add a case whose input is a list of messages.

        The last message of the user becomes `input`, those before it `history`. System messages become `system`; one
        that all cases share is part of the prompt, and is left out at the end.
        """
        said = [(one.text("role") or "user", _read_content(one)) for one in messages]
        system = "\n\n".join(text for role, text in said if role in ("system", "developer"))
        spoken = [(role, text) for role, text in said if role not in ("system", "developer")]
        question = spoken.pop()[1] if spoken and spoken[-1][0] == "user" else None
        if question is None:
            self.leave_out("a case whose last message is not the user's")
            return
        history = [{"role": role, "content": text} for role, text in spoken]
        self._systems[system] = self._systems.get(system, 0) + 1
        self.add(
            {SYSTEM: system or None, HISTORY: history or None, QUESTION: question, **fields},
            name=name,
        )

    def leave_out(self, sentence: str) -> None:
        self.left_out[sentence] = None

    def finish(self) -> None:
        """Leave out the system message that all cases share. Raises InputError if there is no case."""
        if not self.rows:
            raise InputError("; ".join(("the file has no cases", *self.left_out)), place=Place(path=self.path))
        if self._systems.get(shared := next(iter(self._systems), ""), 0) == len(self.rows) and shared:
            for row in self.rows:
                del row[SYSTEM]
            self.leave_out(f"the system message that all cases share, which belongs into the prompt: {_quote(shared)}")


def encode_cases(rows: Sequence[Mapping[str, Any]], path: str, tree: Tree) -> bytes:
    """Return the rows as JSONL, after they were read as a dataset. Raises InputError with all faults."""
    data = "".join(f"{json.dumps(simplify(row), ensure_ascii=False)}\n" for row in rows).encode()
    load_dataset(AddedTree(tree, {path: data}), path)
    return data


def join_texts(value: Any) -> Any:
    """Return a list of texts as one text, with an empty line between them; anything else unchanged."""
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return "\n\n".join(value)
    return value


def _read_content(message: ForeignPart) -> str:
    content = message.data.get("content")
    if isinstance(content, str):
        return content
    parts = message.parts("content")
    if any(one.text("type") not in ("text", None) for one in parts):
        raise message.refuse(f"{message.where} has content that is not text, such as an image")
    return "\n".join(one.text("text") or "" for one in parts)


def _quote(text: str) -> str:
    first = " ".join(text.split())
    return json.dumps(first if len(first) <= _QUOTED else f"{first[:_QUOTED]}...", ensure_ascii=False)
