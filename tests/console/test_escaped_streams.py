"""Every string that leaves the process has passed its escaper: hostile texts from all sides, each verb, each channel.

Outputs, prompts, case ids, tags, file names, judges' reasons and an endpoint's errors hold whatever their authors like.
What comes out is held against the rules of who reads it: a terminal, the runner of GitHub Actions, a browser, a
spreadsheet. No form of the key is anywhere.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

import pytest
from chat_server import Reply, completion, error
from gated_project import CONFIG, World, prompt
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from report.test_workflow import Runner

from evalgate.console.escaped_streams import escape_streams

KEY = "sk-live/SECRET+1234567890abcdef"
FORMS = (
    KEY,
    quote(KEY, safe=""),
    base64.b64encode(KEY.encode()).decode(),
    base64.b64encode(f"user:{KEY}".encode()).decode()[7 : 8 * (5 + len(KEY)) // 6],  # what is of the key alone
    KEY.replace("/", "\\/"),
)
PIECES = (
    *("\x1b[2J", "\x1b[8m", "\x1b]0;owned\x07", "\x9b31m", "\x00", "\x7f", "\b\b", "\u202e", "\u200b", "\ufeff"),
    *("::add-mask::a", "::error file=a,line=1::owned", "##[error]b", "::stop-commands::x", "#", "##", "[group]", "::"),
    *("\n", "\r", "\r\n", "\u2028", "\x85", "<script>alert(1)</script>", "</pre>", "&", '"', "=1+1", "@a", "a", " "),
)
HOSTILE = st.lists(st.sampled_from(PIECES) | st.characters(exclude_categories=("Cs",)), min_size=1, max_size=6).map("".join)  # fmt: skip
ECHOES = st.lists(st.sampled_from((*PIECES, *FORMS, f"Bearer {KEY}")), min_size=1, max_size=6).map("".join)
SCRIPT = files("evalgate.report").joinpath("templates/report.js").read_text(encoding="utf-8")
PATHS = re.compile(r"[^a-z:#\[\]\x1b\u202e =@<>-]")
FORMATS = ("terminal", "markdown", "html", "csv", "json")


class _Page(HTMLParser):
    """Refuses any element that a report does not consist of."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in {"img", "iframe", "object", "form"}, tag
        assert tag != "script" or not attrs, attrs
        assert tag != "input" or dict(attrs).get("type") == "search", attrs  # the one of the page itself

    def handle_data(self, data: str) -> None:
        assert self.cdata_elem != "script" or data.strip() == SCRIPT.strip(), data


def hold_stream(text: str, *, in_step: bool) -> None:
    """What a terminal, or the log of a step, is given."""
    unseen = {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - {"\n", "\t"}
    assert not unseen
    if in_step:
        assert Runner().write(text).commands == []
    assert not [form for form in FORMS if form in text]


def hold_files(root: Path) -> None:
    """What lies on the disk afterwards, store and all; git's own files are the author's."""
    for path in root.rglob("*"):
        if path.is_file() and ".git" not in path.parts:
            data = path.read_bytes().decode("utf-8", "replace")
            assert not [form for form in FORMS if form in data], path
    for path in root.glob("out.*"):
        hold_format(path.read_text(encoding="utf-8"), path.suffix)


def hold_format(text: str, suffix: str) -> None:
    unseen = {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - {"\n"}
    assert not unseen, suffix
    if suffix == ".json":
        assert text.isascii()
        json.loads(text)
    if suffix == ".html":
        _Page().feed(text)
    if suffix == ".csv":
        rows = list(csv.reader(io.StringIO(text)))
        assert all(not cell or cell[0] not in "=+@" for row in rows for cell in row)
    if suffix == ".md":
        assert "<script" not in text


def project(world: World, ids: Sequence[str], name: str) -> None:
    """A gate whose every name and text is hostile; the base has a version to compare with."""
    config = CONFIG.format(url=world.server.url).replace("attempts: 2", "attempts: 1")
    config = config.replace("prompts/support.prompt.yml", in_yaml(f"{PATHS.sub('', name)}p.prompt.yml"))
    rows = [
        {"id": f"{each}{number}", "query": each, "context": each, "expected": f"never {number}", "tags": [f"t{each}"]}
        for number, each in enumerate(ids)
    ]
    world.repository.write("evalgate.yml", config)
    path, own = world.root / f"{PATHS.sub('', name)}p.prompt.yml", f"name: {in_yaml(name)}"
    world.repository.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    path.write_text(prompt().replace("name: support", own))
    world.repository.commit("hostile")
    text = prompt("1.1.0", "Be brief, always and everywhere, please.", in_yaml(f"why {name}"))
    path.write_text(text.replace("name: support", own))


def in_yaml(text: str) -> str:
    return '"' + "".join(f"\\U{ord(char):08x}" for char in text) + '"'


def run_all(world: World, *, in_step: bool) -> None:
    verbs = [
        ("validate",),
        ("plan",),
        ("run", *(argument for end in ("json", "md", "html", "csv", "txt") for argument in ("--output", f"out.{end}"))),
        *(("report", "--format", form) for form in FORMATS),
        *(("decide", "--format", form) for form in FORMATS),
        ("baseline", "sample"),
        ("baseline", "show"),
        ("drift",),
        ("cache", "stats"),
        ("cache", "stats", "--format", "json"),
        ("run", "--gate", PIECES[0] + "::error::x"),
        ("report", "no-such-\x1b[2J\u202e\n::error::x"),
        ("run", "--no-such-\x1b[2J\n::error::x"),
    ]
    for verb in verbs:
        ended = world.evalgate(*verb)
        for text in (ended.out, ended.err):
            hold_stream(text, in_step=in_step)
        assert "unexpected" not in ended.err, (verb, ended.err)
        if verb == ("validate",):
            assert ended.code == 0, ended.err
        if verb[0] == "cache" and verb[-1] == "json":
            json.loads(ended.out)
    hold_files(world.root)


@pytest.mark.parametrize("in_step", [False, True])
@given(
    ids=st.lists(HOSTILE, min_size=3, max_size=3),
    name=HOSTILE.map(lambda text: f"p{text}"),
    said=st.lists(ECHOES, min_size=2, max_size=2),
    fails=st.sampled_from(["", "error", "refusal", "in-200", "malformed"]),
)
@settings(
    max_examples=10,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_string_has_passed_its_escaper(world: World, monkeypatch: pytest.MonkeyPatch, *, in_step: bool, ids: list[str], name: str, said: list[str], fails: str) -> None:  # fmt: skip
    monkeypatch.setenv("API_KEY", KEY)
    if in_step:
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
    else:
        monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    shutil.rmtree(world.root / ".evalgate", ignore_errors=True)
    world.repository.git("checkout", "--quiet", "--force", "work")
    world.repository.git("clean", "--quiet", "-fd")
    project(world, ids, name)
    world.application = lambda system, user: replied(fails, said[0])
    world.grade = lambda judged: Reply(body=completion(json.dumps({"reason": said[1], "score": 4}), model=said[0]))
    run_all(world, in_step=in_step)


def replied(fails: str, said: str) -> Reply:
    match fails:
        case "error":
            return error(400, said, code=said)
        case "refusal":
            return Reply(body=completion(None, message={"refusal": said}))
        case "in-200":
            return Reply(body={"error": {"message": said}})
        case "malformed":
            return Reply(body=said.encode("utf-8", "replace"))
        case _:
            return Reply(body=completion(json.dumps({"answer": said}), model=said, finish_reason="stop"))


@pytest.mark.parametrize("where", ["text", "model", "refusal", "finish", "error", "error-200", "reason", "malformed"])
@pytest.mark.parametrize("form", FORMS)
def test_a_key_that_comes_back_is_kept_nowhere(world: World, monkeypatch: pytest.MonkeyPatch, where: str, form: str) -> None:  # fmt: skip
    monkeypatch.setenv("API_KEY", KEY)
    project(world, ["one", "two", "three"], "name")
    padded = "x" * 285 + form  # messages are cut at 300 characters: not through the key
    replies = {
        "text": Reply(body=completion(json.dumps({"answer": form}))),
        "model": Reply(body=completion('{"answer": 1}', model=form)),
        "refusal": Reply(body=completion(None, message={"refusal": padded})),
        "finish": Reply(body=completion('{"answer": 1}', finish_reason=form)),
        "error": error(400, padded),
        "error-200": Reply(body={"error": {"message": padded}}),
        "malformed": Reply(body=f"<html>{'x' * 60}{form}".encode()),
        "reason": Reply(body=completion('{"answer": 1}')),
    }
    world.application = lambda system, user: replies[where]
    reason = form if where == "reason" else "as scripted"
    world.grade = lambda judged: Reply(body=completion(json.dumps({"reason": reason, "score": 4})))
    texts = [world.evalgate("run", "--output", "out.json", "--output", "out.csv")]
    texts += [world.evalgate("run", "--record"), world.evalgate("baseline", "sample"), world.evalgate("drift")]
    for ended in texts:
        assert not [one for one in FORMS if one in ended.out + ended.err]
        assert KEY[:14] not in ended.out + ended.err
    hold_files(world.root)


def test_what_an_earlier_run_stored_comes_out_masked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    project(world, ["one", "two", "three"], "name")
    world.application = lambda system, user: json.dumps({"answer": KEY})
    monkeypatch.setenv("API_KEY", "another-key")
    assert KEY in (world.evalgate("run", "--output", "out.json"), (world.root / "out.json").read_text())[1]
    shutil.rmtree(world.root / ".evalgate" / "verdicts", ignore_errors=True)
    monkeypatch.setenv("API_KEY", KEY)
    world.server.received.clear()
    ended = world.evalgate("run", "--output", "out.json")
    assert KEY not in ended.out + (world.root / "out.json").read_text()
    assert not [one for one in world.server.received if "response_format" not in one.body], "the cache answered"


TEXTS = st.lists(st.sampled_from(PIECES) | st.characters(), max_size=12).map("".join)


@given(st.lists(TEXTS, max_size=6), st.booleans())
def test_a_stream_is_guarded_however_it_is_written_to(pieces: list[str], flushed: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream := io.StringIO())
        with escape_streams({"GITHUB_ACTIONS": "true"}):
            for piece in pieces:
                sys.stdout.write(piece)
                if flushed:
                    sys.stdout.flush()
        assert sys.stdout is stream
    text = re.sub(r"\x1b\[(?:[0-9;]*[mK]|\?25[hl])", "", stream.getvalue())  # colours may stay
    hold_stream(text, in_step=True)


@given(st.dictionaries(TEXTS, TEXTS, max_size=4))
def test_json_says_the_same_in_a_step(data: dict[str, str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream := io.StringIO())
        with escape_streams({"GITHUB_ACTIONS": "true"}):
            sys.stdout.write(json.dumps(data, indent=1) + "\n")
    assert json.loads(stream.getvalue()) == data
    hold_stream(stream.getvalue(), in_step=True)


def test_outside_of_a_step_colours_stay_and_nothing_waits() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream := io.StringIO())
        with escape_streams({}):
            sys.stdout.write("\x1b[1mPASS\x1b[0m ::error::x \x1b[2J")
            assert stream.getvalue() == "\x1b[1mPASS\x1b[0m ::error::x \\x1b[2J"
            with pytest.raises(TypeError):
                sys.stdout.write(b"bytes")  # type: ignore[arg-type]
