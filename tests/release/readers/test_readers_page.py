"""Tests of the examples in docs/readers.md: each runs, or is compiled, as it stands there."""

from __future__ import annotations

import http.server
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from release.documents import make_document, make_version
from release.readers.children import NODE_READER, compile_csharp

from evalgate.release.document import PublishedMessage, Variable, encode_document

PAGE = (Path(__file__).parents[3] / "docs" / "readers.md").read_text(encoding="utf-8")
NODE, CSHARP = (re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) for language in ("js", "csharp"))

PARTS = (Variable(name="question"), " (", Variable(name="orders"), " orders)")
VERSION = make_version(messages=(PublishedMessage(role="user", parts=PARTS),))
DOCUMENT = encode_document(make_document(VERSION, labels={"production": VERSION}))
FAKE_REDIS = """
export const createClient = () => ({ connect: async () => ({ hGet: async (key, field) =>
  key === "evalgate:support" && field === "data" ? process.env.DOCUMENT : null }) });
"""
FAKE_PACKAGES = """
namespace System.Net.Http
{
    public class HttpClient
    {
        public System.TimeSpan Timeout { get; set; }
        public System.Threading.Tasks.Task<byte[]> GetByteArrayAsync(string uri) { return null; }
    }
}
namespace StackExchange.Redis
{
    public struct RedisValue
    {
        public static implicit operator RedisValue(string value) { return new RedisValue(); }
        public static implicit operator byte[](RedisValue value) { return null; }
    }
    public struct RedisKey
    {
        public static implicit operator RedisKey(string value) { return new RedisKey(); }
    }
    public interface IDatabase
    {
        RedisValue HashGet(RedisKey key, RedisValue field, int flags = 0);
    }
}
"""


@pytest.fixture
def address() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/support.json"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(DOCUMENT if found else b"")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "Where is my order? (2 orders)"), (1, "1.0.0 production"), (2, "1.0.0")]
)
def test_each_example_in_javascript_runs(number: int, shown: str, address: str, tmp_path: Path) -> None:
    assert len(NODE) == 3
    shutil.copy(NODE_READER, tmp_path)
    redis = tmp_path / "node_modules" / "redis"
    redis.mkdir(parents=True)
    (redis / "package.json").write_text(json.dumps({"name": "redis", "type": "module", "main": "index.js"}))
    (redis / "index.js").write_text(FAKE_REDIS, encoding="utf-8")
    (tmp_path / "support.json").write_bytes(DOCUMENT)
    (tmp_path / "example.mjs").write_text(
        NODE[number].replace("https://prompts.example.com", address), encoding="utf-8"
    )
    node = shutil.which("node")
    assert node
    done = subprocess.run(
        [node, "example.mjs"], cwd=tmp_path, env={"DOCUMENT": DOCUMENT.decode()}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and shown in done.stdout, done.stdout + done.stderr


def test_the_example_in_csharp_runs(mono: None, tmp_path: Path) -> None:
    (tmp_path / "support.json").write_bytes(DOCUMENT)
    (tmp_path / "Program.cs").write_text(CSHARP[0], encoding="utf-8")
    program = compile_csharp(tmp_path, tmp_path / "Program.cs")
    done = subprocess.run(["mono", str(program)], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    told = json.loads(done.stdout)
    assert told == {
        "temperature": 0,
        "model": "gpt-5-mini",
        "messages": [{"role": "user", "content": "Where is my order? (2 orders)"}],
    }


def test_the_other_example_in_csharp_compiles(mono: None, tmp_path: Path) -> None:
    assert len(CSHARP) == 2
    (tmp_path / "Prompts.cs").write_text(CSHARP[1], encoding="utf-8")
    (tmp_path / "Packages.cs").write_text(FAKE_PACKAGES, encoding="utf-8")
    compile_csharp(tmp_path, tmp_path / "Prompts.cs", tmp_path / "Packages.cs", options=("-target:library",))


def test_the_page_names_the_limits_of_the_readers() -> None:
    source = NODE_READER.read_text(encoding="utf-8")
    for text, value in [("16 MiB", "LARGEST = 16 * 1024 * 1024"), ("900 levels", "DEEPEST = 900")]:
        assert text in PAGE and value in source
    for text, value in [("300 digits", "LONGEST_NUMBER = 300"), ("10 seconds", "RETRY_SECONDS = 10")]:
        assert text in PAGE and value in source
