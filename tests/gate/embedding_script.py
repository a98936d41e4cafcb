"""Embeddings of a scripted endpoint: vectors by text, beside the answers and grades of a gated project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chat_server import Received, Reply
from gate.live_run import configure
from gated_project import World

JUDGES = "    judges:\n      - {rubric: faithfulness}\n"
SIMILARITY = "    semantic_similarity: {target: vectors}\n"


def embedding(values: Sequence[Any], **more: Any) -> dict[str, Any]:
    """Make the JSON of a reply with one embedding."""
    usage = {"prompt_tokens": 7, "total_tokens": 7}
    return {"object": "list", "model": "e-1", "data": [{"index": 0, "embedding": list(values)}], "usage": usage, **more}


def count_letters(text: str) -> list[float]:
    """Return a vector with the share of each letter, digit or other character of a text: equal texts are equal."""
    return [1.0 + sum(ord(char) % 16 == number for char in text) for number in range(16)]


class Embeddings:
    """The texts that were embedded, and the script: `embed` gives the values or the whole reply for a text."""

    def __init__(self, world: World) -> None:
        self.texts: list[str] = []
        self.embed: Callable[[str], Sequence[Any] | Reply] = count_letters
        self._others = world.server.script
        world.server.script = self._answer

    def _answer(self, received: Received, number: int) -> Reply:
        if not received.path.endswith("/embeddings"):
            assert callable(self._others)
            return self._others(received, number)
        assert received.body.keys() == {"model", "input"}
        self.texts.append(received.body["input"])
        found = self.embed(received.body["input"])
        return found if isinstance(found, Reply) else Reply(body=embedding(found))


def configure_similarity(
    world: World,
    *edits: tuple[str, str],
    cases: int = 10,
    judges: str = "",
    key: str = "API_KEY",
    measured: bool = True,
) -> Embeddings:
    """Configure a gate of few cases with a target of embeddings on both sides, with or without the similarity."""
    target = f'  vectors: {{type: openai, base_url: "{world.server.url}", api_key_env: {key}, model: e-1'
    target += ", prices: {input: 3, output: 0}}\ngates:\n"
    one_target = ("    dataset: cases.jsonl\n", "    dataset: cases.jsonl\n    target: api\n")
    rows = (world.root / "cases.jsonl").read_text().splitlines(keepends=True)
    world.repository.write("cases.jsonl", "".join(rows[:cases]))
    criteria = (JUDGES, judges + (SIMILARITY if measured else ""))
    configure(world, ("gates:\n", target), one_target, criteria, *edits)
    return Embeddings(world)
