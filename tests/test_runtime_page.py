"""Tests of the functions in docs/runtime.md, with a document of the prompt that they name."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langfuse_answers import project
from langfuse_server import PUBLIC, SECRET, LangfuseServer
from release.documents import make_document, make_version

from evalgate.domain.rollout import LangfuseRowFilter
from evalgate.release.document import PublishedMessage, Variable, encode_document
from evalgate.release.langfuse_traffic import LangfuseTraffic
from evalgate.release.rollout.row_window import find_recent
from evalgate.release.runtime import PromptClient
from evalgate.services.langfuse import Langfuse, LangfuseKeys
from evalgate.store.store import Store

PAGE = Path(__file__).parents[1] / "docs" / "runtime.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    message = PublishedMessage(role="user", parts=("Answer: ", Variable(name="question")))
    for name in ("support", "summary"):
        version = make_version(messages=(message,))
        document = make_document(version, name=name, labels={"production": version})
        (tmp_path / f"{name}.json").write_bytes(encode_document(document))
    return tmp_path


def load_function(name: str, folder: Path) -> Any:
    """Return a function of the page, whose client reads the folder."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    block = next(text for text in blocks if f"def {name}(" in text)
    names: dict[str, Any] = {}
    exec(compile(block, str(PAGE), "exec"), names)
    if "prompts" in names:
        names["prompts"].close()
        names["prompts"] = PromptClient(f"file:{folder}")
    return names[name]


def test_a_request_has_the_messages_the_model_and_the_parameters(folder: Path) -> None:
    assert load_function("make_request", folder)("Where?") == {
        "model": "gpt-5-mini",
        "messages": [{"role": "user", "content": "Answer: Where?"}],
        "temperature": 0,
    }


def test_a_user_gets_messages(folder: Path) -> None:
    assert load_function("greet", folder)("user-1") == [{"role": "user", "content": "Answer: Hello"}]


def test_an_answer_is_logged_as_a_row(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = load_function("answer", folder)
    assert answer("user-1", "Where?", lambda model, messages: f"{model}: {messages[0]['content']}") == (
        "gpt-5-mini: Answer: Where?"
    )

    def fail(model: str, messages: list[dict[str, Any]]) -> str:
        raise TimeoutError

    assert answer("user-2", "Where?", fail) == ""
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["key"], row["error"], row["fields"]) for row in rows] == [
        ("user-1", None, {"country": "de"}),
        ("user-2", "TimeoutError", {"country": "de"}),
    ]


def test_a_generation_is_linked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk")
    answer = load_function("answer_with_trace", folder)
    answer.__globals__["prompts"]._numbers = {("support", make_version().digest): 7}
    seen: list[Any] = []

    class Langfuse:
        """Langfuse's client, as far as the page uses it."""

        @contextmanager
        def start_as_current_observation(self, **facts: Any) -> Iterator[Any]:
            seen.append(facts)
            yield SimpleNamespace(update=lambda **more: seen.append(more))

    output = answer(Langfuse(), lambda model, messages: messages[0]["content"], "user-1", "Where?")
    assert output == "Answer: Where?" and seen[1] == {"output": output}
    assert (seen[0]["prompt"].name, seen[0]["prompt"].version, seen[0]["model"]) == ("support", 7, "gpt-5-mini")
    assert set(seen[0]) <= set(inspect.signature(real_langfuse().start_as_current_observation).parameters)


def test_a_generation_is_the_row_of_what_was_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Langfuse's own SDK writes it, and a rollout reads it: the row is that of `served.row()`."""
    message = PublishedMessage(role="user", parts=("Answer: ", Variable(name="question")))
    version = make_version(messages=(message,))
    document = make_document(version, labels={"production": version})
    (tmp_path / "support.json").write_bytes(encode_document(document))
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", PUBLIC)
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", SECRET)
    # the SDK gives each key one client in a process, and another test has one without tracing
    monkeypatch.setattr("langfuse._client.resource_manager.LangfuseResourceManager._instances", {})
    answer = load_function("answer_with_trace", tmp_path)
    client = answer.__globals__["prompts"]

    def fail(model: str, messages: Any) -> str:
        raise TimeoutError("too late")

    with LangfuseServer() as server:
        client._numbers = {("support", version.digest): project(server, version)[version.digest]}
        sdk = real_langfuse()(public_key=PUBLIC, secret_key=SECRET, base_url=server.url)
        answer(sdk, lambda model, messages: messages[0]["content"], "user-1", "Where?")
        with pytest.raises(TimeoutError):
            answer(sdk, fail, "user-2", "When?")
        sdk.shutdown()
        traffic = LangfuseTraffic(
            Langfuse(server.url, LangfuseKeys(public=PUBLIC, secret=SECRET)), "support", document,
            chosen=LangfuseRowFilter(), store=Store(root=tmp_path / ".evalgate"),
        )  # fmt: skip
        hour = datetime.now(UTC) + timedelta(hours=1)
        found = [
            json.loads(line) for line in traffic.stream(find_recent(hour.isoformat(), texts=True), hour.isoformat())
        ]
        assert server.violations == []
    rows = {row["key"]: row for row in found}  # both may have started in the same millisecond
    assert len(rows) == len(found) == 2
    for user, question, output, error in (
        ("user-1", "Where?", "Answer: Where?", None),
        ("user-2", "When?", None, "ERROR"),
    ):
        row = rows[user]
        assert row == client.choose("support", user).row(
            id=row["id"], at=row["at"], seconds=row["seconds"], sampled=True, error=error,
            fields={"question": question}, output=output,
        )  # fmt: skip


def real_langfuse() -> Any:
    from langfuse import Langfuse

    return Langfuse


def test_prompts_are_loaded_at_the_start(folder: Path) -> None:
    start = load_function("start", folder)
    asyncio.run(start())
    client = start.__globals__["prompts"]
    for path in folder.glob("*.json"):
        path.unlink()
    assert [client.get(name).version for name in ("support", "summary")] == ["1.0.0", "1.0.0"]


def test_a_client_takes_that_of_redis(folder: Path) -> None:
    redis = SimpleNamespace(eval=None, zadd=None, zrangebyscore=None)
    assert isinstance(load_function("make_client", folder)(redis), PromptClient)


def test_the_test_of_an_application_holds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "tests").mkdir()
    (folder / "support.json").rename(folder / "tests" / "support.json")
    monkeypatch.chdir(folder)
    load_function("test_the_question_reaches_the_model", folder)()
