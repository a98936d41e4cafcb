from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest
from chat_server import ChatServer, Received, Reply, completion, error
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Failure, Message, Outcome, Output, Prices, Request, Target
from evalgate.execute.providers.chat_completions import read_reply
from evalgate.execute.providers.completion_stream import CompletionStream, StreamError
from evalgate.execute.providers.openai import OpenAIProvider
from evalgate.execute.providers.protocol import ProviderError

KEY = "sk-secret-123"
EVENTS = {"Content_Type": "text/event-stream"}


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"id": "x", "object": "chat.completion.chunk", "model": "m-1", "choices": choices, **more}


def write(*chunks: dict[str, Any] | str, done: bool = True) -> bytes:
    lines = [one if isinstance(one, str) else f"data: {json.dumps(one)}" for one in chunks]
    return "".join(f"{line}\n\n" for line in [*lines, *(["data: [DONE]"] if done else [])]).encode()


def read(content: bytes) -> dict[str, Any]:
    stream = CompletionStream()
    stream.feed(content)
    return stream.build_completion()


def outcome(content: bytes) -> Outcome:
    return read_reply(read(content), seconds=1.0, scale=(1, 5))


def test_a_stream_without_a_choice_is_a_reply_without_one() -> None:
    """A gateway ends the stream of a blocked prompt so, and asking again would give it a second chance."""
    reply = outcome(write(chunk(usage={"prompt_tokens": 9, "completion_tokens": 0})))
    assert isinstance(reply, Failure) and reply.message == "the reply contains no choice"
    for content in (write(chunk(), done=False), write()):
        with pytest.raises(StreamError):
            read(content)


def ask(target: Target, *requests: Request, timeout: float = 10) -> list[Outcome]:
    async def run() -> list[Outcome]:
        provider = OpenAIProvider(target, KEY, timeout)
        try:
            return [await provider.answer(one) for one in requests]
        finally:
            await provider.aclose()

    return asyncio.run(run())


def make_target(url: str, **more: Any) -> Target:
    return Target(
        name="api", kind="openai", location=url, identity="i", model="m", api_key_env="K", stream=True, **more
    )


def make_request(**more: Any) -> Request:
    return Request(target="api", identity="i", model=None, messages=(Message(role="user", content="hi"),), **more)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
CALLS = st.lists(st.tuples(st.text("abc_", min_size=1, max_size=8), st.dictionaries(st.text("ab", max_size=2), st.integers())), max_size=3)  # fmt: skip


@given(
    text=TEXTS,
    thoughts=TEXTS,
    calls=CALLS,
    finish=st.sampled_from(["stop", "length", "tool_calls", "content_filter", "error"]),
    size=st.integers(1, 9),
    data=st.data(),
)
def test_a_stream_reads_as_the_reply_that_it_is_made_of(  # noqa: PLR0917
    text: str, thoughts: str, calls: list[tuple[str, dict[str, int]]], finish: str, size: int, data: st.DataObject
) -> None:
    made = [
        {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for n, (name, arguments) in enumerate(calls)
    ]
    top = [{"token": "4", "logprob": -0.5, "top_logprobs": [{"token": "4", "logprob": -0.5}]}] * 2
    message: dict[str, Any] = {"reasoning_content": thoughts} if thoughts else {}
    message |= {"tool_calls": made} if made else {}
    whole = completion(text, finish_reason=finish, message=message, logprobs={"content": top}, system_fingerprint="fp")
    pieces: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    pieces += [{"reasoning_content": thoughts[at : at + size]} for at in range(0, len(thoughts), size)]
    pieces += [{"content": text[at : at + size]} for at in range(0, len(text), size)]
    for index, call in enumerate(made):
        function = call["function"]
        pieces.append(
            {"tool_calls": [{**call, "index": index, "function": {"name": function["name"], "arguments": ""}}]}
        )
        for at in range(0, len(function["arguments"]), size):
            part = {"index": index, "function": {"arguments": function["arguments"][at : at + size]}}
            pieces.append({"tool_calls": [part]})
    chunks = [chunk(piece, system_fingerprint="fp") for piece in pieces]
    chunks[0]["choices"][0]["logprobs"] = {"content": top[:1]}
    chunks.append({**chunk({}, finish), "system_fingerprint": "fp"})
    chunks[-1]["choices"][0]["logprobs"] = {"content": top[1:]}
    chunks.append(chunk(None, usage=whole["usage"]))
    content = write(*chunks, done=data.draw(st.booleans()))
    cut = data.draw(st.integers(0, len(content)))
    stream = CompletionStream()
    stream.feed(content[:cut])
    stream.feed(content[cut:])

    def told(reply: Any) -> Any:
        try:
            return read_reply(reply, seconds=1.0, scale=(1, 5), prices=Prices(input=1, output=2))
        except ProviderError as refused:
            return refused.own

    assert told(stream.build_completion()) == told(whole)


def test_thoughts_are_apart_from_the_answer() -> None:
    found = read(
        write(chunk({"reasoning_content": "Hm"}), chunk({"reasoning_content": "m."}), chunk({"content": "4"}, "stop"))
    )
    assert found["choices"][0]["message"] == {"role": "assistant", "content": "4", "reasoning_content": "Hmm."}


@pytest.mark.parametrize(
    "pieces",
    [
        [{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x"'}}, {"index": 0, "function": {"arguments": ": 1}"}}],
        [{"id": "a", "function": {"name": "f", "arguments": '{"x"'}}, {"function": {"arguments": ": 1}"}}],
        [{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x"'}}, {"index": 0, "id": "a", "function": {"name": "f", "arguments": ": 1}"}}],
        [{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x"'}}, {"index": 0, "id": "", "function": {"name": "", "arguments": ": 1}"}}],
        [{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x"'}}, {"index": 0, "function": {"name": None, "arguments": ": 1}"}}],
    ],
)  # fmt: skip
def test_the_pieces_of_a_call_are_joined_however_an_endpoint_marks_them(pieces: list[dict[str, Any]]) -> None:
    found = outcome(write(*(chunk({"tool_calls": [piece]}) for piece in pieces), chunk({}, "tool_calls")))
    assert isinstance(found, Output)
    call = json.loads(found.text)["tool_calls"][0]
    assert call["name"] == "f" and call["arguments"] in ({"x": 1}, '{"x": 1}')


def test_calls_without_an_index_or_with_one_index_for_all_stay_apart() -> None:
    for index in ({}, {"index": 0}):
        pieces = [{**index, "id": name, "function": {"name": name, "arguments": "{}"}} for name in ("f", "g")]
        found = outcome(write(chunk({"tool_calls": pieces}, "tool_calls")))
        assert isinstance(found, Output)
        assert [call["name"] for call in json.loads(found.text)["tool_calls"]] == ["f", "g"]


def test_a_last_chunk_with_the_whole_message_is_not_counted_twice() -> None:
    last = {
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "all of it"}}]
    }
    found = outcome(write(chunk({"content": "all "}), chunk({"content": "of it"}), last))
    assert isinstance(found, Output) and found.text == "all of it"


def test_content_in_parts_is_joined() -> None:
    parts = [{"content": [{"type": "text", "text": "one "}]}, {"content": "two"}]
    found = outcome(write(*map(chunk, parts), chunk({}, "stop")))
    assert isinstance(found, Output) and found.text == "one two"


def test_text_that_was_filtered_in_any_chunk_is_no_answer() -> None:
    filtered = chunk({"content": "a"})
    filtered["choices"][0]["content_filter_results"] = {"violence": {"filtered": True}}
    after = chunk({"content": "b"}, "stop")
    after["choices"][0]["content_filter_results"] = {"violence": {"filtered": False}}
    assert isinstance(outcome(write(filtered, after)), Failure)


@given(st.lists(st.text("ab "), min_size=2, max_size=6), st.integers(0, 6))
def test_a_finish_reason_in_each_chunk_ends_no_stream(texts: list[str], cut: int) -> None:
    chunks = [chunk({"content": text}, "stop") for text in texts]
    assert outcome(write(*chunks)) == outcome(write(chunk({"content": "".join(texts)}, "stop")))
    came = chunks[:cut]
    if any(texts[1:cut]):
        with pytest.raises(StreamError, match="each chunk has a finish reason"):
            read(write(*came, done=False))
    elif came:
        assert read(write(*came, done=False))["choices"]


@pytest.mark.parametrize(
    "told",
    [
        {"error": {"message": "overloaded", "code": 529}},
        {"object": "error", "message": "overloaded"},
        'event: error\ndata: {"message": "overloaded"}',
        "event: error\ndata: overloaded",
        {"choices": [], "error": "overloaded"},
        {"code": 429, "error_msg": "overloaded", "error_code": 18},
    ],
)
def test_an_error_in_the_middle_is_no_answer(told: dict[str, Any] | str) -> None:
    with pytest.raises(ProviderError) as caught:
        outcome(write(chunk({"content": "half of"}, "stop"), told))
    assert caught.value.retryable


@pytest.mark.parametrize(
    "content",
    [
        write(chunk({"content": "half"}), done=False),
        write(chunk({"content": "half"})),  # a proxy may end a broken stream in the usual way
        write(),
        write(chunk({"content": "a"}, "stop"), "data: {not json"),
        write(chunk({"content": "a"}, "stop"), "data: [1]"),
        write(chunk({"content": "a"}, "stop"), done=False) + b'data: {"choices": [{"in',
        write({"choices": {"index": 0}}),
        write({"choices": [3]}),
        write({"choices": [{"index": "x", "delta": {}}]}),
        write({"choices": [{"index": 0, "delta": "text"}]}),
        write({"choices": [{"index": 0, "delta": {"tool_calls": ["f"]}}]}),
        b"data: " + b"[" * 5000 + b"\n\n",
    ],
)
def test_a_stream_that_ends_early_or_is_malformed_is_no_answer(content: bytes) -> None:
    with pytest.raises(StreamError):
        read(content)


@pytest.mark.parametrize("reason", ["length", "MAX_TOKENS", "content_filter", "error"])
@pytest.mark.parametrize("key", ["finish_reason", "native_finish_reason"])
@pytest.mark.parametrize("later", [{}, {"finish_reason": "stop", "native_finish_reason": "STOP"}])
def test_no_later_reason_replaces_an_early_end(reason: str, key: str, later: dict[str, Any]) -> None:
    first = chunk({"content": "Half of"}, "stop")
    first["choices"][0][key] = reason
    last = chunk({})
    last["choices"][0] |= later
    try:
        found = outcome(write(first, last))
    except ProviderError:
        return
    assert isinstance(found, Failure) or found.finish_reason == "length"


@pytest.mark.parametrize(
    "told",
    [
        chunk({}, "stop", x_groq={"id": "r", "error": "over_capacity"}),
        'error: {"code": 500, "message": "the slot was lost"}',
        "error: the slot was lost",
    ],
)
def test_an_error_in_an_extension_of_the_format_is_no_answer(told: dict[str, Any] | str) -> None:
    with pytest.raises(ProviderError):
        outcome(write(chunk({"content": "Half of"}, "stop"), told))


def test_over_the_wire(chat_server: ChatServer) -> None:
    thinking, usage = chunk({"reasoning_content": "hm"}), {"prompt_tokens": 3, "completion_tokens": 2}
    content = write(
        ": wait", thinking, chunk({"content": "he"}), chunk({"content": "llo"}, "stop"), chunk(None, usage=usage)
    )
    chat_server.script = [
        Reply(body=content, headers=EVENTS),
        Reply(body=gzip.compress(content), headers={**EVENTS, "Content_Encoding": "gzip"}),
        Reply(body=completion("hello")),  # an endpoint that ignores `stream`
    ]
    target = make_target(chat_server.url, prices=Prices(input=1, output=10))
    first, second, third = ask(target, make_request(), make_request(), make_request())
    for found in (first, second, third):
        assert isinstance(found, Output) and (found.text, found.finish_reason, found.served_by) == (
            "hello",
            "stop",
            "m-1",
        )
    assert isinstance(first, Output) and first.cost_usd == pytest.approx(23e-6)
    body = chat_server.received[0].body
    assert body["stream"] is True and body["stream_options"] == {"include_usage": True}


def test_an_endpoint_that_refuses_the_usage_option_is_asked_without_it(chat_server: ChatServer) -> None:
    def script(received: Received, _: int) -> Reply:
        if "stream_options" in received.body:
            return error(400, "Unrecognized request argument supplied: stream_options")
        return Reply(body=write(chunk({"content": "hello"}, "stop")), headers=EVENTS)

    chat_server.script = script
    assert [
        one.text for one in ask(make_target(chat_server.url), make_request(), make_request()) if isinstance(one, Output)
    ] == ["hello"] * 2
    assert len(chat_server.received) == 3  # what was learned holds for later requests


def test_a_key_in_several_chunks_is_masked(chat_server: ChatServer) -> None:
    content = write(chunk({"content": f"you sent {KEY[:6]}"}), chunk({"content": KEY[6:]}, "stop"))
    chat_server.script = [Reply(body=content, headers=EVENTS)]
    (found,) = ask(make_target(chat_server.url), make_request())
    assert isinstance(found, Output) and found.text == "you sent ***"


@pytest.mark.parametrize("fault", ["truncate", None])
def test_a_stream_that_breaks_is_asked_for_again(chat_server: ChatServer, fault: Any) -> None:
    chat_server.script = [
        Reply(body=write(chunk({"content": "half"}), done=fault is not None), headers=EVENTS, fault=fault)
    ]
    with pytest.raises(ProviderError) as caught:
        ask(make_target(chat_server.url), make_request())
    assert caught.value.retryable and KEY not in str(caught.value)


def test_a_stream_is_bounded(chat_server: ChatServer) -> None:
    one = write(chunk({"content": "x" * 100_000}), done=False)
    packed = gzip.compress(one * 200)
    chat_server.script = [Reply(body=packed, headers={**EVENTS, "Content_Encoding": "gzip"})]
    with pytest.raises(ProviderError, match="larger than the limit") as caught:
        ask(make_target(chat_server.url), make_request())
    assert not caught.value.retryable


async def serve(content: bytes, requests: int) -> tuple[list[Outcome | ProviderError], int]:
    """Ask an endpoint that sends this content and keeps the response open. Return the outcomes and the connections."""
    opened: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        while (await reader.readline()).strip():
            pass
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        writer.write(head + f"{len(content):x}\r\n".encode() + content + b"\r\n")
        await writer.drain()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    provider = OpenAIProvider(make_target(f"http://127.0.0.1:{port}/v1", timeout=1.5), KEY, 60)
    found: list[Outcome | ProviderError] = []
    try:
        for _ in range(requests):
            try:
                found.append(await provider.answer(make_request()))
            except ProviderError as refused:
                found.append(refused)
    finally:
        await provider.aclose()
        for writer in opened:
            writer.close()
        server.close()
    return found, len(opened)


def test_the_answer_ends_with_done_though_the_response_stays_open() -> None:
    found, _ = asyncio.run(serve(write(chunk({"content": "hello"}, "stop")), 2))
    assert [one.text for one in found if isinstance(one, Output)] == ["hello", "hello"]


def test_the_time_limit_of_the_target_holds_for_the_whole_stream() -> None:
    (found,), _ = asyncio.run(serve(write(chunk({"content": "hel"}), done=False), 1))
    assert isinstance(found, ProviderError) and "1.5 s" in found.message
