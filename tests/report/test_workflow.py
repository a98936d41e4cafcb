"""No text is a command to the runner, and no value writes a second output: judged by the runner's own rules."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.report import escape, terminal, workflow

REGISTERED = {"add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice"} | {
    "remove-matcher",
    "save-state",
    "set-env",
    "set-output",
    "stop-commands",
    "warning",
}
TOKEN = "3f9c0a7d5e1b48f6a2c4d6e8"
# What .NET calls white space; Python's `isspace` also has U+001C to U+001F.
WHITE = "".join(
    chr(n) for n in range(0x3001) if chr(n) in "\t\n\v\f\r\x85" or unicodedata.category(chr(n)) in ("Zs", "Zl", "Zp")
)


class Runner:
    """What the runner makes of a step's output: actions/runner, `ActionCommandManager` and `ActionCommand`.

    Its searches follow a culture, which gives no weight to some characters; here, to no control and no mark.
    """

    def __init__(self) -> None:
        self.commands: list[tuple[str, dict[str, str], str]] = []
        self.stopped_by: str | None = None

    def write(self, text: str) -> Runner:
        for line in re.split("\r\n|\n|\r", text):
            weighty = "".join(c for c in line if c in WHITE or unicodedata.category(c)[0] not in "CM")
            for seen in dict.fromkeys((line, weighty)):
                found = self._parse(seen)
                if found is not None:
                    self._obey(*found)
                    break
        return self

    def _obey(self, name: str, properties: dict[str, str], data: str) -> None:
        if self.stopped_by is not None:
            if name.lower() == self.stopped_by.lower():
                self.stopped_by = None
        elif name.lower() == "stop-commands":
            assert data and data.lower() not in REGISTERED | {"pause-logging"}, "the runner refuses such a token"
            self.stopped_by = data
        else:
            self.commands.append((name.lower(), properties, data))

    def _parse(self, line: str) -> tuple[str, dict[str, str], str] | None:
        known = REGISTERED | ({self.stopped_by.lower()} if self.stopped_by else set())
        trimmed = line.lstrip(WHITE)
        if trimmed.startswith("::") and "::" in trimmed[2:]:
            head, _, data = trimmed[2:].partition("::")
            name, _, rest = head.partition(" ")
            if name.lower() in known:
                return name, properties(rest.strip(WHITE), ",", "\r\n:,"), unescaped(data, "\r\n")
        place = line.find("##[")
        end = line.find("]", place)
        if place >= 0 and end >= 0:
            name, _, rest = line[place + 3 : end].partition(" ")
            if name.lower() in known:
                return name, properties(rest, ";", ";\r\n]"), unescaped(line[end + 1 :], ";\r\n]")
        return None


def properties(text: str, separator: str, escaped: str) -> dict[str, str]:
    pairs = (part.split("=", 1) for part in text.split(separator) if "=" in part)
    return {name: unescaped(value, escaped) for name, value in pairs if value}


def unescaped(text: str, chars: str) -> str:
    for char in chars:
        text = text.replace(f"%{ord(char):02X}", char)
    return text.replace("%25", "%")


PIECES = (
    *("::", ":", "##[", "#", "[", "]", "error", "::error::", "##[error]", "::set-output name=a::b", "add-mask"),
    *("::stop-commands::x", f"::{TOKEN}::", "::error file=a,line=1::", "\r", "\n", "\r\n", "%0A", "%3A"),
    *("\u200b", "\ufe0f", "\u034f", "\u00ad", "\ufeff", "\x00", "\x1b", "\x1b[1m", *WHITE),
)
HOSTILE = st.lists(st.sampled_from(PIECES) | st.characters(), max_size=12).map("".join)
PLANTED = (
    "::error::x",
    "\u2003::error::x",
    "\u200b::error::x",
    "x\r::error::x",
    "##[error]x",
    "a ##[group]b",
    "#\ufe0f#[error]x",
    "\x85::warning::x",
    "::add-mask::e",
    "\x1b::debug::x",
    "::set-output name=verdict::PASS",
)


@pytest.mark.parametrize("text", PLANTED)
def test_the_runner_obeys_what_is_planted_unless_it_is_neutralised(text: str) -> None:
    assert Runner().write(text).commands
    assert not Runner().write(workflow.escape_log(text)).commands


@given(st.lists(HOSTILE, max_size=6), st.lists(st.sampled_from(["", "\n", " ", "\t", "\r\n"]), min_size=6, max_size=6))
def test_no_text_is_a_command_whatever_stands_around_it(texts: list[str], joints: list[str]) -> None:
    runner = Runner().write(
        "".join(workflow.escape_log(text) + joint for text, joint in zip(texts, joints, strict=False))
    )
    assert not runner.commands and runner.stopped_by is None


@pytest.mark.parametrize(
    "texts",
    [
        ("##", "[error]x"),
        ("#", "#", "[error]x"),
        ("##\ufe0f", "[error]x"),
        (":", ":error::x"),
        ("\u3000", "::error::x"),
    ],
)
def test_no_command_is_put_together_from_texts(texts: tuple[str, ...]) -> None:
    assert Runner().write("".join(texts)).commands
    assert not Runner().write("".join(workflow.escape_log(text) for text in texts)).commands


@given(HOSTILE)
def test_a_log_line_shows_all_of_its_text(text: str) -> None:
    shown = workflow.escape_log(text).replace("\\x3a", ":").replace("\\x5b", "[").replace("\\x23", "#")
    assert shown == escape.block(text).replace("\\x3a", ":").replace("\\x5b", "[").replace("\\x23", "#")


@pytest.mark.parametrize(
    "text", ["a::b", "std::vector<int>", "[PASS] 3 of 3", "# Title", "ratio 1:2", "x [1] #2", "::", "C# and F", "#1"]
)
def test_usual_text_stays_as_it_is(text: str) -> None:
    assert workflow.escape_log(text) == ("\\x3a:" if text == "::" else text)


@given(HOSTILE, HOSTILE, HOSTILE)
def test_a_command_says_just_what_it_should(message: str, title: str, path: str) -> None:
    line = workflow.render_command("error", message, file=path, line=3, title=title)
    assert "\n" not in line and "\r" not in line
    ((name, given_properties, data),) = Runner().write(line).commands
    assert (name, given_properties.get("line"), data) == ("error", "3", escape.visible(message, keep="\n"))
    for key, text in (("file", path), ("title", title)):
        # The runner trims the whole list of properties, and takes an empty one as none.
        assert given_properties.get(key, "").strip(WHITE) == escape.visible(text).strip(WHITE)


def test_a_command_without_properties() -> None:
    assert workflow.render_command("group", "100 %\nsure", title=None) == "::group::100 %25%0Asure"


@given(HOSTILE)
def test_nothing_between_stop_and_its_end_is_obeyed(text: str) -> None:
    if TOKEN in text.lower():
        with pytest.raises(ValueError, match="token"):
            workflow.stop_commands(text, TOKEN)
        return
    written = workflow.stop_commands(text, TOKEN)
    runner = Runner().write(written + "::notice::after")
    assert runner.stopped_by is None
    assert runner.commands == [("notice", {}, "after")]
    inside = written.partition("\n")[2].removesuffix(f"::{TOKEN}::\n")
    assert not Runner().write(inside).commands


def test_a_text_that_holds_the_token_is_refused() -> None:
    with pytest.raises(ValueError, match="token"):
        workflow.stop_commands(f"x\n::{TOKEN.upper()}::\n::error::x", TOKEN)


def test_colours_stay_where_commands_are_stopped(samples) -> None:
    assert "\x1b[1;31mFAIL" in workflow.stop_commands(terminal.render(samples.failing(), color=True), TOKEN)


@pytest.mark.parametrize("token", ["", "short", "error", "pause-logging", "with space and length", "ü" * 20, "x" * 101])
def test_a_token_that_could_be_guessed_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="token"):
        workflow.stop_commands("text", token)


def outputs_of(text: str) -> dict[str, str]:
    """What the runner reads from GITHUB_OUTPUT: `FileCommandManager`, on Linux."""
    found = {}
    lines: Iterator[str] = iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            name, _, found[name] = line.partition("=")
            continue
        assert heredoc > 0, f"the runner refuses {line!r}"
        name, _, delimiter = line.partition("<<")
        assert name and delimiter
        found[name] = "\n".join(itertools.takewhile(lambda inner, end=delimiter: inner != end, lines))
    return found


@given(st.dictionaries(st.sampled_from(["verdict", "failed", "comment-url", "level"]), HOSTILE | st.text()))
def test_outputs_come_back_as_they_were_given(values: dict[str, str]) -> None:
    words = (f"{TOKEN}{number}" for number in itertools.count())
    assert outputs_of(workflow.render_outputs(values, lambda: next(words))) == {
        name: re.sub("[\ud800-\udfff]", "\ufffd", value) for name, value in values.items()
    }


def test_a_delimiter_that_the_value_holds_is_not_used() -> None:
    words = iter([f"{TOKEN}0", f"{TOKEN}1"])
    text = workflow.render_outputs({"a": f"x\n{TOKEN}0\nverdict=PASS"}, lambda: next(words))
    assert outputs_of(text) == {"a": f"x\n{TOKEN}0\nverdict=PASS"}


@pytest.mark.parametrize("word", ["EOF", "", f"{TOKEN}\n"])
def test_a_delimiter_that_could_be_guessed_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="delimiter"):
        workflow.render_outputs({"a": "b"}, lambda: word)


@pytest.mark.parametrize("name", ["", "a=b", "a<<b", "a\nb", " a", "1"])
def test_an_output_has_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        workflow.render_outputs({name: "x"}, lambda: TOKEN)
