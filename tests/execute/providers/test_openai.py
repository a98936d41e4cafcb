from __future__ import annotations

import asyncio
import gzip
import json
import shutil
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Reply, completion, error

from evalgate.domain import Failure, Message, Outcome, Output, Prices, Request, Target, Usage
from evalgate.errors import InputError
from evalgate.execute.providers.openai import OpenAIProvider
from evalgate.execute.providers.protocol import Headroom, ProviderError
from evalgate.mask import Mask
from evalgate.store.cache_entry import CacheEntry, dump, load

KEY = "sk-secret-123"


def make_target(url: str, **more: Any) -> Target:
    settings: dict[str, Any] = {"model": "m", "api_key_env": "MY_KEY", **more}
    return Target(name="api", kind="openai", location=url, identity="i", **settings)


def make_request(**more: Any) -> Request:
    return Request(target="api", identity="i", model=None, messages=(Message(role="user", content="hi"),), **more)


def ask(target: Target, *requests: Request, key: str | None = KEY, timeout: float = 10, **more: Any) -> list[Outcome]:
    async def run() -> list[Outcome]:
        provider = OpenAIProvider(target, key, timeout, **more)
        try:
            return [await provider.answer(request) for request in requests]
        finally:
            await provider.aclose()

    return asyncio.run(run())


def test_answer_over_the_wire(chat_server: ChatServer) -> None:
    chat_server.script = [Reply(body=completion("hello", system_fingerprint="fp"))]
    target = make_target(chat_server.url, prices=Prices(input=1, output=10))
    (outcome,) = ask(target, make_request(parameters={"temperature": 0, "vendor": 1}, response_format={"type": "text"}))
    assert isinstance(outcome, Output)
    assert (outcome.text, outcome.served_by) == ("hello", "m-1/fp")
    assert outcome.usage == Usage(input_tokens=100, output_tokens=10)
    assert outcome.cost_usd == pytest.approx(0.0002)
    assert outcome.seconds is not None
    assert 0 < outcome.seconds < 5
    (received,) = chat_server.received
    assert received.path == "/v1/chat/completions"
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert received.body == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0,
        "vendor": 1,
        "response_format": {"type": "text"},
    }


def test_logprobs_over_the_wire(chat_server: ChatServer) -> None:
    top = [{"token": "4", "logprob": -0.5}, {"token": "2", "logprob": -1.0}]
    logprobs = {"content": [{"token": "4", "logprob": -0.5, "top_logprobs": top}]}
    chat_server.script = [Reply(body=completion("4", logprobs=logprobs))]
    (outcome,) = ask(make_target(chat_server.url), make_request(scale=(1, 5)))
    assert isinstance(outcome, Output)
    assert dict(outcome.score_tokens[0].logprobs) == {4: -0.5, 2: -1.0}
    assert chat_server.received[0].body["top_logprobs"] == 20


def test_no_environment_variable_steers_it(chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = "http://127.0.0.1:9/v1"
    for name, value in {
        "OPENAI_API_KEY": "sk-other",
        "OPENAI_ADMIN_KEY": "sk-admin",
        "OPENAI_BASE_URL": elsewhere,
        "OPENAI_ORG_ID": "org-x",
        "OPENAI_PROJECT_ID": "proj-x",
        "OPENAI_CUSTOM_HEADERS": "X-Sneaky: 1\nAuthorization: Bearer sk-sneaky",
        "HTTP_PROXY": elsewhere,
        "ALL_PROXY": elsewhere,
    }.items():
        monkeypatch.setenv(name, value)
    ask(make_target(chat_server.url), make_request())
    ask(make_target(chat_server.url, api_key_env=None), make_request(), key=None)
    with_key, without_key = (received.headers for received in chat_server.received)
    assert with_key["authorization"] == f"Bearer {KEY}"
    assert "authorization" not in without_key
    for headers in (with_key, without_key):
        assert not {"x-sneaky", "openai-organization", "openai-project"} & set(headers)


def test_the_embedded_server_answers_and_costs_nothing(chat_server: ChatServer) -> None:
    target = Target(name="local", kind="local", location="qwen", identity="i", model="local")
    (outcome,) = ask(target, make_request(), key=None, base_url=chat_server.url, served_by="fp sha256:1")
    assert isinstance(outcome, Output)
    assert (outcome.served_by, outcome.cost_usd) == ("fp sha256:1", 0.0)


@pytest.mark.parametrize("key", [None, "", "  \n"])
def test_missing_key_names_variable_and_target(key: str | None) -> None:
    with pytest.raises(InputError) as caught:
        OpenAIProvider(make_target("http://127.0.0.1:1/v1"), key, 1)
    assert "MY_KEY" in str(caught.value)
    assert '"api"' in str(caught.value)


def test_a_key_with_odd_characters_is_refused_without_showing_it() -> None:
    with pytest.raises(InputError) as caught:
        OpenAIProvider(make_target("http://127.0.0.1:1/v1"), "sk-geheimß", 1)
    assert "geheim" not in str(caught.value)


def test_no_model_anywhere_is_fatal(chat_server: ChatServer) -> None:
    with pytest.raises(ProviderError, match="no model is named") as caught:
        ask(make_target(chat_server.url, model=None), make_request())
    assert caught.value.fatal
    assert not chat_server.received


@pytest.mark.parametrize(
    ("reply", "kind", "part"),
    [
        (error(401, f"Incorrect API key provided: {KEY}"), "fatal", "MY_KEY"),
        (error(403, "no permission"), "fatal", "MY_KEY"),
        (error(403, "country"), "refused", "MY_KEY"),
        (error(404, "The model `m` does not exist"), "fatal", "does not exist"),
        (error(400, f"maximum context length is 9 tokens {KEY} {'x' * 900}"), "refused", "context length"),
        (error(429, "slow down", retry_after="3"), "retry", "slow down"),
        (error(500, "oops"), "retry", "500"),
        (Reply(body=b"<html>bad gateway", status=502), "retry", "bad gateway"),
        (Reply(body=b"<!DOCTYPE html><meta name='content'><title>Just a moment", status=403), "retry", "Just a moment"),
        (error(403, "Out of call volume quota. It is replenished in 00:12:00."), "retry", "403"),
        (error(424, "failed dependency"), "retry", "424"),
        (error(499, "client closed request"), "retry", "499"),
        (Reply(body={"state": "queued"}, status=202), "retry", "202"),
        (Reply(fault="reset"), "retry", "broke"),
        (Reply(body=completion(), fault="truncate"), "retry", "broke"),
        (Reply(body=b'{"choices": [{"mess'), "retry", "malformed"),
        (Reply(body=b""), "retry", "malformed"),
        (Reply(body=b"\xff\xfe"), "retry", "malformed"),
        (Reply(body={"unexpected": 1}), "retry", "malformed"),
    ],
)
def test_faults(chat_server: ChatServer, reply: Reply, kind: str, part: str) -> None:
    chat_server.script = [reply]
    with pytest.raises(ProviderError) as caught:
        ask(make_target(chat_server.url), make_request())
    failed = caught.value
    assert (failed.fatal, failed.retryable) == (kind == "fatal", kind == "retry")
    assert part in failed.message
    assert not failed.unreachable
    assert KEY not in failed.message
    assert len(failed.message) < 700
    assert len(chat_server.received) == 1, "the package must not retry by itself"


def test_retry_after_is_read(chat_server: ChatServer) -> None:
    chat_server.script = [error(429, "slow", retry_after="3")]
    with pytest.raises(ProviderError) as caught:
        ask(make_target(chat_server.url), make_request())
    assert caught.value.retry_after == 3.0


def test_timeout_is_of_the_whole_answer(chat_server: ChatServer) -> None:
    chat_server.script = [Reply(body=completion(), delay=0.6)]
    with pytest.raises(ProviderError, match=r"within 0\.15 s") as caught:
        ask(make_target(chat_server.url), make_request(), timeout=0.15)
    assert caught.value.retryable


def test_refused_connection_is_unreachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://user:pass@127.0.0.1:{free.getsockname()[1]}/v1?token=abc"
        with pytest.raises(ProviderError, match="cannot connect") as caught:
            ask(make_target(url), make_request())
    assert caught.value.unreachable
    assert caught.value.retryable
    assert "pass" not in caught.value.message
    assert "abc" not in caught.value.message


@pytest.mark.parametrize("url", ["127.0.0.1:1/v1", "ftp://127.0.0.1/v1", "nonsense"])
def test_a_base_url_that_is_none_is_fatal(url: str) -> None:
    with pytest.raises(ProviderError) as caught:
        ask(make_target(url), make_request())
    assert caught.value.fatal


def test_filtered_request_is_unusable(chat_server: ChatServer) -> None:
    chat_server.script = [error(400, "filtered", code="content_filter")]
    (outcome,) = ask(make_target(chat_server.url), make_request())
    assert isinstance(outcome, Failure)
    assert outcome.kind == "unusable"


def test_refused_logprobs_name_the_way_out(chat_server: ChatServer) -> None:
    chat_server.script = [error(400, "logprobs are not supported")]
    with pytest.raises(ProviderError) as caught:
        ask(make_target(chat_server.url), make_request(scale=(1, 5)))
    assert "score: printed" in str(caught.value.hint)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_leads_out(
    chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, chat_server.url.removesuffix("/v1"))
    (outcome,) = ask(make_target("http://models.invalid/v1"), make_request())
    assert isinstance(outcome, Output)
    (received,) = chat_server.received
    assert received.path == "http://models.invalid/v1/chat/completions"
    monkeypatch.setenv("NO_PROXY", "models.invalid")
    with pytest.raises(ProviderError, match="cannot connect"):
        ask(make_target("http://models.invalid/v1"), make_request())


def test_a_proxy_that_is_not_there_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("http_proxy", f"http://user:secret@127.0.0.1:{free.getsockname()[1]}")
        monkeypatch.delenv("no_proxy", raising=False)
        with pytest.raises(ProviderError, match="cannot connect") as caught:
            ask(make_target("http://models.invalid/v1"), make_request())
    assert caught.value.unreachable
    assert "secret" not in caught.value.message


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no tool that makes a certificate")
def test_tls_trusts_only_what_the_environment_names(
    chat_server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    made += ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server = chat_server._server
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    target = make_target(chat_server.url.replace("http://", "https://"))
    with pytest.raises(ProviderError, match="certificate"):
        ask(target, make_request())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    (outcome,) = ask(target, make_request())
    assert isinstance(outcome, Output)


def test_a_query_of_the_base_url_is_kept(chat_server: ChatServer) -> None:
    ask(make_target(f"{chat_server.url}/?api-version=2026-01-01"), make_request())
    assert chat_server.received[0].path == "/v1/chat/completions?api-version=2026-01-01"


@pytest.mark.parametrize("of_run", [False, True])
@pytest.mark.parametrize("before", [0, 45, 280, 292])
def test_a_secret_is_masked_before_a_text_is_cut(chat_server: ChatServer, before: int, of_run: bool) -> None:
    secret = "query-S3cretOfMine98765"
    said = f"{'x' * before}{secret}{'y' * 400}"
    chat_server.script = [
        error(400, said),
        Reply(body=completion(None, message={"refusal": said})),
        Reply(body=completion("{}", finish_reason=said)),
        Reply(body=said.encode()),
    ]
    more = {"mask": Mask([secret])} if of_run else {}
    target = make_target(chat_server.url if of_run else f"{chat_server.url}?code={secret}")
    for _ in range(4):
        try:
            told = repr(ask(target, make_request(), **more))
        except ProviderError as refused:
            told = str(refused)
        assert secret[:8] not in told and ("xxx" in told or "***" in told)


def test_half_a_surrogate_pair_is_sent_escaped(chat_server: ChatServer) -> None:
    request = Request(target="api", identity="i", model=None, messages=(Message(role="user", content="\ud83d ü"),))
    ask(make_target(chat_server.url), request)
    assert chat_server.received[0].body["messages"][0]["content"] == "\ud83d ü"


def test_limits_are_told(chat_server: ChatServer) -> None:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s"}
    more = {"x-ratelimit-remaining-tokens": "15", "x-ratelimit-reset-tokens": "120ms"}
    chat_server.script = [Reply(body=completion(), headers=headers | more), Reply(body=completion())]
    told: list[Headroom] = []

    async def run() -> None:
        provider = OpenAIProvider(make_target(chat_server.url), KEY, 10)
        provider.listen(told.append)
        for _ in range(2):
            await provider.answer(make_request())
        assert await provider.is_there()
        await provider.aclose()

    asyncio.run(run())
    assert told == [Headroom(requests_left=0, requests_reset=90.0, tokens_left=15, tokens_reset=pytest.approx(0.12))]


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


DEEP = b"[" * 100_000
HOSTILE = {
    "deep": DEEP,
    "deep arguments": completion(
        "x", message={"tool_calls": [{"function": {"name": "f", "arguments": DEEP.decode()}}]}
    ),
    "deep refusal": b'{"choices": [{"message": {"content": null, "refusal": ' + b"[" * 400 + b"]" * 400 + b"}}]}",
    "deep beside the answer": completion("x", beside=_nested(500)),
    "deep calls beside the answer": completion(
        "x", message={"tool_calls": [{"function": {"arguments": _nested(900)}}]}
    ),
    "redirects": Reply(status=307, headers={"Location": "/v1/chat/completions"}),
    "no JSON": b"\x01word " * 2_000_000,
    "an error of megabytes": Reply(body=b"\x01word " * 2_000_000, status=500),
    "many digits": b'{"choices": ' + b"1" * 5_000 + b"}",
    "large": b'{"x": "' + b"a" * 17_000_000 + b'"}',
    "logprobs": completion(
        '{"score": 4}', logprobs={"content": [{"token": "4", "logprob": -(10**400), "top_logprobs": []}]}
    ),
    "not packed": Reply(body=b"{}", headers={"Content-Encoding": "gzip"}),
    "other packing": Reply(body=b"{}", headers={"Content-Encoding": "br"}),
    "zipped": Reply(body=gzip.compress(b"a" * 200_000_000), headers={"Content-Encoding": "gzip"}),
    "zipped error": Reply(body=gzip.compress(b"a" * 50_000_000), headers={"Content-Encoding": "gzip"}, status=500),
    "deep error": Reply(body=DEEP, status=400),
    "retry": Reply(body=b"{}", headers={"Retry-After": "Mon, 01 Jan 0001 00:00:00 +2359"}, status=429),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_reply_is_more_than_an_error_of_its_own_call(chat_server: ChatServer, hostile: Any) -> None:
    chat_server.script = [hostile if isinstance(hostile, Reply) else Reply(body=hostile)]
    for scale in (None, (1, 5)):
        try:
            (outcome,) = ask(make_target(chat_server.url), make_request(scale=scale))
        except ProviderError as error:
            assert len(error.message) < 1_000
        else:
            assert load(dump(CacheEntry(key="k", about="", outcome=outcome))).outcome == outcome
    chat_server.script = [
        Reply(body=gzip.compress(json.dumps(completion("fine")).encode()), headers={"Content-Encoding": "gzip"})
    ]
    (outcome,) = ask(make_target(chat_server.url), make_request())
    assert isinstance(outcome, Output) and outcome.text == "fine"
    assert chat_server.received[-1].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("code", [400, "403", 422])
def test_an_error_with_a_status_of_its_own_counts_as_that_status(
    chat_server: ChatServer, code: int | str, within: bool
) -> None:
    """Routers send their headers before they know the answer."""
    told = {"error": {"code": code, "message": "the input was refused for what it says"}}
    body = {"choices": [{**told, "message": {"content": ""}, "finish_reason": "error"}]} if within else told
    chat_server.script = [Reply(body=body)]
    with pytest.raises(ProviderError, match=str(code)) as caught:
        ask(make_target(chat_server.url), make_request())
    assert caught.value.refused and not caught.value.retryable and len(chat_server.received) == 1


@pytest.mark.parametrize("code", [429, 502, "503"])
def test_a_status_of_a_busy_endpoint_within_a_reply_is_tried_again(chat_server: ChatServer, code: int | str) -> None:
    chat_server.script = [Reply(body={"error": {"code": code, "message": "busy"}})]
    with pytest.raises(ProviderError) as caught:
        ask(make_target(chat_server.url), make_request())
    assert caught.value.retryable and caught.value.throttled == (code == 429)
