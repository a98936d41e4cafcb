"""The client of Langfuse against the fake server: plain data in and out, and each error as one message."""

from __future__ import annotations

import base64
import itertools
import json
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from time import monotonic
from urllib.parse import quote

import pytest
from langfuse_server import PUBLIC, SECRET, LangfuseServer
from raw_server import RawServer, make_answer

from evalgate.errors import InputError
from evalgate.services.langfuse import Langfuse, LangfuseKeys, check_address
from evalgate.services.langfuse_errors import LangfuseError, LangfuseLostError, LangfuseMissingError, LangfuseRaceError

KEYS = LangfuseKeys(public=PUBLIC, secret=SECRET)
ODD = "evalgate/a b ü?#%2F 🎉"


@pytest.fixture
def server() -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        yield made
        assert made.violations == []


@pytest.fixture
def langfuse(server: LangfuseServer) -> Langfuse:
    return Langfuse(server.url, KEYS)


def test_a_version_is_written_listed_and_read_back(langfuse: Langfuse) -> None:
    text = "{{a}} \u2028 \r\n 🎉 é \x01 @@@"
    made = langfuse.create(ODD, text, config={"revision": 1}, tags=["evalgate-rev:1"], labels=["v1.0.0"], message="why")
    assert (made.version, made.labels, made.tags, made.message) == (1, ("v1.0.0", "latest"), ("evalgate-rev:1",), "why")
    assert langfuse.read(ODD, 1) == made and made.prompt == text and made.config == {"revision": 1}
    listing = langfuse.find_prompt(ODD)
    assert listing is not None and listing.versions == (1,) and listing.config == {"revision": 1}
    assert listing.tags == ("evalgate-rev:1",) and listing.labels == ("latest", "v1.0.0")
    assert langfuse.list_prompts() == [listing]


def test_a_chat_is_written_with_its_placeholders(langfuse: Langfuse) -> None:
    messages = [{"role": "system", "content": "You {{a}}"}, {"type": "placeholder", "name": "history"}]
    made = langfuse.create_chat("support", messages, config={}, labels=["staging"])
    assert made.prompt == tuple(messages) and langfuse.read("support", 1) == made


def test_what_is_missing_is_none(langfuse: Langfuse) -> None:
    assert langfuse.find_prompt("a") is None and langfuse.list_prompts() == []
    assert langfuse.read("a", 1) is None
    langfuse.create("a", "x", config={})
    assert langfuse.find_prompt("a", label="production") is None
    with pytest.raises(LangfuseMissingError, match="version 7 not found"):
        langfuse.add_labels("a", 7, ["x"])


def test_references_are_not_filled_in(server: LangfuseServer, langfuse: Langfuse) -> None:
    langfuse.create("child", "CHILD", config={}, labels=["production"])
    text = "@@@langfusePrompt:name=child|label=production@@@"
    langfuse.create("a", text, config={}, labels=["production"])
    found = langfuse.read("a", 1)
    assert found is not None and found.prompt == text
    with pytest.raises(LangfuseError, match="Prompt dependency not found: nothing"):
        langfuse.create("b", "@@@langfusePrompt:name=nothing|label=production@@@", config={})


def test_all_pages_are_read(server: LangfuseServer, langfuse: Langfuse) -> None:
    for number in range(205):
        server.prompts.seed(f"p{number:03}")
    assert [one.name for one in langfuse.list_prompts()] == [f"p{number:03}" for number in range(205)]


def test_labels_are_added_and_the_holders_listed(server: LangfuseServer, langfuse: Langfuse) -> None:
    for _ in range(2):
        langfuse.create("a/b", "x", config={}, labels=["staging"])
    assert langfuse.add_labels("a/b", 1, ["production"]).labels == ("production",)
    assert langfuse.add_labels("a/b", 1, []).labels == ("production",)
    listing = langfuse.find_prompt("a/b", label="staging")
    assert listing is not None and listing.versions == (2,)


def test_wrong_keys_are_told_and_never_shown(server: LangfuseServer) -> None:
    langfuse = Langfuse(server.url, LangfuseKeys(public="pk-lf-wrong", secret="sk-lf-hidden"))
    with pytest.raises(LangfuseError, match=r"refuses the keys \(401\): Invalid credentials") as refused:
        langfuse.find_prompt("a")
    assert "check the public and the secret key" in str(refused.value) and "hidden" not in str(refused.value)
    assert "hidden" not in repr(langfuse) and "hidden" not in repr(LangfuseKeys(public="p", secret="hidden"))


def test_a_write_is_sent_once_and_a_read_again(server: LangfuseServer, langfuse: Langfuse) -> None:
    langfuse.create("a", "x", config={})
    for status in (500, 503, 429):
        server.fail("POST", status=status)
        before = server.count("POST")
        with pytest.raises(LangfuseLostError, match=f"answered {status}"):
            langfuse.create("a", "x", config={})
        assert server.count("POST") == before + 1
    server.fail("PATCH", status=500)
    with pytest.raises(LangfuseLostError):
        langfuse.add_labels("a", 1, ["x"])
    server.fail("GET", status=500)
    assert langfuse.read("a", 1) is not None


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_connection_that_breaks_leaves_it_open_whether_it_was_written(
    server: LangfuseServer, langfuse: Langfuse, lost: str
) -> None:
    langfuse.find_prompt("a")
    server.fail("POST", lost=lost)
    with pytest.raises(LangfuseLostError, match="the connection broke"):
        langfuse.create("a", "x", config={})
    assert len(server.prompts.versions("a")) == (lost == "after")


def test_a_slow_answer_is_told(server: LangfuseServer) -> None:
    langfuse = Langfuse(server.url, KEYS, seconds=1)
    langfuse.find_prompt("a")
    server.fail("POST", pause=1.5)
    with pytest.raises(LangfuseLostError, match="no answer in 1 seconds"):
        langfuse.create("a", "x", config={})


def test_a_race_that_is_lost_has_its_own_error(server: LangfuseServer, langfuse: Langfuse) -> None:
    def race(_: str, name: str) -> None:
        server.prompts.between = None
        server.prompts.seed(name)

    server.prompts.between = race
    with pytest.raises(LangfuseRaceError, match="another create was faster"):
        langfuse.create("a", "x", config={})


def test_refusals_say_why(langfuse: Langfuse) -> None:
    with pytest.raises(LangfuseError, match="Label must be lowercase"):
        langfuse.create("a", "x", config={}, labels=["V2"])
    with pytest.raises(InputError, match="Langfuse takes at most 900,000"):
        langfuse.create("a", "x" * 1_100_000, config={})
    with pytest.raises(LangfuseLostError, match="answered 500"):
        langfuse.create("a", "a\0b", config={})


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (404, "<html>no</html>", "is not a Langfuse server"),
        (301, "", "redirects"),
        (413, "Body exceeded 1mb limit", "larger than the server takes"),
        (200, "<html>hello</html>", "not what Langfuse sends"),
        (200, '{"data": 7}', "not what Langfuse sends"),
        (400, '{"message": "bad \\u001b[31m\\nnews"}', r"refuses the request \(400\): bad  ?\[31m"),
    ],
)
def test_answers_of_other_servers_are_told(
    server: LangfuseServer, langfuse: Langfuse, status: int, body: str, message: str
) -> None:
    langfuse.find_prompt("a")
    server.fail("GET", status=status, body=body)
    with pytest.raises(LangfuseError, match=message):
        langfuse.find_prompt("a")


@pytest.mark.parametrize("version", ["4.15.9", "3.100.0", "", "next"])
def test_a_server_that_is_too_old_is_refused(version: str) -> None:
    with LangfuseServer(version=version) as server, pytest.raises(LangfuseError, match=r"needs 4\.16 or later"):
        Langfuse(server.url, KEYS).find_prompt("a")


@pytest.mark.parametrize("version", ["4.16.0", "v4.59.0", "5.0.0-rc.1"])
def test_a_server_that_is_new_enough_is_asked_once_for_its_version(version: str) -> None:
    with LangfuseServer(version=version) as server:
        langfuse = Langfuse(server.url, KEYS)
        langfuse.find_prompt("a")
        langfuse.find_prompt("a")
        assert [path for _, path, _ in server.requests].count("/api/public/health") == 1


def test_a_server_that_is_not_there_is_told() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(LangfuseError, match="cannot be reached") as refused:
        Langfuse(url, KEYS).find_prompt("a")
    assert not isinstance(refused.value, LangfuseLostError)


@pytest.mark.parametrize(
    "url",
    ["", "host", "ftp://host", "https://", "https://a:b@host", "https://host?x=1", "https://host#x", "https://h:x"],
)
def test_an_address_that_names_no_server_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="the address of a Langfuse server"):
        check_address(url)


def test_an_address_may_have_a_port_and_a_path() -> None:
    assert check_address("https://host:8443/langfuse/") == "https://host:8443/langfuse"


def test_the_package_is_loaded_with_the_first_request() -> None:
    code = "import sys, evalgate.services.langfuse, evalgate.release.registry; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"langfuse", "httpx", "pydantic"} & set(loaded)


@pytest.mark.parametrize("package", ["httpx", "langfuse", "langfuse.api.core.api_error"])
def test_a_package_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    for name in [one for one in sys.modules if one == package or one.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    langfuse = Langfuse("http://127.0.0.1:9", KEYS)
    for ask in (
        lambda: langfuse.find_prompt("a"),
        lambda: langfuse.request("a", "/api/public/projects"),
        lambda: langfuse.version,
    ):
        with pytest.raises(InputError, match="not installed") as refused:
            ask()
        assert refused.value.faults[0].hint == "pip install 'prompt-evalgate[langfuse]'"


def test_a_plain_request_is_answered_or_refused(server: LangfuseServer, langfuse: Langfuse) -> None:
    assert langfuse.request("the project", "/api/public/projects")["data"][0]["name"] == "proj1"
    assert langfuse.version == (4, 16)
    body = b'{"name": "a", "prompt": "\xc3\xa9"}'
    made = langfuse.request("a", "/api/public/v2/prompts", body=body)
    assert made["prompt"] == "é" and langfuse.read("a", 1) is not None
    found = langfuse.request("all", "/api/public/v2/prompts", query={"name": "a"})
    assert [one["name"] for one in found["data"]] == ["a"]
    with pytest.raises(LangfuseMissingError, match="Prompt not found"):
        langfuse.request("b", "/api/public/v2/prompts/b")
    with pytest.raises(LangfuseError, match="is not a Langfuse server"):
        langfuse.request("b", "/api/nothing")


LONG_KEYS = LangfuseKeys(public="pk-lf-0123", secret="sk-lf-0123456789abcdef")
_PAIR = f"{LONG_KEYS.public}:{LONG_KEYS.secret}"
SPELLINGS = {
    "as it is": LONG_KEYS.secret,
    "in a long text": "x" * 290 + LONG_KEYS.secret,
    "as the header": base64.b64encode(_PAIR.encode()).decode(),
    "in a URL": quote(LONG_KEYS.secret.replace("-", "%2D"), safe="%"),
    "in hexadecimal": LONG_KEYS.secret.encode().hex(),
    "in JSON": json.dumps({"key": LONG_KEYS.secret}),
}


@pytest.mark.parametrize("spelled", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500])
def test_a_server_that_quotes_the_keys_does_not_get_them_shown(
    server: LangfuseServer, status: int, spelled: str
) -> None:
    langfuse = Langfuse(server.url, KEYS)
    langfuse.find_prompt("a")
    langfuse._mask = Langfuse(server.url, LONG_KEYS)._mask
    server.fail("POST", status=status, body=json.dumps({"message": f"bad {spelled}", "error": [{"message": spelled}]}))
    with pytest.raises(LangfuseError) as refused:
        langfuse.create("a", "x", config={})
    shown = "".join(traceback.format_exception(refused.value))
    assert not any(part in shown for part in (LONG_KEYS.secret[:12], *SPELLINGS.values()))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"data": ' * 50_000,
        b'{"version": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b"[]",
        b"null",
        b'"\\ud800"',
        b'{"version": "4.16.0", "status": "OK", "data": [{"name": "a", "versions": []}], "meta": {}}',
    ],
)
def test_answers_of_any_form_are_told(body: bytes) -> None:
    with RawServer(lambda head: [make_answer(body)]) as server, pytest.raises(LangfuseError) as refused:
        Langfuse(server.url, KEYS).list_prompts()
    assert "not what Langfuse sends" in str(refused.value) and len(str(refused.value)) < 600


@pytest.mark.parametrize("versions", ["[]", "[0]", "[-1, 1]", "[99999999999999999999]"])
def test_a_prompt_has_versions_that_count_from_one(server: LangfuseServer, langfuse: Langfuse, versions: str) -> None:
    row = f'{{"name": "a", "type": "text", "versions": {versions}, "labels": [], "tags": [], "lastUpdatedAt": '
    row += '"2026-01-01T00:00:00Z", "lastConfig": {}}'
    body = f'{{"data": [{row}], "meta": {{"page": 1, "limit": 1, "totalItems": 1, "totalPages": 1}}}}'
    langfuse.find_prompt("a")
    server.fail("GET", status=200, body=body)
    with pytest.raises(LangfuseLostError, match="not what Langfuse sends"):
        langfuse.find_prompt("a")


def test_a_slow_answer_has_a_total_of_seconds() -> None:
    pieces = itertools.chain([b"HTTP/1.1 200 OK\r\n\r\n{"], itertools.repeat(b" "))
    with RawServer(lambda head: pieces, pause=0.1) as server:
        start = monotonic()
        with pytest.raises(LangfuseLostError, match="no answer in 1 seconds"):
            Langfuse(server.url, KEYS, seconds=1).find_prompt("a")
    assert monotonic() - start < 5


def test_a_pause_of_years_is_not_waited_for() -> None:
    answer = make_answer(b"{}", status="429 X", headers=["Retry-After: 99999999"])
    told = pytest.raises(LangfuseLostError, match="asks to wait 99,999,999 s")
    with RawServer(lambda head: [answer]) as server, told:
        Langfuse(server.url, KEYS).find_prompt("a")
    assert len(server.requests) == 1
