"""Tests of writing versions: only the version and the reason change, in every format that has a place for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.errors import InputError
from evalgate.inputs.prompts import parse_prompt
from evalgate.inputs.version_lines import write_version

CHAT = 'name: a\nversion: "1.0.0" # the number\nchange: old\nmessages:\n  - {role: user, content: "x {{q}}"}\n'
FILES = {
    "a.prompt.yml": CHAT,
    "b.yml": "messages:\n  - role: user\n    content: |\n      x {{q}}\n",
    "c.yml": "description: >-\n  two\n  lines\nmessages:\n- {role: user, content: x}",
    "d.prompt.yml": "version: '1.0.0'\nchange: |\n  several\n\n  lines\n\n# a comment\nmessages:\n  - {role: user, content: x}\n",
    "e.json": '{"messages": [{"role": "user", "content": "x"}]}',
    "f.prompt.json": '{\n\t"name": "x",\n\t"version": "1.0.0",\n\t"messages": [{"role": "user", "content": "x"}]\n}\n',
    "g.md": "---\nmode: agent\n---\n\nhi {{q}}\n",
    "h.prompt.md": "```prompt\n---\nmode: agent\n---\nhi {{q}}\n```\n",
    "i.prompty": "---\nname: x\nmodel: m\n---\nsystem:\nyou\nuser:\n{{q}}\n",
    "j.j2": "---\n---\nhi {{ q }}\n",
    "k.txt": '---\nversion: "1.0.0"\nchange: "a: b"\nrole: user\n---\nhi\n',
}


def write(text: str, path: str, change: str | None = None, **settings: bool) -> str:
    return write_version(text.encode(), path, version="2.0.0", change=change, **settings).decode()


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_only_the_two_values_change(path: str, newline: str, mark: str) -> None:
    text = mark + FILES[path].replace("\n", newline)
    before = parse_prompt(text.encode(), path, path)
    written = write(text, path, "because it is shorter")
    after = parse_prompt(written.encode(), path, path)
    assert (after.version, after.change) == ("2.0.0", "because it is shorter")
    assert (after.content, after.name, after.unsent) == (before.content, before.name, before.unsent)
    kept = [line for line in written.removeprefix(mark).split(newline) if "2.0.0" not in line and "because" not in line]
    assert not [line for line in kept if line not in text.removeprefix(mark).split(newline)]
    assert written.startswith(mark) and ("\n" not in written.replace(newline, ""))


def test_a_value_is_replaced_in_its_own_style() -> None:
    assert write(CHAT, "a.prompt.yml", "new") == CHAT.replace('"1.0.0"', '"2.0.0"').replace("old", "new")
    assert write(CHAT, "a.prompt.yml") == CHAT.replace('"1.0.0"', '"2.0.0"')
    assert "change: 'new'" in write(CHAT.replace("old", "'old'"), "a.prompt.yml", "new")
    assert 'change: "why: \\"x\\""' in write(CHAT, "a.prompt.yml", 'why: "x"')


def test_missing_keys_stand_after_the_name() -> None:
    text = "name: a\nmessages:\n  - {role: user, content: x}\n"
    assert write(text, "a.prompt.yml", "why not") == (
        'name: a\nversion: "2.0.0"\nchange: why not\nmessages:\n  - {role: user, content: x}\n'
    )


def test_a_text_gets_front_matter_only_where_that_is_allowed() -> None:
    with pytest.raises(InputError, match="has no front matter"):
        write("hi {{q}}\n", "a.txt")
    assert write("hi {{q}}\n", "a.txt", add_front_matter=True) == '---\nversion: "2.0.0"\n---\nhi {{q}}\n'


@pytest.mark.parametrize(("path", "text", "said"), [
    ("a.yml", "- {role: user, content: x}\n", "is a list of messages"),
    ("a.yml", 'messages: &m [{role: user, content: x}]\nversion: &v "1.0.0"\nname: *v\n', "cannot be edited safely"),
])  # fmt: skip
def test_what_has_no_place_is_refused(path: str, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        write(text, path)


@given(st.text(min_size=1).filter(lambda text: text.strip() and text.isprintable()), st.sampled_from(sorted(FILES)))
def test_any_reason_is_read_back(change: str, path: str) -> None:
    written = write(FILES[path], path, change)
    after = parse_prompt(written.encode(), path, path)
    assert after.change == change and after.version == "2.0.0"
    assert after.content == parse_prompt(FILES[path].encode(), path, path).content
