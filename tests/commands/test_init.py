"""Tests of `evalgate init`: what it writes is valid, runs at once, and overwrites nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from chat_server import ChatServer, Reply, completion
from gated_project import Ended
from langfuse_server import PUBLIC, SECRET, LangfuseServer
from repository import Repository

from evalgate.commands import init
from evalgate.domain.models import DEFAULT_MODEL
from evalgate.store import new_files

Run = Callable[..., Ended]

PROMPTS = {
    "support.md": "You are kind, and brief.\n",
    "answer.txt": "Answer {{question}} from {{context}}.\n",
    "plain": "Answer {{question}}.\n",
    "chat.prompt.yml": "model: m\nmessages: [{role: system, content: Hi}, {role: user, content: '{{query}}'}]\n",
    "list.json": '[{"role": "user", "content": "Translate {{text}}"}]\n',
    "front.prompt.md": "---\nmode: agent\n---\nWrite about {{topic}}.\n",
    "x.j2": "{% if vip %}Dear{% endif %} {{ name }}",
    "parts.jinja": "system:\nDear {{ user.name }}\nuser:\n{% for d in docs %}{{ d.title }}{% endfor %}",
    "logic.md": "{% if vip %}Dear{% endif %} {{ name }}",
    "y.prompty": "---\nname: y\n---\nsystem:\nBe kind.\n\nuser:\n{{question}}\n",
    "fields.txt": 'Answer {question}, as {{"a": 1}}.',
    "with space.xml": "<task>{{first name}}</task>",
    "history.prompt.yml": "messages:\n  - {history: past}\n  - {role: user, content: '{{query}}'}\n",
}


@pytest.fixture
def project(repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Repository:
    monkeypatch.chdir(repository.root)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("EVALGATE_HOME", str(tmp_path / "models"))
    return repository


def list_files(root: Path) -> dict[str, bytes]:
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.startswith(".git/")}


def test_the_sample_is_compared_from_the_first_edit_on(project: Repository, evalgate: Run) -> None:
    ended = evalgate("init")
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[-1] == "next: evalgate run"
    assert [f"  {name}" in ended.out.splitlines() for name in list_files(project.root)] == [True] * 8
    assert evalgate("validate").code == 0
    first = evalgate("run")
    assert (first.code, "no baseline" in first.out) == (0, True)
    project.commit("start")
    assert project.git("ls-files", ".evalgate") == ""
    prompt, answers = project.root / "prompts/support.prompt.yml", project.root / "golden/support.after.jsonl"
    prompt.write_text(prompt.read_text().replace("two sentences", "three sentences"))
    same = evalgate("run")
    assert (same.code, "All outputs are identical" in same.out) == (0, True)
    rows = [json.loads(line) for line in answers.read_text().splitlines()]
    answers.write_text("".join(json.dumps({**row, "text": f"Ask again, {row['case']}."}) + "\n" for row in rows))
    worse = evalgate("run")
    assert (worse.code, worse.out.splitlines()[0]) == (1, "FAIL  support")


@pytest.mark.parametrize("name", list(PROMPTS))
def test_every_format_of_prompts_is_kept_as_it_is_and_valid(name: str, project: Repository, evalgate: Run) -> None:
    path = f"prompts/{name}"
    project.write(path, PROMPTS[name])
    ended = evalgate("init", "--from", path)
    assert ended.code == 0, ended.err
    assert (project.root / path).read_text() == PROMPTS[name]
    config = yaml.safe_load((project.root / "evalgate.yml").read_text())
    (gate,) = config["gates"]
    assert len(gate["checks"]) == 2
    cases = (project.root / gate["dataset"]).read_text().splitlines()
    assert len(cases) == 8 and all("REPLACE" in case for case in cases)
    assert "set OPENAI_API_KEY" in ended.out
    assert "commit, and edit the prompt: a run compares it with the committed version" in ended.out
    assert evalgate("validate").code == 0


def test_a_constant_of_python_is_a_prompt(project: Repository, evalgate: Run) -> None:
    project.write("app/prompts.py", 'class P:\n    SUPPORT = "Answer {question}."\n')
    assert evalgate("init", "--from", "app/prompts.py:P.SUPPORT").code == 0
    (gate,) = yaml.safe_load((project.root / "evalgate.yml").read_text())["gates"]
    assert (gate["prompt"], gate["template"]) == ("app/prompts.py:P.SUPPORT", "fstring")
    assert evalgate("validate").code == 0


def test_a_folder_has_a_gate_for_each_prompt(project: Repository, evalgate: Run) -> None:
    for path in ("prompts/one.md", "prompts/a/one.md", "prompts/two.prompt.yml"):
        project.write(path, PROMPTS["chat.prompt.yml"] if path.endswith("yml") else "Hi {{query}}")
    project.write("prompts/README.md", "no prompt")
    project.write("prompts/settings.yml", "a: 1")
    project.write("prompts/bad.md", "{{#if x}}")
    ended = evalgate("init", "--from", "prompts")
    assert ended.code == 0, ended.err
    assert "left out:\n  prompts/bad.md: {{#if x}} is sent to the model unchanged" in ended.out
    gates = yaml.safe_load((project.root / "evalgate.yml").read_text())["gates"]
    assert sorted((gate["prompt"], gate["dataset"]) for gate in gates) == [
        ("prompts/a/one.md", "golden/prompts-a-one.md.jsonl"),
        ("prompts/one.md", "golden/prompts-one.md.jsonl"),
        ("prompts/two.prompt.yml", "golden/two.jsonl"),
    ]
    assert evalgate("validate").code == 0


def test_at_the_top_only_files_that_are_called_prompts_are_taken(project: Repository, evalgate: Run) -> None:
    for path in ("requirements.txt", "docs/guide.md", "src/prompts/one.md"):
        project.write(path, "Hi {{query}}")
    assert evalgate("init", "--from", str(project.root)).code == 0
    gates = yaml.safe_load((project.root / "evalgate.yml").read_text())["gates"]
    assert [gate["prompt"] for gate in gates] == ["src/prompts/one.md"]


def test_a_prompt_with_a_key_runs_and_is_compared(
    project: Repository, evalgate: Run, chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    chat_server.script = lambda received, number: Reply(body=completion(f"to {received.body['messages'][-1]}"))
    project.write("prompts/support.md", PROMPTS["support.md"])
    project.commit("the prompt was here before")
    ended = evalgate("init", "--from", "prompts/support.md")
    assert (ended.code, "OPENAI_API_KEY" in ended.out) == (0, False)
    config = project.root / "evalgate.yml"
    config.write_text(config.read_text().replace("https://api.openai.com/v1", chat_server.url))
    assert evalgate("run").code == 0
    project.commit("the gate")
    project.write("prompts/support.md", "You are kind, and very brief.\n")
    ended = evalgate("run")
    assert (ended.code, "+0.000" in ended.out) == (0, True)


def test_the_embedded_model_answers_where_it_is_installed_and_no_key_is_set(
    project: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(init.importlib.util, "find_spec", lambda name: object())
    file = tmp_path / f"models/models/{DEFAULT_MODEL}.gguf"
    assert init._choose_target((), {}, tmp_path / "models") == "api"
    file.parent.mkdir(parents=True)
    file.touch()
    assert init._choose_target((), {}, tmp_path / "models") == "embedded"
    assert init._choose_target((), {"OPENAI_API_KEY": "key"}, tmp_path / "models") == "api"
    project.write("p.md", "Hi {{query}}")
    done = init.start(project.root, "p.md", {}, tmp_path / "models")
    assert not any("OPENAI" in line for line in done.remaining)
    assert done.run == "evalgate run"
    assert "type: local" in (project.root / "evalgate.yml").read_text()
    (project.root / "evalgate.yml").unlink()
    project.write("seen.prompt.yml", "messages: [{role: user, content: [{type: image, image: '{{picture}}'}]}]")
    init.start(project.root, "seen.prompt.yml", {}, tmp_path / "models")
    assert "type: openai" in (project.root / "evalgate.yml").read_text()


def test_files_that_are_there_are_named_and_left_as_they_are(project: Repository, evalgate: Run) -> None:
    project.write("prompts/p.md", "Hi {{query}}")
    there = {".github/workflows/prompts.yml": "mine", "golden/p.jsonl": '{"id": "a", "query": "b"}\n'}
    for path, text in there.items():
        project.write(path, text)
    project.write(".gitignore", "node_modules")
    ended = evalgate("init", "--from", "prompts/p.md")
    kept = ended.out.split("there already, and left as it is:\n")[1].split("to do:")[0]
    assert sorted(kept.split()) == sorted(there)
    assert {path: (project.root / path).read_text() for path in there} == there
    assert (project.root / ".gitignore").read_text() == "node_modules\n.evalgate/\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"a\r\nb\r\n", b"a\r\nb\r\n.evalgate/\r\n"),
        (b"a", b"a\n.evalgate/\n"),
        (b"", b".evalgate/\n"),
        (b"/.evalgate\n", b"/.evalgate\n"),
        (b"\xff\n", b"\xff\n.evalgate/\n"),
    ],
)
def test_the_store_is_ignored_once(old: bytes, new: bytes, project: Repository, evalgate: Run) -> None:
    project.write(".gitignore", old)
    assert evalgate("init").code == 0
    assert (project.root / ".gitignore").read_bytes() == new


def refuse(project: Repository, evalgate: Run, *options: str) -> str:
    before = list_files(project.root)
    ended = evalgate("init", *options)
    assert (ended.code, ended.out) == (2, "")
    assert list_files(project.root) == before
    return ended.err


def test_a_configuration_is_never_overwritten(project: Repository, evalgate: Run) -> None:
    (project.root / "evalgate.yml").symlink_to("nowhere")
    assert "evalgate.yml: exists already; nothing was written" in refuse(project, evalgate)


def test_a_file_in_the_place_of_the_samples_is_not_used_as_the_sample(project: Repository, evalgate: Run) -> None:
    project.write("prompts/support.prompt.yml", PROMPTS["chat.prompt.yml"])
    assert "evalgate init --from prompts/support.prompt.yml" in refuse(project, evalgate)


def test_the_sample_is_written_again_beside_its_own_files(project: Repository, evalgate: Run) -> None:
    assert evalgate("init").code == 0
    (project.root / "evalgate.yml").unlink()
    ended = evalgate("init")
    assert (ended.code, ended.out.splitlines()[:2]) == (0, ["written:", "  evalgate.yml"])
    (project.root / "evalgate.yml").unlink()
    project.write("golden/support.jsonl", "{}")
    assert "in the place of the sample's: golden/support.jsonl" in refuse(project, evalgate)


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("none.md", None, "none.md: no such file"),
        ("p.py", "P = 'hi'", "name the constant that is the prompt"),
        ("p.csv", "a,b", "is not a prompt file"),
        ("static.prompt.yml", "messages: [{role: user, content: Tell a joke.}]", "no message uses a field"),
        ("bad.md", "{{#each x}} {query}", "is sent to the model unchanged"),
        ("promptfooconfig.yaml", "results: {}", "is a file of results of promptfoo, not a configuration"),
        ("langfuse:support@production", None, "no Langfuse server is named, and init reads from one"),
        ("../outside.md", None, "outside"),
        ("/etc/hostname", None, "is outside of this folder"),
        ("", None, "'' is not a name that a configuration can have"),
        ("a\nb.md", None, "is not a name that a configuration can have"),
    ],
)
def test_what_is_no_prompt_is_refused_and_nothing_is_written(
    path: str, text: str | None, message: str, project: Repository, evalgate: Run
) -> None:
    if text is not None:
        project.write(path, text)
    assert message in refuse(project, evalgate, "--from", path)


def test_a_folder_without_prompts_is_refused(project: Repository, evalgate: Run) -> None:
    project.write("src/a.py", "a = 1")
    assert "src: has no prompt" in refuse(project, evalgate, "--from", "src")


def test_a_folder_below_the_top_of_a_repository_is_refused(
    project: Repository, evalgate: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.root / "below").mkdir()
    monkeypatch.chdir(project.root / "below")
    assert str(project.root) in refuse(project, evalgate)


@pytest.mark.parametrize("folder", ["golden", ".github", ".evalgate"])
def test_nothing_is_written_through_a_link(folder: str, project: Repository, evalgate: Run, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (project.root / folder).symlink_to(tmp_path / "elsewhere")
    assert f"{folder} is a symbolic link; nothing was written" in refuse(project, evalgate)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_nothing_is_left_of_an_attempt_that_fails(
    project: Repository, evalgate: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = new_files.write_file

    def fail(path: Path, content: bytes) -> None:
        if path.name == "evalgate.yml":
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(new_files, "write_file", fail)
    project.write(".gitignore", "a\n")
    assert "No space left on device; nothing was written" in refuse(project, evalgate)
    assert not (project.root / "golden").exists()


def test_without_a_repository_it_says_where_the_baseline_comes_from(
    evalgate: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "alone").mkdir()
    monkeypatch.chdir(tmp_path / "alone")
    assert evalgate("init").out.splitlines()[-1] == "next: git init && evalgate run"
    assert evalgate("validate").code == 0


@pytest.mark.parametrize(("labels", "source", "named"), [
    (("production",), "langfuse:support", "langfuse:support@latest"),
    (("production", "staging"), "langfuse:support", "langfuse:support@staging"),
    (("production",), "langfuse:support@1", "langfuse:support@1"),
])  # fmt: skip
def test_a_prompt_in_langfuse_stays_there(
    project: Repository,
    evalgate: Run,
    monkeypatch: pytest.MonkeyPatch,
    *,
    labels: tuple[str, ...],
    source: str,
    named: str,
) -> None:
    with LangfuseServer() as server:
        for name, value in {"HOST": server.url, "PUBLIC_KEY": PUBLIC, "SECRET_KEY": SECRET}.items():
            monkeypatch.setenv(f"LANGFUSE_{name}", value)
        messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "{{query}}"}]
        server.prompts.create({"name": "support", "type": "chat", "prompt": messages, "labels": list(labels)})
        ended = evalgate("init", "--from", source)
        assert ended.code == 0, ended.err
        written = yaml.safe_load((project.root / "evalgate.yml").read_text(encoding="utf-8"))
        assert written["gates"][0]["prompt"] == named and written["langfuse"] == {"host": server.url}
        assert "give the workflow LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY" in ended.out
        assert SECRET not in "".join(map(str, list_files(project.root).values()))
        assert len((project.root / "golden/support.jsonl").read_text(encoding="utf-8").splitlines()) == 8
        assert evalgate("validate").code == 0
        (project.root / "evalgate.yml").unlink()
        assert "langfuse:other@staging: does not exist at" in refuse(
            project, evalgate, "--from", "langfuse:other@staging"
        )
        assert server.violations == []
