"""Tests of the command line of `evalgate release`: options, exit codes, who runs it, and untrusted text."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from gated_project import Ended
from release.documents import make_version
from release.stories import KINDS, ONE, THREE, TWO, make_actor, make_url, publish, tell_story

from evalgate.cli.release.actor import LONGEST_REASON, LONGEST_WHO
from evalgate.cli.release.actor import make_actor as make_command_actor
from evalgate.errors import InputError
from evalgate.release.local_copy import read_copy
from evalgate.release.promotion import promote_version
from evalgate.release.registry import Registry
from evalgate.release.registry_access import open_registry
from evalgate.store.store import Store

COMMAND = [sys.executable, "-c", "from evalgate.cli import entry; entry()"]
HOSTILE = "\x1b[31m\x07 ::error::owned\n::set-output name=x::y\r\n\u202e <script> \ud800"
Run = Callable[..., Ended]


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of an empty registry; the current folder is an empty one."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    return make_url(request.param, tmp_path)


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    return make_url("sqlite", tmp_path)


def open_here(url: str) -> Registry:
    return open_registry(url, Path.cwd())


def test_the_verbs_change_labels_and_tell_about_it(url: str, evalgate: Run, tmp_path: Path) -> None:
    registry = open_here(url)
    tell_story(registry, ONE)
    publish(registry, TWO)
    on = ("--registry", url)
    told = evalgate("release", "promote", "support", "--to", "staging", "--by", "ada", *on)
    assert (told.code, told.err) == (0, "")
    assert told.out == f"support: staging is {TWO} now (revision 4)\n"
    told = evalgate("release", "promote", "support", "--to", "staging", "--version", "1.1.0", *on)
    assert (told.code, told.out) == (0, f"support: staging is {TWO} already; nothing to do\n")
    told = evalgate(
        "release", "promote", "support", "--to", "production", "--by", "ada", "--reason", "it is short", *on
    )
    assert told.out == f"support: production is {TWO} now, after 1.0.0 (revision 5)\n"
    told = evalgate("release", "rollback", "support", "--reason", "complaints", "--by", "ada", "--dry-run", *on)
    assert " ".join(told.out.split()) == f"support: production would be {ONE}, after 1.1.0; nothing was written"
    told = evalgate("release", "rollback", "support", "--reason", "complaints", "--by", "ada", *on)
    assert told.out == f"support: production is {ONE} now, after 1.1.0 (revision 6)\n"
    told = evalgate("release", "rollback", "support", "--reason", "complaints", "--by", "bob", *on)
    assert told.code == 2 and "no older version" in told.err
    told = evalgate("release", "verify", *on)
    assert (told.code, told.out) == (0, "support: 6 revisions, the ledger is whole\n")
    told = evalgate("release", "show", *on)
    assert told.out.startswith("support: production 1.0.0, staging 1.1.0 (revision 6, 20")
    assert list(Path.cwd().iterdir()) == [], "nothing but the registry is touched"


def test_a_history_is_a_table_of_80_columns(sqlite: str, evalgate: Run) -> None:
    registry = open_here(sqlite)
    last = tell_story(registry, ONE, TWO)
    why = "a reason of many words " * 12
    by = replace(make_actor("Ada Lovelace <ada@example.com>"), run_url="https://example.com/actions/runs/1")
    registry.append(promote_version(last, TWO, "staging", by, why))
    told = evalgate("release", "history", "support", "--registry", sqlite)
    assert told.code == 0, told.err
    rows = told.out.splitlines()
    assert all(len(row) <= 80 for row in rows)
    assert rows[0].split() == ["revision", "at", "what", "from", "->", "to"]
    numbered = [row.split()[0] for row in rows if re.match(r" {7}\d ", row)]
    assert numbered == ["5", "4", "3", "2", "1"]
    assert rows[2] == "       5  2026-11-29T12:00:00Z  promote staging       none -> 1.1.0"
    assert " ".join(told.out.split()).count(f"Ada Lovelace <ada@example.com>: {why.strip()}") == 1
    assert "promote production    1.0.0 -> 1.1.0" in told.out
    told = evalgate("release", "history", "support", "--registry", sqlite, "--format", "json")
    found = json.loads(told.out)
    assert found["format"] == 1 and len(found["revisions"]) == 5
    assert found["revisions"][0]["to"] == {"version": "1.1.0", "digest": TWO.digest}
    assert found["revisions"][0]["from"] is None and found["revisions"][0]["why"] == why
    assert found["revisions"][1]["evidence"] is None


def test_show_has_every_field(sqlite: str, evalgate: Run) -> None:
    tell_story(open_here(sqlite), ONE, TWO)
    told = evalgate("release", "show", "support", "--registry", sqlite)
    assert told.code == 0, told.err
    assert all(len(row) <= 80 for row in told.out.splitlines())
    shown = " ".join(told.out.split())
    for text in (TWO.digest, TWO.author, TWO.reason, TWO.git_sha, TWO.source, "labels production", '"temperature": 0'):
        assert text is not None and text in shown
    for text in ("0.91 [0.86, 0.95], n = 68", TWO.evaluation.report, TWO.evaluation.policy, "Hello 1, {{ name }}!"):
        assert text in shown
    told = evalgate("release", "show", "support@1.0.0", "--registry", sqlite, "--format", "json")
    found = json.loads(told.out)
    assert found["version"]["digest"] == ONE.digest and found["active_labels"] == []
    assert found["version"]["messages"][1]["parts"] == ["Hello 0, ", {"var": "name"}, "!"]
    assert [move["revision"] for move in found["moves"]] == [4, 2, 1]
    assert found["labels"] == {"production": {"version": "1.1.0", "digest": TWO.digest}} and found["shares"] == []
    told = evalgate("release", "show", "--registry", sqlite, "--format", "json")
    assert [one["name"] for one in json.loads(told.out)["prompts"]] == ["support"]
    told = evalgate("release", "show", "support@9.9.9", "--registry", sqlite)
    assert told.code == 2 and 'no version "9.9.9"' in told.err


def test_an_empty_registry_is_no_error_for_a_list(url: str, evalgate: Run) -> None:
    if url.startswith("sqlite:"):
        missing = evalgate("release", "show", "--registry", url)
        assert missing.code == 2 and "there is no such file" in missing.err
        Path(url.removeprefix("sqlite:")).touch()
    assert evalgate("release", "show", "--registry", url).out == "the registry is empty: evalgate release publish\n"
    assert evalgate("release", "verify", "--registry", url).out == "the registry is empty\n"
    told = evalgate("release", "history", "support", "--registry", url)
    assert told.code == 2 and 'has no prompt "support"' in told.err


def test_export_and_import_keep_the_bytes(url: str, evalgate: Run, tmp_path: Path) -> None:
    registry = open_here(url)
    tell_story(registry, ONE, TWO)
    path = tmp_path / "support.jsonl"
    told = evalgate("release", "export", "support", "--output", str(path), "--registry", url)
    assert told.out == f"{path}: 4 revisions, 2 versions\n"
    assert evalgate("release", "export", "support", "--registry", url).out == path.read_text()
    other = f"sqlite:{tmp_path / 'other.sqlite3'}"
    told = evalgate("release", "import", str(path), "--registry", other, "--dry-run")
    assert told.out == "support: 4 revisions and 2 versions would be added, 0 kept\n"
    told = evalgate("release", "import", str(path), "--registry", other)
    assert told.out == "support: 4 revisions and 2 versions added, 0 kept\n"
    assert list(open_here(other).history("support")) == list(registry.history("support"))
    path.write_text(path.read_text().replace("good", "evil"))
    told = evalgate("release", "import", str(path), "--registry", f"sqlite:{tmp_path / 'third.sqlite3'}")
    assert told.code == 1 and "is broken: revision 3" in told.err


def test_a_broken_ledger_is_refused_by_verify(sqlite: str, evalgate: Run, tmp_path: Path) -> None:
    import sqlite3

    tell_story(open_here(sqlite), ONE, TWO)
    connection = sqlite3.connect(tmp_path / "releases.sqlite3")
    data = connection.execute("SELECT data FROM documents WHERE revision = 2").fetchone()[0]
    connection.execute("UPDATE documents SET data = ? WHERE revision = 2", (data.replace(b"good", b"evil"),))
    connection.commit()
    connection.close()
    told = evalgate("release", "verify", "support", "--registry", sqlite)
    assert told.code == 1
    assert told.out.startswith("support: 4 revisions, the ledger is broken: revision 3: it follows the")


def test_diff_marks_the_words_that_changed(sqlite: str, evalgate: Run) -> None:
    registry = open_here(sqlite)
    changed = make_version("1.1.0", "Good day ", model="gpt-5", parameters={"temperature": 0.5, "top_p": 1})
    tell_story(registry, ONE, changed)
    told = evalgate("release", "diff", "support", "1.0.0", "production", "--registry", sqlite)
    assert told.code == 0, told.err
    assert 'model: "gpt-5-mini" -> "gpt-5"\nparameters.temperature: 0 -> 0.5\nparameters.top_p: none -> 1\n' in told.out
    assert "  user:\n~ [-Hello 0, -]{+Good day +}{{ name }}!\n" in told.out
    told = evalgate("release", "diff", "support", "1.0.0", ONE.digest[:8], "--registry", sqlite)
    assert told.out.endswith("the content and the scores are the same\n")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("rollback", "support"), "--reason"),
        (("rollback", "support", "--reason", " "), "--reason must be a text"),
        (("rollback", "support", "--reason", "x" * (LONGEST_REASON + 1)), "--reason must be a text"),
        (("rollback", "support", "--reason", "x", "--by", " "), "--by must be a name"),
        (("promote", "support"), "--to"),
        (("promote", "support", "--to", "beta"), "beta"),
        (("import", "none.jsonl"), "none.jsonl"),
        (("show", "support", "--registry", "postgres:x"), "names no registry"),
    ],
)
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...], problem: str, sqlite: str, evalgate: Run) -> None:
    given = () if "--registry" in arguments else ("--registry", sqlite)
    told = evalgate("release", *arguments, *given)
    assert told.code == 2 and problem in told.err


def test_a_registry_that_cannot_be_reached_exits_with_3(evalgate: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"this is no database, and it is longer than the header of one" * 30)
    told = evalgate("release", "show", "--registry", f"sqlite:{tmp_path / 'file'}")
    assert told.code == 3 and "hint: " in told.err


def write_configuration(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "evalgate.yml"
    path.write_text(text)
    return path


def test_a_configuration_names_the_registry_and_gets_a_copy(evalgate: Run, tmp_path: Path) -> None:
    """Its other parts may be faulty: that does not keep anyone from rolling back."""
    config = write_configuration(tmp_path / "project", "gates: 7\nrelease:\n  registry: sqlite:releases.sqlite3\n")
    registry = open_registry("sqlite:releases.sqlite3", config.parent)
    tell_story(registry, ONE, TWO)
    told = evalgate("release", "rollback", "support", "--reason", "bad", "--config", str(config))
    assert told.code == 0, told.err
    store = Store(root=config.parent / ".evalgate")
    copy = store.find_release("support")
    assert copy.is_file() and read_copy(store, "support") == registry.read("support")
    publish(registry, THREE)
    for arguments in (("history",), ("show",), ("verify",), ("export",), ("diff", "1.0.0", "1.1.0")):
        copy.unlink()
        told = evalgate("release", arguments[0], "support", *arguments[1:], "--config", str(config))
        assert told.code == 0, told.err
        assert read_copy(store, "support") == registry.read("support")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("gates: []\n", "hint: name one with --registry URL, or add these two lines to the configuration:\n"),
        ("release: 7\n", "evalgate.yml:1:"),
        ("release: {registry: 'sqlite:x', tokenenv: A}\n", 'did you mean "token_env"'),
        ("release: {registry: 'git:https://127.0.0.1/x', token_env: RELEASE_TOKEN}\n", "RELEASE_TOKEN"),
        ("release: {registry: 'sqlite:.evalgate/x'}\n", "may be pruned"),
    ],
)
def test_a_configuration_without_a_usable_registry(text: str, problem: str, evalgate: Run, tmp_path: Path) -> None:
    config = write_configuration(tmp_path, text)
    told = evalgate("release", "show", "--config", str(config))
    assert told.code == 2 and problem in told.err
    assert not (tmp_path / ".evalgate").exists()


def test_no_configuration_is_named_with_both_ways_out(evalgate: Run, tmp_path: Path) -> None:
    told = evalgate("release", "show", "--config", str(tmp_path / "evalgate.yml"))
    assert told.code == 2 and "no such file" in told.err and "--registry URL" in told.err


def test_a_rollback_needs_nothing_but_the_registry(url: str, tmp_path: Path) -> None:
    """An empty folder, an empty home, no git identity, no variable but PATH."""
    registry = open_here(url)
    tell_story(registry, ONE, TWO)
    arguments = ["release", "rollback", "support", "--registry", url, "--reason", "bad"]
    environment = {"PATH": os.environ["PATH"] if url.startswith("git") else "", "HOME": str(Path.cwd())}
    done = subprocess.run(
        [*COMMAND, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    last = registry.read("support")
    assert last is not None and last.document.labels["production"] == ONE.digest
    assert last.document.entry.who.strip()
    assert list(Path.cwd().iterdir()) == []


def test_a_rollback_that_is_given_many_times_at_once_goes_back_one_version(url: str) -> None:
    registry = open_here(url)
    tell_story(registry, ONE, TWO, THREE)
    arguments = ["release", "rollback", "support", "--registry", url, "--reason", "bad", "--by", "ada"]
    started = [
        subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)
    ]
    ended = [(one.communicate(timeout=120), one.returncode) for one in started]
    assert {code for _, code in ended} == {0}, ended
    last = registry.read("support")
    assert last is not None and last.document.revision == 7
    assert last.document.labels["production"] == TWO.digest and last.document.past == (ONE.digest,)


def test_who_runs_a_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTOR", "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOGNAME", "grace")
    assert make_command_actor(None).who == "grace"
    Path(os.environ["GIT_CONFIG_GLOBAL"]).write_text("[user]\nname = Ada\nemail = ada@example.com\n")
    first = make_command_actor(None)
    assert (first.who, first.run_url) == ("Ada <ada@example.com>", None)
    monkeypatch.setenv("GITHUB_ACTOR", "octocat")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "a/b")
    assert make_command_actor(None).run_url is None
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    second = make_command_actor(None)
    assert (second.who, second.run_url) == ("octocat", "https://github.com/a/b/actions/runs/7")
    assert make_command_actor("Hopper").who == "Hopper"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first.at) and first.id != second.id
    with pytest.raises(InputError):
        make_command_actor("x" * (LONGEST_WHO + 1))


@pytest.mark.parametrize("in_step", [False, True])
def test_hostile_text_stays_text(
    in_step: bool, sqlite: str, evalgate: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if in_step:
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
    registry = open_here(sqlite)
    one = make_version("1.0.0", HOSTILE, reason=HOSTILE, author=HOSTILE, source=HOSTILE, model=HOSTILE)
    two = make_version("1.1.0", f"{HOSTILE} and more", reason=HOSTILE, parameters={HOSTILE: HOSTILE})
    tell_story(registry, one)
    publish(registry, two, make_actor(HOSTILE.strip()))
    last = registry.read("support")
    assert last is not None
    registry.append(promote_version(last, two, "staging", make_actor(HOSTILE), HOSTILE))
    path = tmp_path / "export.jsonl"
    for arguments in (
        ("show",),
        ("show", "support"),
        ("show", "support@staging"),
        ("show", "support", "--format", "json"),
        ("history", "support"),
        ("history", "support", "--format", "json"),
        ("diff", "support", "1.0.0", "1.1.0"),
        ("verify",),
        ("export", "support"),
        ("export", "support", "--output", str(path)),
        ("promote", "support", "--to", "canary", "--reason", HOSTILE[:-1], "--by", HOSTILE[:-1]),
        ("promote", "support", "--to", "production", "--version", HOSTILE[:-1]),
        ("rollback", "support", "--reason", HOSTILE[:-1], "--to", "1.0.0"),
        ("rollback", HOSTILE[:-1], "--reason", "x"),
        ("history", "\udcff"),
        ("show", "\udcff@1.0.0"),
        ("verify", "\udcff"),
        ("export", "\udcff"),
        ("diff", "support", "\udcff", "1.0.0"),
        ("rollback", "support", "--reason", "\udcff", "--by", "\udcff", "--to", "1.0.0"),
    ):
        told = evalgate("release", *arguments, "--registry", sqlite)
        assert "unexpected" not in told.err
        for text in (told.out, told.err):
            assert not re.search("[\x00-\x09\x0b-\x1f\u202e\ud800]", text), arguments
            assert not in_step or not re.search(r"^\s*::", text, re.MULTILINE), arguments
    assert evalgate("release", "verify", "--registry", sqlite).code == 0


def test_the_help_lists_the_verbs_without_importing_them() -> None:
    code = (
        "import sys; sys.argv = ['evalgate', 'release', '--help']; from evalgate.cli import root\n"
        "root.main(standalone_mode=False); print(*sorted(name for name in sys.modules if 'evalgate' in name))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for verb in ("promote", "rollback", "history", "show", "diff", "verify", "export", "import"):
        assert f"  {verb} " in done.stdout
    loaded = done.stdout.splitlines()[-1].split()
    assert "evalgate.cli.release" in loaded
    assert not [
        name for name in loaded if name.startswith(("evalgate.release", "evalgate.commands", "evalgate.cli.release."))
    ]
