"""Requests with histories, images and tool messages, as an endpoint receives them."""

import base64
import json
from typing import Any

import pytest
from gated_project import World

PROMPT = """\
version: "{version}"
change: why
messages:
  - {{role: system, content: "You answer the customers of a small outdoor shop. {manner}"}}
  - {{history: talk}}
  - role: user
    content:
      - {{type: text, text: "{{{{query}}}}"}}
      - {{type: image, image: "{{{{picture}}}}"}}
"""
CONFIG = """\
format: 1
targets:
  api: {{type: openai, base_url: "{url}", api_key_env: API_KEY, model: m}}
gates:
  - name: support
    prompt: prompts/talk.prompt.yml
    dataset: golden/cases.jsonl
    samples: {{baseline: 1, candidate: 1}}
    checks: [{{type: is_json}}]
    judges: [{{rubric: rubrics/tone.md}}]
policy: {{stop_early: false}}
"""
TONE = """\
---
name: tone
version: "1.0.0"
scale: {min: 1, max: 5}
inputs: [query, talk, output]
---
Is the reply friendly?
"""
PNG = b"\x89PNG\r\n\x1a\n"
TALK = [
    {"role": "user", "content": "Hello {{query}}"},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "find", "arguments": "{}"}}]},
    {"role": "tool", "content": "found {{", "tool_call_id": "c"},
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgpwaXhlbHM="}}]},
]  # fmt: skip


def row(number: int, talk: Any = TALK) -> dict[str, Any]:
    picture = f"images/{number % 2}.png"
    return {"id": f"case-{number:03}", "query": f"question {number}", "talk": talk, "picture": picture}


def write_cases(world: World, rows: list[dict[str, Any]]) -> None:
    world.repository.write("golden/cases.jsonl", "".join(json.dumps(each) + "\n" for each in rows))


@pytest.fixture
def shop(world: World) -> World:
    write = world.repository.write
    write("evalgate.yml", CONFIG.format(url=world.server.url))
    write("rubrics/tone.md", TONE)
    write("prompts/talk.prompt.yml", PROMPT.format(version="1.0.0", manner="Be exact, and stay with the facts."))
    write("golden/images/0.png", PNG + b"zero")
    write("golden/images/1.png", PNG + b"one")
    write_cases(world, [row(number) for number in range(64)])
    world.repository.commit("first")
    world.repository.git("branch", "--force", "main")
    write("prompts/talk.prompt.yml", PROMPT.format(version="1.1.0", manner="Be brief, and friendly, and very kind."))
    world.application = lambda system, user: '{"answer": 1}'
    return world


def asked(world: World) -> list[dict[str, Any]]:
    return [each.body for each in world.server.received if "response_format" not in each.body]


def test_the_endpoint_receives_the_history_and_the_pictures(shop: World) -> None:
    ended = shop.evalgate("run", "--output", "report.json")
    assert ended.code == 0, ended.out + ended.err
    bodies = asked(shop)
    assert len(bodies) == 128
    for body in bodies:
        system, *talk, user = body["messages"]
        assert system["role"] == "system" and talk == TALK
        text, image = user["content"]
        number = int(text["text"].removeprefix("question ")) % 2
        data = PNG + (b"one" if number else b"zero")
        assert image == {
            "type": "image_url",
            "image_url": {"url": f"data:image/png;base64,{base64.b64encode(data).decode()}"},
        }
    judged = [each.body["messages"][-1]["content"] for each in shop.server.received if "response_format" in each.body]
    assert judged and all("images/" in text and "image/png" in text and "base64" not in text for text in judged)


def test_an_edited_picture_is_another_request_and_an_edited_case(shop: World) -> None:
    assert shop.evalgate("run").code == 0
    shop.server.received.clear()
    assert shop.evalgate("run").code == 0
    assert not asked(shop)
    shop.repository.write("golden/images/1.png", PNG + b"another")
    assert shop.evalgate("run").code == 0
    assert len(asked(shop)) == 64
    shop.repository.write("golden/images/0.png", PNG + b"another")
    ended = shop.evalgate("run")
    assert "The cases were edited" in ended.out and "64 have other content" in ended.out.replace("\n  ", " ")


def test_validate_reports_shapes_and_pictures_with_the_line_of_the_case(shop: World) -> None:
    rows = [row(0), row(1, "Hello"), row(2, [{"role": "user", "text": "x"}]), row(3) | {"picture": "../secret.png"}]
    write_cases(shop, [*rows, row(4) | {"picture": "images/none.png"}])
    pictures = shop.evalgate("validate")
    assert pictures.code == 2
    assert "golden/cases.jsonl:4" in pictures.err and "outside of the dataset's folder" in pictures.err
    assert "golden/cases.jsonl:5" in pictures.err and "no such file" in pictures.err
    write_cases(shop, rows[:3])
    shapes = shop.evalgate("validate")
    assert shapes.code == 2
    assert "golden/cases.jsonl:2" in shapes.err and "must be a list of messages" in shapes.err
    assert "golden/cases.jsonl:3" in shapes.err and 'unknown key "text"' in shapes.err


def test_changed_looks_at_the_pictures(shop: World) -> None:
    shop.repository.write(
        "prompts/talk.prompt.yml", PROMPT.format(version="1.0.0", manner="Be exact, and stay with the facts.")
    )
    assert "No gated prompt has changed" in shop.evalgate("run", "--changed").out
    shop.repository.write("golden/images/1.png", PNG + b"another")
    ended = shop.evalgate("run", "--changed")
    assert "No gated prompt has changed" not in ended.out
