from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from evalgate.domain import Message, Output, Request, Target
from evalgate.domain.models import EMBEDDED_MODELS, EmbeddedModel
from evalgate.errors import EvalgateError, InputError, ServiceError
from evalgate.execute.providers import local_model
from evalgate.execute.providers.openai import OpenAIProvider
from evalgate.store.locks import try_lock

CONTENT = bytes(range(256)) * 20_000


class Publisher:
    """Serves CONTENT, with Range; `cut` ends an answer early, `status` refuses it."""

    def __init__(self) -> None:
        self.ranges: list[str | None] = []
        self.cut: int | None = None
        self.status: int | None = None
        self.knows_ranges = True
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers.get("Range")
                publisher.ranges.append(wanted)
                if publisher.status:
                    self.send_error(publisher.status)
                    return
                start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
                start = start if publisher.knows_ranges else 0
                body = CONTENT[start:]
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: publisher.cut])

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    publisher = Publisher()
    yield publisher
    publisher.server.shutdown()
    publisher.server.server_close()


def make_model(url: str = "http://127.0.0.1:9/none", **more: Any) -> EmbeddedModel:
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    settings = {"bytes": len(CONTENT), "sha256": sha256, "license": "Apache-2.0", **more}
    return EmbeddedModel(name="tiny", file="tiny.gguf", url=url, **settings)


def published(publisher: Publisher, **more: Any) -> EmbeddedModel:
    return make_model(f"http://127.0.0.1:{publisher.server.server_port}/tiny.gguf", **more)


def test_names() -> None:
    name = "qwen2.5-coder-1.5b-instruct-q4_k_m"
    assert local_model.find(name) is EMBEDDED_MODELS[name]
    with pytest.raises(InputError, match=f'did you mean "{name}"'):
        local_model.find("qwen2.5-coder-1.5b-instruct")
    with pytest.raises(InputError, match="the models are: qwen"):
        local_model.find("zzz")


def test_pull_shows_progress_and_does_not_fetch_twice(publisher: Publisher, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    for _ in range(2):
        path = local_model.pull(published(publisher), tmp_path, on_progress=lambda *both: seen.append(both))
    assert path == tmp_path / "models" / "tiny.gguf"
    assert path.read_bytes() == CONTENT
    assert publisher.ranges == [None]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen[: len(seen) // 2]] == sorted(done for done, _ in seen[: len(seen) // 2])
    assert [file.name for file in path.parent.iterdir()] == ["tiny.gguf"]


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_pull_resumes(publisher: Publisher, tmp_path: Path, knows_ranges: bool) -> None:
    publisher.knows_ranges = knows_ranges
    publisher.cut = 3_000_000
    with pytest.raises(ServiceError, match="resumes"):
        local_model.pull(published(publisher), tmp_path)
    part = tmp_path / "models" / "tiny.gguf.part"
    have = part.stat().st_size
    assert 0 < have <= 3_000_000
    publisher.cut = None
    assert local_model.pull(published(publisher), tmp_path).read_bytes() == CONTENT
    assert publisher.ranges == [None, f"bytes={have}-"]
    assert not part.exists()


def test_a_damaged_file_is_fetched_again(publisher: Publisher, tmp_path: Path) -> None:
    path = tmp_path / "models" / "tiny.gguf"
    path.parent.mkdir()
    path.write_bytes(CONTENT[:-1] + b"!")
    assert local_model.pull(published(publisher), tmp_path).read_bytes() == CONTENT


def test_wrong_bytes_are_removed(publisher: Publisher, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="its sha256 is"):
        local_model.pull(published(publisher, sha256="0" * 64), tmp_path)
    assert not list((tmp_path / "models").iterdir())


def test_a_refusal_and_an_unreachable_publisher(publisher: Publisher, tmp_path: Path) -> None:
    publisher.status = 503
    with pytest.raises(ServiceError, match="returned status 503"):
        local_model.pull(published(publisher), tmp_path)
    with pytest.raises(ServiceError, match="cannot download"):
        local_model.pull(make_model(), tmp_path)


def test_no_space(publisher: Publisher, tmp_path: Path) -> None:
    with pytest.raises(EvalgateError, match="free"):
        local_model.pull(published(publisher, bytes=10**18), tmp_path)
    assert not publisher.ranges


def test_one_process_at_a_time(publisher: Publisher, tmp_path: Path) -> None:
    part = tmp_path / "models" / "tiny.gguf.part"
    part.parent.mkdir()
    with part.open("ab") as other:
        assert try_lock(other)
        with pytest.raises(InputError, match="another process"):
            local_model.pull(published(publisher), tmp_path)


def test_from_a_file(tmp_path: Path) -> None:
    source = tmp_path / "downloaded.gguf"
    source.write_bytes(CONTENT)
    assert local_model.pull(make_model(), tmp_path / "home", source=source).read_bytes() == CONTENT
    assert source.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("content", "part"), [(None, "there is no file"), (b"short", "5 bytes"), (CONTENT[::-1], "its sha256 is")]
)
def test_from_a_wrong_file(tmp_path: Path, content: bytes | None, part: str) -> None:
    source = tmp_path / "downloaded.gguf"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(InputError, match=part):
        local_model.pull(make_model(), tmp_path, source=source)
    assert source.exists() == (content is not None)
    assert not list((tmp_path / "models").iterdir())


def test_start_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(InputError) as caught:
        local_model.start(make_model(), tmp_path)
    assert 'pip install "prompt-evalgate[local]"' in str(caught.value)


def test_start_without_the_file(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="the extra `local` is not installed")
    with pytest.raises(InputError, match="evalgate model pull tiny"):
        local_model.start(make_model(), tmp_path)


@pytest.mark.live
def test_the_embedded_model_answers_in_json_with_probabilities(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="the extra `local` is not installed")
    source = os.environ.get("EVALGATE_MODEL_FILE")
    if not source:
        pytest.skip("EVALGATE_MODEL_FILE names no model file")
    model = next((each for each in EMBEDDED_MODELS.values() if each.file == Path(source).name), None)
    assert model is not None, f"{source} is none of the embedded models"
    local_model.pull(model, tmp_path, source=Path(source))
    server = local_model.start(model, tmp_path)
    target = Target(name="local", kind="local", location=model.name, identity="i", model="local")
    schema = {"type": "object", "properties": {"score": {"type": "integer", "enum": [1, 2, 3, 4, 5]}}}
    request = Request(
        target="local",
        identity="i",
        model="local",
        messages=(Message(role="user", content="How good is chocolate, from 1 to 5? Answer in JSON."),),
        parameters={"temperature": 0, "max_tokens": 20},
        response_format={"type": "json_schema", "json_schema": {"name": "s", "strict": True, "schema": schema}},
        scale=(1, 5),
    )

    async def ask() -> list[Any]:
        provider = OpenAIProvider(target, None, 300, base_url=server.base_url, served_by=server.fingerprint)
        try:
            return [await provider.answer(request) for _ in range(2)]
        finally:
            await provider.aclose()

    first, second = asyncio.run(ask())
    server.close()
    assert isinstance(first, Output)
    assert first.served_by is not None
    assert first.served_by.endswith(f"sha256:{model.sha256[:12]}")
    assert '"score"' in first.text
    assert set(first.score_tokens[0].logprobs) <= {1, 2, 3, 4, 5}
    assert (first.text, first.score_tokens) == (second.text, second.score_tokens)
